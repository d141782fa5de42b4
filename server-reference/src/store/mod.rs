//! What outlives the process: the ledger of durable events (`docs/protocol.md`, "Durable") and the inboxes of users
//! ("Inbox"), in one SQLite file.
//!
//! Only this module and writes that an application hands to it have SQL. One task writes: it gathers the units that
//! wait and commits them together, each in a savepoint of its own.

mod error;
mod unit;

pub use error::StoreError;
pub use unit::{After, LedgerKey, LedgerState, Recorded, Unit, Write};

use std::sync::Arc;

/// The storage of a server. Cloning is cheap; all clones are the same storage.
#[derive(Clone, Debug)]
pub struct Store {
    generation: Arc<str>,
}

impl Store {
    /// The generation of the ledger, and of the inboxes: made with the database.
    #[must_use]
    pub fn generation(&self) -> &str {
        &self.generation
    }

    /// What is recorded of a key: nothing, of one that is new.
    ///
    /// # Errors
    /// When it can't be read now.
    pub async fn load_ledger(&self, _key: &LedgerKey) -> Result<LedgerState, StoreError> {
        std::future::ready(Err(StoreError::Full)).await
    }

    /// Commits a unit, whole or not at all. It is on disk when this returns, and what was to run [after](Unit::after) it has
    /// run. Where the future is dropped, the unit may still be committed.
    ///
    /// # Errors
    /// When it was not committed: nothing of it is there.
    pub async fn commit(&self, _unit: Unit) -> Result<(), StoreError> {
        std::future::ready(Err(StoreError::Full)).await
    }
}
