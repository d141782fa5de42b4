use super::*;
use crate::manager::StoreErrorKind;

#[test]
fn what_an_owner_leaves_its_successor_takes_over() {
    let scratch = Scratch::new();
    let (mut first, outbox) = opened(&scratch, "first");
    assert!(outbox.messages.is_empty());
    let namespace = Namespace::try_new("messaging").unwrap();
    for id in 1..=4 {
        put(&mut first, &message("first", id)).unwrap();
    }
    let sent = |id, generation: Option<&str>| StoreChange::Sent {
        key: key("first", id),
        generation: generation.map(Into::into),
    };
    let changes = [
        sent(1, Some("g")),
        sent(2, None),
        StoreChange::Remove { key: key("first", 3) },
        StoreChange::Remove { key: key("first", 99) },
        StoreChange::Position { namespace: namespace.clone(), position: position("k", 7) },
    ];
    first.commit(&changes, 50).unwrap();
    kill(first);

    let (second, outbox) = opened(&scratch, "second");
    let expected = vec![
        StoredMessage { sent: Some(Some("g".into())), ..message("first", 1) },
        StoredMessage { sent: Some(None), ..message("first", 2) },
        message("first", 4),
    ];
    assert_eq!(sorted(outbox.messages), expected);
    assert_eq!(outbox.positions, [(namespace.clone(), position("k", 7))]);
    assert_eq!(outbox.unreadable, 0);
    assert_eq!(scratch.files("outbox").len(), 1, "the former one is gone");
    assert_eq!(scratch.files("lock").len(), 2, "that of the second, and that of the directory");

    // A proper end leaves the same.
    drop(second);
    let (_third, outbox) = opened(&scratch, "third");
    assert_eq!(sorted(outbox.messages), expected);
    assert_eq!(outbox.positions, [(namespace, position("k", 7))]);
}

#[test]
fn a_commit_is_made_as_a_whole_and_a_message_replaced() {
    let scratch = Scratch::new();
    let (mut first, _) = opened(&scratch, "first");
    put(&mut first, &StoredMessage { sent: Some(None), ..message("first", 1) }).unwrap();
    let renumbered = StoredMessage { key: key("first", 2), ..message("first", 1) };
    let changes = [
        StoreChange::Remove { key: key("first", 1) },
        StoreChange::Put(renumbered.clone()),
        StoreChange::Put(StoredMessage { emitted_at: 9, ..renumbered.clone() }),
        StoreChange::Put(message("first", 3)),
        StoreChange::Remove { key: key("first", 3) },
    ];
    first.commit(&changes, 0).unwrap();
    drop(first);
    assert_eq!(opened(&scratch, "second").1.messages, [StoredMessage { emitted_at: 9, ..renumbered }]);
}

#[test]
fn two_live_owners_share_nothing() {
    let scratch = Scratch::new();
    let (mut first, _) = opened(&scratch, "first");
    put(&mut first, &message("first", 1)).unwrap();
    let (mut second, outbox) = opened(&scratch, "second");
    assert!(outbox.messages.is_empty());
    assert!(second.adopt().unwrap().messages.is_empty());
    put(&mut second, &message("second", 1)).unwrap();
    kill(first);
    assert_eq!(second.adopt().unwrap().messages, [message("first", 1)]);
    assert!(second.adopt().unwrap().messages.is_empty(), "once");
    kill(second);
    assert_eq!(sorted(opened(&scratch, "third").1.messages), [message("first", 1), message("second", 1)]);
}

#[test]
fn an_instance_that_lives_is_not_opened_again() {
    let scratch = Scratch::new();
    let (_first, _) = opened(&scratch, "first");
    let error = worker(&scratch).open("ada".to_owned(), "first").unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    let error = worker(&scratch).open("ada".to_owned(), "../first").unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
}

#[test]
fn nobody_gets_what_is_another_users_or_for_another_server() {
    let scratch = Scratch::new();
    let (mut first, _) = opened(&scratch, "first");
    put(&mut first, &message("first", 1)).unwrap();
    drop(first);
    let mut other = worker(&scratch);
    assert!(other.open("bob".to_owned(), "bobs").unwrap().messages.is_empty());
    let mut elsewhere = Worker::new(scratch.path(), "wss://elsewhere/socket.io/".to_owned());
    assert!(elsewhere.open("ada".to_owned(), "elsewhere").unwrap().messages.is_empty());
    // One whose name says the right user, and whose owner another.
    let bobs = scratch.files("outbox").into_iter().find(|path| path.to_str().unwrap().contains("bobs")).unwrap();
    put(&mut other, &message("bobs", 1)).unwrap();
    drop(other);
    let adas = scratch.files("outbox").into_iter().find(|path| path.to_str().unwrap().contains("-first")).unwrap();
    fs::rename(bobs, adas.with_file_name(adas.file_name().unwrap().to_str().unwrap().replace("first", "forged")))
        .unwrap();
    assert_eq!(opened(&scratch, "second").1.messages, [message("first", 1)]);
    assert_eq!(worker(&scratch).open("bob".to_owned(), "again").unwrap().messages, []);
}

#[test]
fn a_crash_before_the_former_outbox_is_deleted_doubles_nothing() {
    let scratch = Scratch::new();
    let (mut first, _) = opened(&scratch, "first");
    put(&mut first, &message("first", 1)).unwrap();
    kill(first);
    let path = only(scratch.files("outbox"));
    let bytes = copy_aside(&path);
    let (second, _) = opened(&scratch, "second");
    kill(second);
    fs::write(&path, bytes).unwrap();
    assert_eq!(scratch.files("outbox").len(), 2);
    let (third, outbox) = opened(&scratch, "third");
    assert_eq!(outbox.messages, [message("first", 1)]);
    assert_eq!(scratch.files("outbox").len(), 1);
    kill(third);
    assert_eq!(opened(&scratch, "fourth").1.messages, [message("first", 1)]);
}

#[test]
fn the_further_of_two_positions_is_kept() {
    let scratch = Scratch::new();
    let namespace = Namespace::try_new("messaging").unwrap();
    let at = |generation, u| StoreChange::Position { namespace: namespace.clone(), position: position(generation, u) };
    let (mut first, _) = opened(&scratch, "first");
    let (mut second, _) = opened(&scratch, "second");
    first.commit(&[at("k", 9)], 10).unwrap();
    second.commit(&[at("k", 8)], 20).unwrap();
    kill(first);
    kill(second);
    let (mut third, outbox) = opened(&scratch, "third");
    assert_eq!(outbox.positions, [(namespace.clone(), position("k", 9))]);
    third.commit(&[at("m", 1)], 30).unwrap();
    kill(third);
    assert_eq!(opened(&scratch, "fourth").1.positions, [(namespace, position("m", 1))]);
}

#[test]
fn an_empty_outbox_leaves_no_file() {
    let scratch = Scratch::new();
    let (mut first, _) = opened(&scratch, "first");
    put(&mut first, &message("first", 1)).unwrap();
    first.commit(&[StoreChange::Remove { key: key("first", 1) }], 0).unwrap();
    drop(first);
    assert!(scratch.files("outbox").is_empty());
    // Nor one that was killed before it had written anything, and locks of outboxes that are gone.
    let (second, _) = opened(&scratch, "second");
    let path = only(scratch.files("outbox"));
    kill(second);
    fs::write(&path, "").unwrap();
    fs::write(path.with_file_name("0-gone.lock"), "").unwrap();
    let (third, outbox) = opened(&scratch, "third");
    assert_eq!((outbox.messages.len(), outbox.unreadable), (0, 0));
    drop(third);
    assert_eq!(scratch.files("lock").len(), 1, "that of the directory");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    let (mut first, _) = opened(&scratch, "first");
    put(&mut first, &message("first", 1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.path()), 0o700);
    for path in [scratch.files("outbox"), scratch.files("lock")].concat() {
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
}

#[test]
fn a_directory_that_cannot_be_is_no_store() {
    let scratch = Scratch::new();
    fs::write(scratch.path(), "a file").unwrap();
    let error = worker(&scratch).open("ada".to_owned(), "first").unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    let mut closed = worker(&scratch);
    assert_eq!(closed.commit(&[], 0).unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(closed.adopt().unwrap().messages.is_empty());
}
