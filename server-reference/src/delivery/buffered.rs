use std::collections::BTreeMap;

use nexus_core::socketio::{
    Payload,
    delivery::{Class, Marker},
};

/// What the server knows of the buffered events of one key (`docs/protocol.md`, "Buffered"). It lives as long as the
/// process, and names itself with a generation.
///
/// `W` is a packet that waits for an acknowledgement: of the connection it came by, and its id there.
///
/// Acknowledgements are kept for repeats until the client says that it has them: at most one for each id that may be
/// under way (4,096), and a number of bytes. The oldest are forgotten first, and a repeat of theirs gets none.
#[derive(Debug)]
pub struct Buffered<W> {
    last: u64,
    lowest: u64,
    answers: BTreeMap<u64, Answer<W>>,
    /// Of the acknowledgements that were given.
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug)]
enum Answer<W> {
    /// The handler has not acknowledged yet; this packet asked last.
    Awaited(W),
    Given(Payload),
}

/// What is to become of a buffered event.
#[derive(Debug, Clone, PartialEq)]
pub enum Received<W> {
    /// It is new, and runs.
    Run,
    /// It came before, and does not run again. If there is its acknowledgement already, it goes to this packet now;
    /// else to the packet that asked last, when there is one.
    Repeat(Option<(W, Payload)>),
}

/// An id came before the one that is next, which breaks the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("uplink id {id} came where {expected} was next")]
pub struct Jump {
    /// What came.
    pub id: u64,
    /// What was next.
    pub expected: u64,
}

impl<W> Buffered<W> {
    /// A ledger that has seen nothing, and keeps at most so many bytes of acknowledgements.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self { last: 0, lowest: 0, answers: BTreeMap::new(), bytes: 0, max_bytes }
    }

    /// The highest id that has come: what the client is told.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// An event came. `waiter` is there if it asks for an acknowledgement.
    ///
    /// # Errors
    /// When ids are left out. The ledger stays as it was.
    pub fn receive(&mut self, marker: &Marker, waiter: Option<W>) -> Result<Received<W>, Jump> {
        let Marker { id, lowest, .. } = *marker;
        // The first that a new ledger sees is the first that the client has.
        let expected = if self.last == 0 { lowest } else { self.last + 1 };
        let is_new = id == expected;
        if !is_new && (id > self.last || self.last == 0) {
            return Err(Jump { id, expected });
        }
        if lowest > self.lowest {
            self.lowest = lowest;
            let given: Vec<u64> =
                self.answers.range(..lowest).filter(|(_, it)| it.is_given()).map(|(id, _)| *id).collect();
            for id in given {
                self.forget(id);
            }
        }
        if is_new {
            self.last = id;
            if let Some(waiter) = waiter {
                self.answers.insert(id, Answer::Awaited(waiter));
                self.trim();
            }
            return Ok(Received::Run);
        }
        Ok(Received::Repeat(match (self.answers.get_mut(&id), waiter) {
            (Some(Answer::Given(ack)), Some(waiter)) => Some((waiter, ack.clone())),
            (Some(Answer::Awaited(asked)), Some(waiter)) => {
                *asked = waiter;
                None
            }
            _ => None,
        }))
    }

    /// The handler acknowledged: the packet that is to be told, if it is still known. A second one is ignored.
    pub fn acknowledge(&mut self, id: u64, ack: &Payload) -> Option<W> {
        match self.answers.remove(&id)? {
            Answer::Awaited(waiter) => {
                if id >= self.lowest {
                    self.bytes += ack.size();
                    self.answers.insert(id, Answer::Given(ack.clone()));
                    self.trim();
                }
                Some(waiter)
            }
            given @ Answer::Given(_) => {
                self.answers.insert(id, given);
                None
            }
        }
    }

    /// How many acknowledgements are kept or awaited, and the bytes of those that are kept.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        (self.answers.len(), self.bytes)
    }

    fn trim(&mut self) {
        let max = usize::try_from(Class::Buffered.window()).unwrap_or(usize::MAX);
        while self.answers.len() > max {
            let Some((&id, _)) = self.answers.first_key_value() else { return };
            self.forget(id);
        }
        while self.bytes > self.max_bytes {
            let Some((&id, _)) = self.answers.iter().find(|(_, answer)| answer.is_given()) else { return };
            self.forget(id);
        }
    }

    fn forget(&mut self, id: u64) {
        if let Some(Answer::Given(ack)) = self.answers.remove(&id) {
            self.bytes -= ack.size();
        }
    }
}

impl<W> Answer<W> {
    fn is_given(&self) -> bool {
        matches!(self, Self::Given(_))
    }
}
