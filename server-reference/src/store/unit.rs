use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use nexus_core::{
    ByteString,
    socketio::{Namespace, Payload, delivery::Outcome},
};
use sqlx::SqliteConnection;

use super::StoreError;

/// What durable ids count for: one instance of one user's clients in one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerKey {
    /// The authenticated user.
    pub user: Arc<str>,
    /// The namespace.
    pub namespace: Namespace,
    /// The client's instance.
    pub instance: ByteString,
}

/// The outcome of one durable event.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The event's id.
    pub id: u64,
    /// SHA-256 over namespace, event, arguments and attachments.
    pub hash: [u8; 32],
    /// [`Done`](Outcome::Done) or [`Rejected`](Outcome::Rejected): no other is recorded.
    pub outcome: Outcome,
    /// The arguments of the acknowledgement, without the outcome's own.
    pub ack: Payload,
}

/// What is recorded of one key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerState {
    /// The highest `lo` that was seen; ids below are stale. 0: none was.
    pub lowest: u64,
    /// The outcomes from `lowest` on, in the order of their ids.
    pub outcomes: Vec<Recorded>,
}

/// Statements that are to be committed together with an outcome. They run inside a transaction and a savepoint, which they
/// must not end. They have a few seconds.
pub type Write = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<(), StoreError>> + Send>;

/// Runs once a unit is on disk, in the task that writes: in the order of the commits, before [`Store::commit`] returns. It
/// must not block.
///
/// [`Store::commit`]: super::Store::commit
pub type After = Box<dyn FnOnce() + Send>;

/// What is committed together: the outcome of a durable event and its effects.
pub struct Unit {
    /// Whose outcome.
    pub key: LedgerKey,
    /// The lowest unresolved id, in the client's words: outcomes below are deleted.
    pub lowest: u64,
    /// The outcome.
    pub record: Recorded,
    /// The effects. One that fails takes the whole unit with it.
    pub writes: Vec<Write>,
    /// What runs once all this is on disk.
    pub after: Vec<After>,
}

/// Leaves out the effects.
impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit")
            .field("key", &self.key)
            .field("lowest", &self.lowest)
            .field("id", &self.record.id)
            .field("writes", &self.writes.len())
            .finish_non_exhaustive()
    }
}
