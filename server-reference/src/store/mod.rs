//! What outlives the process: the ledger of durable events (`docs/protocol.md`, "Durable") and the inboxes of users
//! ("Inbox"), in one SQLite file.
//!
//! Only this module and writes that an application hands to it have SQL. One task writes: it gathers the units that
//! wait and commits them together, each in a savepoint of its own, so one that fails fails alone. Readers see what is
//! committed.

mod cleaning;
mod columns;
mod error;
mod inbox;
mod ledger;
mod open;
mod unit;
mod writer;

pub use error::{OpenError, StoreError};
pub use inbox::{Appended, Inbox, InboxEntry, InboxRead, NewEntry};
pub use open::StoreConfig;
pub use unit::{After, LedgerKey, LedgerState, Recorded, Unit, Write};

use std::{fmt, path::Path, sync::Arc};

use parking_lot::Mutex;
use sqlx::SqlitePool;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

use crate::clock;
use writer::Job;

/// The storage of a server. Cloning is cheap; all clones are the same storage.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    generation: Arc<str>,
    config: StoreConfig,
    jobs: mpsc::Sender<Job>,
    readers: SqlitePool,
    /// One for each read that waits or runs.
    reads: Semaphore,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the file `nexus.db` in a folder, both made if they are missing. The folder is this process's alone while the
    /// storage is open. To be called in a tokio runtime.
    ///
    /// # Errors
    /// When the folder can't be written, another server has it open, or the file is damaged or of a newer version. Each
    /// error names what it is about.
    pub async fn open(folder: &Path, config: StoreConfig) -> Result<Self, OpenError> {
        open::open(folder, config).await
    }

    /// The generation of the ledger, and of the inboxes: made with the database.
    #[must_use]
    pub fn generation(&self) -> &str {
        &self.inner.generation
    }

    /// The settings that it was opened with.
    #[must_use]
    pub fn config(&self) -> &StoreConfig {
        &self.inner.config
    }

    /// What is recorded of a key: nothing, of one that is new.
    ///
    /// # Errors
    /// When it can't be read now.
    pub async fn load_ledger(&self, key: &LedgerKey) -> Result<LedgerState, StoreError> {
        let Ok(_read) = self.inner.reads.try_acquire() else { return Err(StoreError::busy()) };
        ledger::load(&mut *self.inner.readers.acquire().await?, key).await
    }

    /// Commits a unit, whole or not at all. It is on disk when this returns, and what was to run [after](Unit::after) it has
    /// run. Where the future is dropped, the unit may still be committed.
    ///
    /// # Errors
    /// When it was not committed: nothing of it is there. [`Recorded`](StoreError::Recorded) when the id had an outcome.
    pub async fn commit(&self, unit: Unit) -> Result<(), StoreError> {
        let Unit { key, lowest, record, writes, after } = unit;
        let now = clock::epoch_millis();
        self.run(Some(ledger::Entry { key, lowest, record, now }), writes, after).await
    }

    /// Commits writes that belong to no durable event, together or not at all.
    ///
    /// # Errors
    /// When they were not committed: nothing of them is there.
    pub async fn write(&self, writes: Vec<Write>, after: Vec<After>) -> Result<(), StoreError> {
        self.run(None, writes, after).await
    }

    /// Commits what was handed in before, and closes the file. Afterwards everything is refused as busy.
    pub async fn close(&self) {
        let stop = self.inner.stop.lock().take();
        drop(stop);
        let writer = self.inner.writer.lock().take();
        if let Some(writer) = writer
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the storage's writer failed");
        }
        self.inner.readers.close().await;
    }

    async fn run(&self, entry: Option<ledger::Entry>, writes: Vec<Write>, after: Vec<After>) -> Result<(), StoreError> {
        let (done, committed) = oneshot::channel();
        let job = Job { entry, writes, after, done };
        self.inner.jobs.try_send(job).map_err(|_| StoreError::busy())?;
        committed.await.unwrap_or_else(|_| Err(StoreError::busy()))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("generation", &self.inner.generation).finish_non_exhaustive()
    }
}
