//! The store of durable messages: files in a directory that the application names.
//!
//! Each client that is connected as a user owns one outbox file, and holds its lock for as long as it lives. What it
//! leaves, by ending or by being killed, the next client of the same server and user takes over: when it opens its
//! own, after each reconnection, and every minute. Copies are committed before the file that they come from is
//! deleted, under the keys that they have there, so that a crash in between doubles nothing.
//!
//! An outbox is a [redb](https://docs.rs/redb) database, in which every commit is synced, with one table of rows. Every
//! row is a record of its own format, with a version and a checksum (`record.rs`), which is found and told from an
//! outdated one even where the database around it is damaged. Such a file is set aside under a name that ends in
//! `.damaged` (at most 8 of them are kept); what can be read of it is taken over, and the rest counted. If the damage
//! has hit what the last commit said is live, what an earlier one said counts: a message that had ended since may come
//! back, rather than one be lost that had not.
//!
//! | file | what it is |
//! |---|---|
//! | `HASH-INSTANCE.outbox` | the outbox; the hash is of server and user |
//! | `HASH-INSTANCE.lock` | locked as long as its owner lives |
//! | `directory.lock` | locked while outboxes are made or taken over |
//!
//! All are for their owner only (mode 0600, the directory 0700), and hold the messages as they are: nothing is
//! encrypted. The directory has to lie on a file system with locks, which some network file systems lack.

mod contents;
mod directory;
mod outbox;
mod record;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

#[cfg(test)]
pub(super) use self::tests::Scratch;

use self::worker::Worker;
use super::{clock::wall_clock_millis, lock};
use crate::manager::{StoreAnswer, StoreError, StoreErrorKind, StoreEvent, StoreOperation, StoreRequest, StoreTicket};

/// Requests that may wait for the store's thread. The manager asks for one commit at a time, so only a disk that hangs
/// while users come and go lets more than a few wait; those beyond are refused.
const MAX_WAITING: usize = 64;
/// How often it is looked for what other owners have left.
const ADOPT_EVERY: Duration = Duration::from_secs(60);

/// A thread that carries out what the manager asks of the store, in order. It ends after [`stop`](Self::stop), or when
/// this is dropped, once all requests are done.
#[derive(Debug)]
pub(super) struct Store {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Request>,
    /// Whether to look now for what other owners have left.
    adopt: bool,
    stopped: bool,
}

#[derive(Debug)]
struct Request {
    ticket: StoreTicket,
    /// `None`: refused, as too many waited.
    operation: Option<StoreOperation>,
}

/// What the thread does next.
enum Next {
    Carry(Request),
    Adopt,
    Stop,
}

impl Store {
    /// Starts the thread. What it has to say goes to `report`; the receiver is told of its end.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub(super) fn start(
        directory: PathBuf,
        server: String,
        report: impl Fn(StoreEvent) + Send + 'static,
    ) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let queue = Arc::<Queue>::default();
        let (ended, end) = oneshot::channel();
        let store = Self { queue: Arc::clone(&queue) };
        std::thread::Builder::new().name("nexus-store".to_owned()).spawn(move || {
            let mut worker = Worker::new(directory, server);
            queue.serve(&mut worker, report);
            worker.close();
            let _nobody_waits = ended.send(());
        })?;
        Ok((store, end))
    }

    /// Never waits.
    pub(super) fn request(&self, request: StoreRequest) {
        let StoreRequest { ticket, operation } = request;
        let mut waiting = lock(&self.queue.waiting);
        let has_room = waiting.requests.len() < MAX_WAITING;
        waiting.requests.push_back(Request { ticket, operation: has_room.then_some(operation) });
        self.queue.changed.notify_one();
    }

    /// Looks soon for what other owners have left.
    pub(super) fn adopt_soon(&self) {
        lock(&self.queue.waiting).adopt = true;
        self.queue.changed.notify_one();
    }

    /// Lets the thread end when all requests are done.
    pub(super) fn stop(&self) {
        lock(&self.queue.waiting).stopped = true;
        self.queue.changed.notify_one();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Queue {
    fn serve(&self, worker: &mut Worker, report: impl Fn(StoreEvent)) {
        loop {
            match self.next() {
                Next::Stop => return,
                Next::Adopt => match worker.adopt() {
                    Ok(adopted) => {
                        if adopted.unreadable > 0 {
                            tracing::warn!(unreadable = adopted.unreadable, "records of the store could not be read");
                        }
                        if !adopted.messages.is_empty() {
                            report(StoreEvent::Adopted { messages: adopted.messages });
                        }
                    }
                    Err(error) => tracing::warn!(%error, "what other owners have left can't be taken over"),
                },
                Next::Carry(Request { ticket, operation }) => {
                    let result = operation.map_or_else(
                        || Err(StoreError::new(StoreErrorKind::Unavailable, "too many requests wait")),
                        |operation| carry_out(worker, operation),
                    );
                    report(StoreEvent::Answer { ticket, result });
                }
            }
        }
    }

    fn next(&self) -> Next {
        let mut waiting = lock(&self.waiting);
        loop {
            if let Some(request) = waiting.requests.pop_front() {
                return Next::Carry(request);
            }
            if waiting.stopped {
                return Next::Stop;
            }
            if std::mem::take(&mut waiting.adopt) {
                return Next::Adopt;
            }
            let waited = self.changed.wait_timeout(waiting, ADOPT_EVERY).unwrap_or_else(PoisonError::into_inner);
            waiting = waited.0;
            waiting.adopt |= waited.1.timed_out();
        }
    }
}

fn carry_out(worker: &mut Worker, operation: StoreOperation) -> Result<StoreAnswer, StoreError> {
    match operation {
        StoreOperation::Open { user_id, instance } => Ok(StoreAnswer::Opened(worker.open(user_id, &instance)?)),
        StoreOperation::Commit { changes } => {
            worker.commit(&changes, wall_clock_millis())?;
            Ok(StoreAnswer::Committed)
        }
        StoreOperation::Close => {
            worker.close();
            Ok(StoreAnswer::Committed)
        }
    }
}
