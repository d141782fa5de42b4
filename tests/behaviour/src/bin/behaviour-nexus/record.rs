//! What handlers saw, kept across restarts: of durable events in the transaction of their outcome, of others in a file.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::FutureExt as _;
use nexus_server::{
    Event,
    store::{Store, Write},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Failure;

/// The most entries that are kept; what comes beyond is not recorded, and its scenario fails.
const MAX_ENTRIES: usize = 100_000;

/// An event that a handler got.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Whose token came with the joining of the namespace.
    pub(crate) user: String,
    /// Without its slash.
    pub(crate) ns: String,
    pub(crate) event: String,
    /// Binary parts by their length and digest.
    pub(crate) args: Vec<Value>,
}

#[derive(Debug)]
pub(crate) struct Record {
    entries: Mutex<Vec<Entry>>,
    file: Mutex<File>,
}

impl Record {
    pub(crate) async fn open(folder: &Path, store: &Store) -> Result<Self, Failure> {
        let path = folder.join("seen.log");
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut entries = Vec::new();
        for line in BufReader::new(File::open(&path)?).lines() {
            // A kill may have torn the last one.
            entries.extend(serde_json::from_str::<Entry>(&line?).ok());
        }
        let rows = Arc::new(Mutex::new(Vec::new()));
        let found = Arc::clone(&rows);
        let read: Write = Box::new(move |db| {
            async move {
                sqlx::query("CREATE TABLE IF NOT EXISTS seen (entry TEXT NOT NULL)").execute(&mut *db).await?;
                let texts: Vec<String> =
                    sqlx::query_scalar("SELECT entry FROM seen ORDER BY rowid").fetch_all(db).await?;
                *lock(&found) = texts;
                Ok(())
            }
            .boxed()
        });
        store.write(vec![read], Vec::new()).await?;
        for text in lock(&rows).iter() {
            entries.push(serde_json::from_str(text)?);
        }
        Ok(Self { entries: Mutex::new(entries), file: Mutex::new(file) })
    }

    /// Takes an event down: a durable one if and only if it is committed.
    pub(crate) fn take(self: &Arc<Self>, event: &Event, entry: Entry) -> Result<(), Failure> {
        let text = serde_json::to_string(&entry)?;
        if event.is_durable() {
            event.write(move |db| {
                async move {
                    sqlx::query("INSERT INTO seen VALUES (?1)").bind(text).execute(db).await?;
                    Ok(())
                }
                .boxed()
            })?;
            let record = Arc::clone(self);
            event.after_commit(move || record.push(entry))?;
        } else {
            writeln!(lock(&self.file), "{text}")?;
            self.push(entry);
        }
        Ok(())
    }

    /// What was taken down so far, in order.
    pub(crate) fn find(&self, filter: impl Fn(&Entry) -> bool) -> Vec<Vec<Value>> {
        lock(&self.entries).iter().filter(|entry| filter(entry)).map(|entry| entry.args.clone()).collect()
    }

    fn push(&self, entry: Entry) {
        let mut entries = lock(&self.entries);
        if entries.len() < MAX_ENTRIES {
            entries.push(entry);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
