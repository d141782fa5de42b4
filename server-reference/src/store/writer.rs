use std::{fs::File, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx::{Connection, Sqlite, SqliteConnection, Transaction, sqlite::SqliteConnectOptions};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{After, StoreConfig, StoreError, Write, ledger};

/// What is committed whole or not at all.
pub(super) struct Job {
    pub(super) entry: Option<ledger::Entry>,
    pub(super) writes: Vec<Write>,
    pub(super) after: Vec<After>,
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
}

/// A job whose statements have run.
struct Ready {
    entry: Option<ledger::Entry>,
    after: Vec<After>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// The one task that writes.
pub(super) struct Writer {
    /// None after a failure that leaves unclear what state it is in: it is opened anew.
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    group: usize,
    unit_timeout: Duration,
    /// Held for as long as this writes.
    _lock: File,
}

impl Writer {
    pub(super) fn new(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        config: &StoreConfig,
        lock: File,
    ) -> Self {
        let (group, unit_timeout) = (config.group.max(1), config.unit_timeout);
        Self { connection: Some(connection), options, group, unit_timeout, _lock: lock }
    }

    /// Commits what comes until `stopped` or nobody can hand in more; then what had come by then.
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Job>, mut stopped: oneshot::Receiver<()>) {
        let mut is_stopped = false;
        loop {
            let first = tokio::select! {
                biased;
                job = waiting.recv() => job,
                _ = &mut stopped, if !is_stopped => {
                    is_stopped = true;
                    waiting.close();
                    continue;
                }
            };
            let Some(first) = first else { break };
            let mut jobs = vec![first];
            while jobs.len() < self.group
                && let Ok(job) = waiting.try_recv()
            {
                jobs.push(job);
            }
            self.commit(jobs).await;
        }
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the storage was not closed well; what was committed is there");
        }
    }

    async fn commit(&mut self, jobs: Vec<Job>) {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match SqliteConnection::connect_with(&self.options).await {
                Ok(connection) => connection,
                Err(error) => return fail(jobs.into_iter().map(|job| job.done), &StoreError::from(error)),
            },
        };
        let mut transaction = match connection.begin_with("BEGIN IMMEDIATE").await {
            Ok(transaction) => transaction,
            Err(error) => return fail(jobs.into_iter().map(|job| job.done), &StoreError::from(error)),
        };
        let mut ready = Vec::with_capacity(jobs.len());
        let mut jobs = jobs.into_iter();
        while let Some(job) = jobs.next() {
            let Job { entry, writes, after, done } = job;
            match self.run_alone(&mut transaction, entry.as_ref(), writes).await {
                Ok(()) => ready.push(Ready { entry, after, done }),
                Err(Failed::Alone(error)) => answer(done, Err(error)),
                Err(Failed::All(error)) => {
                    // SQLite took the whole transaction back, as it does when the disk is full.
                    drop(transaction);
                    let rest = jobs.map(|job| job.done);
                    return fail(ready.into_iter().map(|ready| ready.done).chain([done]).chain(rest), &error);
                }
            }
        }
        match transaction.commit().await {
            Ok(()) => {
                succeed(ready);
                self.connection = Some(connection);
            }
            Err(error) => {
                drop(connection);
                self.settle(ready, &StoreError::from(error)).await;
            }
        }
    }

    /// Runs a job's statements. Where they fail, nothing of them is left.
    async fn run_alone(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        entry: Option<&ledger::Entry>,
        writes: Vec<Write>,
    ) -> Result<(), Failed> {
        let mut savepoint = transaction.begin().await.map_err(|error| Failed::All(error.into()))?;
        let running = AssertUnwindSafe(timeout(self.unit_timeout, run(&mut savepoint, entry, writes))).catch_unwind();
        let error = match running.await {
            Ok(Ok(Ok(()))) => return savepoint.commit().await.map_err(|error| Failed::All(error.into())),
            Ok(Ok(Err(error))) => error,
            Ok(Err(_)) => StoreError::busy(),
            Err(_) => StoreError::Failed("a write panicked".to_owned()),
        };
        match savepoint.rollback().await {
            Ok(()) => Err(Failed::Alone(error)),
            Err(_) => Err(Failed::All(error)),
        }
    }

    /// The disk failed in the middle of a commit, which may have arrived all the same: what is there is looked up. Without an
    /// answer nothing is said to be there, and a client that comes again learns what is.
    async fn settle(&mut self, mut ready: Vec<Ready>, error: &StoreError) {
        // All or nothing of a commit is there, so one that can be recognised speaks for all.
        let known = ready.iter_mut().find_map(|ready| ready.entry.take());
        let is_there = async {
            let mut connection = SqliteConnection::connect_with(&self.options).await?;
            let is_there = match &known {
                Some(entry) => ledger::has(&mut connection, entry).await?,
                None => false,
            };
            self.connection = Some(connection);
            Ok::<_, StoreError>(is_there)
        };
        if is_there.await.unwrap_or(false) {
            succeed(ready);
        } else {
            fail(ready.into_iter().map(|ready| ready.done), error);
        }
    }
}

/// How far a failure reaches.
enum Failed {
    Alone(StoreError),
    All(StoreError),
}

async fn run(
    connection: &mut SqliteConnection,
    entry: Option<&ledger::Entry>,
    writes: Vec<Write>,
) -> Result<(), StoreError> {
    if let Some(entry) = entry {
        ledger::record(connection, entry).await?;
    }
    for write in writes {
        write(connection).await?;
    }
    Ok(())
}

fn succeed(ready: Vec<Ready>) {
    for Ready { after, done, .. } in ready {
        for after in after {
            if std::panic::catch_unwind(AssertUnwindSafe(after)).is_err() {
                tracing::error!("what was to run after a commit panicked");
            }
        }
        answer(done, Ok(()));
    }
}

fn fail(jobs: impl Iterator<Item = oneshot::Sender<Result<(), StoreError>>>, error: &StoreError) {
    tracing::warn!(%error, "nothing was committed");
    for done in jobs {
        answer(done, Err(error.clone()));
    }
}

fn answer(done: oneshot::Sender<Result<(), StoreError>>, result: Result<(), StoreError>) {
    // Who handed it in may be gone: it is committed all the same.
    let _ = done.send(result);
}
