//! Durable messages on a server that deduplicates them: what is stored, what is written, how they end.

use std::time::Duration;

use super::scene::{Scene, event, event_to, ns};
use crate::{
    manager::{
        CancelError, Cancelled, Command, CommandError, Config, Credentials, Emit, EmitError, EmitOutcome, Emitted,
        MessageId, Receipt, StoreErrorKind,
    },
    socketio::Payload,
};

pub(super) const D: &str = r#"{"v":1,"b":"G","d":"K"}"#;

/// Connected to a server that deduplicates durable events, with an open outbox.
pub(super) fn granted() -> Scene {
    granted_with(|_| {})
}

pub(super) fn granted_with(change: impl FnOnce(&mut Config)) -> Scene {
    let mut scene = Scene::storing(change);
    scene.connect();
    scene.commit();
    scene.accept_granting(D);
    scene.log();
    scene
}

fn cancel(scene: &mut Scene, message: u64) -> Result<Receipt, CommandError> {
    scene.command(Command::Cancel { message: MessageId::from_u64(message) })
}

#[test]
fn without_a_store_nothing_is_durable() {
    let refused = Scene::new().connected().emit(event("e").durable());
    assert_eq!(refused, Err(CommandError::Emit(EmitError::NoDurableStore)));
}

#[test]
fn a_message_is_stored_noted_as_sent_written_and_forgotten() {
    let mut scene = granted();
    let emitted = scene.emit(event("a").durable()).unwrap();
    let pending = Emitted { message: MessageId::from_u64(1), outcome: EmitOutcome::Pending };
    assert_eq!(emitted, Receipt::Emitted(pending));
    assert_eq!(scene.log(), ["message 1 queued", "store put /realtimeA1"]);
    scene.commit();
    assert_eq!(scene.log(), ["message 1 persisted", "store sent /realtimeA1 to K"]);
    scene.commit();
    assert_eq!(scene.log(), [r#"send 42/realtime,0["a",{"$m":{"id":1,"lo":1,"d":1}}]"#, "message 1 sent"]);
    scene.receive(r#"43/realtime,0[{"at":9},{"$m":{"ok":1}}]"#);
    assert_eq!(scene.log(), ["store remove /realtimeA1"], "no later process may tell another end");
    scene.commit();
    assert_eq!(scene.log(), [r#"message 1 acked [{"at":9}]"#]);
    assert!(scene.store.disk.is_empty());
    let stats = scene.manager.stats();
    assert_eq!((stats.durable_messages, stats.durable_bytes, stats.pending_acks), (0, 0, 0));
    assert_eq!((stats.counters.durable_accepted, stats.counters.durable_acked), (1, 1));
}

#[test]
fn changes_gather_while_a_commit_is_under_way() {
    let mut scene = granted();
    for name in ["a", "b", "c"] {
        scene.emit(event(name).durable()).unwrap();
    }
    assert_eq!(scene.log_of("store"), ["store put /realtimeA1"]);
    assert_eq!(scene.store.requests.len(), 1);
    scene.commit();
    assert_eq!(scene.log_of("store"), ["store put /realtimeA2, put /realtimeA3, sent /realtimeA1 to K"]);
    scene.commit();
    assert_eq!(
        scene.log(),
        [
            "message 2 persisted",
            "message 3 persisted",
            r#"send 42/realtime,0["a",{"$m":{"id":1,"lo":1,"d":1}}]"#,
            "message 1 sent",
            "store sent /realtimeA2 to K, sent /realtimeA3 to K"
        ]
    );
    scene.commit();
    assert_eq!(
        scene.log_of("send"),
        [
            r#"send 42/realtime,1["b",{"$m":{"id":2,"lo":1,"d":1}}]"#,
            r#"send 42/realtime,2["c",{"$m":{"id":3,"lo":1,"d":1}}]"#
        ]
    );
}

#[test]
fn ids_count_in_each_namespace_and_are_never_used_again() {
    let mut scene = granted();
    scene.emit(event("a").durable()).unwrap();
    scene.commit_fails(StoreErrorKind::Full);
    scene.emit(event("b").durable()).unwrap();
    scene.commit();
    scene.emit(event_to("chat", "c").durable()).unwrap();
    let log = scene.log_of("store ");
    assert_eq!(log[2], "store put /realtimeA2");
    scene.commit();
    assert_eq!(scene.log_of("store"), ["store put /chatA1"]);
}

#[test]
fn what_waits_for_the_outbox_to_open_is_stored_then() {
    let mut scene = Scene::storing(|_| {});
    scene.connect();
    assert_eq!(scene.log_of("store"), ["store open for u as A"]);
    scene.emit(event("a").durable()).unwrap();
    scene.emit(event("b").durable()).unwrap();
    assert_eq!(scene.log(), ["message 1 queued", "message 2 queued"]);
    scene.accept_granting(D);
    assert!(scene.log_of("send 42").is_empty(), "nothing is sent before it is stored");
    scene.commit();
    assert_eq!(scene.log(), ["store put /realtimeA1, put /realtimeA2"]);
    let names: Vec<_> = scene.manager.queue().map(|queued| (queued.event.to_string(), queued.is_accepted)).collect();
    assert_eq!(names, [("a".to_owned(), false), ("b".to_owned(), false)]);
}

#[test]
fn an_outbox_that_does_not_open_is_tried_again_under_another_name() {
    let mut scene = Scene::storing(|_| {});
    scene.connect();
    scene.emit(event("a").durable()).unwrap();
    scene.log();
    scene.commit_fails(StoreErrorKind::Unavailable);
    assert_eq!(
        scene.log(),
        ["store failed: the storage is not available: test", "message 1 rejected STORAGE_UNAVAILABLE []"]
    );
    scene.emit(event("b").durable()).unwrap();
    assert_eq!(scene.log(), ["message 2 queued"]);
    scene.pass_secs(1);
    assert_eq!(scene.log(), ["store open for u as B"]);
    scene.commit_fails(StoreErrorKind::Unavailable);
    assert!(scene.log().contains(&"message 2 rejected STORAGE_UNAVAILABLE []".to_owned()));
    scene.pass(Duration::from_millis(1_999));
    assert!(scene.log_of("store").is_empty());
    scene.pass(Duration::from_millis(1));
    assert_eq!(scene.log_of("store"), ["store open for u as C"]);
}

#[test]
fn a_commit_that_fails_rejects_what_it_took_in_and_repeats_the_rest() {
    let mut scene = granted();
    scene.emit(event("a").durable()).unwrap();
    scene.commit();
    scene.commit();
    scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
    scene.emit(event("b").durable()).unwrap();
    scene.log();
    scene.commit_fails(StoreErrorKind::Full);
    assert_eq!(scene.log(), ["store failed: the storage is full: test", "store put /realtimeA2"]);
    scene.commit_fails(StoreErrorKind::Full);
    assert_eq!(
        scene.log(),
        ["store failed: the storage is full: test", "message 2 rejected STORAGE_FULL []"],
        "it is not accepted"
    );
    scene.pass_secs(1);
    assert_eq!(scene.log(), ["store remove /realtimeA1"], "the end is not told before");
    scene.commit_fails(StoreErrorKind::Full);
    scene.pass(Duration::from_millis(1_999));
    assert_eq!(scene.log_of("store remove"), Vec::<String>::new());
    scene.pass(Duration::from_millis(1));
    assert_eq!(scene.log_of("store remove").len(), 1);
    scene.commit();
    assert_eq!(scene.log(), ["message 1 acked []"]);
    assert_eq!(scene.manager.stats().counters.store_failures, 3);
    assert_eq!(scene.manager.stats().durable_messages, 0);
}

#[test]
fn nothing_is_written_before_its_sending_is_stored() {
    let mut scene = granted();
    scene.emit(event("a").durable()).unwrap();
    scene.commit();
    scene.commit_fails(StoreErrorKind::Unavailable);
    assert!(scene.log_of("send 42").is_empty());
    scene.pass_secs(1);
    assert_eq!(scene.log_of("store"), ["store sent /realtimeA1 to K"]);
    // A new message need not wait for what is tried again.
    scene.commit_fails(StoreErrorKind::Unavailable);
    scene.emit(event("b").durable()).unwrap();
    assert_eq!(scene.log_of("store put"), ["store put /realtimeA2"]);
    scene.commit();
    let log = scene.log();
    assert_eq!(log, ["message 2 persisted", "store sent /realtimeA1 to K"], "the storage works again");
    scene.commit();
    assert_eq!(scene.log_of("send 42").len(), 1);
}

#[test]
fn the_caps_count_messages_and_bytes() {
    let mut scene = granted_with(|config| config.durable.max_messages = 2);
    scene.emit(event("a").durable()).unwrap();
    scene.emit(event("b").durable()).unwrap();
    assert_eq!(scene.emit(event("c").durable()), Err(CommandError::Emit(EmitError::QueueFull)));
    scene.emit(event("buffered")).unwrap();
    scene.commit();
    scene.commit();
    scene.receive(r#"43/realtime,1[{"$m":{"ok":1}}]"#);
    assert_eq!(scene.emit(event("c").durable()), Err(CommandError::Emit(EmitError::QueueFull)), "it is still stored");

    let mut scene = granted_with(|config| config.durable.max_bytes = 10_000);
    let large = || Emit::new(ns("realtime"), "e", Payload::from_value(&"x".repeat(6_000)).unwrap()).durable();
    scene.emit(large()).unwrap();
    assert_eq!(scene.emit(large()), Err(CommandError::Emit(EmitError::QueueFull)));
    assert!(scene.manager.stats().durable_bytes <= 10_000);
    cancel(&mut scene, 1).unwrap();
    scene.emit(large()).unwrap();
}

#[test]
fn a_server_says_how_a_message_ends() {
    for (outcome, end) in [
        (r#"{"$m":{"no":"forbidden"}}"#, r#"message 1 rejected forbidden [{"reason":"no"}]"#),
        (r#"{"$m":{"stale":1}}"#, "message 1 unknown"),
        (r#"{"$m":{"ok":1}}"#, r#"message 1 acked [{"reason":"no"}]"#),
    ] {
        let mut scene = granted();
        scene.store.is_prompt = true;
        scene.emit(event("a").durable()).unwrap();
        scene.log();
        scene.receive(&format!(r#"43/realtime,0[{{"reason":"no"}},{outcome}]"#));
        assert_eq!(scene.log(), ["store remove /realtimeA1", end]);
        scene.receive(&format!(r#"43/realtime,0[{outcome}]"#));
        assert_eq!(scene.manager.stats().counters.acks_unknown, 1, "it ended once");
    }
    for answer in ["[]", "[1]", r#"[{"$m":{}}]"#, r#"[{"$m":{"ok":1}},1]"#] {
        let mut scene = granted();
        scene.store.is_prompt = true;
        scene.emit(event("a").durable()).unwrap();
        scene.receive(&format!("43/realtime,0{answer}"));
        assert_eq!(scene.manager.stats().counters.protocol_errors, 1, "{answer}");
        assert_eq!(scene.manager.stats().durable_messages, 1, "{answer}");
    }
}

#[test]
fn a_host_says_the_outcome_of_what_it_keeps() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    scene.emit(event("a").durable()).unwrap();
    scene.log();
    scene.receive_host_with("43/realtime,0[]", "ok,marker", r#"{"$m":{"ok":1}}"#);
    assert_eq!(scene.log_of("message"), ["message 1 acked [ok,marker]"]);
}

#[test]
fn retry_holds_the_lane_and_never_ends_a_message() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    for name in ["a", "b", "c"] {
        scene.emit(event(name).durable()).unwrap();
    }
    scene.join("chat");
    scene.receive(&format!(r#"40/chat,{{"sid":"c","nx":{D}}}"#));
    scene.log();
    scene.receive(r#"43/realtime,1[{"$m":{"retry":5000,"code":"storage_busy"}}]"#);
    scene.receive(r#"43/realtime,2[{"$m":{"retry":100,"code":"waiting"}}]"#);
    scene.emit(event("d").durable()).unwrap();
    scene.emit(event_to("chat", "x").durable()).unwrap();
    assert_eq!(scene.log_of("send"), [r#"send 42/chat,3["x",{"$m":{"id":1,"lo":1,"d":1}}]"#], "other lanes go on");
    scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
    scene.pass(Duration::from_millis(5_999));
    assert!(scene.log_of("send").is_empty());
    // Jitter comes on top, which is the whole initial delay in a scene.
    scene.pass(Duration::from_millis(1));
    assert_eq!(
        scene.log_of("send"),
        [
            r#"send 42/realtime,4["b",{"$m":{"id":2,"lo":2,"d":1}}]"#,
            r#"send 42/realtime,5["c",{"$m":{"id":3,"lo":2,"d":1}}]"#,
            r#"send 42/realtime,6["d",{"$m":{"id":4,"lo":2,"d":1}}]"#
        ]
    );
    // A late word about the packet before says nothing any more.
    scene.receive(r#"43/realtime,1[{"$m":{"retry":5000,"code":"storage_busy"}}]"#);
    scene.receive(r#"43/realtime,4[{"$m":{"ok":1}}]"#);
    assert_eq!(scene.log_of("message"), ["message 2 acked []"]);
}

#[test]
fn a_wish_of_the_server_has_a_bound() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    scene.emit(event("a").durable()).unwrap();
    scene.receive(r#"43/realtime,0[{"$m":{"retry":999999999,"code":"x"}}]"#);
    scene.log();
    scene.pass_alive(300);
    assert!(scene.log_of("send 42").is_empty());
    scene.pass_alive(1);
    assert_eq!(scene.log_of("send 42").len(), 1);
}

#[test]
fn what_is_not_answered_is_written_again() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    scene.emit(event("a").durable()).unwrap();
    scene.emit(event("b").durable()).unwrap();
    scene.log();
    scene.pass_secs(10);
    assert_eq!(scene.log(), [r#"send 42/realtime,2["a",{"$m":{"id":1,"lo":1,"d":1}}]"#, "message 1 sent"]);
    // The answer to the packet before counts as well.
    scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
    assert_eq!(scene.log_of("message"), ["message 1 acked []"]);
    scene.pass_secs(9);
    scene.receive("2");
    assert!(scene.log_of("send 42").is_empty(), "an answer starts the time anew");
    scene.pass_secs(1);
    assert_eq!(scene.log_of("send 42"), [r#"send 42/realtime,3["b",{"$m":{"id":2,"lo":2,"d":1}}]"#]);
}

#[test]
fn the_window_is_256_ids_from_the_lowest() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    for _ in 0..300 {
        scene.emit(event("e").durable()).unwrap();
    }
    assert_eq!(scene.log_of("send").len(), 256);
    scene.receive(r#"43/realtime,1[{"$m":{"ok":1}}]"#);
    assert!(scene.log_of("send").is_empty(), "the lowest is not resolved");
    scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
    assert_eq!(
        scene.log_of("send"),
        [
            r#"send 42/realtime,256["e",{"$m":{"id":257,"lo":3,"d":1}}]"#,
            r#"send 42/realtime,257["e",{"$m":{"id":258,"lo":3,"d":1}}]"#
        ]
    );
}

#[test]
fn the_lowest_id_is_one_that_is_still_stored() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    scene.emit(event("a").durable()).unwrap();
    scene.store.is_prompt = false;
    scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
    scene.emit(event("b").durable()).unwrap();
    let killed_now_would_restore_it = scene.store.disk.len();
    assert_eq!(killed_now_would_restore_it, 1);
    scene.commit(); // The removal.
    scene.commit(); // The second message.
    scene.commit(); // Its sending.
    assert_eq!(scene.log_of("send 42").last().unwrap(), r#"send 42/realtime,1["b",{"$m":{"id":2,"lo":2,"d":1}}]"#);
}

#[test]
fn a_reused_id_takes_a_new_instance() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    scene.emit(event("a").durable()).unwrap();
    scene.emit(event("b").durable()).unwrap();
    scene.store.is_prompt = false;
    scene.emit(event("unwritten").durable()).unwrap();
    scene.commit();
    scene.log();
    scene.receive(r#"43/realtime,0[{"$m":{"reused":1}}]"#);
    scene.commit();
    // The second is in flight, and may run: it keeps its id.
    assert_eq!(scene.log(), ["store remove /realtimeA1, put /realtimeB1, remove /realtimeA3, put /realtimeB2",]);
    scene.store.is_prompt = true;
    scene.commit();
    let log = scene.log_of("send 42");
    let instance =
        log[0].split_once(r#""ci":""#).expect("another than the one that joined").1.split('"').next().unwrap();
    assert_eq!(log, [format!(r#"send 42/realtime,2["a",{{"$m":{{"id":1,"lo":1,"d":1,"ci":"{instance}"}}}}]"#)]);
    scene.receive(r#"43/realtime,2[{"$m":{"ok":1}}]"#);
    scene.receive(r#"43/realtime,1[{"$m":{"ok":1}}]"#);
    let log = scene.log_of("send 42");
    assert_eq!(log[0], r#"send 42/realtime,3["b",{"$m":{"id":2,"lo":2,"d":1}}]"#, "asked again, under its id");
    assert!(log[1].starts_with(r#"send 42/realtime,4["unwritten",{"$m":{"id":2,"lo":2,"#), "{log:?}");
    scene.receive(r#"43/realtime,4[{"$m":{"ok":1}}]"#);
    scene.emit(event("next").durable()).unwrap();
    assert!(scene.log().contains(&"store put /realtimeB3".to_owned()));
}

#[test]
fn messages_expire_and_say_whether_they_were_sent() {
    let mut scene = granted();
    scene.emit(event("a").durable().ttl(Duration::from_secs(3))).unwrap();
    scene.log();
    scene.pass_secs(3);
    assert!(scene.log().is_empty(), "it is being stored");
    scene.commit();
    assert_eq!(scene.log(), ["store remove /realtimeA1"]);
    scene.commit();
    assert_eq!(scene.log(), ["message 1 expired, sent: false"]);

    scene.store.is_prompt = true;
    scene.emit(event("b").durable().ttl(Duration::from_secs(3))).unwrap();
    scene.log();
    scene.pass_secs(3);
    assert_eq!(scene.log_of("message"), ["message 2 expired, sent: true"]);
    scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
    assert!(scene.log().is_empty(), "it has ended");
}

#[test]
fn messages_can_be_cancelled_at_every_stage() {
    // While the outbox opens.
    let mut scene = Scene::storing(|_| {});
    scene.connect();
    scene.emit(event("a").durable()).unwrap();
    scene.log();
    assert_eq!(cancel(&mut scene, 1), Ok(Receipt::Cancelled(Cancelled::Unsent)));
    assert_eq!(scene.log(), ["message 1 cancelled, sent: false"]);
    scene.commit();
    assert!(scene.log_of("store").is_empty());

    // While its commit is under way, and while it waits for one.
    let mut scene = granted();
    scene.emit(event("a").durable()).unwrap();
    scene.emit(event("b").durable()).unwrap();
    scene.log();
    assert_eq!(cancel(&mut scene, 2), Ok(Receipt::Cancelled(Cancelled::Unsent)));
    assert_eq!(scene.log(), ["message 2 cancelled, sent: false"]);
    assert_eq!(cancel(&mut scene, 1), Ok(Receipt::Cancelled(Cancelled::Unsent)));
    assert!(scene.log().is_empty());
    assert_eq!(cancel(&mut scene, 1), Err(CommandError::Cancel(CancelError::Unknown)));
    scene.commit();
    assert_eq!(scene.log(), ["store remove /realtimeA1"]);
    scene.commit();
    assert_eq!(scene.log(), ["message 1 cancelled, sent: false"]);

    // While its sending is being stored: it is not written.
    scene.emit(event("c").durable()).unwrap();
    scene.commit();
    assert_eq!(cancel(&mut scene, 3), Ok(Receipt::Cancelled(Cancelled::Unsent)));
    scene.commit();
    scene.commit();
    let log = scene.log();
    assert_eq!(log.last().unwrap(), "message 3 cancelled, sent: false");
    assert!(!log.iter().any(|line| line.starts_with("send")), "{log:?}");

    // Once it is written.
    scene.store.is_prompt = true;
    scene.emit(event("d").durable()).unwrap();
    assert_eq!(cancel(&mut scene, 4), Ok(Receipt::Cancelled(Cancelled::Wait)));
    assert_eq!(scene.log().last().unwrap(), "message 4 cancelled, sent: true");
}

#[test]
fn a_commit_that_fails_after_its_message_was_cancelled_ends_it_once() {
    let mut scene = granted();
    scene.emit(event("a").durable()).unwrap();
    cancel(&mut scene, 1).unwrap();
    scene.log();
    scene.commit_fails(StoreErrorKind::Full);
    assert_eq!(scene.log_of("message"), Vec::<String>::new());
    scene.commit();
    assert_eq!(scene.log_of("message"), ["message 1 cancelled, sent: false"]);
}

#[test]
fn what_is_larger_than_the_server_takes_is_rejected() {
    let mut scene = Scene::storing(|_| {});
    scene.store.is_prompt = true;
    scene.connect();
    let payload = Payload::from_value(&"x".repeat(2_000_000)).unwrap();
    scene.emit(Emit::new(ns("realtime"), "e", payload).durable()).unwrap();
    scene.log();
    scene.accept_granting(D);
    let log = scene.log_of("message");
    assert_eq!(log, ["message 1 rejected TOO_LARGE []"]);
}

#[test]
fn durable_messages_outlive_leaving_and_disconnecting() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    scene.emit(event_to("chat", "a").durable()).unwrap();
    scene.command(Command::Leave { namespace: ns("chat") }).unwrap();
    scene.receive(&format!(r#"40/chat,{{"sid":"c","nx":{D}}}"#));
    scene.disconnect();
    scene.connect();
    scene.accept_granting(D);
    scene.join("chat");
    scene.log();
    scene.receive(&format!(r#"40/chat,{{"sid":"c","nx":{D}}}"#));
    assert_eq!(scene.log_of("send 42").len(), 1);
}

#[test]
fn another_user_gets_another_outbox_when_the_changes_are_through() {
    let mut scene = granted();
    scene.emit(event("a").durable()).unwrap();
    scene.commit();
    scene.commit();
    scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
    scene.emit(event("b").durable()).unwrap();
    scene.log();
    scene.connect_as("v", Credentials::Token("t".into()));
    assert_eq!(scene.log_of("message"), ["message 2 cancelled, sent: false"], "it was not accepted yet");
    scene.emit(event("c").durable()).unwrap();
    scene.commit();
    assert_eq!(scene.log(), ["message 3 queued", "message 1 acked []", "store open for v as B"]);
    scene.commit();
    assert_eq!(scene.log(), ["store put /realtimeB1"]);
}

#[test]
fn what_another_user_left_stays_in_the_store() {
    let mut scene = granted();
    scene.emit(event("a").durable()).unwrap();
    scene.log();
    scene.connect_as("v", Credentials::Token("t".into()));
    scene.commit();
    let log = scene.log();
    assert!(log.contains(&"message 1 persisted".to_owned()), "{log:?}");
    assert_eq!(log.last().unwrap(), "store open for v as B");
    assert_eq!(scene.manager.queue().count(), 0);
}

#[test]
fn a_user_who_is_gone_before_the_outbox_opens_leaves_nothing() {
    let mut scene = Scene::storing(|_| {});
    scene.connect();
    scene.emit(event("a").durable()).unwrap();
    scene.connect_as("v", Credentials::Token("t".into()));
    scene.log();
    scene.commit();
    assert_eq!(scene.log(), ["store open for v as B"]);
    scene.emit(event("b").durable()).unwrap();
    scene.commit();
    assert_eq!(scene.log_of("store"), ["store put /realtimeB1"]);
}

#[test]
fn namespaces_of_higher_priority_go_first() {
    let mut scene = Scene::storing(|config| {
        config.namespace_priority = vec![(ns("urgent"), 5), (ns("bulk"), -1)];
        config.limits.unsent_bytes = 1024;
    });
    scene.store.is_prompt = true;
    scene.connect();
    for name in ["bulk", "realtime", "urgent"] {
        scene.emit(event_to(name, "e")).unwrap();
        scene.emit(event_to(name, "d").durable()).unwrap();
    }
    scene.is_stalled = true;
    scene.accept_granting(D);
    for name in ["bulk", "urgent"] {
        scene.receive(&format!(r#"40/{name},{{"sid":"c","nx":{D}}}"#));
    }
    scene.log();
    let filler = || Emit::new(ns("realtime"), "f", Payload::from_value(&"x".repeat(2_000)).unwrap());
    scene.emit(filler()).unwrap();
    for name in ["bulk", "realtime", "urgent"] {
        scene.emit(event_to(name, "late")).unwrap();
    }
    scene.log();
    scene.is_stalled = false;
    scene.transport(crate::manager::TransportEvent::Flushed { frames: 100 });
    let order: Vec<_> = scene.log_of("send 42").iter().map(|line| line[8..12].to_owned()).collect();
    assert_eq!(order, ["urge", "real", "bulk"]);
}
