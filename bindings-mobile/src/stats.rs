use std::collections::HashMap;

use nexus_core::driver::ClientStats;

use crate::status::{ConnectionStatus, Quality};

/// Figures of a client: levels as of now, and counts since it was made.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Stats {
    /// The status.
    pub status: ConnectionStatus,
    /// The quality.
    pub quality: Quality,
    /// Smoothed round trip time in milliseconds, if there was a sample.
    pub smoothed_latency_ms: Option<f64>,
    /// Mean over the window of samples, in milliseconds.
    pub average_latency_ms: Option<f64>,
    /// 95th percentile over the window of samples, in milliseconds.
    pub p95_latency_ms: Option<f64>,
    /// Messages in the offline queue.
    pub queued_messages: u64,
    /// Their size in bytes.
    pub queued_bytes: u64,
    /// Buffered messages that were sent, and are kept until the server has them.
    pub kept_messages: u64,
    /// Their size in bytes.
    pub kept_bytes: u64,
    /// Durable messages that have not ended.
    pub durable_messages: u64,
    /// Their size in bytes.
    pub durable_bytes: u64,
    /// Acknowledgements that are awaited.
    pub pending_acks: u64,
    /// Received events that may still be acknowledged.
    pub pending_replies: u64,
    /// Identities of received events that are remembered to tell repeats.
    pub remembered_events: u64,
    /// Namespaces that are wanted, the primary one included.
    pub namespaces: u64,
    /// Namespaces that are joined now.
    pub joined_namespaces: u64,
    /// Failed attempts in a row.
    pub failed_attempts: u32,
    /// Sources that are open.
    pub listeners: u64,
    /// Items that wait for them.
    pub waiting_items: u64,
    /// Items that they were too slow for.
    pub missed_items: u64,
    /// Counts by name: `connects`, `events_in`, `bytes_out`, … as the core calls them.
    pub counters: HashMap<String, u64>,
}

impl From<ClientStats> for Stats {
    fn from(stats: ClientStats) -> Self {
        let manager = stats.manager;
        let exact = |latency: Option<std::time::Duration>| latency.map(|latency| latency.as_secs_f64() * 1e3);
        Self {
            status: manager.status.into(),
            quality: manager.quality.into(),
            smoothed_latency_ms: exact(manager.smoothed_latency),
            average_latency_ms: exact(manager.average_latency),
            p95_latency_ms: exact(manager.p95_latency),
            queued_messages: count(manager.queued_messages),
            queued_bytes: count(manager.queued_bytes),
            kept_messages: count(manager.kept_messages),
            kept_bytes: count(manager.kept_bytes),
            durable_messages: count(manager.durable_messages),
            durable_bytes: count(manager.durable_bytes),
            pending_acks: count(manager.pending_acks),
            pending_replies: count(manager.pending_replies),
            remembered_events: count(manager.remembered_events),
            namespaces: count(manager.namespaces),
            joined_namespaces: count(manager.joined_namespaces),
            failed_attempts: manager.failed_attempts,
            listeners: count(stats.listeners),
            waiting_items: count(stats.waiting_items),
            missed_items: stats.missed_items,
            counters: manager.counters.iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

/// A number of things in memory always fits.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
