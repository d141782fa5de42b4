//! Safeguards taken out one at a time, so that the simulator can show that it would notice.
//!
//! Without the feature `mutations`, which no product enables, nothing can be taken out and nothing of this is left in
//! the program.

/// A safeguard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The client drops no event that it has dispatched before.
    Deduplication,
    /// A durable message is written to a transport before the store has it.
    PersistenceBeforeAccept,
    /// What was sent under one generation of the server's ledger is sent again under another.
    GenerationCheck,
    /// Events that came before CONNECT are dispatched in the order in which they came.
    OrderedDispatch,
    /// The delay before an attempt is shortened by chance after it was capped, not before.
    JitterAfterCap,
    /// A durable event is acknowledged when it is committed, not before.
    AcknowledgementAfterCommit,
}

impl Mutation {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 6] = [
        Self::Deduplication,
        Self::PersistenceBeforeAccept,
        Self::GenerationCheck,
        Self::OrderedDispatch,
        Self::JitterAfterCap,
        Self::AcknowledgementAfterCommit,
    ];

    /// A name for tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deduplication => "deduplication",
            Self::PersistenceBeforeAccept => "persistence before accept",
            Self::GenerationCheck => "generation check",
            Self::OrderedDispatch => "ordered dispatch",
            Self::JitterAfterCap => "jitter after the cap",
            Self::AcknowledgementAfterCommit => "acknowledgement after commit",
        }
    }
}

#[cfg(feature = "mutations")]
thread_local! {
    static TAKEN_OUT: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

/// Runs something on this thread without a safeguard.
#[cfg(feature = "mutations")]
pub fn without<R>(safeguard: Mutation, run: impl FnOnce() -> R) -> R {
    let before = TAKEN_OUT.replace(Some(safeguard));
    let result = run();
    TAKEN_OUT.set(before);
    result
}

/// Whether a safeguard is taken out on this thread.
#[cfg(feature = "mutations")]
pub fn is_taken_out(safeguard: Mutation) -> bool {
    TAKEN_OUT.get() == Some(safeguard)
}

/// No safeguard is taken out.
#[cfg(not(feature = "mutations"))]
#[inline(always)]
pub const fn is_taken_out(_safeguard: Mutation) -> bool {
    false
}
