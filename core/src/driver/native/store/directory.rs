//! The directory in which outboxes lie: their names, locks, and what becomes of those that nobody owns.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    contents::io_error,
    record::{Owner, fnv},
};
use crate::manager::{StoreError, StoreErrorKind};

/// Ending of an outbox.
const OUTBOX: &str = "outbox";
/// Ending of its lock. A file of its own: an outbox may be set aside while it is locked.
const LOCK: &str = "lock";
/// Ending of an outbox that was damaged, behind its own.
const DAMAGED: &str = "damaged";
/// Held while outboxes are made or taken over.
const DIRECTORY_LOCK: &str = "directory.lock";
/// Damaged files that are kept for people; the oldest goes for a newer one.
pub(super) const MAX_DAMAGED: usize = 8;
/// The longest wait for another process that makes or takes over an outbox: so many times [`LOCK_PAUSE`].
const LOCK_TRIES: usize = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The directory.
#[derive(Clone, Debug)]
pub(super) struct Directory(PathBuf);

/// The right to an outbox, as long as it is kept.
#[derive(Debug)]
pub(super) struct Claim {
    outbox: PathBuf,
    lock: PathBuf,
    file: File,
}

/// The right to make outboxes and take them over, as long as it is kept.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "holds the lock")] File);

impl Directory {
    /// Makes the directory if it is missing, for its owner only.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|error| io_error(&error))?;
        Ok(Self(path.to_owned()))
    }

    /// Waits until no other process makes or takes over an outbox: five seconds at most.
    pub(super) fn turn(&self) -> Result<Turn, StoreError> {
        let file = open_file(&self.0.join(DIRECTORY_LOCK)).map_err(|error| io_error(&error))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Turn(file)),
                Err(TryLockError::WouldBlock) => pause(),
                Err(TryLockError::Error(error)) => return Err(io_error(&error)),
            }
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, "another process holds the directory's lock"))
    }

    /// The path of an owner's outbox.
    pub(super) fn outbox(&self, owner: &Owner, instance: &str) -> PathBuf {
        self.0.join(format!("{}-{instance}.{OUTBOX}", prefix(owner)))
    }

    /// All outboxes that may be of this owner, in the order of their names.
    pub(super) fn outboxes(&self, owner: &Owner, _turn: &Turn) -> Result<Vec<PathBuf>, StoreError> {
        let prefix = format!("{}-", prefix(owner));
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(|error| io_error(&error))? {
            let path = entry.map_err(|error| io_error(&error))?.path();
            // What a crash has left, as nobody makes an outbox now.
            if path.extension().is_some_and(|extension| extension == LOCK)
                && path.file_stem() != Path::new(DIRECTORY_LOCK).file_stem()
                && !path.with_extension(OUTBOX).exists()
            {
                if open_file(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                    let _stays = fs::remove_file(&path);
                }
                continue;
            }
            let is_ours = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&prefix));
            if is_ours && path.extension().is_some_and(|extension| extension == OUTBOX) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Claims an outbox, whether it is there yet or not; `None` while somebody else owns it.
    pub(super) fn claim(&self, outbox: &Path, _turn: &Turn) -> Result<Option<Claim>, StoreError> {
        let lock = outbox.with_extension(LOCK);
        let file = open_file(&lock).map_err(|error| io_error(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { outbox: outbox.to_owned(), lock, file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(io_error(&error)),
        }
    }

    /// Makes what was done to names survive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync_directory(&self.0)
    }
}

impl Claim {
    pub(super) fn outbox(&self) -> &Path {
        &self.outbox
    }

    /// Deletes the outbox, or sets it aside if it is damaged. Gives the claim back if that failed.
    pub(super) fn dispose(self, is_damaged: bool, _turn: &Turn) -> Result<(), (Self, StoreError)> {
        let gone = if is_damaged { set_aside(&self.outbox) } else { fs::remove_file(&self.outbox) };
        if let Err(error) = gone {
            return Err((self, io_error(&error)));
        }
        // A lock that stays does no harm.
        let _stays = fs::remove_file(&self.lock);
        drop(self.file);
        Ok(())
    }

    /// Deletes an outbox in which there is nothing, or one that was never made.
    pub(super) fn discard(self) {
        let _not_there = fs::remove_file(&self.outbox);
        let _not_there = fs::remove_file(&self.lock);
        drop(self.file);
    }
}

/// Gives a damaged file another name. The oldest of too many is deleted.
pub(super) fn set_aside(outbox: &Path) -> io::Result<()> {
    let directory = outbox.parent().unwrap_or(Path::new("."));
    let mut damaged = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == DAMAGED) {
            damaged.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    damaged.sort();
    for (_, oldest) in damaged.iter().take((damaged.len() + 1).saturating_sub(MAX_DAMAGED)) {
        fs::remove_file(oldest)?;
    }
    fs::rename(outbox, outbox.with_added_extension(DAMAGED))?;
    sync_directory(directory)
}

/// A new file that only its owner can read.
pub(super) fn create_file(path: &Path) -> io::Result<File> {
    options().create_new(true).open(path)
}

/// A file that only its owner can read, made if it is missing.
fn open_file(path: &Path) -> io::Result<File> {
    options().create(true).truncate(false).open(path)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Server and user, without telling who they are.
fn prefix(owner: &Owner) -> String {
    format!("{:016x}", fnv(format!("{}\n{}", owner.server, owner.user).as_bytes()))
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a directory can't be opened as a file, and names are kept by the file system's own log.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the store's own thread waits for another process")]
fn pause() {
    std::thread::sleep(LOCK_PAUSE);
}
