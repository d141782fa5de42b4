use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use sqlx::SqliteConnection;

use super::{Store, StoreError, Write, columns};

/// The most rows of one table that one transaction deletes, so that it keeps no event waiting for long.
const ROWS: u64 = 1_000;
/// The most transactions of one cleaning.
const ROUNDS: u32 = 100;

/// What a transaction of a cleaning deletes; ?1 is the time now, ?2 the time before which what was not used is idle.
const STATEMENTS: [&str; 4] = [
    "DELETE FROM inbox_entries WHERE rowid IN (SELECT rowid FROM inbox_entries WHERE expires <= ?1 LIMIT ?3)",
    "DELETE FROM ledgers WHERE ledger IN (SELECT ledger FROM ledgers WHERE used < ?2 LIMIT ?3)",
    // No position is given twice, whatever of its inbox is forgotten.
    "UPDATE store SET position_floor = max(position_floor, coalesce((SELECT max(last) FROM (SELECT last FROM inboxes
     WHERE used < ?2 AND NOT EXISTS (SELECT 1 FROM inbox_entries WHERE inbox_entries.inbox = inboxes.inbox)
     ORDER BY used LIMIT ?3)), 0))",
    "DELETE FROM inboxes WHERE inbox IN (SELECT inbox FROM inboxes
     WHERE used < ?2 AND NOT EXISTS (SELECT 1 FROM inbox_entries WHERE inbox_entries.inbox = inboxes.inbox)
     ORDER BY used LIMIT ?3)",
];

impl Store {
    /// Deletes what is over: entries of inboxes whose time is over, and what is known of instances and inboxes that were
    /// idle for [`keep_idle`](super::StoreConfig::keep_idle). At most 100,000 of each: what is left waits for the next time.
    /// `now` is in milliseconds since 1970. Returns how many rows went.
    ///
    /// # Errors
    /// When it could not go on. What is deleted is.
    pub async fn clean(&self, now: u64) -> Result<u64, StoreError> {
        let keep = u64::try_from(self.config().keep_idle.as_millis()).unwrap_or(u64::MAX);
        let mut total = 0;
        for _ in 0..ROUNDS {
            let deleted = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&deleted);
            let write: Write = Box::new(move |connection| {
                async move {
                    count.store(clean(connection, now, now.saturating_sub(keep)).await?, Ordering::Relaxed);
                    Ok(())
                }
                .boxed()
            });
            self.write(vec![write], Vec::new()).await?;
            match deleted.load(Ordering::Relaxed) {
                0 => break,
                deleted => total += deleted,
            }
        }
        Ok(total)
    }

    /// Cleans every hour, from now on, until the future is dropped.
    pub async fn keep_clean(&self) {
        let mut interval = tokio::time::interval(Duration::from_secs(60 * 60));
        loop {
            interval.tick().await;
            match self.clean(crate::clock::epoch_millis()).await {
                Ok(rows) => tracing::debug!(rows, "the storage is clean"),
                Err(error) => tracing::warn!(%error, "the storage was not cleaned; the next time is in an hour"),
            }
        }
    }
}

async fn clean(connection: &mut SqliteConnection, now: u64, idle: u64) -> Result<u64, StoreError> {
    let mut deleted = 0;
    for statement in STATEMENTS {
        let done = sqlx::query(statement)
            .bind(columns::number(now))
            .bind(columns::number(idle))
            .bind(columns::number(ROWS))
            .execute(&mut *connection)
            .await?;
        if statement.starts_with("DELETE") {
            deleted += done.rows_affected();
        }
    }
    Ok(deleted)
}
