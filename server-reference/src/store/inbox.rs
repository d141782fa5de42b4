use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use nexus_core::{
    ByteString,
    socketio::{Namespace, Payload, delivery::Position},
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Store, StoreConfig, StoreError, Write, columns};
use crate::clock;

/// Whose inbox, and in which namespace (`docs/protocol.md`, "Inbox").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inbox {
    /// The authenticated user.
    pub user: Arc<str>,
    /// The namespace.
    pub namespace: Namespace,
}

/// An event for an inbox.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// The event's name.
    pub event: Arc<str>,
    /// Its arguments.
    pub payload: Payload,
}

/// An event in an inbox.
#[derive(Clone, Debug, PartialEq)]
pub struct InboxEntry {
    /// Where it is.
    pub position: Position,
    /// The event's name.
    pub event: String,
    /// Its arguments.
    pub payload: Payload,
    /// When it was appended, in milliseconds since 1970.
    pub created: u64,
}

/// What an inbox has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InboxRead {
    /// The entries past the position that was asked for, in their order.
    pub entries: Vec<InboxEntry>,
    /// So many that were past it are gone: there were too many, or their time was over. Where it is not known how many, one
    /// more.
    pub lost: u64,
}

/// The position of what is appended, once it is.
#[derive(Clone, Debug, Default)]
pub struct Appended(Arc<OnceLock<Position>>);

impl Appended {
    /// The position. None before the append has run.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.0.get()
    }
}

impl Store {
    /// A write that appends to an inbox, of which the oldest entry goes when it is full.
    ///
    /// Positions rise in the order of commits, and so do calls of what runs [after](super::Unit::after) them: what is sent
    /// from there is sent in order.
    #[must_use]
    pub fn append(&self, inbox: Inbox, entry: NewEntry) -> (Write, Appended) {
        let appended = Appended::default();
        let (store, told) = (self.clone(), appended.clone());
        let write: Write = Box::new(move |connection| {
            async move {
                let u = append(connection, &inbox, &entry, store.config(), clock::epoch_millis()).await?;
                // Nobody else sets it: a write runs once.
                let _ = told.0.set(store.position(u));
                Ok(())
            }
            .boxed()
        });
        (write, appended)
    }

    /// What an inbox has past a position, or where none is given, past the one that was last reported.
    ///
    /// # Errors
    /// When it can't be read now.
    pub async fn read_inbox(&self, inbox: &Inbox, after: Option<&Position>) -> Result<InboxRead, StoreError> {
        let Ok(_read) = self.inner.reads.try_acquire() else { return Err(StoreError::busy()) };
        let mut connection = self.inner.readers.acquire().await?;
        self.read_inbox_in(&mut connection, inbox, after).await
    }

    /// As [`read_inbox`](Self::read_inbox), in the transaction of a [`Write`]: what is read is what was appended by the
    /// commits before, and nothing that comes later.
    ///
    /// # Errors
    /// When it can't be read now.
    pub async fn read_inbox_in(
        &self,
        connection: &mut SqliteConnection,
        inbox: &Inbox,
        after: Option<&Position>,
    ) -> Result<InboxRead, StoreError> {
        read(connection, inbox, after, self.generation(), clock::epoch_millis()).await
    }

    /// A write that notes up to where clients of a user have what is in an inbox. A lower position than one before, or one
    /// that was never given, changes nothing.
    #[must_use]
    pub fn report(&self, inbox: Inbox, position: &Position) -> Option<Write> {
        if position.generation != self.generation() {
            return None;
        }
        let u = position.u;
        Some(Box::new(move |connection| {
            async move { report(connection, &inbox, u, clock::epoch_millis()).await }.boxed()
        }))
    }

    fn position(&self, u: u64) -> Position {
        Position { generation: ByteString::from(self.generation()), u }
    }
}

async fn append(
    connection: &mut SqliteConnection,
    inbox: &Inbox,
    entry: &NewEntry,
    config: &StoreConfig,
    now: u64,
) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "INSERT INTO inboxes (user, namespace, base, last, reported, used)
         SELECT ?1, ?2, position_floor, position_floor + 1, position_floor, ?3 FROM store WHERE true
         ON CONFLICT (user, namespace) DO UPDATE SET last = last + 1, used = excluded.used
         RETURNING inbox, last",
    )
    .bind(&*inbox.user)
    .bind(inbox.namespace.as_str())
    .bind(columns::number(now))
    .fetch_one(&mut *connection)
    .await?;
    let (id, last): (i64, i64) = (row.try_get("inbox")?, row.try_get("last")?);
    let expires = now.saturating_add(u64::try_from(config.inbox_ttl.as_millis()).unwrap_or(u64::MAX));
    sqlx::query(
        "INSERT INTO inbox_entries (inbox, position, event, args, attachments, created, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(id)
    .bind(last)
    .bind(&*entry.event)
    .bind(columns::args(&entry.payload))
    .bind(columns::attachments(&entry.payload))
    .bind(columns::number(now))
    .bind(columns::number(expires))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM inbox_entries WHERE inbox = ?1 AND position <= ?2")
        .bind(id)
        .bind(last.saturating_sub(i64::from(config.inbox_entries.max(1))))
        .execute(connection)
        .await?;
    Ok(columns::unsigned(last))
}

async fn read(
    connection: &mut SqliteConnection,
    inbox: &Inbox,
    after: Option<&Position>,
    generation: &str,
    now: u64,
) -> Result<InboxRead, StoreError> {
    let row = sqlx::query("SELECT inbox, base, last, reported FROM inboxes WHERE user = ?1 AND namespace = ?2")
        .bind(&*inbox.user)
        .bind(inbox.namespace.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    // What a reader knows of another generation, or of an inbox that was deleted since, is no measure of this one: it may
    // have missed something, and nobody knows how much.
    let is_foreign = after.is_some_and(|after| after.generation != generation);
    let Some(row) = row else { return Ok(InboxRead { entries: Vec::new(), lost: u64::from(is_foreign) }) };
    let id: i64 = row.try_get("inbox")?;
    let [base, last, reported] = ["base", "last", "reported"].map(|column| row.try_get::<i64, _>(column));
    let (base, last, reported) = (columns::unsigned(base?), columns::unsigned(last?), columns::unsigned(reported?));
    let (from, is_unsure) = match after {
        None => (reported, false),
        Some(_) if is_foreign => (base, true),
        Some(after) if after.u < base => (base, true),
        Some(after) => (after.u.min(last), false),
    };
    let rows = sqlx::query(
        "SELECT position, event, args, attachments, created FROM inbox_entries
         WHERE inbox = ?1 AND position > ?2 AND expires > ?3 ORDER BY position",
    )
    .bind(id)
    .bind(columns::number(from))
    .bind(columns::number(now))
    .fetch_all(connection)
    .await?;
    let entries = rows.iter().map(|row| entry(row, generation)).collect::<Result<Vec<_>, _>>()?;
    // Positions come without gaps.
    let past = last.saturating_sub(from);
    let lost = past.saturating_sub(u64::try_from(entries.len()).unwrap_or(u64::MAX)) + u64::from(is_unsure);
    Ok(InboxRead { entries, lost })
}

fn entry(row: &SqliteRow, generation: &str) -> Result<InboxEntry, StoreError> {
    let u = columns::unsigned(row.try_get("position")?);
    Ok(InboxEntry {
        position: Position { generation: ByteString::from(generation), u },
        event: row.try_get("event")?,
        payload: columns::payload(row.try_get("args")?, row.try_get("attachments")?)?,
        created: columns::unsigned(row.try_get("created")?),
    })
}

async fn report(connection: &mut SqliteConnection, inbox: &Inbox, u: u64, now: u64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE inboxes SET reported = ?3, used = ?4
         WHERE user = ?1 AND namespace = ?2 AND reported < ?3 AND last >= ?3",
    )
    .bind(&*inbox.user)
    .bind(inbox.namespace.as_str())
    .bind(columns::number(u))
    .bind(columns::number(now))
    .execute(connection)
    .await?;
    Ok(())
}
