use std::time::Duration;

use nexus_core::{ByteString, socketio::Payload};
use parking_lot::Mutex;

use crate::store::{After, Write};

/// The longest code that clients take, in bytes.
const MAX_CODE: usize = 128;

/// What the handlers of a durable event have decided so far.
#[derive(Default)]
pub(super) struct Draft(Mutex<Parts>);

#[derive(Default)]
struct Parts {
    /// The first decision counts.
    verdict: Option<Verdict>,
    writes: Vec<Write>,
    after: Vec<After>,
    is_closed: bool,
}

/// What is to become of a durable event.
#[derive(Clone)]
pub(super) enum Verdict {
    /// It is done, with this acknowledgement.
    Done(Payload),
    /// It has no effect, and never will.
    Rejected { code: ByteString, ack: Payload },
    /// It has no effect yet.
    Retry { after: Duration, code: ByteString },
}

impl Draft {
    /// Returns whether it is the first, and in time.
    pub(super) fn decide(&self, verdict: Verdict) -> bool {
        let mut parts = self.0.lock();
        let is_first = parts.verdict.is_none() && !parts.is_closed;
        if is_first {
            parts.verdict = Some(verdict);
        }
        is_first
    }

    /// Returns whether it is in time.
    pub(super) fn write(&self, write: Write) -> bool {
        let mut parts = self.0.lock();
        if !parts.is_closed {
            parts.writes.push(write);
        }
        !parts.is_closed
    }

    /// Returns whether it is in time.
    pub(super) fn after_commit(&self, after: After) -> bool {
        let mut parts = self.0.lock();
        if !parts.is_closed {
            parts.after.push(after);
        }
        !parts.is_closed
    }

    /// What was decided; without a decision it is done, and there is nothing to say.
    pub(super) fn verdict(&self) -> Verdict {
        self.0.lock().verdict.clone().unwrap_or_else(|| Verdict::Done(Payload::empty()))
    }

    /// The handlers have returned: nothing counts from now on.
    pub(super) fn close(&self) -> (Vec<Write>, Vec<After>) {
        let mut parts = self.0.lock();
        parts.is_closed = true;
        (std::mem::take(&mut parts.writes), std::mem::take(&mut parts.after))
    }
}

/// A code as clients take it.
pub(super) fn code(code: &str) -> ByteString {
    let mut end = code.len().min(MAX_CODE);
    while !code.is_char_boundary(end) {
        end -= 1;
    }
    code.get(..end).unwrap_or_default().into()
}
