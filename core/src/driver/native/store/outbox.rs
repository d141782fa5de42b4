//! One outbox file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use redb::{Database, TableDefinition};

use super::{
    contents::{Contents, io_error, keep_newer, store_error},
    directory,
    record::{Frame, KeptPosition, Live, Owner, fnv},
};
use crate::{
    manager::{MessageKey, StoreChange, StoreError, StoredMessage},
    socketio::Namespace,
};

/// All records of a file, each under its row and what it is of that row.
pub(super) const FRAMES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("frames");

/// Pages kept in memory, in bytes.
const CACHE: usize = 1 << 20;
/// The most ranges of live rows that a commit writes. Where there would be more, the last covers the rest.
const MAX_RANGES: usize = 512;

const OWNER: u64 = 3;
const LIVE: u64 = 7;

fn message_at(row: u64) -> u64 {
    row << 2
}

fn sent_at(row: u64) -> u64 {
    (row << 2) | 1
}

fn position_at(namespace: &Namespace) -> u64 {
    (fnv(namespace.as_str().as_bytes()) << 2) | 2
}

/// How files are opened.
pub(super) fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}

/// An outbox that is open for writing, with an index of what is in it.
#[derive(Debug)]
pub(super) struct Outbox {
    path: PathBuf,
    owner: Owner,
    /// `None` after an error, until the file is opened again.
    database: Option<Database>,
    index: Index,
}

#[derive(Debug, Default)]
struct Index {
    rows: BTreeMap<MessageKey, u64>,
    live: BTreeSet<u64>,
    sent: BTreeSet<u64>,
    positions: BTreeMap<Namespace, KeptPosition>,
    next_row: u64,
    commit: u64,
}

/// What a commit makes of the index, once it is made.
#[derive(Default)]
struct Staged {
    rows: BTreeMap<MessageKey, Option<u64>>,
    removed: BTreeSet<u64>,
    added: BTreeSet<u64>,
    sent: BTreeSet<u64>,
    positions: BTreeMap<Namespace, KeptPosition>,
    next_row: u64,
}

impl Outbox {
    /// Makes a new, empty file, which only its owner can read.
    pub(super) fn create(path: &Path, owner: Owner) -> Result<Self, StoreError> {
        directory::create_file(path).map_err(|error| io_error(&error))?;
        let database = builder().create(path).map_err(|error| store_error(&error.into()))?;
        Self::with_database(path, owner, database)
    }

    pub(super) fn with_database(path: &Path, owner: Owner, database: Database) -> Result<Self, StoreError> {
        let index = Index { next_row: 1, ..Index::default() };
        let mut outbox = Self { path: path.to_owned(), owner, database: Some(database), index };
        outbox.commit(&[], 0)?;
        Ok(outbox)
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index.rows.is_empty() && self.index.positions.is_empty()
    }

    pub(super) fn contains(&self, key: &MessageKey) -> bool {
        self.index.rows.contains_key(key)
    }

    /// Makes all changes or none. `at` is the time of now, in milliseconds since 1970.
    pub(super) fn commit(&mut self, changes: &[StoreChange], at: u64) -> Result<(), StoreError> {
        self.write(changes, BTreeMap::new(), at)
    }

    fn write(
        &mut self,
        changes: &[StoreChange],
        positions: BTreeMap<Namespace, KeptPosition>,
        at: u64,
    ) -> Result<(), StoreError> {
        if self.database.is_none() {
            self.reopen()?;
        }
        let result = match &self.database {
            Some(database) => self.index.write(database, &self.owner, changes, positions, at),
            None => return Ok(()), // reopened above
        };
        match result {
            Ok(staged) => {
                self.index.apply(staged);
                Ok(())
            }
            Err(error) => {
                // An engine that has failed is not to be trusted with the next commit.
                self.database = None;
                Err(store_error(&error))
            }
        }
    }

    /// Reads the file anew. A damaged one is set aside, and what can be read of it goes to a new one.
    fn reopen(&mut self) -> Result<(), StoreError> {
        let contents = Contents::read(&self.path)?;
        if contents.unreadable > 0 {
            directory::set_aside(&self.path).map_err(|error| io_error(&error))?;
            let mut fresh = Self::create(&self.path, self.owner.clone())?;
            fresh.take_over(contents.messages.into_values(), contents.positions)?;
            *self = fresh;
            return Ok(());
        }
        self.database = Some(builder().open(&self.path).map_err(|error| store_error(&error.into()))?);
        self.index = Index::of(&contents);
        Ok(())
    }

    /// Takes messages and positions in, in one commit. Positions that are behind those of this outbox are left out.
    pub(super) fn take_over(
        &mut self,
        messages: impl IntoIterator<Item = StoredMessage>,
        positions: BTreeMap<Namespace, KeptPosition>,
    ) -> Result<(), StoreError> {
        let changes: Vec<_> = messages.into_iter().map(StoreChange::Put).collect();
        let mut kept = self.index.positions.clone();
        positions.into_iter().for_each(|(namespace, position)| keep_newer(&mut kept, namespace, position));
        kept.retain(|namespace, kept| self.index.positions.get(namespace) != Some(kept));
        if changes.is_empty() && kept.is_empty() { Ok(()) } else { self.write(&changes, kept, 0) }
    }

    /// The positions that it keeps.
    pub(super) fn positions(&self) -> &BTreeMap<Namespace, KeptPosition> {
        &self.index.positions
    }
}

impl Index {
    fn of(contents: &Contents) -> Self {
        let mut index = Self {
            positions: contents.positions.clone(),
            next_row: contents.next_row,
            commit: contents.commit,
            ..Self::default()
        };
        for (row, message) in &contents.messages {
            index.rows.insert(message.key.clone(), *row);
            index.live.insert(*row);
            if message.sent.is_some() {
                index.sent.insert(*row);
            }
        }
        index
    }

    fn write(
        &self,
        database: &Database,
        owner: &Owner,
        changes: &[StoreChange],
        positions: BTreeMap<Namespace, KeptPosition>,
        at: u64,
    ) -> Result<Staged, redb::Error> {
        let mut staged = Staged { positions, next_row: self.next_row, ..Staged::default() };
        let commit = self.commit + 1;
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(FRAMES)?;
            if self.commit == 0 {
                table.insert(OWNER, Frame::Owner(owner.clone()).encode().as_slice())?;
            }
            for change in changes {
                match change {
                    StoreChange::Put(message) => {
                        if let Some(row) = self.row(&staged, &message.key) {
                            table.remove(message_at(row))?;
                            table.remove(sent_at(row))?;
                            staged.remove(row);
                        }
                        let row = staged.next_row;
                        staged.next_row += 1;
                        let frame = Frame::Message { row, message: message.clone() };
                        table.insert(message_at(row), frame.encode().as_slice())?;
                        if let Some(generation) = message.sent.clone() {
                            let frame = Frame::Sent { row, commit, generation };
                            table.insert(sent_at(row), frame.encode().as_slice())?;
                            staged.sent.insert(row);
                        }
                        staged.added.insert(row);
                        staged.rows.insert(message.key.clone(), Some(row));
                    }
                    StoreChange::Sent { key, generation } => {
                        let Some(row) = self.row(&staged, key) else { continue };
                        let frame = Frame::Sent { row, commit, generation: generation.clone() };
                        table.insert(sent_at(row), frame.encode().as_slice())?;
                        staged.sent.insert(row);
                    }
                    StoreChange::Remove { key } => {
                        let Some(row) = self.row(&staged, key) else { continue };
                        table.remove(message_at(row))?;
                        if self.sent.contains(&row) || staged.sent.contains(&row) {
                            table.remove(sent_at(row))?;
                        }
                        staged.remove(row);
                        staged.rows.insert(key.clone(), None);
                    }
                    StoreChange::Position { namespace, position } => {
                        let kept = KeptPosition { position: position.clone(), at };
                        staged.positions.insert(namespace.clone(), kept);
                    }
                }
            }
            for (namespace, kept) in &staged.positions {
                let frame = Frame::Position { namespace: namespace.clone(), kept: kept.clone() };
                table.insert(position_at(namespace), frame.encode().as_slice())?;
            }
            let live = self.live.iter().filter(|row| !staged.removed.contains(row)).chain(&staged.added);
            let live = Frame::Live(ranges(commit, staged.next_row, live.copied()));
            table.insert(LIVE, live.encode().as_slice())?;
        }
        transaction.commit()?;
        Ok(staged)
    }

    fn row(&self, staged: &Staged, key: &MessageKey) -> Option<u64> {
        match staged.rows.get(key) {
            Some(row) => *row,
            None => self.rows.get(key).copied(),
        }
    }

    fn apply(&mut self, staged: Staged) {
        self.commit += 1;
        self.next_row = staged.next_row;
        for (key, row) in staged.rows {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
        for row in &staged.removed {
            self.live.remove(row);
            self.sent.remove(row);
        }
        self.live.extend(staged.added);
        self.sent.extend(staged.sent);
        self.positions.extend(staged.positions);
    }
}

impl Staged {
    fn remove(&mut self, row: u64) {
        self.added.remove(&row);
        self.sent.remove(&row);
        self.removed.insert(row);
    }
}

/// Rows in their order, as ranges.
fn ranges(commit: u64, next_row: u64, rows: impl Iterator<Item = u64>) -> Live {
    let mut live = Live { commit, next_row, exact: true, ranges: Vec::new() };
    for row in rows {
        let full = live.ranges.len() >= MAX_RANGES;
        match live.ranges.last_mut() {
            Some((_, last)) if *last + 1 == row || full => {
                live.exact &= *last + 1 == row;
                *last = row;
            }
            _ => live.ranges.push((row, row)),
        }
    }
    live
}
