use super::scene::{Scene, ns};
use crate::{
    manager::{CommandError, Config, Emit, EmitError},
    socketio::{HostArgs, Payload},
};

fn event(args: &'static str) -> Emit {
    Emit::new(ns("realtime"), "e", Payload::from_host(HostArgs::new(args, args.len())))
}

#[test]
fn arguments_that_the_host_keeps_pass_in_both_directions() {
    let mut scene = Scene::new().connected();
    scene.emit(event("1,2").with_ack()).unwrap();
    assert_eq!(scene.log(), [r#"send 42/realtime,0["e",1,2]"#]);
    scene.receive_host("43/realtime,0[]", "ok");
    assert_eq!(scene.log(), ["ack of 1: [ok]"]);
    scene.receive_host(r#"42/realtime,7["question"]"#, "what");
    let log = scene.log();
    assert_eq!(log.len(), 1);
    assert!(log[0].starts_with("event /realtime question [what]"), "{log:?}");
}

#[test]
fn they_wait_in_the_queue_and_count_there() {
    let mut scene = Scene::with(|config: &mut Config| config.outbox.max_bytes = 200);
    scene.connect();
    scene.emit(event("first")).unwrap();
    let waiting = scene.manager.stats().queued_bytes;
    assert!(waiting > 5, "{waiting}");
    let long = "x".repeat(200).leak();
    let refused = scene.emit(event(long)).unwrap_err();
    assert!(matches!(refused, CommandError::Emit(EmitError::QueueFull)), "{refused:?}");
    scene.accept();
    assert_eq!(scene.log_of("send 42"), [r#"send 42/realtime,["e",first]"#]);
}

#[test]
fn they_count_against_what_the_server_takes() {
    let mut scene = Scene::new().connected();
    let long = "x".repeat(1_000_001).leak();
    let refused = scene.emit(event(long)).unwrap_err();
    assert!(matches!(refused, CommandError::Emit(EmitError::TooLarge { .. })), "{refused:?}");
    assert!(scene.log().is_empty());
}

#[test]
fn arguments_of_what_has_none_break_the_protocol() {
    for head in [r#"40/realtime,{"sid":"s"}"#, "41/realtime,", "2", r#"42/realtime,["e",1]"#, r#"42/realtime,["e""#] {
        let mut scene = Scene::new().connected();
        scene.receive_host(head, "x");
        let is_ping = head == "2";
        assert_eq!(scene.manager.stats().counters.protocol_errors, u64::from(!is_ping), "{head}");
    }
}
