use std::{fs, time::Duration};

use futures_util::FutureExt;
use nexus_server::store::{OpenError, Store, StoreConfig, StoreError};
use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::oneshot;

use crate::support::{Folder, done, key, statement, unit};

/// Another program's connection to the file.
async fn other(folder: &Folder) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(folder.file())).await.unwrap()
}

/// How many rows a table has. The storage is closed.
pub(crate) async fn count(folder: &Folder, table: &str) -> i64 {
    let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(query).fetch_one(&mut other(folder).await).await.unwrap()
}

fn quick() -> StoreConfig {
    StoreConfig { busy_timeout: Duration::from_millis(1), ..StoreConfig::default() }
}

#[tokio::test]
async fn a_file_that_another_program_holds_is_busy_and_works_again_by_itself() {
    let folder = Folder::new();
    let store = folder.open_with(quick()).await;
    let ada = key("ada", "one");
    store.commit(unit(&ada, 1, done(1))).await.unwrap();
    let mut holder = other(&folder).await;
    holder.execute("BEGIN EXCLUSIVE").await.unwrap();
    for id in 2..5 {
        let refused = store.commit(unit(&ada, 1, done(id))).await.unwrap_err();
        assert!(matches!(refused, StoreError::Busy { .. }) && !refused.retry_after().is_zero(), "{refused:?}");
    }
    assert_eq!(store.load_ledger(&ada).await.unwrap().outcomes, [done(1)], "reading goes on");
    holder.execute("ROLLBACK").await.unwrap();
    store.commit(unit(&ada, 1, done(2))).await.unwrap();
    assert_eq!(store.load_ledger(&ada).await.unwrap().outcomes, [done(1), done(2)]);
}

#[tokio::test]
async fn a_full_disk_is_told_loses_nothing_and_works_again_by_itself() {
    let folder = Folder::new();
    let store = folder.open_with(StoreConfig { max_bytes: Some(200 * 4_096), ..StoreConfig::default() }).await;
    store.write(vec![statement("CREATE TABLE fill (n BLOB)")], Vec::new()).await.unwrap();
    let ada = key("ada", "one");
    let mut committed = 0;
    let error = loop {
        let mut unit = unit(&ada, 1, done(committed + 1));
        unit.writes.push(statement("INSERT INTO fill VALUES (randomblob(20000))"));
        match store.commit(unit).await {
            Ok(()) => committed += 1,
            Err(error) => break error,
        }
        assert!(committed < 100, "it is never full");
    };
    assert_eq!(error, StoreError::Full);
    let outcomes = store.load_ledger(&ada).await.unwrap().outcomes;
    assert_eq!(u64::try_from(outcomes.len()).unwrap(), committed, "what was refused is not there, the rest is");
    // Everything that waits with one that does not fit is refused with it or committed, and then nothing is stuck.
    let more = (0..20).map(|n| {
        let mut unit = unit(&key("bob", &format!("i{n}")), 1, done(1));
        unit.writes.push(statement("INSERT INTO fill VALUES (randomblob(20000))"));
        store.commit(unit)
    });
    for result in futures_util::future::join_all(more).await {
        assert!(matches!(result, Err(StoreError::Full)), "{result:?}");
    }
    store.write(vec![statement("DELETE FROM fill")], Vec::new()).await.unwrap();
    store.commit(unit(&ada, 1, done(committed + 1))).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_everything_taken_before_is_committed() {
    let folder = Folder::new();
    let store = folder.open_with(StoreConfig { queue: 3, group: 1, ..StoreConfig::default() }).await;
    let (started, has_started) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let mut slow = unit(&key("ada", "slow"), 1, done(1));
    slow.writes.push(Box::new(move |_| {
        async move {
            started.send(()).unwrap();
            may_go_on.await.unwrap();
            Ok(())
        }
        .boxed()
    }));
    let slow = tokio::spawn({
        let store = store.clone();
        async move { store.commit(slow).await }
    });
    has_started.await.unwrap();
    let ada = key("ada", "one");
    let mut waiting: Vec<_> = (1..=3).map(|id| Box::pin(store.commit(unit(&ada, 1, done(id))))).collect();
    for one in &mut waiting {
        assert!(one.now_or_never().is_none(), "it waits");
    }
    let refused = store.commit(unit(&ada, 1, done(4))).now_or_never().unwrap();
    assert!(matches!(refused, Err(StoreError::Busy { .. })), "{refused:?}");
    // Who no longer waits has handed it in all the same.
    waiting.pop();
    go_on.send(()).unwrap();
    slow.await.unwrap().unwrap();
    for one in waiting {
        one.await.unwrap();
    }
    store.close().await;
    assert_eq!(count(&folder, "outcomes").await, 4);
}

#[tokio::test]
async fn a_write_that_takes_too_long_is_taken_back_and_the_next_goes_on() {
    let folder = Folder::new();
    let config = StoreConfig { unit_timeout: Duration::from_millis(20), ..StoreConfig::default() };
    let store = folder.open_with(config).await;
    store.write(vec![statement("CREATE TABLE effects (n INTEGER)")], Vec::new()).await.unwrap();
    let mut stuck = unit(&key("ada", "one"), 1, done(1));
    stuck.writes.push(statement("INSERT INTO effects VALUES (1)"));
    stuck.writes.push(Box::new(|_| std::future::pending().boxed()));
    assert!(matches!(store.commit(stuck).await, Err(StoreError::Busy { .. })));
    store.commit(unit(&key("ada", "one"), 1, done(1))).await.unwrap();
    store.close().await;
    assert_eq!(count(&folder, "effects").await, 0);
}

#[tokio::test]
async fn damage_is_told_at_the_start_with_the_files_name() {
    let folder = Folder::new();
    folder.open().await.close().await;
    fs::write(folder.file(), "this is no database, whatever its name says".repeat(200)).unwrap();
    let error = Store::open(folder.path(), StoreConfig::default()).await.unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("nexus.db"), "{error}");
}

#[tokio::test]
async fn a_row_that_nobody_here_wrote_is_damage() {
    let folder = Folder::new();
    let store = folder.open().await;
    let ada = key("ada", "one");
    store.commit(unit(&ada, 1, done(1))).await.unwrap();
    other(&folder).await.execute("UPDATE outcomes SET ack = '{'").await.unwrap();
    assert_eq!(store.load_ledger(&ada).await, Err(StoreError::Corrupt));
}

#[tokio::test]
async fn a_newer_file_is_left_alone() {
    let folder = Folder::new();
    folder.open().await.close().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (99, 'later', true, x'00', 0)";
    other(&folder).await.execute(newer).await.unwrap();
    let error = Store::open(folder.path(), StoreConfig::default()).await.unwrap_err();
    assert!(matches!(error, OpenError::Version { version: 99, .. }), "{error:?}");
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let folder = Folder::new();
    let store = folder.open().await;
    let error = Store::open(folder.path(), StoreConfig::default()).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    store.close().await;
    folder.open().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("data"), StoreConfig::default()).await.unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
    assert!(error.to_string().contains("data"), "{error}");
}
