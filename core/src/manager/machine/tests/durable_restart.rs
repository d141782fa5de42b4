//! Durable messages across connections, processes and servers of other kinds.

use std::time::Duration;

use bytestring::ByteString;

use super::{
    durable::{D, granted},
    scene::{Scene, event, event_to, ns},
};
use crate::{
    manager::{MessageKey, StoreErrorKind, StoredMessage},
    socketio::Payload,
};

/// What a former owner has left.
fn left(instance: &'static str, id: u64, event: &'static str, emitted_at: u64) -> StoredMessage {
    StoredMessage {
        key: MessageKey { instance: ByteString::from_static(instance), namespace: ns("realtime"), id },
        event: event.into(),
        payload: Payload::empty(),
        emitted_at,
        expires_at: emitted_at + 60_000,
        sent: None,
    }
}

fn sent_to(mut message: StoredMessage, generation: Option<&'static str>) -> StoredMessage {
    message.sent = Some(generation.map(ByteString::from_static));
    message
}

/// A new process whose store holds these.
fn restarted(messages: impl IntoIterator<Item = StoredMessage>) -> Scene {
    let mut scene = Scene::storing(|_| {});
    scene.store.is_prompt = true;
    scene.store.disk = messages.into_iter().map(|message| (message.key.clone(), message)).collect();
    scene
}

fn events(scene: &mut Scene) -> Vec<String> {
    let name = |line: String| line.split('"').nth(1).unwrap().to_owned();
    scene.log_of("send 42").into_iter().map(name).collect()
}

#[test]
fn unresolved_messages_go_out_again_in_order_and_then_the_rest() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    for name in ["a", "b", "c"] {
        scene.emit(event(name).durable()).unwrap();
    }
    scene.receive(r#"43/realtime,1[{"$m":{"ok":1}}]"#);
    scene.cut();
    scene.emit(event("new").durable()).unwrap();
    scene.log();
    scene.pass_secs(1);
    scene.accept_granting(D);
    assert_eq!(
        scene.log_of("send 42"),
        [
            r#"send 42/realtime,3["a",{"$m":{"id":1,"lo":1,"d":1}}]"#,
            r#"send 42/realtime,4["c",{"$m":{"id":3,"lo":1,"d":1}}]"#,
            r#"send 42/realtime,5["new",{"$m":{"id":4,"lo":1,"d":1}}]"#
        ]
    );
}

#[test]
fn under_another_ledger_or_none_what_was_sent_ends_as_unknown() {
    for nx in [r#"{"v":1,"d":"L"}"#, r#"{"v":1,"b":"G"}"#] {
        let mut scene = granted();
        scene.store.is_prompt = true;
        scene.emit(event("a").durable()).unwrap();
        scene.store.is_prompt = false;
        scene.emit(event("b").durable()).unwrap();
        scene.commit();
        scene.commit(); // Its sending is stored, and it could be written.
        scene.emit(event("c").durable()).unwrap();
        scene.commit();
        scene.store.is_prompt = true;
        scene.commit();
        scene.cut();
        scene.emit(event("unsent").durable()).unwrap();
        scene.log();
        scene.pass_secs(1);
        scene.accept_granting(nx);
        let log = scene.log();
        let unknown: Vec<_> = log.iter().filter(|line| line.ends_with("unknown")).collect();
        assert_eq!(unknown, ["message 1 unknown", "message 2 unknown", "message 3 unknown"], "{nx}");
        assert!(log.iter().any(|line| line.starts_with("send 42") && line.contains("unsent")), "{nx} {log:?}");
    }
}

#[test]
fn what_was_noted_as_sent_and_never_written_is_no_loss() {
    let mut scene = granted();
    scene.emit(event("a").durable()).unwrap();
    scene.commit();
    scene.cut();
    scene.commit(); // The note that it is sent.
    scene.log();
    scene.pass_secs(1);
    scene.accept_granting(r#"{"v":1,"d":"L"}"#);
    assert_eq!(scene.log_of("store"), ["store sent /realtimeA1 to L"]);
    scene.commit();
    assert_eq!(scene.log_of("send 42").len(), 1);
}

#[test]
fn a_stock_server_gets_one_at_a_time_until_it_acknowledges() {
    let mut scene = Scene::storing(|_| {});
    scene.store.is_prompt = true;
    scene.connect();
    scene.accept();
    scene.log();
    for name in ["a", "b"] {
        scene.emit(event(name).durable()).unwrap();
    }
    let log = scene.log();
    assert!(log.contains(&"store sent /realtimeA1 to none".to_owned()), "{log:?}");
    assert_eq!(log.iter().filter(|line| line.starts_with("send")).collect::<Vec<_>>(), [r#"send 42/realtime,0["a"]"#]);
    scene.pass_secs(10);
    assert_eq!(scene.log_of("send 42"), [r#"send 42/realtime,1["a"]"#]);
    scene.receive(r#"43/realtime,0["late",{"$m":{"no":"x"}}]"#);
    let log = scene.log();
    assert!(log.contains(&r#"message 1 acked ["late",{"$m":{"no":"x"}}]"#.to_owned()), "its last argument is its own");
    assert_eq!(log.iter().filter(|line| line.starts_with("send")).collect::<Vec<_>>(), [r#"send 42/realtime,2["b"]"#]);
    // What a stock server may have goes out again on any server.
    scene.reconnect_granting(D);
    let log = scene.log();
    assert!(log.contains(&"store sent /realtimeA2 to K".to_owned()), "{log:?}");
    assert_eq!(log.iter().filter(|line| line.contains(r#"["b""#)).count(), 1, "{log:?}");
    scene.cut();
    scene.pass_secs(2);
    scene.accept();
    assert_eq!(scene.log_of("message 2").last().unwrap(), "message 2 unknown", "and is bound to a ledger from then on");
}

#[test]
fn a_killed_process_has_its_messages_sent_by_the_next_one() {
    // Killed at each point of a message's life; what the next process tells and writes.
    type Stage = (&'static str, fn(&mut Scene), &'static [&'static str], &'static str);
    let stages: [Stage; 5] = [
        ("before it is stored", |_| {}, &[], ""),
        ("once it is stored", |scene| scene.commit(), &["message 1 persisted"], "B1"),
        (
            "once its sending is stored",
            |scene| {
                scene.is_stalled = true;
                scene.commit();
                scene.commit();
            },
            &["message 1 sent"],
            "A1",
        ),
        (
            "once it is answered",
            |scene| {
                scene.commit();
                scene.commit();
                scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
            },
            &["message 1 sent"],
            "A1",
        ),
        (
            "once its end is stored",
            |scene| {
                scene.commit();
                scene.commit();
                scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
                scene.commit();
            },
            &[],
            "",
        ),
    ];
    for (stage, reach, statuses, key) in stages {
        let mut scene = granted();
        scene.emit(event("a").durable()).unwrap();
        reach(&mut scene);
        let mut scene = scene.killed();
        scene.connect();
        scene.log();
        scene.store.is_prompt = true;
        scene.commit();
        let log = scene.log();
        let told: Vec<_> = log.iter().filter(|line| line.starts_with("message")).collect();
        assert_eq!(told, statuses, "{stage}");
        assert_eq!(log.first().map(String::as_str), (!key.is_empty()).then_some("restored 1, 0 unreadable"), "{stage}");
        scene.accept_granting(D);
        let log = scene.log_of("send 42");
        if key.is_empty() {
            assert!(log.is_empty(), "{stage}");
            continue;
        }
        let has_instance = log[0].contains(r#""ci":"#);
        assert_eq!(has_instance, key == "A1", "{stage}: what was sent keeps its key");
        scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
        assert_eq!(scene.log_of("message"), ["message 1 acked []"], "{stage}");
        assert!(scene.store.disk.is_empty(), "{stage}");
    }
}

#[test]
fn what_was_sent_goes_first_and_the_rest_by_the_time_of_its_emit() {
    let mut scene = restarted([
        left("X", 4, "x4", 400),
        // A clock was set back.
        left("X", 5, "x5", 100),
        left("Y", 1, "y1", 300),
        sent_to(left("Y", 2, "y2", 200), Some("K")),
        sent_to(left("X", 3, "x3", 500), Some("K")),
    ]);
    scene.connect();
    scene.accept_granting(D);
    let log = scene.log();
    assert!(log.contains(&"restored 1 2 3 4 5, 0 unreadable".to_owned()), "{log:?}");
    let commits: Vec<_> = log.iter().filter(|line| line.starts_with("store ") && line.contains("put")).collect();
    assert_eq!(commits.len(), 1, "one commit gives them their new keys: {commits:?}");
    // Each instance has a lane of its own on the server: the next one waits for the one before.
    scene.emit(event("own").durable()).unwrap();
    let order: Vec<_> = log.iter().filter(|line| line.starts_with("send 42")).collect();
    assert_eq!(order.len(), 1, "{order:?}");
    assert!(order[0].contains(r#"["y2",{"$m":{"id":2,"lo":2,"d":1,"ci":"Y"}}]"#), "{order:?}");
    scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
    let next = scene.log_of("send 42");
    assert_eq!(next, [r#"send 42/realtime,1["x3",{"$m":{"id":3,"lo":3,"d":1,"ci":"X"}}]"#]);
    scene.receive(r#"43/realtime,1[{"$m":{"ok":1}}]"#);
    assert_eq!(events(&mut scene), ["y1", "x4", "x5", "own"]);
}

#[test]
fn what_was_sent_to_another_ledger_is_unknown_wherever_it_is_restored() {
    let mut scene = restarted([sent_to(left("X", 1, "a", 1), Some("OLD")), sent_to(left("X", 2, "b", 2), None)]);
    scene.connect();
    scene.accept_granting(D);
    let log = scene.log();
    assert!(log.contains(&"message 1 unknown".to_owned()), "{log:?}");
    assert!(log.iter().any(|line| line.contains(r#"["b""#)), "{log:?}");
    // Adopted while connected.
    scene.adopt(vec![sent_to(left("Z", 1, "c", 3), Some("OLD"))]);
    assert!(scene.log().contains(&"message 3 unknown".to_owned()));
}

#[test]
fn an_adopted_message_is_taken_over_once() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    let message = sent_to(left("X", 1, "a", 1), Some("K"));
    scene.adopt(vec![message.clone(), message.clone()]);
    assert_eq!(events(&mut scene), ["a"]);
    scene.adopt(vec![message]);
    assert!(scene.log().is_empty());
}

#[test]
fn namespaces_of_restored_messages_are_joined() {
    let mut message = left("X", 1, "a", 1);
    message.key.namespace = ns("chat");
    let mut scene = restarted([message]);
    scene.connect();
    scene.accept_granting(D);
    assert_eq!(scene.log_of("send 40/chat").len(), 1);
    scene.receive(&format!(r#"40/chat,{{"sid":"c","nx":{D}}}"#));
    assert_eq!(events(&mut scene), ["a"]);
}

#[test]
fn new_keys_are_given_until_the_store_has_them() {
    let mut scene = Scene::storing(|_| {});
    scene.store.disk = [left("X", 1, "a", 1)].into_iter().map(|message| (message.key.clone(), message)).collect();
    scene.connect();
    scene.commit();
    scene.accept_granting(D);
    scene.log();
    scene.commit_fails(StoreErrorKind::Unavailable);
    assert_eq!(scene.log(), ["store failed: the storage is not available: test"], "it stays accepted");
    scene.store.is_prompt = true;
    scene.pass_secs(1);
    assert_eq!(events(&mut scene), ["a"]);
}

#[test]
fn restored_messages_expire_at_their_time_if_that_is_known() {
    let mut scene = restarted([left("X", 1, "old", 1_000), left("X", 2, "new", 50_000)]);
    scene.manager.set_wall_clock(scene.now, 80_000);
    scene.connect();
    let log = scene.log();
    assert!(log.contains(&"message 1 expired, sent: false".to_owned()), "{log:?}");
    scene.pass(Duration::from_millis(29_999));
    assert!(scene.log_of("message").is_empty());
    scene.pass(Duration::from_millis(1));
    assert_eq!(scene.log_of("message"), ["message 2 expired, sent: false"]);

    // Without a clock outside, and for what was emitted without one, the full time begins anew.
    for emitted_at in [1_000, 0] {
        let mut scene = restarted([left("X", 1, "a", emitted_at)]);
        if emitted_at == 0 {
            scene.manager.set_wall_clock(scene.now, 1_000_000_000);
        }
        scene.connect();
        scene.log();
        scene.pass(Duration::from_millis(59_999));
        assert!(scene.log_of("message").is_empty());
        scene.pass(Duration::from_millis(1));
        assert_eq!(scene.log_of("message").len(), 1);
    }
}

#[test]
fn what_is_emitted_carries_the_time_outside() {
    let mut scene = granted();
    scene.manager.set_wall_clock(scene.now, 1_000_000);
    scene.pass_secs(2);
    scene.store.is_prompt = true;
    scene.emit(event("a").durable().ttl(Duration::from_secs(5))).unwrap();
    let stored = scene.store.disk.values().next().unwrap();
    assert_eq!((stored.emitted_at, stored.expires_at), (1_002_000, 1_007_000));
}

#[test]
fn more_than_the_caps_is_taken_over_and_keeps_new_ones_out() {
    let mut scene = Scene::storing(|config| config.durable.max_messages = 2);
    scene.store.is_prompt = true;
    scene.store.disk = (1..=3).map(|id| left("X", id, "a", id)).map(|message| (message.key.clone(), message)).collect();
    scene.connect();
    assert_eq!(scene.manager.stats().durable_messages, 3);
    assert!(scene.emit(event("new").durable()).is_err());
    scene.accept_granting(D);
    for id in 0..3 {
        scene.receive(&format!(r#"43/realtime,{id}[{{"$m":{{"ok":1}}}}]"#));
    }
    scene.emit(event("new").durable()).unwrap();
}

#[test]
fn what_was_emitted_before_the_outbox_opened_is_refused_where_it_is_full() {
    let mut scene = Scene::storing(|config| config.durable.max_messages = 4);
    scene.store.disk = (1..=3).map(|id| left("X", id, "a", id)).map(|message| (message.key.clone(), message)).collect();
    scene.connect();
    for _ in 0..3 {
        scene.emit(event("new").durable()).unwrap();
    }
    scene.log();
    scene.store.is_prompt = true;
    scene.commit();
    let log = scene.log();
    let refused: Vec<_> = log.iter().filter(|line| line.contains("QUEUE_FULL")).collect();
    assert_eq!(refused.len(), 2, "the newest two: {log:?}");
    assert!(refused[0].starts_with("message 3 ") && refused[1].starts_with("message 2 "), "{log:?}");
    assert_eq!((scene.manager.stats().durable_messages, scene.store.disk.len()), (4, 4));
}

#[test]
fn sleep_makes_no_answer_overdue() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    scene.emit(event("a").durable()).unwrap();
    scene.log();
    scene.sleep_secs(3600);
    scene.receive("2");
    scene.receive(r#"43/realtime,0[{"$m":{"ok":1}}]"#);
    let log = scene.log();
    assert!(!log.iter().any(|line| line.starts_with("send 42")), "{log:?}");
    assert!(log.contains(&"message 1 acked []".to_owned()), "{log:?}");
}

#[test]
fn a_namespace_that_ends_and_comes_back_goes_on() {
    let mut scene = granted();
    scene.store.is_prompt = true;
    scene.join("chat");
    scene.receive(&format!(r#"40/chat,{{"sid":"c","nx":{D}}}"#));
    scene.emit(event_to("chat", "a").durable()).unwrap();
    scene.receive("41/chat,");
    scene.pass_alive(20);
    scene.log();
    scene.join("chat");
    scene.receive(&format!(r#"40/chat,{{"sid":"d","nx":{D}}}"#));
    assert_eq!(scene.log_of("send 42"), [r#"send 42/chat,1["a",{"$m":{"id":1,"lo":1,"d":1}}]"#]);
}
