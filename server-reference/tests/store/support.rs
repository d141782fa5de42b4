use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt;
use nexus_core::socketio::{Namespace, delivery::Outcome};
use nexus_server::{
    Payload,
    store::{LedgerKey, Recorded, Store, StoreConfig, Unit, Write},
};

/// A folder of a test's own, gone with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("nexus-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("nexus.db")
    }

    pub(crate) async fn open(&self) -> Store {
        self.open_with(StoreConfig::default()).await
    }

    pub(crate) async fn open_with(&self, config: StoreConfig) -> Store {
        Store::open(&self.0, config).await.unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn namespace(name: &str) -> Namespace {
    Namespace::try_new(name).unwrap()
}

pub(crate) fn key(user: &str, instance: &str) -> LedgerKey {
    LedgerKey { user: Arc::from(user), namespace: namespace("/chat"), instance: instance.into() }
}

pub(crate) fn done(id: u64) -> Recorded {
    Recorded { id, hash: [7; 32], outcome: Outcome::Done, ack: Payload::from_value(&id).unwrap() }
}

/// A unit without effects.
pub(crate) fn unit(key: &LedgerKey, lowest: u64, record: Recorded) -> Unit {
    Unit { key: key.clone(), lowest, record, writes: Vec::new(), after: Vec::new() }
}

/// A write of one statement.
pub(crate) fn statement(sql: &'static str) -> Write {
    Box::new(move |connection| {
        async move {
            sqlx::query(sql).execute(connection).await?;
            Ok(())
        }
        .boxed()
    })
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the storage has the wall clock's time")]
pub(crate) fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub(crate) fn in_days(days: u64) -> u64 {
    now() + days * 24 * 60 * 60 * 1_000
}
