/// How full a manager's buffers are, as of now: what [`Stats`](super::Stats) leaves out, and without its sums over samples, so
/// that a simulator can ask after every step.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Levels {
    /// Messages in the offline queue.
    pub queued_messages: usize,
    /// Bytes of them, and of buffered messages that are kept until the server has them: one cap holds for both.
    pub buffered_bytes: usize,
    /// Buffered messages of the fullest namespace that are kept until the server has them.
    pub kept_messages: usize,
    /// Durable messages, in memory or in the store.
    pub durable_messages: usize,
    /// Bytes of them.
    pub durable_bytes: usize,
    /// What waits for the store, or is being done by it: a few for each durable message.
    pub store_steps: usize,
    /// Acknowledgements that are awaited.
    pub pending_acks: usize,
    /// Received events that may still be acknowledged.
    pub pending_replies: usize,
    /// Events of the fullest namespace that came before the answer to its CONNECT.
    pub early_events: usize,
    /// Bytes of them.
    pub early_bytes: usize,
    /// Identities that are remembered for the fullest namespace.
    pub remembered_events: usize,
    /// Bytes that the transport has not taken yet.
    pub unsent_bytes: usize,
}
