use std::time::Duration;

use bytes::Bytes;

use super::scene::{Scene, event, event_to, ns};
use crate::{
    manager::{
        CancelError, Cancelled, Command, CommandError, Credentials, Emit, EmitError, EmitOutcome, Emitted, MessageId,
        Overflow, Receipt, ReplyError, TransportEvent,
    },
    socketio::Payload,
};

fn outcome(result: Result<Receipt, CommandError>) -> EmitOutcome {
    match result {
        Ok(Receipt::Emitted(Emitted { outcome, .. })) => outcome,
        other => panic!("{other:?}"),
    }
}

fn refusal(result: Result<Receipt, CommandError>) -> EmitError {
    match result {
        Err(CommandError::Emit(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_goes_out_at_once() {
    let mut scene = Scene::new().connected();
    let payload = Payload::from_args(&("hé\"", 1, Option::<u8>::None)).unwrap();
    let emitted = scene.emit(Emit::new(ns("realtime"), "chat", payload));
    assert_eq!(outcome(emitted), EmitOutcome::Transmitted);
    assert_eq!(scene.log(), [r#"send 42/realtime,["chat","hé\"",1,null]"#]);
}

#[test]
fn attachments_follow_their_text() {
    let mut scene = Scene::new().connected();
    let payload = Payload::from_args(&(Bytes::from_static(&[1, 2]), Bytes::from_static(&[3]))).unwrap();
    scene.emit(Emit::new(ns("realtime"), "b", payload).with_ack()).unwrap();
    assert_eq!(
        scene.log(),
        [
            r#"send 452-/realtime,0["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            "send [1, 2]",
            "send [3]"
        ]
    );
    scene.receive(r#"461-/realtime,0[{"_placeholder":true,"num":0}]"#);
    assert!(scene.log().is_empty());
    scene.receive_binary(&[9]);
    assert_eq!(scene.log(), [r#"ack of 1: [{"_placeholder":true,"num":0}]"#]);
}

#[test]
fn events_come_with_arguments_and_attachments() {
    let mut scene = Scene::new().connected();
    scene.receive(r#"42/realtime,["hi",{"a":1},2]"#);
    scene.receive(r#"451-/realtime,["bin",{"_placeholder":true,"num":0}]"#);
    scene.receive_binary(&[7, 8]);
    assert_eq!(
        scene.log(),
        [r#"event /realtime hi [{"a":1},2]"#, r#"event /realtime bin [{"_placeholder":true,"num":0}] [7, 8]"#]
    );
}

#[test]
fn what_waits_goes_out_in_order_after_the_join() {
    let mut scene = Scene::new();
    assert_eq!(refusal(scene.emit(event("e"))), EmitError::NoUser);
    scene.connect();
    for name in ["1", "2", "3"] {
        assert_eq!(outcome(scene.emit(event(name))), EmitOutcome::Queued);
    }
    assert_eq!(scene.manager.queue().map(|queued| queued.event.to_string()).collect::<Vec<_>>(), ["1", "2", "3"]);
    scene.accept();
    assert_eq!(
        scene.log_of("send 42"),
        [r#"send 42/realtime,["1"]"#, r#"send 42/realtime,["2"]"#, r#"send 42/realtime,["3"]"#]
    );
    assert_eq!(scene.manager.stats().queued_bytes, 0);
}

#[test]
fn one_namespace_does_not_hold_up_another() {
    let mut scene = Scene::new().connected();
    scene.emit(event_to("slow", "1")).unwrap();
    scene.emit(event_to("fast", "2")).unwrap();
    scene.emit(event_to("slow", "3")).unwrap();
    scene.log();
    scene.receive(r#"40/fast,{"sid":"f"}"#);
    assert_eq!(scene.log(), ["joined /fast as f", r#"send 42/fast,["2"]"#]);
    scene.receive(r#"40/slow,{"sid":"s"}"#);
    assert_eq!(scene.log(), ["joined /slow as s", r#"send 42/slow,["1"]"#, r#"send 42/slow,["3"]"#]);
}

#[test]
fn an_emit_wants_a_namespace_again_that_is_being_left() {
    let mut scene = Scene::new().connected();
    scene.join("chat");
    scene.command(Command::Leave { namespace: ns("chat") }).unwrap();
    scene.emit(event_to("chat", "e")).unwrap();
    scene.log();
    scene.receive(r#"40/chat,{"sid":"c"}"#);
    assert_eq!(scene.log(), ["joined /chat as c", r#"send 42/chat,["e"]"#]);
}

#[test]
fn what_was_sent_before_a_loss_is_not_sent_again() {
    let mut scene = Scene::new().connected();
    scene.emit(event("sent").with_ack_timeout(Duration::from_secs(60))).unwrap();
    scene.cut();
    assert_eq!(scene.log_of("no ack"), ["no ack of 1: disconnected after sending"]);
    scene.emit(event("queued").with_ack_timeout(Duration::from_secs(60))).unwrap();
    scene.pass_secs(1);
    scene.accept();
    assert_eq!(scene.log_of("send 42"), [r#"send 42/realtime,1["queued"]"#]);
    scene.receive("43/realtime,0[]");
    assert_eq!(scene.manager.stats().counters.acks_unknown, 1);
    scene.receive(r#"43/realtime,1["ok"]"#);
    assert_eq!(scene.log(), [r#"ack of 2: ["ok"]"#]);
}

#[test]
fn an_acknowledgement_times_out_once_sent_or_not() {
    let mut scene = Scene::new().connected();
    scene.emit(event("sent").with_ack_timeout(Duration::from_secs(2))).unwrap();
    scene.emit(event_to("other", "queued").with_ack()).unwrap();
    scene.log();
    scene.pass_secs(2);
    assert_eq!(scene.log(), ["no ack of 1: no acknowledgement in time (sent)"]);
    scene.receive("43/realtime,0[]");
    assert!(scene.log().is_empty(), "too late");
    scene.pass_secs(8);
    assert_eq!(
        scene.log(),
        ["dropped 2: the acknowledgement timed out", "no ack of 2: no acknowledgement in time (never sent)"]
    );
    scene.receive(r#"40/other,{"sid":"o"}"#);
    assert_eq!(scene.log(), ["joined /other as o"], "it is not sent any more");
}

#[test]
fn an_acknowledgement_of_another_namespace_is_none() {
    let mut scene = Scene::new().connected();
    scene.join("other");
    scene.receive(r#"40/other,{"sid":"o"}"#);
    scene.emit(event("e").with_ack()).unwrap();
    scene.log();
    scene.receive("43/other,0[]");
    scene.receive("43/realtime,99[]");
    assert!(scene.log().is_empty());
    assert_eq!(scene.manager.stats().counters.acks_unknown, 2);
    assert_eq!(scene.manager.stats().pending_acks, 1);
}

#[test]
fn volatile_events_are_dropped_when_they_can_not_be_written() {
    let mut scene = Scene::new();
    scene.connect();
    assert_eq!(outcome(scene.emit(event("e").volatile())), EmitOutcome::Dropped);
    assert_eq!(refusal(scene.emit(event("e").volatile().with_ack())), EmitError::NotWritable);
    scene.accept();
    scene.log();
    assert_eq!(outcome(scene.emit(event("e").volatile().with_ack())), EmitOutcome::Transmitted);
    assert_eq!(scene.manager.stats().counters.volatile_dropped, 1);
    assert_eq!(scene.manager.stats().pending_acks, 1);
}

#[test]
fn a_transport_that_takes_nothing_fills_the_queue_and_not_memory() {
    let mut scene = Scene::with(|config| config.limits.unsent_bytes = 1024).connected();
    scene.is_stalled = true;
    let mut outcomes = Vec::new();
    for _ in 0..100 {
        outcomes.push(outcome(scene.emit(event("0123456789"))));
    }
    let sent = outcomes.iter().filter(|outcome| **outcome == EmitOutcome::Transmitted).count();
    assert!((10..30).contains(&sent), "{sent}");
    assert_eq!(outcome(scene.emit(event("v").volatile())), EmitOutcome::Dropped);
    assert!(scene.manager.stats().unsent_bytes < 1024 + 100);
    assert_eq!(scene.log_of("send").len(), sent);

    scene.is_stalled = false;
    scene.transport(TransportEvent::Flushed { frames: sent });
    assert_eq!(scene.log_of("send").len(), 100 - sent);
    assert_eq!(scene.manager.stats().unsent_bytes, 0);
}

#[test]
fn a_transport_that_takes_again_gets_the_oldest_first() {
    let mut scene = Scene::with(|config| config.limits.unsent_bytes = 1024).connected();
    scene.join("other");
    scene.receive(r#"40/other,{"sid":"o"}"#);
    scene.is_stalled = true;
    while outcome(scene.emit(event("filler"))) == EmitOutcome::Transmitted {}
    scene.emit(event_to("other", "1")).unwrap();
    scene.emit(event("2")).unwrap();
    scene.emit(event_to("other", "3")).unwrap();
    scene.log();
    scene.is_stalled = false;
    scene.transport(TransportEvent::Flushed { frames: 1000 });
    assert_eq!(
        scene.log(),
        [
            r#"send 42/realtime,["filler"]"#,
            r#"send 42/other,["1"]"#,
            r#"send 42/realtime,["2"]"#,
            r#"send 42/other,["3"]"#
        ]
    );
}

#[test]
fn a_transport_that_takes_not_even_replies_is_given_up() {
    let mut scene = Scene::with(|config| {
        config.limits.unsent_bytes = 1024;
        config.limits.unsent_hard_bytes = 0;
    })
    .connected();
    assert_eq!(scene.manager.config().limits.unsent_hard_bytes, 4096);
    scene.is_stalled = true;
    for _ in 0..200 {
        scene.receive("2");
    }
    assert_eq!(scene.log_of("status"), ["status disconnected (slow transport)", "status reconnecting"]);
}

#[test]
fn a_full_queue_rejects_by_default() {
    let mut scene = Scene::with(|config| config.outbox.max_messages = 2);
    scene.connect();
    scene.emit(event("1")).unwrap();
    scene.emit(event("2").with_ack()).unwrap();
    let error = refusal(scene.emit(event("3").with_ack()));
    assert_eq!(error, EmitError::QueueFull);
    assert!(error.is_retryable());
    assert_eq!(scene.manager.stats().pending_acks, 1, "the refused one leaves no trace");
    assert_eq!(scene.manager.stats().counters.emits_refused, 1);
}

#[test]
fn a_full_queue_can_drop_the_oldest_and_says_so() {
    let mut scene = Scene::with(|config| {
        config.outbox.max_messages = 2;
        config.outbox.overflow = Overflow::DropOldest;
    });
    scene.connect();
    scene.log();
    scene.emit(event("1").with_ack()).unwrap();
    scene.emit(event("2")).unwrap();
    scene.emit(event("3")).unwrap();
    assert_eq!(scene.log(), ["dropped 1: the queue overflowed", "no ack of 1: never sent: the queue overflowed"]);
}

#[test]
fn bytes_bound_the_queue() {
    let mut scene = Scene::with(|config| config.outbox.max_bytes = 10_000);
    scene.connect();
    let large = |bytes: usize| Emit::new(ns("realtime"), "e", Payload::from_value(&"x".repeat(bytes)).unwrap());
    scene.emit(large(6_000)).unwrap();
    assert_eq!(refusal(scene.emit(large(6_000))), EmitError::QueueFull);
    scene.emit(large(3_000)).unwrap();
    assert!(scene.manager.stats().queued_bytes <= 10_000);
}

#[test]
fn queued_messages_expire_and_say_so() {
    let mut scene = Scene::new();
    scene.connect();
    scene.emit(event("1").ttl(Duration::from_secs(5))).unwrap();
    scene.emit(event("2").ttl(Duration::from_secs(3)).with_ack()).unwrap();
    scene.emit(event("3")).unwrap();
    scene.log();
    scene.pass_secs(3);
    assert_eq!(scene.log(), ["dropped 2: expired", "no ack of 2: never sent: expired"]);
    // The connection comes after the time, but before the driver's timeout.
    scene.now += Duration::from_secs(2);
    scene.accept();
    assert_eq!(scene.log_of("dropped"), ["dropped 1: expired"]);
}

#[test]
fn messages_can_be_cancelled_while_they_wait() {
    let mut scene = Scene::new();
    scene.connect();
    scene.emit(event("1").with_ack()).unwrap();
    scene.log();
    let cancel = |id| Command::Cancel { message: MessageId::from_u64(id) };
    assert_eq!(scene.command(cancel(1)), Ok(Receipt::Cancelled(Cancelled::Unsent)));
    assert_eq!(scene.log(), ["dropped 1: cancelled", "no ack of 1: cancelled"]);
    scene.accept();
    scene.emit(event("2").with_ack()).unwrap();
    scene.emit(event("3")).unwrap();
    scene.log();
    assert_eq!(scene.command(cancel(2)), Ok(Receipt::Cancelled(Cancelled::Wait)));
    assert_eq!(scene.log(), ["no ack of 2: cancelled"]);
    for id in [1, 2, 3, 99] {
        assert_eq!(scene.command(cancel(id)), Err(CommandError::Cancel(CancelError::Unknown)));
    }
}

#[test]
fn the_queue_survives_disconnect_for_the_same_user_only() {
    let mut scene = Scene::new().connected();
    scene.disconnect();
    scene.emit(event("1")).unwrap();
    scene.connect();
    scene.accept();
    assert_eq!(scene.log_of("send 42").len(), 1);
    scene.disconnect();
    scene.emit(event("2").with_ack()).unwrap();
    scene.log();
    scene.connect_as("v", Credentials::Token("t".into()));
    scene.accept();
    let log = scene.log();
    assert!(log.contains(&"dropped 2: another user connected".to_owned()), "{log:?}");
    assert!(log.contains(&"no ack of 2: never sent: another user connected".to_owned()), "{log:?}");
    assert!(!log.iter().any(|line| line.starts_with("send 42")), "{log:?}");
}

#[test]
fn what_the_server_does_not_take_is_refused() {
    let mut scene = Scene::new().connected();
    let sized = |bytes: usize| {
        let payload = Payload::from_json(format!("[\"{}\"]", "x".repeat(bytes)).into(), Vec::new()).unwrap();
        Emit::new(ns("realtime"), "e", payload)
    };
    // 42/realtime,["e","..."] is 20 bytes more than the x.
    assert_eq!(outcome(scene.emit(sized(1_000_000 - 20))), EmitOutcome::Transmitted);
    assert_eq!(refusal(scene.emit(sized(1_000_000 - 19))), EmitError::TooLarge { size: 1_000_001, limit: 1_000_000 });
    let payload = Payload::from_value(&Bytes::from(vec![0; 1_000_001])).unwrap();
    assert!(matches!(
        refusal(scene.emit(Emit::new(ns("realtime"), "e", payload))),
        EmitError::TooLarge { size: 1_000_001, .. }
    ));
    assert!(matches!(refusal(scene.emit(sized(1_000_000 - 20).with_ack())), EmitError::TooLarge { .. }));
    assert_eq!(scene.manager.stats().pending_acks, 0);
}

#[test]
fn what_turns_out_too_large_later_is_dropped_and_says_so() {
    let mut scene = Scene::new();
    scene.connect();
    let payload = Payload::from_value(&"x".repeat(2_000_000)).unwrap();
    scene.emit(Emit::new(ns("realtime"), "e", payload).with_ack()).unwrap();
    scene.emit(event("small")).unwrap();
    scene.accept();
    let log = scene.log();
    assert!(log.contains(&"dropped 1: larger than the server takes".to_owned()), "{log:?}");
    assert!(log.contains(&"no ack of 1: never sent: larger than the server takes".to_owned()), "{log:?}");
    assert!(log.contains(&r#"send 42/realtime,["small"]"#.to_owned()), "{log:?}");
}

#[test]
fn emits_out_of_bounds_are_refused() {
    let mut scene = Scene::with(|config| config.limits.pending_acks = 2).connected();
    for name in crate::socketio::RESERVED_EVENTS {
        assert_eq!(refusal(scene.emit(event(name))), EmitError::ReservedEvent(name.to_owned()));
    }
    let attachments = vec![Bytes::from_static(&[1]); 11];
    let payload = Payload::from_args(&attachments).unwrap();
    assert_eq!(refusal(scene.emit(Emit::new(ns("realtime"), "e", payload))), EmitError::TooManyAttachments);
    scene.emit(event("1").with_ack()).unwrap();
    scene.emit(event("2").with_ack()).unwrap();
    assert_eq!(refusal(scene.emit(event("3").with_ack())), EmitError::TooManyPendingAcks);
    scene.emit(event("4")).unwrap();
    scene.receive("43/realtime,0[]");
    scene.emit(event("5").with_ack()).unwrap();
}

#[test]
fn a_received_event_is_acknowledged_once() {
    let mut scene = Scene::new().connected();
    scene.receive(r#"42/realtime,7["ask",1]"#);
    assert_eq!(scene.log(), ["event /realtime ask [1] reply"]);
    let reply = scene.reply.unwrap();
    let answer = |payload| Command::Reply { reply, payload };
    let huge = Payload::from_value(&"x".repeat(1_000_000)).unwrap();
    assert!(matches!(
        scene.command(answer(huge)),
        Err(CommandError::Reply(ReplyError::TooLarge { limit: 1_000_000, .. }))
    ));
    let payload = Payload::from_args(&("yes", Bytes::from_static(&[5]))).unwrap();
    scene.command(answer(payload.clone())).unwrap();
    assert_eq!(scene.log(), [r#"send 461-/realtime,7["yes",{"_placeholder":true,"num":0}]"#, "send [5]"]);
    assert_eq!(scene.command(answer(payload)), Err(CommandError::Reply(ReplyError::Gone)));
}

#[test]
fn a_reply_does_not_outlive_its_connection() {
    let mut scene = Scene::new().connected();
    scene.receive(r#"42/realtime,7["ask"]"#);
    scene.cut();
    scene.pass_secs(1);
    scene.accept();
    let reply = scene.reply.unwrap();
    let result = scene.command(Command::Reply { reply, payload: Payload::empty() });
    assert_eq!(result, Err(CommandError::Reply(ReplyError::Gone)));
    assert_eq!(scene.manager.stats().pending_replies, 0);
}
