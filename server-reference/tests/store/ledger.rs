use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use nexus_core::socketio::delivery::Outcome;
use nexus_server::{
    Bytes, Payload,
    store::{LedgerState, Recorded, StoreError},
};
use parking_lot::Mutex;

use crate::support::{Folder, done, in_days, key, namespace, statement, unit};

#[tokio::test]
async fn what_is_committed_is_there_after_the_next_start() {
    let folder = Folder::new();
    let store = folder.open().await;
    let generation = store.generation().to_owned();
    let ada = key("ada", "one");
    let ack = Payload::from_args(&("ok", Bytes::from_static(b"\0\x01"), 1.5)).unwrap();
    let rejected = Recorded { id: 3, hash: [9; 32], outcome: Outcome::Rejected { code: "no".into() }, ack };
    store.commit(unit(&ada, 1, done(1))).await.unwrap();
    store.commit(unit(&ada, 1, rejected.clone())).await.unwrap();
    store.close().await;
    assert!(matches!(store.commit(unit(&ada, 1, done(4))).await, Err(StoreError::Busy { .. })), "it is closed");

    let store = folder.open().await;
    assert_eq!(store.generation(), generation);
    let expected = LedgerState { lowest: 1, outcomes: vec![done(1), rejected] };
    assert_eq!(store.load_ledger(&ada).await.unwrap(), expected);
    let mut elsewhere = ada.clone();
    elsewhere.namespace = namespace("/other");
    for other in [key("ada", "two"), key("Ada", "one"), key("bob", "one"), elsewhere] {
        assert_eq!(store.load_ledger(&other).await.unwrap(), LedgerState::default());
    }
}

#[tokio::test]
async fn outcomes_below_the_lowest_unresolved_id_are_dropped_with_the_next() {
    let folder = Folder::new();
    let store = folder.open().await;
    let ada = key("ada", "one");
    for id in 1..=256 {
        store.commit(unit(&ada, 1, done(id))).await.unwrap();
    }
    assert_eq!(store.load_ledger(&ada).await.unwrap().outcomes.len(), 256);
    store.commit(unit(&ada, 256, done(257))).await.unwrap();
    let expected = LedgerState { lowest: 256, outcomes: vec![done(256), done(257)] };
    assert_eq!(store.load_ledger(&ada).await.unwrap(), expected);
    // A packet that was long under way takes nothing back.
    store.commit(unit(&ada, 2, done(258))).await.unwrap();
    assert_eq!(store.load_ledger(&ada).await.unwrap().lowest, 256);
}

#[tokio::test]
async fn an_id_gets_one_outcome_and_its_effects_happen_once() {
    let folder = Folder::new();
    let store = folder.open().await;
    store.write(vec![statement("CREATE TABLE effects (n INTEGER)")], Vec::new()).await.unwrap();
    let ada = key("ada", "one");
    let with_effect = |record| {
        let mut unit = unit(&ada, 1, record);
        unit.writes.push(statement("INSERT INTO effects VALUES (1)"));
        unit
    };
    store.commit(with_effect(done(1))).await.unwrap();
    let again = Recorded { ack: Payload::from_value("another").unwrap(), ..done(1) };
    assert_eq!(store.commit(with_effect(again)).await, Err(StoreError::Recorded));
    assert_eq!(store.load_ledger(&ada).await.unwrap().outcomes, [done(1)]);
    store.close().await;
    assert_eq!(crate::failures::count(&folder, "effects").await, 1);
}

#[tokio::test]
async fn units_that_wait_together_are_committed_together_and_one_that_fails_fails_alone() {
    let folder = Folder::new();
    let store = folder.open().await;
    store.write(vec![statement("CREATE TABLE effects (n INTEGER CHECK (n = 1))")], Vec::new()).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let commits = (1..=200_u64).map(|id| {
        let (store, order) = (store.clone(), Arc::clone(&order));
        async move {
            let mut unit = unit(&key(&format!("user{}", id % 7), "one"), 1, done(id));
            unit.writes.push(statement("INSERT INTO effects VALUES (1)"));
            match id % 10 {
                3 => unit.writes.push(statement("INSERT INTO effects VALUES (2)")),
                5 => unit.writes.push(Box::new(|_| panic!("a write of the application fails"))),
                _ => {}
            }
            unit.after.push(Box::new(move || order.lock().push(id)));
            (id, store.commit(unit).await)
        }
    });
    for (id, result) in futures_util::future::join_all(commits).await {
        match id % 10 {
            3 | 5 => assert!(matches!(result, Err(StoreError::Failed(_))), "{id}: {result:?}"),
            _ => assert_eq!(result, Ok(()), "{id}"),
        }
    }
    let expected: Vec<u64> = (1..=200).filter(|id| !matches!(id % 10, 3 | 5)).collect();
    assert_eq!(*order.lock(), expected, "what runs afterwards runs in the order of the commits");
    store.close().await;
    assert_eq!(crate::failures::count(&folder, "effects").await, 160);
    assert_eq!(crate::failures::count(&folder, "outcomes").await, 160);
}

#[tokio::test]
async fn what_runs_after_a_commit_may_panic_and_nothing_else_is_lost() {
    let folder = Folder::new();
    let store = folder.open().await;
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let mut unit = unit(&key("ada", "one"), 1, done(1));
    unit.after.push(Box::new(|| panic!("the application fails")));
    unit.after.push(Box::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    store.commit(unit).await.unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 1);
    store.commit(crate::support::unit(&key("ada", "one"), 1, done(2))).await.unwrap();
}

#[tokio::test]
async fn instances_that_were_idle_for_a_month_are_forgotten() {
    let folder = Folder::new();
    let store = folder.open().await;
    for n in 0..1_500 {
        store.commit(unit(&key("ada", &format!("instance{n}")), 1, done(1))).await.unwrap();
    }
    assert_eq!(store.clean(in_days(30)).await, Ok(0));
    assert_eq!(store.load_ledger(&key("ada", "instance7")).await.unwrap().outcomes.len(), 1);
    assert_eq!(store.clean(in_days(32)).await, Ok(1_500), "more than one transaction deletes");
    assert_eq!(store.load_ledger(&key("ada", "instance7")).await.unwrap(), LedgerState::default());
    store.close().await;
    assert_eq!(crate::failures::count(&folder, "outcomes").await, 0);
}
