use nexus_core::socketio::delivery::Outcome;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{LedgerKey, LedgerState, Recorded, StoreError, columns, error::sqlite_code};

/// An outcome that is to be recorded, and when that is.
pub(super) struct Entry {
    pub(super) key: LedgerKey,
    pub(super) lowest: u64,
    pub(super) record: Recorded,
    pub(super) now: u64,
}

/// `SQLITE_CONSTRAINT_PRIMARYKEY`.
const IS_THERE: i32 = 1555;

pub(super) async fn load(connection: &mut SqliteConnection, key: &LedgerKey) -> Result<LedgerState, StoreError> {
    let rows = sqlx::query(
        "SELECT lowest, id, hash, code, ack, attachments FROM ledgers LEFT JOIN outcomes USING (ledger)
         WHERE user = ?1 AND namespace = ?2 AND instance = ?3 ORDER BY id",
    )
    .bind(&*key.user)
    .bind(key.namespace.as_str())
    .bind(&*key.instance)
    .fetch_all(connection)
    .await?;
    let mut state = LedgerState::default();
    for row in rows {
        state.lowest = columns::unsigned(row.try_get("lowest")?);
        if let Some(id) = row.try_get::<Option<i64>, _>("id")? {
            state.outcomes.push(recorded(columns::unsigned(id), &row)?);
        }
    }
    Ok(state)
}

fn recorded(id: u64, row: &SqliteRow) -> Result<Recorded, StoreError> {
    let hash: Vec<u8> = row.try_get("hash")?;
    let code: Option<String> = row.try_get("code")?;
    Ok(Recorded {
        id,
        hash: hash.try_into().map_err(|_| StoreError::Corrupt)?,
        outcome: code.map_or(Outcome::Done, |code| Outcome::Rejected { code: code.into() }),
        ack: columns::payload(row.try_get("ack")?, row.try_get("attachments")?)?,
    })
}

/// Records an outcome, and drops those that the client needs no more.
pub(super) async fn record(connection: &mut SqliteConnection, entry: &Entry) -> Result<(), StoreError> {
    let Entry { key, lowest, record, now } = entry;
    let code = match &record.outcome {
        Outcome::Done => None,
        Outcome::Rejected { code } => Some(&**code),
        other => return Err(StoreError::Failed(format!("{other:?} is not recorded"))),
    };
    let ledger: i64 = sqlx::query_scalar(
        "INSERT INTO ledgers (user, namespace, instance, lowest, used) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (user, namespace, instance)
         DO UPDATE SET lowest = max(lowest, excluded.lowest), used = excluded.used
         RETURNING ledger",
    )
    .bind(&*key.user)
    .bind(key.namespace.as_str())
    .bind(&*key.instance)
    .bind(columns::number(*lowest))
    .bind(columns::number(*now))
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM outcomes WHERE ledger = ?1 AND id < ?2")
        .bind(ledger)
        .bind(columns::number(*lowest))
        .execute(&mut *connection)
        .await?;
    let inserted =
        sqlx::query("INSERT INTO outcomes (ledger, id, hash, code, ack, attachments) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(ledger)
            .bind(columns::number(record.id))
            .bind(&record.hash[..])
            .bind(code)
            .bind(columns::args(&record.ack))
            .bind(columns::attachments(&record.ack))
            .execute(connection)
            .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if sqlite_code(&error) == Some(IS_THERE) => Err(StoreError::Recorded),
        Err(error) => Err(error.into()),
    }
}

/// Whether an outcome stands there: this one, as it is told from others by its hash.
pub(super) async fn has(connection: &mut SqliteConnection, entry: &Entry) -> Result<bool, StoreError> {
    let state = load(connection, &entry.key).await?;
    Ok(state.outcomes.contains(&entry.record))
}
