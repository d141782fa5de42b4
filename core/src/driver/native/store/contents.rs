//! Reading a whole outbox file, damaged or not.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use redb::{Database, ReadableDatabase, ReadableTable};

use super::{
    outbox::{FRAMES, builder},
    record::{Frame, KeptPosition, Live, MAGIC, Owner},
};
use crate::{
    manager::{StoreError, StoreErrorKind, StoredMessage},
    socketio::Namespace,
};

/// What is in an outbox file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contents {
    pub(super) owner: Option<Owner>,
    /// By row.
    pub(super) messages: BTreeMap<u64, StoredMessage>,
    pub(super) positions: BTreeMap<Namespace, KeptPosition>,
    /// Records that were there, as far as that can be told, and can't be read.
    pub(super) unreadable: u64,
    /// Of the last commit.
    pub(super) commit: u64,
    /// For the next message.
    pub(super) next_row: u64,
}

impl Contents {
    /// Reads a file that nobody has open. What is damaged is left out and counted.
    pub(super) fn read(path: &Path) -> Result<Self, StoreError> {
        if fs::metadata(path).map_err(|error| io_error(&error))?.len() == 0 {
            // Its owner went before it had written anything.
            return Ok(Self::default());
        }
        match open_checked(path).and_then(|database| read_frames(&database)) {
            Ok(found) => Ok(found.contents()),
            Err(error) if is_damage(&error) => {
                tracing::warn!(%error, "an outbox is damaged: what can be read is saved");
                let bytes = fs::read(path).map_err(|error| io_error(&error))?;
                let mut contents = scan(&bytes).contents();
                contents.unreadable = contents.unreadable.max(1);
                Ok(contents)
            }
            Err(error) => Err(store_error(&error)),
        }
    }
}

/// A plain open would trust what is in the file.
fn open_checked(path: &Path) -> Result<Database, redb::Error> {
    Ok(builder().set_check_integrity_on_open(true).open(path)?)
}

fn read_frames(database: &Database) -> Result<Found, redb::Error> {
    let mut found = Found::default();
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(FRAMES) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(found),
        Err(error) => return Err(error.into()),
    };
    for entry in table.iter()? {
        if let Some((frame, _)) = Frame::decode(entry?.1.value()) {
            found.take(frame);
        }
    }
    Ok(found)
}

/// Finds frames wherever they lie, older states of the file included.
pub(super) fn scan(bytes: &[u8]) -> Found {
    let mut found = Found::default();
    let mut rest = bytes;
    while let Some(at) = rest.windows(MAGIC.len()).position(|window| window == MAGIC) {
        rest = rest.get(at..).unwrap_or_default();
        let length = Frame::decode(rest).map_or(1, |(frame, length)| {
            found.take(frame);
            length
        });
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

/// Frames, before they are put together.
#[derive(Debug, Default)]
pub(super) struct Found {
    owner: Option<Owner>,
    live: Option<Live>,
    messages: BTreeMap<u64, StoredMessage>,
    sent: BTreeMap<u64, (u64, Option<bytestring::ByteString>)>,
    positions: BTreeMap<Namespace, KeptPosition>,
}

impl Found {
    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Owner(owner) => self.owner = Some(owner),
            Frame::Live(live) => {
                if self.live.as_ref().is_none_or(|known| known.commit <= live.commit) {
                    self.live = Some(live);
                }
            }
            Frame::Message { row, message } => {
                self.messages.insert(row, message);
            }
            Frame::Sent { row, commit, generation } => {
                let latest = self.sent.get(&row).is_none_or(|(known, _)| *known <= commit);
                if latest {
                    self.sent.insert(row, (commit, generation));
                }
            }
            Frame::Position { namespace, kept } => keep_newer(&mut self.positions, namespace, kept),
        }
    }

    pub(super) fn contents(self) -> Contents {
        let Self { owner, live, mut messages, mut sent, positions } = self;
        let mut unreadable = 0;
        if let Some(live) = &live {
            messages.retain(|row, _| live.ranges.iter().any(|(first, last)| (first..=last).contains(&row)));
            let expected: u64 = live.ranges.iter().map(|(first, last)| last.saturating_sub(*first) + 1).sum();
            if live.exact {
                unreadable = expected.saturating_sub(messages.len() as u64);
            }
        }
        for (row, message) in &mut messages {
            message.sent = sent.remove(row).map(|(_, generation)| generation);
        }
        let (commit, next_row) = live.map_or((0, 1), |live| (live.commit, live.next_row));
        Contents { owner, messages, positions, unreadable, commit, next_row }
    }
}

/// Keeps the further of two positions in one inbox, or else the one that was kept last.
pub(super) fn keep_newer(positions: &mut BTreeMap<Namespace, KeptPosition>, namespace: Namespace, kept: KeptPosition) {
    let replaces = positions.get(&namespace).is_none_or(|known| {
        if known.position.generation == kept.position.generation {
            known.position.u <= kept.position.u
        } else {
            known.at <= kept.at
        }
    });
    if replaces {
        positions.insert(namespace, kept);
    }
}

fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof),
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => false,
        _ => true,
    }
}

/// What the manager is told of an engine's error.
pub(super) fn store_error(error: &redb::Error) -> StoreError {
    match error {
        redb::Error::Io(error) => io_error(error),
        redb::Error::Corrupted(message) => StoreError::new(StoreErrorKind::Corrupt, message.as_str()),
        other => StoreError::new(StoreErrorKind::Unavailable, other.to_string()),
    }
}

/// What the manager is told of an error of the file system.
pub(super) fn io_error(error: &io::Error) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreErrorKind::Full,
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error.to_string())
}
