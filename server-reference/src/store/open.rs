use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use sqlx::{
    Connection, SqlSafeStr, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Inner, OpenError, Store, StoreError, writer::Writer};
use crate::engine::random_id;

/// Every step from an empty file to what the code expects. A step that was released is never changed.
const STEPS: [(i64, &str, &str); 1] = [(1, "store", include_str!("../../migrations/0001_store.sql"))];

const FILE: &str = "nexus.db";
const LOCK: &str = "nexus.lock";

/// Every knob of a storage. Start from [`StoreConfig::default`] and change what differs.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The most units that wait to be committed, and the most reads at a time; more are refused as busy. Default: 1,024;
    /// at least 1.
    pub queue: usize,
    /// The most units in one commit. Default: 128; at least 1.
    pub group: usize,
    /// Connections for reading. Default: 4; at least 1.
    pub readers: u32,
    /// How long a file that another program holds is waited for. Default: 1 s.
    pub busy_timeout: Duration,
    /// How long the statements of one unit may take. Default: 5 s.
    pub unit_timeout: Duration,
    /// The most that the database file may have, in bytes, in whole pages of 4,096; what does not fit is refused as full.
    /// Its journal comes on top. Default: what the disk has.
    pub max_bytes: Option<u64>,
    /// How long the outcomes of an instance are kept after the last one, and what is known of an inbox in which nothing
    /// happened. Default: 31 days.
    pub keep_idle: Duration,
    /// How long an entry of an inbox is kept. Default: 7 days.
    pub inbox_ttl: Duration,
    /// The most entries of an inbox: for a further one the oldest goes. Default: 100; at least 1.
    pub inbox_entries: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            queue: 1_024,
            group: 128,
            readers: 4,
            busy_timeout: Duration::from_secs(1),
            unit_timeout: Duration::from_secs(5),
            max_bytes: None,
            keep_idle: DAY * 31,
            inbox_ttl: DAY * 7,
            inbox_entries: 100,
        }
    }
}

pub(super) async fn open(folder: &Path, config: StoreConfig) -> Result<Store, OpenError> {
    let lock = lock(folder)?;
    let file = folder.join(FILE);
    let mut options = SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(config.busy_timeout)
        .foreign_keys(true)
        .page_size(PAGE);
    if let Some(bytes) = config.max_bytes {
        options = options.pragma("max_page_count", (bytes / u64::from(PAGE)).max(1).to_string());
    }
    let failed = |error: StoreError| open_error(&file, error);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(|error| failed(error.into()))?;
    migrate(&mut connection, &file).await?;
    let generation = generation(&mut connection).await.map_err(failed)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(config.readers.max(1))
        .acquire_timeout(config.unit_timeout)
        .connect_lazy_with(options.clone().create_if_missing(false).pragma("query_only", "ON"));
    let queue = config.queue.max(1);
    let (jobs, waiting) = mpsc::channel(queue);
    let (stop, stopped) = oneshot::channel();
    let writer = Writer::new(connection, options, &config, lock);
    let writer = tokio::spawn(writer.run(waiting, stopped));
    let inner = Inner {
        generation: generation.into(),
        config,
        jobs,
        readers,
        reads: Semaphore::new(queue),
        stop: Mutex::new(Some(stop)),
        writer: Mutex::new(Some(writer)),
    };
    Ok(Store { inner: Arc::new(inner) })
}

/// The size of the pages of a new file, in bytes.
const PAGE: u32 = 4_096;

/// Makes sure that the folder is there, can be written, and is nobody else's for as long as what is returned lives.
fn lock(folder: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Folder { folder: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

async fn migrate(connection: &mut SqliteConnection, file: &Path) -> Result<(), OpenError> {
    let step = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let migrator = Migrator::with_migrations(STEPS.into_iter().map(step).collect());
    migrator.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => open_error(file, error.into()),
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
            OpenError::Version { file: file.to_owned(), version }
        }
        other => OpenError::Failed { file: file.to_owned(), reason: other.to_string() },
    })
}

async fn generation(connection: &mut SqliteConnection) -> Result<String, StoreError> {
    sqlx::query("INSERT INTO store (id, generation) VALUES (1, ?1) ON CONFLICT DO NOTHING")
        .bind(random_id())
        .execute(&mut *connection)
        .await?;
    Ok(sqlx::query_scalar("SELECT generation FROM store").fetch_one(connection).await?)
}

fn open_error(file: &Path, error: StoreError) -> OpenError {
    let file = PathBuf::from(file);
    match error {
        StoreError::Corrupt => OpenError::Corrupt { file },
        StoreError::Failed(reason) => OpenError::Failed { file, reason },
        other => OpenError::Failed { file, reason: other.to_string() },
    }
}
