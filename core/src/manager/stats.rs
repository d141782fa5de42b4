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
    /// Buffered messages that were sent, and are kept until the server has them.
    pub kept_messages: usize,
    /// Their size in bytes, which counts against [`OutboxConfig::max_bytes`](super::OutboxConfig::max_bytes).
    pub kept_bytes: usize,
    /// Durable messages that have not ended, or whose end is not in the store yet.
    pub durable_messages: usize,
    /// The size in bytes of those that have not ended.
    pub durable_bytes: usize,
    /// Acknowledgements that are awaited.
    pub pending_acks: usize,
    /// Received events that may still be acknowledged.
    pub pending_replies: usize,
    /// Identities of received events that are remembered to tell repeats, on servers that number none.
    pub remembered_events: usize,
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

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts that only rise.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Each count with its name, for shells and exporters.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

counters! {
    /// Transports asked for.
    attempts,
    /// Times that the primary namespace was joined.
    connects,
    /// Those of them after a loss.
    reconnects,
    /// Connections lost after they had been established.
    losses,
    /// Frames given to transports.
    frames_out,
    /// Their bytes.
    bytes_out,
    /// Frames that came.
    frames_in,
    /// Their bytes.
    bytes_in,
    /// Events given to transports.
    events_out,
    /// Those of them that were given to an earlier connection before.
    events_repeated,
    /// Events that came.
    events_in,
    /// Those of them that were not handed out, because they had been before.
    duplicates_dropped,
    /// Events that came before the answer to CONNECT, and were discarded: the session was not recovered after all.
    discarded_before_connect,
    /// Joinings in which the server recovered the session.
    recovered,
    /// Joinings after a gap.
    gaps,
    /// Emits that were refused.
    emits_refused,
    /// Volatile emits that were dropped.
    volatile_dropped,
    /// Messages that left the offline queue without being sent.
    messages_dropped,
    /// Messages of which nobody knows whether the server has them.
    messages_unknown,
    /// Durable messages that were accepted.
    durable_accepted,
    /// Durable messages that the server has for good.
    durable_acked,
    /// Times that the store could not do what it was asked for.
    store_failures,
    /// Acknowledgements that came in time.
    acks_received,
    /// Acknowledgements that did not come in time.
    acks_timed_out,
    /// Acknowledgements for nothing that is awaited: late, repeated or forged.
    acks_unknown,
    /// Received events whose right to be acknowledged was withdrawn because too many were waiting.
    replies_evicted,
    /// Events for namespaces that had just been left.
    events_after_leave,
    /// Connections closed because the peer broke the protocol.
    protocol_errors,
    /// Reports of transports that were given up before.
    stale_transport_events,
    /// Probes sent.
    probes,
    /// Probes that were not answered in time.
    probes_lost,
    /// Times that the process or machine had slept.
    sleeps,
    /// Times that the token provider was asked.
    tokens_requested,
}
