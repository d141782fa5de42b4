use std::{sync::Arc, time::Duration};

use nexus_core::socketio::delivery::Position;
use nexus_server::{
    Bytes, Payload,
    store::{Appended, Inbox, InboxRead, NewEntry, Store, StoreConfig},
};

use crate::support::{Folder, done, in_days, key, namespace, now, unit};

fn inbox(user: &str) -> Inbox {
    Inbox { user: Arc::from(user), namespace: namespace("/messaging") }
}

fn entry(n: u64) -> NewEntry {
    NewEntry { event: Arc::from("NEW"), payload: Payload::from_value(&n).unwrap() }
}

async fn append(store: &Store, inbox: &Inbox, n: u64) -> Position {
    let (write, appended) = store.append(inbox.clone(), entry(n));
    assert!(appended.position().is_none());
    store.write(vec![write], Vec::new()).await.unwrap();
    appended.position().unwrap().clone()
}

async fn report(store: &Store, inbox: &Inbox, position: &Position) {
    store.write(store.report(inbox.clone(), position).into_iter().collect(), Vec::new()).await.unwrap();
}

fn at(store: &Store, u: u64) -> Position {
    Position { generation: store.generation().into(), u }
}

/// The first and last of what was read, how many there are, and how many are lost.
fn span(read: &InboxRead) -> (Option<u64>, Option<u64>, usize, u64) {
    let positions: Vec<u64> = read.entries.iter().map(|entry| entry.position.u).collect();
    assert!(positions.is_sorted_by(|a, b| a < b));
    (positions.first().copied(), positions.last().copied(), positions.len(), read.lost)
}

#[tokio::test]
async fn entries_come_back_in_order_byte_for_byte_after_a_restart() {
    let folder = Folder::new();
    let store = folder.open().await;
    let payload = Payload::from_args(&("hi \u{1F98A}", Bytes::from_static(b"\0\xff"))).unwrap();
    let (first, _) = store.append(inbox("bob"), NewEntry { event: Arc::from("PHOTO"), payload: payload.clone() });
    let (second, _) = store.append(inbox("ada"), entry(1));
    let before = now();
    store.write(vec![first, second], Vec::new()).await.unwrap();
    assert_eq!(append(&store, &inbox("bob"), 2).await, at(&store, 2));
    store.close().await;

    let store = folder.open().await;
    let read = store.read_inbox(&inbox("bob"), None).await.unwrap();
    assert_eq!(span(&read), (Some(1), Some(2), 2, 0));
    assert_eq!((read.entries[0].event.as_str(), &read.entries[0].payload), ("PHOTO", &payload));
    assert!((before..=now()).contains(&read.entries[0].created));
    assert_eq!(span(&store.read_inbox(&inbox("ada"), None).await.unwrap()), (Some(1), Some(1), 1, 0));
    assert_eq!(store.read_inbox(&inbox("eve"), None).await.unwrap(), InboxRead::default());
    let elsewhere = Inbox { namespace: namespace("/realtime"), ..inbox("bob") };
    assert_eq!(store.read_inbox(&elsewhere, None).await.unwrap(), InboxRead::default());
}

#[tokio::test]
async fn the_hundred_newest_are_kept_and_a_reader_learns_what_it_missed() {
    let folder = Folder::new();
    let store = folder.open().await;
    let bob = inbox("bob");
    for n in 1..=100 {
        append(&store, &bob, n).await;
    }
    assert_eq!(span(&store.read_inbox(&bob, None).await.unwrap()), (Some(1), Some(100), 100, 0));
    for n in 101..=104 {
        append(&store, &bob, n).await;
    }
    assert_eq!(span(&store.read_inbox(&bob, None).await.unwrap()), (Some(5), Some(104), 100, 4));
    let read = |u| {
        let (store, bob) = (store.clone(), bob.clone());
        async move { span(&store.read_inbox(&bob, Some(&at(&store, u))).await.unwrap()) }
    };
    assert_eq!(read(2).await, (Some(5), Some(104), 100, 2));
    assert_eq!(read(4).await, (Some(5), Some(104), 100, 0));
    assert_eq!(read(103).await, (Some(104), Some(104), 1, 0));
    assert_eq!(read(104).await, (None, None, 0, 0));
    assert_eq!(read(1_000_000).await, (None, None, 0, 0), "one from the future gets nothing twice");
}

#[tokio::test]
async fn only_a_report_moves_the_users_position_and_only_forwards() {
    let folder = Folder::new();
    let store = folder.open().await;
    let bob = inbox("bob");
    for n in 1..=5 {
        append(&store, &bob, n).await;
    }
    let read = || async { span(&store.read_inbox(&bob, None).await.unwrap()) };
    assert_eq!(read().await, (Some(1), Some(5), 5, 0));
    assert_eq!(read().await, (Some(1), Some(5), 5, 0), "reading moves nothing");
    for (u, first) in [(3, 4), (2, 4), (6, 4), (u64::MAX, 4), (4, 5)] {
        report(&store, &bob, &at(&store, u)).await;
        assert_eq!(read().await.0, Some(first), "after {u}");
    }
    assert!(store.report(bob.clone(), &Position { generation: "other".into(), u: 5 }).is_none());
    // A device that says where it is gets what is past that, whatever others have.
    assert_eq!(span(&store.read_inbox(&bob, Some(&at(&store, 1))).await.unwrap()), (Some(2), Some(5), 4, 0));
}

#[tokio::test]
async fn a_position_of_a_lost_database_gets_everything_and_is_told_of_the_gap() {
    let folder = Folder::new();
    let store = folder.open().await;
    let bob = inbox("bob");
    let foreign = Position { generation: "another".into(), u: 9 };
    assert_eq!(span(&store.read_inbox(&bob, Some(&foreign)).await.unwrap()), (None, None, 0, 1));
    append(&store, &bob, 1).await;
    report(&store, &bob, &at(&store, 1)).await;
    assert_eq!(span(&store.read_inbox(&bob, Some(&foreign)).await.unwrap()), (Some(1), Some(1), 1, 1));
}

#[tokio::test]
async fn what_is_expired_is_neither_read_nor_kept_and_is_told() {
    let folder = Folder::new();
    let store = folder.open_with(StoreConfig { inbox_ttl: Duration::ZERO, ..StoreConfig::default() }).await;
    let bob = inbox("bob");
    append(&store, &bob, 1).await;
    assert_eq!(span(&store.read_inbox(&bob, None).await.unwrap()), (None, None, 0, 1));
    store.close().await;
    let store = folder.open().await;
    append(&store, &bob, 2).await;
    assert_eq!(store.clean(now()).await, Ok(1));
    assert_eq!(span(&store.read_inbox(&bob, None).await.unwrap()), (Some(2), Some(2), 1, 1));
    assert_eq!(store.clean(in_days(6)).await, Ok(0));
    assert_eq!(store.clean(in_days(8)).await, Ok(1));
    assert_eq!(span(&store.read_inbox(&bob, None).await.unwrap()), (None, None, 0, 2));
}

#[tokio::test]
async fn no_position_is_given_twice_even_when_its_inbox_was_forgotten() {
    let folder = Folder::new();
    let store = folder.open().await;
    for n in 1..=7 {
        append(&store, &inbox("bob"), n).await;
    }
    append(&store, &inbox("ada"), 1).await;
    assert_eq!(store.clean(in_days(40)).await, Ok(8 + 2), "entries and inboxes");
    assert_eq!(append(&store, &inbox("ada"), 2).await.u, 8);
    assert_eq!(append(&store, &inbox("bob"), 8).await.u, 8);
    // Who was away for so long is told that something may be missing.
    let read = store.read_inbox(&inbox("bob"), Some(&at(&store, 3))).await.unwrap();
    assert_eq!(span(&read), (Some(8), Some(8), 1, 1));
    let read = store.read_inbox(&inbox("bob"), Some(&at(&store, 7))).await.unwrap();
    assert_eq!(span(&read), (Some(8), Some(8), 1, 0));
}

#[tokio::test]
async fn an_effect_of_an_event_that_is_not_committed_is_in_no_inbox() {
    let folder = Folder::new();
    let store = folder.open().await;
    let with_append = |id| {
        let (write, appended): (_, Appended) = store.append(inbox("bob"), entry(id));
        let mut unit = unit(&key("ada", "one"), 1, done(id));
        unit.writes.push(write);
        (unit, appended)
    };
    let (unit, appended) = with_append(1);
    store.commit(unit).await.unwrap();
    assert_eq!(appended.position().unwrap().u, 1);
    let (mut unit, _) = with_append(2);
    unit.writes.push(crate::support::statement("INSERT INTO nowhere VALUES (1)"));
    assert!(store.commit(unit).await.is_err());
    let (unit, appended) = with_append(2);
    store.commit(unit).await.unwrap();
    assert_eq!(appended.position().unwrap().u, 2);
    assert_eq!(span(&store.read_inbox(&inbox("bob"), None).await.unwrap()), (Some(1), Some(2), 2, 0));
}
