use std::time::Duration;

use super::scene::{HANDSHAKE, Scene, event, event_to, ns};
use crate::{
    manager::{
        AckError, CancelError, Cancelled, Command, CommandError, Config, Emit, EmitError, EmitOutcome, Emitted, Event,
        MessageId, Overflow, Receipt, TransportEvent,
    },
    socketio::{HostArgs, Payload},
};

const B: &str = r#"{"v":1,"b":"G"}"#;

/// Connected to a server that deduplicates buffered events.
fn granted() -> Scene {
    granted_with(|_| {})
}

fn granted_with(change: impl FnOnce(&mut Config)) -> Scene {
    let mut scene = Scene::negotiating(change);
    scene.connect();
    scene.accept_granting(B);
    scene.log();
    scene
}

fn instance(line: &str) -> String {
    line.split_once(r#""ci":""#).unwrap().1.split('"').next().unwrap().to_owned()
}

fn outcome(result: Result<Receipt, CommandError>) -> EmitOutcome {
    match result {
        Ok(Receipt::Emitted(Emitted { outcome, .. })) => outcome,
        other => panic!("{other:?}"),
    }
}

fn value(value: &serde_json::Value) -> Emit {
    Emit::new(ns("realtime"), "e", Payload::from_value(value).unwrap())
}

#[test]
fn every_namespace_is_asked_for_under_one_instance() {
    let mut scene = Scene::negotiating(|_| {});
    scene.connect();
    scene.accept();
    scene.join("chat");
    let log = scene.log_of("send 40");
    let first = instance(&log[0]);
    assert_eq!(first.len(), 22);
    let nx = format!(r#""nx":{{"v":1,"ci":"{first}"}}}}"#);
    assert_eq!(log[0], format!(r#"send 40/realtime,{{"token":"t","userId":"u",{nx}"#));
    assert_eq!(log[1], format!(r#"send 40/chat,{{"token":"t","userId":"u",{nx}"#));

    scene.connect_as("v", crate::manager::Credentials::Token("t".into()));
    scene.accept();
    assert_ne!(instance(&scene.log_of("send 40")[0]), first, "another user is another instance");
}

#[test]
fn a_grant_that_can_not_be_understood_breaks_the_protocol() {
    let mut scene = Scene::negotiating(|_| {});
    scene.connect();
    scene.accept_granting(r#"{"v":2}"#);
    assert_eq!(scene.manager.stats().counters.protocol_errors, 1);
}

#[test]
fn what_nobody_asked_for_is_not_granted() {
    let mut scene = Scene::new();
    scene.connect();
    scene.accept_granting(B);
    scene.emit(event("e")).unwrap();
    scene.receive(r#"42/realtime,["$nx",{"b":7}]"#);
    let log = scene.log();
    assert!(log.contains(&r#"send 42/realtime,["e"]"#.to_owned()), "{log:?}");
    assert!(log.contains(&r#"event /realtime $nx [{"b":7}]"#.to_owned()), "{log:?}");
}

#[test]
fn events_carry_markers_and_are_kept_until_confirmed() {
    let mut scene = granted();
    scene.emit(event("a")).unwrap();
    scene.emit(value(&1.into()).with_ack()).unwrap();
    scene.emit(event("c")).unwrap();
    assert_eq!(
        scene.log(),
        [
            r#"send 42/realtime,["a",{"$m":{"id":1,"lo":1}}]"#,
            r#"send 42/realtime,0["e",1,{"$m":{"id":2,"lo":1}}]"#,
            r#"send 42/realtime,["c",{"$m":{"id":3,"lo":1}}]"#
        ]
    );
    assert_eq!(scene.manager.stats().kept_messages, 3);
    scene.receive(r#"43/realtime,0["ok"]"#);
    assert_eq!(scene.manager.stats().kept_messages, 2, "an acknowledgement speaks for its own event");
    scene.receive(r#"42/realtime,["$nx",{"b":1,"more":[]}]"#);
    scene.emit(event("d")).unwrap();
    assert_eq!(scene.log(), [r#"ack of 2: ["ok"]"#, r#"send 42/realtime,["d",{"$m":{"id":4,"lo":3}}]"#]);
    scene.receive(r#"42/realtime,["$nx",{"b":4}]"#);
    scene.receive(r#"42/realtime,["$nx",{"b":2}]"#);
    let stats = scene.manager.stats();
    assert_eq!((stats.kept_messages, stats.kept_bytes), (0, 0));
    assert!(scene.log().is_empty());
}

#[test]
fn what_is_kept_goes_out_again_in_order_and_before_anything_new() {
    let mut scene = granted();
    scene.emit(event("a")).unwrap();
    scene.emit(event("b").with_ack_timeout(Duration::from_secs(60))).unwrap();
    scene.emit(event("c")).unwrap();
    scene.receive(r#"42/realtime,["$nx",{"b":1}]"#);
    scene.cut();
    scene.emit(event("new")).unwrap();
    let log = scene.log();
    assert!(!log.iter().any(|line| line.starts_with("no ack") || line.starts_with("dropped")), "{log:?}");
    scene.pass_secs(1);
    scene.accept_granting(B);
    assert_eq!(
        scene.log_of("send 42"),
        [
            r#"send 42/realtime,1["b",{"$m":{"id":2,"lo":2}}]"#,
            r#"send 42/realtime,["c",{"$m":{"id":3,"lo":2}}]"#,
            r#"send 42/realtime,["new",{"$m":{"id":4,"lo":2}}]"#
        ]
    );
    assert_eq!(scene.manager.stats().counters.events_repeated, 2);
    scene.receive("43/realtime,1[]");
    assert_eq!(scene.log(), ["ack of 2: []"]);
}

#[test]
fn a_confirmed_event_is_repeated_while_its_acknowledgement_is_awaited() {
    let mut scene = granted();
    scene.emit(event("a").with_ack_timeout(Duration::from_secs(60))).unwrap();
    scene.receive(r#"42/realtime,["$nx",{"b":1}]"#);
    scene.log();
    scene.reconnect_granting(B);
    assert_eq!(scene.log_of("send 42"), [r#"send 42/realtime,1["a",{"$m":{"id":1,"lo":1}}]"#]);
    scene.pass_alive(60);
    assert_eq!(scene.log_of("no ack"), ["no ack of 1: no acknowledgement in time (sent)"]);
    assert_eq!(scene.manager.stats().kept_messages, 0, "the server has it, and nobody waits");
}

#[test]
fn one_whose_wait_ended_stays_kept_until_it_is_confirmed() {
    let mut scene = granted();
    scene.emit(event("a").with_ack_timeout(Duration::from_secs(1))).unwrap();
    scene.emit(event("b").with_ack()).unwrap();
    scene.pass_secs(1);
    let cancel = |id| Command::Cancel { message: MessageId::from_u64(id) };
    assert_eq!(scene.command(cancel(2)), Ok(Receipt::Cancelled(Cancelled::Wait)));
    assert_eq!(scene.command(cancel(2)), Err(CommandError::Cancel(CancelError::Unknown)));
    scene.log();
    scene.reconnect_granting(B);
    assert_eq!(
        scene.log_of("send 42"),
        [r#"send 42/realtime,["a",{"$m":{"id":1,"lo":1}}]"#, r#"send 42/realtime,["b",{"$m":{"id":2,"lo":1}}]"#]
    );
    scene.receive(r#"42/realtime,["$nx",{"b":2}]"#);
    assert_eq!(scene.manager.stats().kept_messages, 0);
}

#[test]
fn under_another_ledger_or_none_they_end_as_unknown() {
    for nx in [r#"{"v":1,"b":"H"}"#, r#"{"v":1}"#, r#"{"v":1,"d":"K"}"#] {
        let mut scene = granted();
        scene.emit(event("a").with_ack_timeout(Duration::from_secs(60))).unwrap();
        scene.emit(event("b")).unwrap();
        scene.log();
        scene.reconnect_granting(nx);
        scene.emit(event("new")).unwrap();
        let log = scene.log();
        let ends: Vec<_> = log.iter().filter(|line| line.contains("dropped") || line.contains("no ack")).collect();
        assert_eq!(
            ends,
            [
                "dropped 1: sent, and nobody knows whether it arrived",
                "no ack of 1: sent, and nobody knows whether it arrived",
                "dropped 2: sent, and nobody knows whether it arrived"
            ]
        );
        let expected = if nx.contains("\"b\"") {
            r#"send 42/realtime,["new",{"$m":{"id":1,"lo":1}}]"#
        } else {
            r#"send 42/realtime,["new"]"#
        };
        assert_eq!(log.last().unwrap(), expected, "another ledger counts from 1");
        assert_eq!(scene.manager.stats().counters.messages_unknown, 2);
    }
}

#[test]
fn giving_up_is_never_silent_and_takes_another_instance() {
    // The server may lack what was given up: under the old instance the next id would be a jump.
    let give_up: [fn(&mut Scene); 3] = [
        |scene| scene.command(Command::Leave { namespace: ns("chat") }).map(drop).unwrap(),
        Scene::disconnect,
        |scene| scene.receive("41/realtime,"),
    ];
    for (way, give_up) in give_up.into_iter().enumerate() {
        let mut scene = Scene::negotiating(|_| {});
        scene.connect();
        scene.accept_granting(B);
        scene.join("chat");
        scene.receive(&format!(r#"40/chat,{{"sid":"c","nx":{B}}}"#));
        scene.emit(event_to("chat", "a").with_ack()).unwrap();
        let before = instance(&scene.log_of("send 40/chat")[0]);
        give_up(&mut scene);
        let log = scene.log();
        assert!(log.contains(&"dropped 1: sent, and nobody knows whether it arrived".to_owned()), "{way} {log:?}");
        assert!(log.iter().filter(|line| line.starts_with("no ack of 1")).count() == 1, "{way} {log:?}");
        assert_eq!(scene.manager.stats().kept_messages, 0);
        scene.connect();
        if way > 0 {
            scene.accept_granting(B);
        }
        scene.join("chat");
        assert_ne!(instance(&scene.log_of("send 40/chat")[0]), before, "{way}");
    }
}

#[test]
fn an_instance_is_kept_where_nothing_was_given_up() {
    let mut scene = granted();
    scene.emit(event("a")).unwrap();
    scene.receive(r#"42/realtime,["$nx",{"b":1}]"#);
    scene.disconnect();
    scene.log();
    scene.connect();
    scene.accept_granting(B);
    scene.emit(event("b")).unwrap();
    assert_eq!(scene.log_of("send 42"), [r#"send 42/realtime,["b",{"$m":{"id":2,"lo":2}}]"#]);
}

#[test]
fn the_window_closes_after_4096_and_opens_with_a_confirmation() {
    let mut scene = granted_with(|config| config.outbox.max_messages = 10_000);
    for _ in 0..4096 {
        assert_eq!(outcome(scene.emit(event("e"))), EmitOutcome::Transmitted);
    }
    assert_eq!(outcome(scene.emit(event("waits"))), EmitOutcome::Queued);
    assert_eq!(outcome(scene.emit(event("waits too"))), EmitOutcome::Queued);
    assert_eq!(outcome(scene.emit(event("v").volatile())), EmitOutcome::Transmitted);
    scene.log();
    scene.receive(r#"42/realtime,["$nx",{"b":1}]"#);
    assert_eq!(scene.log(), [r#"send 42/realtime,["waits",{"$m":{"id":4097,"lo":2}}]"#]);
    scene.receive(r#"42/realtime,["$nx",{"b":4096}]"#);
    assert_eq!(scene.log(), [r#"send 42/realtime,["waits too",{"$m":{"id":4098,"lo":4097}}]"#]);
}

#[test]
fn one_that_waits_for_its_acknowledgement_only_makes_room() {
    let mut scene = granted_with(|config| config.outbox.max_messages = 10_000);
    scene.emit(event("first").with_ack_timeout(Duration::from_secs(60))).unwrap();
    for _ in 1..4096 {
        scene.emit(event("e")).unwrap();
    }
    assert_eq!(outcome(scene.emit(event("waits"))), EmitOutcome::Queued);
    scene.log();
    scene.receive(r#"42/realtime,["$nx",{"b":4000}]"#);
    assert_eq!(scene.log(), [r#"send 42/realtime,["waits",{"$m":{"id":4097,"lo":4001}}]"#]);
    scene.cut();
    assert_eq!(scene.log_of("no ack"), ["no ack of 1: disconnected after sending"], "it is not kept any more");
}

#[test]
fn kept_bytes_count_with_the_queue() {
    let mut scene = granted_with(|config| config.outbox.max_bytes = 10_000);
    let large = |bytes: usize| value(&"x".repeat(bytes).into());
    assert_eq!(outcome(scene.emit(large(6_000))), EmitOutcome::Transmitted);
    let refused = scene.emit(large(6_000));
    assert!(matches!(refused, Err(CommandError::Emit(EmitError::QueueFull))), "{refused:?}");
    assert_eq!(outcome(scene.emit(large(3_000))), EmitOutcome::Transmitted);
    assert!(scene.manager.stats().kept_bytes <= 10_000);
    scene.receive(r#"42/realtime,["$nx",{"b":1}]"#);
    assert_eq!(outcome(scene.emit(large(6_000))), EmitOutcome::Transmitted);
    // One alone may be larger: it was written from the caller's memory.
    scene.receive(r#"42/realtime,["$nx",{"b":3}]"#);
    assert_eq!(outcome(scene.emit(large(20_000))), EmitOutcome::Transmitted);
}

#[test]
fn a_full_queue_drops_nothing_that_is_kept() {
    let mut scene = granted_with(|config| {
        config.outbox.max_bytes = 1_000;
        config.outbox.overflow = Overflow::DropOldest;
    });
    scene.emit(value(&"x".repeat(800).into())).unwrap();
    let refused = scene.emit(value(&"x".repeat(400).into()));
    assert!(matches!(refused, Err(CommandError::Emit(EmitError::QueueFull))), "{refused:?}");
    assert_eq!(scene.manager.stats().kept_messages, 1);
}

#[test]
fn a_slow_transport_gets_what_is_kept_piece_by_piece() {
    let mut scene = granted_with(|config| config.limits.unsent_bytes = 1024);
    for _ in 0..10 {
        scene.emit(value(&"x".repeat(300).into())).unwrap();
    }
    scene.cut();
    scene.pass_secs(1);
    scene.is_stalled = true;
    scene.log();
    scene.accept_granting(B);
    assert_eq!(outcome(scene.emit(event("new"))), EmitOutcome::Queued);
    let first = scene.log_of("send 42").len();
    assert!((1..5).contains(&first), "{first}");
    scene.is_stalled = false;
    scene.transport(TransportEvent::Flushed { frames: 100 });
    let log = scene.log_of("send 42");
    assert_eq!(log.len(), 11 - first);
    assert_eq!(log.last().unwrap(), r#"send 42/realtime,["new",{"$m":{"id":11,"lo":1}}]"#);
}

#[test]
fn an_argument_that_looks_like_a_marker_is_guarded() {
    let mut scene = granted();
    let like_marker = serde_json::json!({"$m": {"id": 9}});
    scene.emit(value(&like_marker).volatile()).unwrap();
    scene.emit(value(&like_marker)).unwrap();
    scene.emit(event("v").volatile()).unwrap();
    let host = |may| Payload::from_host(HostArgs::new("1", 1).ending_in_marker(may));
    scene.emit(Emit::new(ns("realtime"), "h", host(true)).volatile()).unwrap();
    scene.emit(Emit::new(ns("realtime"), "h", host(false)).volatile()).unwrap();
    scene.emit(Emit::new(ns("realtime"), "h", host(false))).unwrap();
    assert_eq!(
        scene.log(),
        [
            r#"send 42/realtime,["e",{"$m":{"id":9}},{"$m":{}}]"#,
            r#"send 42/realtime,["e",{"$m":{"id":9}},{"$m":{"id":1,"lo":1}}]"#,
            r#"send 42/realtime,["v"]"#,
            r#"send 42/realtime,["h",1,{"$m":{}}]"#,
            r#"send 42/realtime,["h",1]"#,
            r#"send 42/realtime,["h",1,{"$m":{"id":2,"lo":1}}]"#,
        ]
    );
    scene.reconnect_granting(r#"{"v":1,"d":"K"}"#);
    scene.log();
    scene.emit(value(&like_marker)).unwrap();
    assert_eq!(scene.log(), [r#"send 42/realtime,["e",{"$m":{"id":9}},{"$m":{}}]"#], "it strips there as well");
    scene.reconnect_granting(r#"{"v":1}"#);
    scene.log();
    scene.emit(value(&like_marker)).unwrap();
    assert_eq!(scene.log(), [r#"send 42/realtime,["e",{"$m":{"id":9}}]"#]);
}

#[test]
fn confirmations_out_of_bounds_break_the_protocol() {
    for control in [r#"{"b":2}"#, r#"{"b":"1"}"#, r#"{"b":-1}"#, "1", r#"{"b":1,"b":1}"#, ""] {
        let mut scene = granted();
        scene.emit(event("a")).unwrap();
        let comma = if control.is_empty() { "" } else { "," };
        scene.receive(&format!(r#"42/realtime,["$nx"{comma}{control}]"#));
        assert_eq!(scene.manager.stats().counters.protocol_errors, 1, "{control}");
    }
    let mut scene = granted();
    scene.receive(r#"42/realtime,["$nx",{"b":0}]"#);
    scene.receive(r#"42/realtime,["$nx",{"later":1}]"#);
    assert_eq!(scene.manager.stats().counters.protocol_errors, 0);
    assert!(scene.log().is_empty());
}

#[test]
fn the_event_of_the_protocol_is_reserved() {
    let refused = Scene::new().connected().emit(event("$nx"));
    assert_eq!(refused, Err(CommandError::Emit(EmitError::ReservedEvent("$nx".to_owned()))));
}

#[test]
fn a_namespace_that_ends_keeps_what_it_was_sent() {
    let mut scene = granted();
    scene.join("chat");
    scene.receive(&format!(r#"40/chat,{{"sid":"c","nx":{B}}}"#));
    scene.emit(event_to("chat", "a").with_ack()).unwrap();
    scene.receive("41/chat,");
    let log = scene.log();
    assert!(!log.iter().any(|line| line.starts_with("no ack") || line.starts_with("dropped")), "{log:?}");
    scene.join("chat");
    scene.receive(&format!(r#"40/chat,{{"sid":"d","nx":{B}}}"#));
    assert_eq!(scene.log_of("send 42"), [r#"send 42/chat,1["a",{"$m":{"id":1,"lo":1}}]"#]);
}

#[test]
fn what_can_not_be_repeated_ends_as_unknown() {
    let mut scene = granted();
    scene.emit(value(&"x".repeat(2_000).into())).unwrap();
    scene.cut();
    scene.pass_secs(1);
    scene.open();
    scene.receive(&HANDSHAKE.replace("1000000", "1024"));
    scene.log();
    scene.receive(&format!(r#"40/realtime,{{"sid":"s","nx":{B}}}"#));
    scene.emit(event("next")).unwrap();
    let log = scene.log();
    assert!(log.contains(&"dropped 1: sent, and nobody knows whether it arrived".to_owned()), "{log:?}");
    assert_eq!(log.last().unwrap(), r#"send 42/realtime,["next"]"#, "the ledger takes no id after the lost one");
}

#[test]
fn unknown_has_its_own_name() {
    assert_eq!(AckError::Unknown.code(), "UNKNOWN");
    assert!(!AckError::Unknown.is_unsent());
    let mut scene = granted();
    scene.emit(event("a").with_ack()).unwrap();
    scene.manager.disconnect(scene.now);
    let mut ends = 0;
    while let Some(output) = scene.manager.poll_output() {
        if let crate::manager::Output::Event(Event::AckResolved { result, .. }) = output {
            assert_eq!(result, Err(AckError::Unknown));
            ends += 1;
        }
    }
    assert_eq!(ends, 1);
}
