use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    super::Received::{Repeat, Run},
    *,
};
use crate::delivery::{Buffered, Jump, Received};

const MAX_BYTES: usize = 64;

fn ledger() -> Buffered<u32> {
    Buffered::new(MAX_BYTES)
}

fn receive(ledger: &mut Buffered<u32>, id: u64, lowest: u64, waiter: Option<u32>) -> Result<Received<u32>, Jump> {
    ledger.receive(&marker(Class::Buffered, id, lowest), waiter)
}

#[test]
fn each_id_runs_once_and_in_order() {
    let mut ledger = ledger();
    assert_eq!(receive(&mut ledger, 1, 1, None), Ok(Run));
    assert_eq!(receive(&mut ledger, 2, 1, None), Ok(Run));
    assert_eq!(receive(&mut ledger, 1, 1, None), Ok(Repeat(None)));
    assert_eq!(receive(&mut ledger, 4, 1, None), Err(Jump { id: 4, expected: 3 }));
    assert_eq!(receive(&mut ledger, 3, 3, None), Ok(Run), "a jump changes nothing");
    assert_eq!(ledger.last(), 3);
}

#[test]
fn new_ledger_begins_where_the_client_does() {
    let mut ledger = ledger();
    assert_eq!(receive(&mut ledger, 58, 57, None), Err(Jump { id: 58, expected: 57 }));
    assert_eq!(receive(&mut ledger, 57, 57, None), Ok(Run));
    assert_eq!(receive(&mut ledger, 58, 57, None), Ok(Run));
}

#[test]
fn acknowledgement_goes_to_who_asked_last() {
    let mut ledger = ledger();
    assert_eq!(receive(&mut ledger, 1, 1, Some(10)), Ok(Run));
    assert_eq!(receive(&mut ledger, 1, 1, Some(11)), Ok(Repeat(None)));
    assert_eq!(ledger.acknowledge(1, &ack("a")), Some(11));
    assert_eq!(ledger.acknowledge(1, &ack("again")), None);
    assert_eq!(receive(&mut ledger, 1, 1, Some(12)), Ok(Repeat(Some((12, ack("a"))))));
    assert_eq!(receive(&mut ledger, 1, 1, None), Ok(Repeat(None)), "this packet asks for none");
    assert_eq!(receive(&mut ledger, 2, 2, None), Ok(Run));
    assert_eq!(receive(&mut ledger, 1, 1, Some(13)), Ok(Repeat(None)), "the client said that it had it");
}

#[test]
fn handler_that_is_late_still_finds_who_asked() {
    let mut ledger = ledger();
    receive(&mut ledger, 1, 1, Some(10)).unwrap();
    receive(&mut ledger, 2, 2, None).unwrap();
    assert_eq!(ledger.acknowledge(1, &ack("late")), Some(10));
    assert_eq!(receive(&mut ledger, 1, 1, Some(11)), Ok(Repeat(None)), "nobody needs it any more");
}

#[test]
fn acknowledgements_are_bounded_in_number_and_bytes() {
    let mut many = ledger();
    for id in 1..=4097 {
        receive(&mut many, id, id.saturating_sub(4095).max(1), Some(0)).unwrap();
    }
    assert_eq!(many.acknowledge(1, &ack("")), None, "one too many: the oldest was forgotten");
    assert_eq!(many.acknowledge(2, &ack("")), Some(0));

    let mut large = ledger();
    let half = ack(&"x".repeat(MAX_BYTES / 2 - 2));
    assert_eq!(half.size(), MAX_BYTES / 2);
    for id in 1..=3 {
        receive(&mut large, id, 1, Some(0)).unwrap();
    }
    large.acknowledge(1, &half);
    large.acknowledge(2, &half);
    assert_eq!(receive(&mut large, 1, 1, Some(1)), Ok(Repeat(Some((1, half.clone())))), "exactly full");
    large.acknowledge(3, &ack(""));
    assert_eq!(receive(&mut large, 1, 1, Some(1)), Ok(Repeat(None)), "forgotten");
    assert_eq!(receive(&mut large, 2, 1, Some(1)), Ok(Repeat(Some((1, half)))));
}

proptest! {
    /// Whatever a client sends, and however handlers acknowledge: no id runs twice, and memory is bounded.
    #[test]
    fn nothing_runs_twice(steps in proptest::collection::vec((1u64..40, 0u64..40, any::<bool>(), any::<bool>()), 1..200)) {
        let mut ledger = ledger();
        let mut ran = BTreeSet::new();
        for (id, back, asks, acknowledges) in steps {
            let lowest = id.saturating_sub(back).max(1);
            let before = ledger.last();
            match receive(&mut ledger, id, lowest, asks.then_some(0)) {
                Ok(Run) => prop_assert!(ran.insert(id) && (id == before + 1 || before == 0)),
                Ok(Repeat(_)) => prop_assert!(id <= before),
                Err(jump) => {
                    prop_assert!(id > before);
                    prop_assert_ne!(jump.id, jump.expected);
                    prop_assert_eq!(ledger.last(), before);
                }
            }
            if acknowledges {
                ledger.acknowledge(id, &ack("0123456789"));
            }
            prop_assert!(ledger.kept().0 <= 4096 && ledger.kept().1 <= MAX_BYTES);
        }
    }
}
