use std::sync::atomic::{AtomicU64, Ordering};

use crate::session::BadInputKind;

/// Counters of an engine, since its start. Reading them costs nothing to the engine.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Engine.IO sessions opened.
    pub sessions_opened: Counter,
    /// Engine.IO sessions ended.
    pub sessions_closed: Counter,
    /// Sessions that moved from long-polling to WebSocket.
    pub upgrades: Counter,
    /// Sockets that joined a namespace.
    pub sockets_joined: Counter,
    /// Sockets that left one.
    pub sockets_left: Counter,
    /// Events received for a joined namespace.
    pub events_received: Counter,
    /// Events that no handler was registered for.
    pub events_unhandled: Counter,
    /// Events that a middleware refused.
    pub events_refused: Counter,
    /// Buffered events that came again, and did not run again.
    pub events_repeated: Counter,
    /// Durable events whose outcome was committed.
    pub durable_committed: Counter,
    /// Durable events that failed, and were told to come again.
    pub durable_retries: Counter,
    /// Acknowledgements received that somebody waited for.
    pub acks_received: Counter,
    /// Messages queued to be sent, each receiver of a broadcast counted.
    pub messages_sent: Counter,
    /// Volatile messages dropped, each receiver counted.
    pub volatile_dropped: Counter,
    /// Handlers, middleware and callbacks that panicked.
    pub handler_panics: Counter,
    /// Times that a full event queue paused a connection.
    pub pauses: Counter,
    bad_input: [Counter; BadInputKind::ALL.len()],
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The count.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }
}

impl Metrics {
    /// How often clients broke this rule.
    #[must_use]
    pub fn bad_input(&self, kind: BadInputKind) -> u64 {
        self.bad_input.get(kind as usize).map_or(0, Counter::value)
    }

    /// Engine.IO sessions that are open now.
    #[must_use]
    pub fn open_sessions(&self) -> u64 {
        self.sessions_opened.value().saturating_sub(self.sessions_closed.value())
    }

    /// Sockets that are joined to a namespace now, each namespace of a connection counted.
    #[must_use]
    pub fn open_sockets(&self) -> u64 {
        self.sockets_joined.value().saturating_sub(self.sockets_left.value())
    }

    pub(crate) fn count_bad_input(&self, kind: BadInputKind) {
        if let Some(counter) = self.bad_input.get(kind as usize) {
            counter.increment();
        }
    }
}
