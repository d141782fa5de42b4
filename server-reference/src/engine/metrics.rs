use std::sync::atomic::{AtomicU64, Ordering};

use crate::{delivery::NotResumed, session::BadInputKind};

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
    /// Sessions that clients resumed.
    pub sessions_recovered: Counter,
    /// Events that the logs of all namespaces hold.
    pub log_events: Gauge,
    /// Bytes of these events.
    pub log_bytes: Gauge,
    /// Sessions that wait to be resumed.
    pub sessions_parked: Gauge,
    not_recovered: [Counter; NotResumed::ALL.len()],
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

/// A number that grows and shrinks.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// The number now.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts what was `before` as `after`.
    pub(crate) fn change(&self, before: usize, after: usize) {
        let changed = |by: usize| u64::try_from(by).unwrap_or(u64::MAX);
        match after.checked_sub(before) {
            Some(0) => {}
            Some(more) => {
                self.0.fetch_add(changed(more), Ordering::Relaxed);
            }
            None => {
                self.0.fetch_sub(changed(before - after), Ordering::Relaxed);
            }
        }
    }
}

impl Metrics {
    /// How often clients asked for a session to be resumed, and got a fresh one for this reason.
    #[must_use]
    pub fn sessions_not_recovered(&self, reason: NotResumed) -> u64 {
        self.not_recovered.get(reason as usize).map_or(0, Counter::value)
    }

    pub(crate) fn count_not_recovered(&self, reason: NotResumed) {
        if let Some(counter) = self.not_recovered.get(reason as usize) {
            counter.increment();
        }
    }

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
