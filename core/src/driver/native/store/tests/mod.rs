//! The store on a real file system, its files damaged by hand.

mod damage;
mod outboxes;
mod records;
mod thread;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::worker::Worker;
use crate::{
    manager::{MessageKey, OpenedOutbox, StoreChange, StoreError, StoredMessage},
    socketio::{Namespace, Payload, delivery::Position},
};

/// A directory of a test's own, gone when it ends.
pub(in crate::driver::native) struct Scratch(PathBuf);

impl Scratch {
    pub(in crate::driver::native) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nexus-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(in crate::driver::native) fn path(&self) -> PathBuf {
        self.0.join("outbox")
    }

    /// The files with this ending.
    pub(in crate::driver::native) fn files(&self, ending: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path()) else { return Vec::new() };
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == ending));
        files.sort();
        files
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

const SERVER: &str = "ws://localhost/socket.io/";

fn worker(scratch: &Scratch) -> Worker {
    Worker::new(scratch.path(), SERVER.to_owned())
}

/// A worker whose outbox is open.
fn opened(scratch: &Scratch, instance: &str) -> (Worker, OpenedOutbox) {
    let mut worker = worker(scratch);
    let outbox = worker.open("ada".to_owned(), instance).unwrap();
    (worker, outbox)
}

/// Puts an owner's end as a kill does it: nothing is closed but what the system closes.
fn kill(worker: Worker) {
    worker.abandon();
}

fn key(instance: &str, id: u64) -> MessageKey {
    MessageKey { instance: instance.into(), namespace: Namespace::try_new("messaging").unwrap(), id }
}

fn message(instance: &str, id: u64) -> StoredMessage {
    let text = format!(r#"[{{"content":"message {id} of {instance}, {}"}}]"#, "long enough to be told ".repeat(8));
    StoredMessage {
        key: key(instance, id),
        event: "NEW_MESSAGE".into(),
        payload: Payload::from_json(text.into(), Vec::new()).unwrap(),
        emitted_at: 1_000 + id,
        expires_at: 2_000 + id,
        sent: None,
    }
}

fn put(worker: &mut Worker, message: &StoredMessage) -> Result<(), StoreError> {
    worker.commit(&[StoreChange::Put(message.clone())], 0)
}

fn position(generation: &str, u: u64) -> Position {
    Position { generation: generation.into(), u }
}

/// In the order of their keys.
fn sorted(mut messages: Vec<StoredMessage>) -> Vec<StoredMessage> {
    messages.sort_by(|a, b| a.key.cmp(&b.key));
    messages
}

fn only(files: Vec<PathBuf>) -> PathBuf {
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next().unwrap()
}

fn copy_aside(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}
