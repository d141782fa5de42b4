use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use nexus_core::{
    ByteString,
    socketio::{
        Payload,
        delivery::{Class, Marker, Outcome},
    },
};
use smallvec::SmallVec;

use super::Hash;
use crate::store::{LedgerState, Recorded};

/// The most packets that wait for one event. Each is of another connection, or the client did not wait: the oldest is
/// forgotten, as its connection is long gone.
const MAX_WAITERS: usize = 8;

/// The code of a refusal because an event before this one is to come first.
const WAITING: ByteString = ByteString::from_static("waiting");

/// What the server knows of the durable events of one key, as far as it is in memory (`docs/protocol.md`, "Durable"):
/// outcomes, and the lane in which events run one after another.
///
/// `W` is a packet that waits for an acknowledgement, `J` what it takes to run an event.
///
/// There are never more than 256 outcomes, and never more than 256 events that wait: ids under way are within a window
/// that begins at the lowest one that the client has not resolved.
#[derive(Debug)]
pub struct Durable<W, J> {
    lowest: u64,
    outcomes: BTreeMap<u64, Recorded>,
    executing: Option<Accepted<W>>,
    queue: BTreeMap<u64, (Accepted<W>, J)>,
    /// These were told to come again: the lowest is to run before any behind it. They are within one window.
    refused: BTreeSet<u64>,
    /// After this time.
    retry_after: Duration,
}

#[derive(Debug)]
struct Accepted<W> {
    id: u64,
    hash: Hash,
    waiters: SmallVec<[W; 1]>,
}

/// A durable event that came.
#[derive(Debug)]
pub struct Arrival<W, J> {
    /// Its marker.
    pub marker: Marker,
    /// What it says.
    pub hash: Hash,
    /// The packet to answer.
    pub waiter: W,
    /// What it takes to run it.
    pub job: J,
}

/// An acknowledgement to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply<W> {
    /// The packet that it answers.
    pub waiter: W,
    /// Its last argument.
    pub outcome: Outcome,
    /// The arguments before.
    pub ack: Payload,
}

impl<W> Reply<W> {
    /// The acknowledgement's arguments.
    #[must_use]
    pub fn payload(&self) -> Payload {
        self.ack.with_last(&self.outcome.encode())
    }
}

impl<W> Accepted<W> {
    fn wait(&mut self, waiter: W) {
        if self.waiters.len() >= MAX_WAITERS {
            self.waiters.remove(0);
        }
        self.waiters.push(waiter);
    }

    fn replies(self, outcome: &Outcome, ack: &Payload) -> impl Iterator<Item = Reply<W>> {
        self.waiters.into_iter().map(move |waiter| Reply { waiter, outcome: outcome.clone(), ack: ack.clone() })
    }
}

impl<W, J> Default for Durable<W, J> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W, J> Durable<W, J> {
    /// A ledger that knows nothing. What comes waits in it until it is [loaded](Self::load): whoever drives it runs nothing
    /// before.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lowest: 0,
            outcomes: BTreeMap::new(),
            executing: None,
            queue: BTreeMap::new(),
            refused: BTreeSet::new(),
            retry_after: Duration::ZERO,
        }
    }

    /// Takes over what the store has: at first use, and again where it is not certain what a commit came to. What waits
    /// and has an outcome is answered.
    pub fn load(&mut self, state: LedgerState) -> Vec<Reply<W>> {
        let mut replies = self.raise(state.lowest);
        for recorded in state.outcomes {
            // It has run after all.
            self.refused.remove(&recorded.id);
            if recorded.id >= self.lowest {
                self.outcomes.insert(recorded.id, recorded);
            }
        }
        let known: Vec<u64> = self.queue.keys().copied().filter(|id| self.outcomes.contains_key(id)).collect();
        for id in known {
            let Some((Accepted { hash, waiters, .. }, _)) = self.queue.remove(&id) else { continue };
            let Some((outcome, ack)) = self.answer(id, &hash) else { continue };
            replies.extend(waiters.into_iter().map(|waiter| Reply {
                waiter,
                outcome: outcome.clone(),
                ack: ack.clone(),
            }));
        }
        replies
    }

    /// The highest `lo` that a marker has said: outcomes below are of no use.
    #[must_use]
    pub fn lowest(&self) -> u64 {
        self.lowest
    }

    /// Whether nothing runs, and nothing waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.executing.is_none() && self.queue.is_empty()
    }

    /// An event came. What can be answered at once is; the event's own packet is among that unless it waits for its turn.
    pub fn receive(&mut self, arrival: Arrival<W, J>) -> Vec<Reply<W>> {
        let Arrival { marker: Marker { id, lowest, .. }, hash, waiter, job } = arrival;
        let mut replies = self.raise(lowest);
        if let Some((outcome, ack)) = self.answer(id, &hash) {
            replies.push(Reply { waiter, outcome, ack });
        } else if let Some(known) = self.accepted(id) {
            known.wait(waiter);
        } else {
            // Those behind it may wait for it in the lane again.
            self.refused.remove(&id);
            self.queue.insert(id, (Accepted { id, hash, waiters: SmallVec::from_iter([waiter]) }, job));
        }
        replies
    }

    /// What can be said of an event at once.
    fn answer(&mut self, id: u64, hash: &Hash) -> Option<(Outcome, Payload)> {
        let outcome = if id < self.lowest {
            Outcome::Stale
        } else if let Some(recorded) = self.outcomes.get(&id) {
            if recorded.hash == *hash {
                return Some((recorded.outcome.clone(), recorded.ack.clone()));
            }
            Outcome::Reused
        } else if let Some(known) = self.accepted(id) {
            if known.hash == *hash {
                return None;
            }
            Outcome::Reused
        } else if self.begun() > id {
            // Clients send in the order of their ids: one that was passed over has been given up.
            Outcome::Stale
        } else {
            // One that was never refused would run before those that were.
            self.refused.first().filter(|first| id > **first)?;
            self.refused.insert(id);
            Outcome::Retry { after: self.retry_after, code: WAITING }
        };
        Some((outcome, Payload::empty()))
    }

    /// The highest id that runs or has run; 0 where there is none.
    fn begun(&self) -> u64 {
        let ran = self.outcomes.last_key_value().map_or(0, |(id, _)| *id);
        ran.max(self.executing.as_ref().map_or(0, |executing| executing.id))
    }

    /// An event that runs or waits.
    fn accepted(&mut self, id: u64) -> Option<&mut Accepted<W>> {
        let executing = self.executing.as_mut().filter(|it| it.id == id);
        executing.or_else(|| self.queue.get_mut(&id).map(|(waiting, _)| waiting))
    }

    /// The next event to run, unless one is running. It ends with [`finish`](Self::finish) or [`fail`](Self::fail).
    pub fn next_job(&mut self) -> Option<(u64, J)> {
        if self.executing.is_some() {
            return None;
        }
        let (id, (executing, job)) = self.queue.pop_first()?;
        self.executing = Some(executing);
        Some((id, job))
    }

    /// How many outcomes are kept, and how many events wait.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        (self.outcomes.len(), self.queue.len())
    }

    /// What is to be committed for the running event, with this outcome.
    pub fn record(&self, outcome: Outcome, ack: Payload) -> Option<Recorded> {
        let Accepted { id, hash, .. } = self.executing.as_ref()?;
        Some(Recorded { id: *id, hash: *hash, outcome, ack })
    }

    /// The running event's outcome is committed.
    pub fn finish(&mut self, recorded: Recorded) -> Vec<Reply<W>> {
        let Some(executing) = self.executing.take_if(|it| it.id == recorded.id) else { return Vec::new() };
        let replies = executing.replies(&recorded.outcome, &recorded.ack).collect();
        if recorded.id >= self.lowest {
            self.outcomes.insert(recorded.id, recorded);
        }
        replies
    }

    /// The running event failed, and had no effect: it is to come again, and with it all behind it.
    pub fn fail(&mut self, after: Duration, code: &ByteString) -> Vec<Reply<W>> {
        let Some(executing) = self.executing.take() else { return Vec::new() };
        let id = executing.id;
        self.retry_after = after;
        if id >= self.lowest {
            self.refused.insert(id);
        }
        let none = Payload::empty();
        let mut replies: Vec<_> = executing.replies(&Outcome::Retry { after, code: code.clone() }, &none).collect();
        let waiting = Outcome::Retry { after, code: WAITING };
        for (behind, _) in self.queue.split_off(&id).into_values() {
            self.refused.insert(behind.id);
            replies.extend(behind.replies(&waiting, &none));
        }
        replies
    }

    /// The client has resolved everything below: it has no more use for the outcomes, and nothing of it may run any more.
    fn raise(&mut self, lowest: u64) -> Vec<Reply<W>> {
        if lowest <= self.lowest {
            return Vec::new();
        }
        self.lowest = lowest;
        self.outcomes = self.outcomes.split_off(&lowest);
        self.refused = self.refused.split_off(&lowest);
        let live = self.queue.split_off(&lowest);
        let stale = std::mem::replace(&mut self.queue, live);
        let none = Payload::empty();
        stale.into_values().flat_map(|(executing, _)| executing.replies(&Outcome::Stale, &none)).collect()
    }
}

const _: () = assert!(Class::Durable.window() == 256, "the bound in the documentation of Durable");
