use std::{collections::BTreeMap, time::Duration};

use nexus_core::socketio::delivery::Outcome;
use proptest::prelude::*;

use super::*;
use crate::{
    delivery::{Arrival, Durable, Reply, hash_event},
    store::{LedgerState, Recorded},
};

type Ledger = Durable<u32, u64>;

const AFTER: Duration = Duration::from_millis(700);

fn ledger() -> Ledger {
    let mut ledger = Durable::new();
    assert_eq!(ledger.load(LedgerState::default()), []);
    ledger
}

/// What an event says that is told from others by one number.
fn hash(content: u8) -> [u8; 32] {
    [content; 32]
}

fn receive(ledger: &mut Ledger, id: u64, lowest: u64, waiter: u32) -> Vec<Reply<u32>> {
    let arrival = Arrival { marker: marker(Class::Durable, id, lowest), hash: hash(0), waiter, job: id };
    ledger.receive(arrival)
}

fn run(ledger: &mut Ledger) -> Option<u64> {
    ledger.next_job().map(|(id, job)| {
        assert_eq!(id, job);
        id
    })
}

fn finish(ledger: &mut Ledger, text: &str) -> Vec<Reply<u32>> {
    let recorded = ledger.record(Outcome::Done, ack(text)).unwrap();
    ledger.finish(recorded)
}

fn reply(waiter: u32, outcome: Outcome, ack: Payload) -> Reply<u32> {
    Reply { waiter, outcome, ack }
}

fn done(waiter: u32, text: &str) -> Reply<u32> {
    reply(waiter, Outcome::Done, ack(text))
}

fn bare(waiter: u32, outcome: Outcome) -> Reply<u32> {
    reply(waiter, outcome, Payload::empty())
}

fn retry(waiter: u32, code: &'static str) -> Reply<u32> {
    bare(waiter, Outcome::Retry { after: AFTER, code: code.into() })
}

#[test]
fn replies_end_with_the_outcome() {
    assert_eq!(done(0, "yes").payload().raw_args(), r#""yes",{"$m":{"ok":1}}"#);
    assert_eq!(bare(0, Outcome::Stale).payload().raw_args(), r#"{"$m":{"stale":1}}"#);
}

#[test]
fn events_run_one_after_another_by_id_and_gaps_are_allowed() {
    let mut ledger = ledger();
    for id in [7, 3, 12] {
        assert_eq!(receive(&mut ledger, id, 1, 0), []);
    }
    assert_eq!(run(&mut ledger), Some(3));
    assert_eq!(run(&mut ledger), None, "one at a time");
    assert!(!ledger.is_idle());
    assert_eq!(finish(&mut ledger, "3"), [done(0, "3")]);
    assert_eq!(run(&mut ledger), Some(7));
    finish(&mut ledger, "7");
    assert_eq!(run(&mut ledger), Some(12));
    finish(&mut ledger, "12");
    assert!(ledger.is_idle());
}

#[test]
fn repeats_are_answered_or_joined_and_never_run() {
    let mut ledger = ledger();
    receive(&mut ledger, 1, 1, 10);
    receive(&mut ledger, 2, 1, 20);
    run(&mut ledger);
    assert_eq!(receive(&mut ledger, 1, 1, 11), [], "it runs");
    assert_eq!(receive(&mut ledger, 2, 1, 21), [], "it waits");
    assert_eq!(finish(&mut ledger, "a"), [done(10, "a"), done(11, "a")]);
    assert_eq!(receive(&mut ledger, 1, 1, 12), [done(12, "a")]);
    run(&mut ledger);
    assert_eq!(finish(&mut ledger, "b"), [done(20, "b"), done(21, "b")]);
    assert_eq!(run(&mut ledger), None);
}

#[test]
fn packets_that_wait_are_bounded() {
    let mut ledger = ledger();
    for waiter in 0..9 {
        receive(&mut ledger, 1, 1, waiter);
    }
    run(&mut ledger);
    let told: Vec<u32> = finish(&mut ledger, "").into_iter().map(|reply| reply.waiter).collect();
    assert_eq!(told, (1..9).collect::<Vec<_>>(), "the oldest is forgotten");
}

#[test]
fn another_payload_under_the_same_id_is_refused() {
    let mut ledger = ledger();
    let other = |waiter| Arrival { marker: marker(Class::Durable, 1, 1), hash: hash(1), waiter, job: 1 };
    receive(&mut ledger, 1, 1, 0);
    assert_eq!(ledger.receive(other(1)), [bare(1, Outcome::Reused)], "waiting");
    run(&mut ledger);
    assert_eq!(ledger.receive(other(2)), [bare(2, Outcome::Reused)], "running");
    assert_eq!(finish(&mut ledger, "a"), [done(0, "a")]);
    assert_eq!(ledger.receive(other(3)), [bare(3, Outcome::Reused)], "recorded");
}

#[test]
fn what_the_client_has_resolved_is_stale_and_does_not_run() {
    let mut ledger = ledger();
    for id in 1..=3 {
        receive(&mut ledger, id, 1, u32::try_from(id).unwrap());
    }
    run(&mut ledger);
    assert_eq!(receive(&mut ledger, 4, 3, 4), [bare(2, Outcome::Stale)], "2 waited");
    assert_eq!(receive(&mut ledger, 2, 2, 5), [bare(5, Outcome::Stale)]);
    assert_eq!(finish(&mut ledger, "1"), [done(1, "1")], "who asked is told");
    assert_eq!(receive(&mut ledger, 1, 1, 6), [bare(6, Outcome::Stale)], "its outcome is not kept");
    assert_eq!(run(&mut ledger), Some(3));
    assert_eq!(ledger.kept(), (0, 1));
}

#[test]
fn failure_holds_all_behind_it_until_it_has_run() {
    let mut ledger = ledger();
    for id in 1..=3 {
        receive(&mut ledger, id, 1, u32::try_from(id).unwrap());
    }
    run(&mut ledger);
    assert_eq!(
        ledger.fail(AFTER, &"storage_busy".into()),
        [retry(1, "storage_busy"), retry(2, "waiting"), retry(3, "waiting")]
    );
    assert!(ledger.is_idle());
    assert_eq!(receive(&mut ledger, 4, 1, 4), [retry(4, "waiting")]);
    assert_eq!(receive(&mut ledger, 1, 1, 5), [], "it comes again, and those behind it may follow");
    assert_eq!(receive(&mut ledger, 2, 1, 6), []);
    assert_eq!(run(&mut ledger), Some(1));
    assert_eq!(ledger.fail(AFTER, &"rate_limited".into()), [retry(5, "rate_limited"), retry(6, "waiting")]);
    assert_eq!(receive(&mut ledger, 2, 1, 7), [retry(7, "waiting")]);
    receive(&mut ledger, 1, 1, 8);
    run(&mut ledger);
    assert_eq!(finish(&mut ledger, "1"), [done(8, "1")]);
    receive(&mut ledger, 2, 1, 9);
    assert_eq!(run(&mut ledger), Some(2));
}

/// It expired at the client while a stalled connection still carried it.
#[test]
fn what_was_passed_over_does_not_run_late() {
    let mut ledger = ledger();
    receive(&mut ledger, 1, 1, 1);
    run(&mut ledger);
    finish(&mut ledger, "1");
    receive(&mut ledger, 3, 1, 3);
    run(&mut ledger);
    assert_eq!(receive(&mut ledger, 2, 1, 2), [bare(2, Outcome::Stale)], "3 runs");
    finish(&mut ledger, "3");
    assert_eq!(receive(&mut ledger, 2, 1, 2), [bare(2, Outcome::Stale)], "3 has run");
    let mut loaded = Ledger::new();
    loaded.load(LedgerState {
        lowest: 1,
        outcomes: vec![Recorded { id: 3, hash: hash(0), outcome: Outcome::Done, ack: ack("") }],
    });
    assert_eq!(receive(&mut loaded, 2, 1, 2), [bare(2, Outcome::Stale)]);
    assert_eq!(receive(&mut loaded, 4, 1, 4), []);
}

/// What failed expires at the client while those behind it are on their way, and those it sends next overtake them.
#[test]
fn those_that_were_refused_run_first_whatever_becomes_of_what_failed() {
    let mut ledger = ledger();
    assert_eq!(receive(&mut ledger, 4, 4, 1), []);
    assert_eq!(run(&mut ledger), Some(4));
    assert_eq!(ledger.fail(AFTER, &"storage_busy".into()), [retry(1, "storage_busy")]);
    for id in [5, 6] {
        assert_eq!(receive(&mut ledger, id, 4, id as u32), [retry(id as u32, "waiting")]);
    }
    assert_eq!(receive(&mut ledger, 7, 5, 7), [retry(7, "waiting")], "5 and 6 are before it");
    assert_eq!(run(&mut ledger), None);
    for id in 5..=7 {
        assert_eq!(receive(&mut ledger, id, 5, 10), []);
    }
    for id in 5..=7 {
        assert_eq!(run(&mut ledger), Some(id));
        assert_eq!(finish(&mut ledger, "ack").len(), 1);
    }
}

#[test]
fn client_that_gives_up_what_failed_goes_on() {
    let mut ledger = ledger();
    receive(&mut ledger, 1, 1, 0);
    run(&mut ledger);
    ledger.fail(AFTER, &"storage_busy".into());
    assert_eq!(receive(&mut ledger, 2, 2, 1), []);
    assert_eq!(run(&mut ledger), Some(2));
}

#[test]
fn what_the_store_has_is_known() {
    let record = |id| Recorded { id, hash: hash(0), outcome: Outcome::Done, ack: ack("kept") };
    let mut ledger = Ledger::new();
    for id in [4, 6, 7] {
        assert_eq!(receive(&mut ledger, id, 4, u32::try_from(id).unwrap()), [], "nothing is known yet");
    }
    let known = LedgerState { lowest: 5, outcomes: vec![record(4), record(6)] };
    assert_eq!(ledger.load(known), [bare(4, Outcome::Stale), done(6, "kept")]);
    assert_eq!(receive(&mut ledger, 4, 4, 0), [bare(0, Outcome::Stale)]);
    assert_eq!(receive(&mut ledger, 6, 5, 1), [done(1, "kept")]);
    assert_eq!(receive(&mut ledger, 5, 5, 2), [bare(2, Outcome::Stale)], "6 has run");
    assert_eq!(run(&mut ledger), Some(7));
}

#[test]
fn commit_that_was_there_after_all_is_found_by_loading_again() {
    let mut ledger = ledger();
    receive(&mut ledger, 1, 1, 0);
    run(&mut ledger);
    let recorded = ledger.record(Outcome::Done, ack("there")).unwrap();
    assert_eq!(ledger.fail(AFTER, &"storage_busy".into()), [retry(0, "storage_busy")]);
    receive(&mut ledger, 1, 1, 1);
    receive(&mut ledger, 2, 1, 2);
    assert_eq!(ledger.load(LedgerState { lowest: 1, outcomes: vec![recorded] }), [done(1, "there")]);
    assert_eq!(run(&mut ledger), Some(2));
}

#[test]
fn hash_tells_apart_all_parts() {
    use nexus_core::{Bytes, socketio::Namespace};
    let (root, other) = (Namespace::root(), Namespace::try_new("a").unwrap());
    let bytes = |text: &'static str| Payload::from_bytes(Bytes::from_static(text.as_bytes()));
    let all = [
        hash_event(&root, "e", &ack("x")),
        hash_event(&other, "e", &ack("x")),
        hash_event(&root, "f", &ack("x")),
        hash_event(&root, "e", &ack("y")),
        hash_event(&root, "e\"x\"", &Payload::empty()),
        hash_event(&root, "e", &bytes("x")),
        hash_event(&root, "e", &bytes("y")),
    ];
    for (index, hash) in all.iter().enumerate() {
        assert!(!all[..index].contains(hash), "{index}");
    }
    assert_eq!(all[0], hash_event(&root, "e", &ack("x").with_last("1").split_last().0));
}

#[derive(Debug, Clone)]
enum Step {
    Receive { back: u64, id: u64 },
    Run,
    Finish,
    Fail,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..300, 1u64..400).prop_map(|(back, id)| Step::Receive { back, id }),
        2 => Just(Step::Run),
        2 => Just(Step::Finish),
        1 => Just(Step::Fail),
    ]
}

proptest! {
    /// Whatever comes: no id is done twice, no packet is answered twice, every bound holds, and once nothing more
    /// comes everything is answered.
    #[test]
    fn each_is_done_once_and_answered_once(steps in proptest::collection::vec(step(), 1..300)) {
        let mut ledger = ledger();
        let mut answered = BTreeMap::<u32, u32>::new();
        let mut finished = BTreeMap::<u64, u32>::new();
        let mut sent = 0;
        let mut running = None;
        for step in steps.into_iter().chain([Step::Finish].into_iter()).chain([Step::Run, Step::Finish].into_iter().cycle().take(600)) {
            let replies = match step {
                Step::Receive { back, id } => {
                    sent += 1;
                    receive(&mut ledger, id, id.saturating_sub(back.min(255)).max(1), sent)
                }
                Step::Run => {
                    if let Some(id) = run(&mut ledger) {
                        prop_assert!(running.replace(id).is_none());
                    }
                    Vec::new()
                }
                Step::Finish => match running.take() {
                    Some(id) => {
                        *finished.entry(id).or_default() += 1;
                        finish(&mut ledger, "")
                    }
                    None => Vec::new(),
                },
                Step::Fail => match running.take() {
                    Some(_) => ledger.fail(AFTER, &"storage_busy".into()),
                    None => Vec::new(),
                },
            };
            for reply in replies {
                *answered.entry(reply.waiter).or_default() += 1;
            }
            let (outcomes, queue) = ledger.kept();
            prop_assert!(outcomes + queue <= 256, "{} and {}", outcomes, queue);
        }
        prop_assert!(ledger.is_idle());
        prop_assert!(finished.values().all(|times| *times == 1));
        prop_assert!(answered.values().all(|times| *times == 1));
        // Fewer than wait for one event at most are ever forgotten, and only where one id came nine times.
        prop_assert!(answered.len() <= usize::try_from(sent).unwrap());
    }
}
