use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use redb::{StorageBackend, backends::FileBackend};

use super::{
    super::{
        contents::Contents,
        directory::{MAX_DAMAGED, create_file, set_aside},
        outbox::{Outbox, builder},
        record::Owner,
    },
    *,
};
use crate::manager::StoreErrorKind;

const MESSAGES: u64 = 100;

/// An outbox that was killed, with every third message removed.
fn abandoned(scratch: &Scratch) -> (PathBuf, Vec<StoredMessage>) {
    let (mut first, _) = opened(scratch, "first");
    for id in 1..=MESSAGES {
        put(&mut first, &message("first", id)).unwrap();
    }
    let changes: Vec<_> =
        (1..=MESSAGES).filter(|id| id % 3 == 0).map(|id| StoreChange::Remove { key: key("first", id) }).collect();
    first.commit(&changes, 0).unwrap();
    kill(first);
    let left = (1..=MESSAGES).filter(|id| id % 3 != 0).map(|id| message("first", id)).collect();
    (only(scratch.files("outbox")), left)
}

/// What is taken over is as it was, and the rest is counted, or at least that there is one. Gives how many are lost.
fn assert_saved(scratch: &Scratch, path: &Path, bytes: &[u8], there: &[StoredMessage]) -> u64 {
    fs::write(path, bytes).unwrap();
    let (second, outbox) = opened(scratch, "second");
    // Where the last commit's record of what is live is lost, that of an earlier one counts.
    for found in &outbox.messages {
        assert_eq!(*found, message("first", found.key.id));
    }
    let lost = there.iter().filter(|message| !outbox.messages.contains(message)).count() as u64;
    assert!(outbox.unreadable >= u64::from(lost > 0), "{lost} lost, {} counted", outbox.unreadable);
    assert!(!path.exists());
    let damaged = scratch.files("damaged");
    assert_eq!(damaged.len(), usize::from(outbox.unreadable > 0));
    for file in damaged {
        assert_eq!(fs::read(&file).unwrap().len(), bytes.len(), "nothing is deleted");
        fs::remove_file(file).unwrap();
    }
    drop(second);
    for file in scratch.files("outbox") {
        fs::remove_file(file).unwrap();
    }
    lost
}

#[test]
fn damage_costs_what_it_hits() {
    let scratch = Scratch::new();
    let (path, there) = abandoned(&scratch);
    let bytes = copy_aside(&path);
    let mut lost = 0;
    const PLACES: usize = 40;
    for place in 0..PLACES {
        let mut damaged = bytes.clone();
        let at = (bytes.len() - 64) * place / PLACES;
        damaged[at..at + 64].iter_mut().for_each(|byte| *byte = byte.wrapping_mul(31).wrapping_add(17));
        lost += assert_saved(&scratch, &path, &damaged, &there);
    }
    assert!(lost < PLACES as u64, "{lost} messages lost in {PLACES} files");
}

#[test]
fn of_a_truncated_file_the_rest_is_saved() {
    let scratch = Scratch::new();
    let (path, there) = abandoned(&scratch);
    let bytes = copy_aside(&path);
    const PLACES: usize = 20;
    // Not at its very beginning: an empty file is one that nothing had been written to.
    let lost: Vec<_> = (1..=PLACES)
        .map(|place| assert_saved(&scratch, &path, &bytes[..bytes.len() * place / PLACES], &there))
        .collect();
    assert_eq!(lost[PLACES - 1], 0);
    assert!(lost.iter().filter(|lost| **lost < there.len() as u64).count() >= PLACES / 2, "{lost:?}");
}

#[test]
fn what_is_no_outbox_at_all_is_set_aside() {
    let scratch = Scratch::new();
    let (path, _) = abandoned(&scratch);
    fs::write(&path, "not an outbox ".repeat(1000)).unwrap();
    let (_second, outbox) = opened(&scratch, "second");
    assert_eq!((outbox.messages.len(), outbox.unreadable), (0, 1));
    assert_eq!(scratch.files("damaged").len(), 1);
}

#[test]
fn no_more_damaged_files_are_kept_than_the_bound_says() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path()).unwrap();
    for number in 0..MAX_DAMAGED + 2 {
        let path = scratch.path().join(format!("{number}.outbox"));
        fs::write(&path, "damaged").unwrap();
        set_aside(&path).unwrap();
        assert_eq!(scratch.files("damaged").len(), (number + 1).min(MAX_DAMAGED));
    }
}

/// A file on a disk that takes so many bytes more.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    room: Arc<AtomicU64>,
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let take = |room: u64| room.checked_sub(data.len() as u64);
        if self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write(offset, data)
    }
}

#[test]
fn a_full_disk_is_said_and_survived() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path()).unwrap();
    let path = scratch.path().join("0-first.outbox");
    let room = Arc::new(AtomicU64::new(10 << 20));
    let disk = Disk { file: FileBackend::new(create_file(&path).unwrap()).unwrap(), room: Arc::clone(&room) };
    let owner = Owner { server: SERVER.to_owned(), user: "ada".to_owned() };
    let database = builder().create_with_backend(disk).unwrap();
    let mut outbox = Outbox::with_database(&path, owner.clone(), database).unwrap();
    outbox.commit(&[StoreChange::Put(message("first", 1))], 0).unwrap();
    room.store(2000, Ordering::Relaxed);
    let error = outbox.commit(&[StoreChange::Put(message("first", 2))], 0).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Full);
    // There is room again: the file is opened anew, without the disk in between.
    outbox.commit(&[StoreChange::Put(message("first", 3))], 0).unwrap();
    assert!(outbox.contains(&key("first", 1)) && !outbox.contains(&key("first", 2)));
    drop(outbox);
    let contents = Contents::read(&path).unwrap();
    assert_eq!(contents.owner, Some(owner));
    assert_eq!(contents.unreadable, 0);
    assert_eq!(contents.messages.into_values().collect::<Vec<_>>(), [message("first", 1), message("first", 3)]);
}

#[test]
fn more_ranges_than_the_bound_are_told_apart_no_more_but_lose_nothing() {
    let scratch = Scratch::new();
    let (mut first, _) = opened(&scratch, "first");
    let ids = 1..=1200;
    let puts: Vec<_> = ids.clone().map(|id| StoreChange::Put(message("first", id))).collect();
    first.commit(&puts, 0).unwrap();
    let removals: Vec<_> =
        ids.clone().filter(|id| id % 2 == 0).map(|id| StoreChange::Remove { key: key("first", id) }).collect();
    first.commit(&removals, 0).unwrap();
    kill(first);
    let (_second, outbox) = opened(&scratch, "second");
    assert_eq!((outbox.messages.len(), outbox.unreadable), (600, 0));
}
