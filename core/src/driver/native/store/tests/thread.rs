use std::{
    sync::{
        Barrier,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use super::{super::*, *};

const PATIENCE: Duration = Duration::from_secs(20);

fn request(ticket: u64, operation: StoreOperation) -> StoreRequest {
    StoreRequest { ticket: StoreTicket::from_u64(ticket), operation }
}

fn open_request(ticket: u64, user: &str, instance: &str) -> StoreRequest {
    request(ticket, StoreOperation::Open { user_id: user.to_owned(), instance: instance.into() })
}

fn commit_request(ticket: u64, message: StoredMessage) -> StoreRequest {
    request(ticket, StoreOperation::Commit { changes: vec![StoreChange::Put(message)] })
}

fn answer(events: &Receiver<StoreEvent>, expected: u64) -> Result<StoreAnswer, StoreError> {
    match events.recv_timeout(PATIENCE).unwrap() {
        StoreEvent::Answer { ticket, result } => {
            assert_eq!(ticket.as_u64(), expected);
            result
        }
        StoreEvent::Adopted { messages } => panic!("adopted {messages:?}"),
    }
}

fn start(scratch: &Scratch) -> (Store, oneshot::Receiver<()>, Receiver<StoreEvent>) {
    let (tell, events) = channel();
    let report = move |event| {
        let _test_has_ended = tell.send(event);
    };
    let (store, ended) = Store::start(scratch.path(), SERVER.to_owned(), report).unwrap();
    (store, ended, events)
}

#[test]
fn requests_are_answered_in_order_and_all_before_the_end() {
    let scratch = Scratch::new();
    let (store, ended, events) = start(&scratch);
    store.request(commit_request(1, message("first", 1)));
    store.request(open_request(2, "ada", "first"));
    store.request(commit_request(3, message("first", 1)));
    store.request(request(4, StoreOperation::Close));
    store.request(open_request(5, "ada", "second"));
    drop(store);
    ended.blocking_recv().unwrap();
    assert_eq!(answer(&events, 1).unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(matches!(answer(&events, 2), Ok(StoreAnswer::Opened(_))));
    assert!(matches!(answer(&events, 3), Ok(StoreAnswer::Committed)));
    assert!(matches!(answer(&events, 4), Ok(StoreAnswer::Committed)));
    let Ok(StoreAnswer::Opened(outbox)) = answer(&events, 5) else { panic!("not opened") };
    assert_eq!(outbox.messages, [message("first", 1)]);
    assert!(events.recv().is_err());
}

#[test]
fn what_another_left_is_reported_when_it_is_looked_for() {
    let scratch = Scratch::new();
    let (mut other, _) = opened(&scratch, "other");
    let (store, _ended, events) = start(&scratch);
    store.request(open_request(1, "ada", "first"));
    answer(&events, 1).unwrap();
    put(&mut other, &message("other", 1)).unwrap();
    store.adopt_soon();
    kill(other);
    store.adopt_soon();
    match events.recv_timeout(PATIENCE).unwrap() {
        StoreEvent::Adopted { messages } => assert_eq!(messages, [message("other", 1)]),
        StoreEvent::Answer { ticket, result } => panic!("{ticket}: {result:?}"),
    }
}

#[test]
fn requests_beyond_the_bound_are_refused_in_their_turn() {
    let scratch = Scratch::new();
    let barrier = Arc::new(Barrier::new(2));
    let (tell, events) = channel();
    let held = Arc::clone(&barrier);
    let report = move |event: StoreEvent| {
        if matches!(event, StoreEvent::Answer { ticket, .. } if ticket.as_u64() == 1) {
            held.wait();
            held.wait();
        }
        let _test_has_ended = tell.send(event);
    };
    let (store, _ended) = Store::start(scratch.path(), SERVER.to_owned(), report).unwrap();
    store.request(open_request(1, "ada", "first"));
    barrier.wait();
    let last = 1 + MAX_WAITING as u64;
    for ticket in 2..=last + 2 {
        store.request(commit_request(ticket, message("first", ticket)));
    }
    barrier.wait();
    answer(&events, 1).unwrap();
    for ticket in 2..=last {
        answer(&events, ticket).unwrap();
    }
    for ticket in last + 1..=last + 2 {
        assert_eq!(answer(&events, ticket).unwrap_err().kind, StoreErrorKind::Unavailable);
    }
}
