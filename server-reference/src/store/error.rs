use std::{path::PathBuf, time::Duration};

use thiserror::Error;

/// Why the storage did not do something.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It has too much to do, or another program holds the file, or the disk can't be written now: later it may work.
    #[error("the storage is busy: again after {} ms", retry_after.as_millis())]
    Busy {
        /// Not before this time.
        retry_after: Duration,
    },
    /// There is no room on the disk: it works again when there is.
    #[error("the storage is full")]
    Full,
    /// The file is damaged, or no database.
    #[error("the storage is damaged")]
    Corrupt,
    /// The id has an outcome already, which stays: [`load_ledger`](super::Store::load_ledger) gives it.
    #[error("the id has an outcome already")]
    Recorded,
    /// Something else. The storage may be well: the statements of a write may have failed.
    #[error("the storage failed: {0}")]
    Failed(String),
}

/// Why the storage could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder can't be made or written.
    #[error("the data folder {} can't be written: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("the data folder {} is in use by another server", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The file is no database, or a damaged one.
    #[error("{} is damaged or no database: put a copy in its place, or move it away to begin anew", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
    },
    /// The file was written by a newer version.
    #[error("{} was written by another version of the server (step {version} is not known here)", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// The first step that is not known, or differs.
        version: i64,
    },
    /// Something else.
    #[error("{} can't be opened: {reason}", file.display())]
    Failed {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

/// What a client is to wait where the storage can't say how long it will take.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// A full disk is not emptied in a moment.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(5);

impl StoreError {
    pub(crate) const fn busy() -> Self {
        Self::Busy { retry_after: RETRY_AFTER }
    }

    /// When the same may be tried again, where it can work then.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        match self {
            Self::Busy { retry_after } => *retry_after,
            Self::Recorded => RETRY_AFTER,
            Self::Full | Self::Corrupt | Self::Failed(_) => RETRY_AFTER_FULL,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => return Self::busy(),
            // Of the table of what is there, so it was written by somebody else.
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => return Self::Corrupt,
            _ => {}
        }
        // The low byte is the primary code: https://www.sqlite.org/rescode.html
        match sqlite_code(&error).map(|code| code & 0xff) {
            // Busy, locked, no memory, read-only, interrupted, an error of the disk, can't open.
            Some(5 | 6 | 7 | 8 | 9 | 10 | 14) => Self::busy(),
            Some(13) => Self::Full,
            Some(11 | 26) => Self::Corrupt,
            _ => Self::Failed(error.to_string()),
        }
    }
}

pub(super) fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}
