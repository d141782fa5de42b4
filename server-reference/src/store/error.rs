use std::time::Duration;

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
    /// Something else. Storage may be well: the statements of a write may have failed.
    #[error("the storage failed: {0}")]
    Failed(String),
}
