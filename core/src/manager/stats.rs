use std::time::Duration;

use super::status::{ConnectionStatus, Quality};

/// Figures of a manager: levels as of now, and counts since it was made.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The status.
    pub status: ConnectionStatus,
    /// The quality.
    pub quality: Quality,
    /// Smoothed round trip time (RFC 6298), if there was a sample.
    pub smoothed_latency: Option<Duration>,
    /// Mean over the window of samples.
    pub average_latency: Option<Duration>,
    /// 95th percentile over the window of samples.
    pub p95_latency: Option<Duration>,
    /// Messages in the offline queue.
    pub queued_messages: usize,
    /// Their size in bytes.
    pub queued_bytes: usize,
    /// Acknowledgements that are awaited.
    pub pending_acks: usize,
    /// Received events that may still be acknowledged.
    pub pending_replies: usize,
    /// Namespaces that are wanted, the primary one included.
    pub namespaces: usize,
    /// Namespaces that are joined now.
    pub joined_namespaces: usize,
    /// Bytes handed to the transport that it has not taken yet.
    pub unsent_bytes: usize,
    /// Failed attempts in a row.
    pub failed_attempts: u32,
    /// Counts since the manager was made.
    pub counters: Counters,
}

/// Counts that only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Transports asked for.
    pub attempts: u64,
    /// Times that the primary namespace was joined.
    pub connects: u64,
    /// Those of them after a loss.
    pub reconnects: u64,
    /// Connections lost after they had been established.
    pub losses: u64,
    /// Frames given to transports.
    pub frames_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Frames that came.
    pub frames_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Events given to transports.
    pub events_out: u64,
    /// Events that came.
    pub events_in: u64,
    /// Emits that were refused.
    pub emits_refused: u64,
    /// Volatile emits that were dropped.
    pub volatile_dropped: u64,
    /// Messages that left the offline queue without being sent.
    pub messages_dropped: u64,
    /// Acknowledgements that came in time.
    pub acks_received: u64,
    /// Acknowledgements that did not come in time.
    pub acks_timed_out: u64,
    /// Acknowledgements for nothing that is awaited: late, repeated or forged.
    pub acks_unknown: u64,
    /// Received events whose right to be acknowledged was withdrawn because too many were waiting.
    pub replies_evicted: u64,
    /// Events for namespaces that had just been left.
    pub events_after_leave: u64,
    /// Connections closed because the peer broke the protocol.
    pub protocol_errors: u64,
    /// Reports of transports that were given up before.
    pub stale_transport_events: u64,
    /// Probes sent.
    pub probes: u64,
    /// Probes that were not answered in time.
    pub probes_lost: u64,
    /// Times that the process or machine had slept.
    pub sleeps: u64,
    /// Times that the token provider was asked.
    pub tokens_requested: u64,
}
