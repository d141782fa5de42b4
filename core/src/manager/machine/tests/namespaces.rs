use std::time::Duration;

use super::scene::{HANDSHAKE, Scene, event_to, ns};
use crate::manager::{Command, CommandError, EmitError, JoinError, JoinProgress, LeaveError, Receipt};

fn leave(namespace: &str) -> Command {
    Command::Leave { namespace: ns(namespace) }
}

/// Connected, with `/chat` joined.
fn in_chat() -> Scene {
    let mut scene = Scene::new().connected();
    scene.join("chat");
    scene.receive(r#"40/chat,{"sid":"c"}"#);
    scene.log();
    scene
}

#[test]
fn namespaces_are_joined_lazily_over_one_connection() {
    let mut scene = Scene::new();
    scene.join("early");
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.log();
    scene.receive(r#"40/realtime,{"sid":"s"}"#);
    assert_eq!(scene.log_of("send"), [r#"send 40/early,{"token":"t","userId":"u"}"#], "once the primary one is joined");
    scene.emit(event_to("late", "e")).unwrap();
    scene.emit(event_to("late", "e")).unwrap();
    assert_eq!(scene.log(), [r#"send 40/late,{"token":"t","userId":"u"}"#], "once");
    scene.receive(r#"40/early,{"sid":"e"}"#);
    assert_eq!(scene.log(), ["joined /early as e"]);
    assert_eq!(scene.command(Command::Join { namespace: ns("early") }), Ok(Receipt::Join(JoinProgress::Joined)));
    assert_eq!(scene.command(Command::Join { namespace: ns("realtime") }), Ok(Receipt::Join(JoinProgress::Joined)));
    assert_eq!(scene.command(Command::Join { namespace: ns("late") }), Ok(Receipt::Join(JoinProgress::Pending)));
    assert!(scene.log().is_empty());
}

#[test]
fn all_namespaces_are_joined_again_after_a_loss() {
    let mut scene = in_chat();
    scene.cut();
    assert_eq!(scene.log_of("left"), ["left /chat: ConnectionLost", "left /realtime: ConnectionLost"]);
    scene.pass_secs(1);
    scene.accept();
    assert_eq!(
        scene.log_of("send"),
        [r#"send 40/realtime,{"token":"t","userId":"u"}"#, r#"send 40/chat,{"token":"t","userId":"u"}"#]
    );
}

#[test]
fn a_refused_namespace_does_not_harm_the_others() {
    let mut scene = Scene::new().connected();
    scene.join("a");
    scene.join("b");
    scene.log();
    scene.receive(r#"44/a,{"message":"Invalid namespace"}"#);
    scene.receive(r#"40/b,{"sid":"b"}"#);
    assert_eq!(scene.log(), ["not joined /a: refused: Invalid namespace", "joined /b as b"]);
    scene.emit(event_to("a", "waits")).unwrap();
    assert!(scene.log().is_empty(), "an emit does not insist");
    scene.join("a");
    assert_eq!(scene.log_of("send 40").len(), 1, "a join does");
    scene.receive(r#"44/a,{"message":"no"}"#);
    scene.cut();
    scene.pass_secs(1);
    scene.accept();
    assert_eq!(scene.log_of("send 40").len(), 3, "as does the next connection");
}

#[test]
fn a_refusal_for_now_is_retried_when_the_server_wishes() {
    let mut scene = Scene::new().connected();
    scene.join("a");
    scene.log();
    scene.receive(r#"44/a,{"message":"busy","data":{"retryAfterMs":3000}}"#);
    assert_eq!(scene.log(), ["not joined /a: refused: busy"]);
    scene.pass_alive(3);
    assert!(scene.log().is_empty());
    scene.pass_alive(1);
    assert_eq!(scene.log(), [r#"send 40/a,{"token":"t","userId":"u"}"#]);
}

#[test]
fn a_late_answer_still_counts() {
    let mut scene = Scene::new().connected();
    scene.join("a");
    scene.log();
    scene.pass_alive(15);
    assert_eq!(scene.log(), ["not joined /a: no answer in time"]);
    scene.join("a");
    assert!(scene.log().is_empty(), "a second CONNECT would be refused");
    scene.pass_alive(15);
    assert_eq!(scene.log(), ["not joined /a: no answer in time"]);
    scene.receive(r#"40/a,{"sid":"a"}"#);
    assert_eq!(scene.log(), ["joined /a as a"]);
}

#[test]
fn leaving_ends_what_hangs_on_the_namespace() {
    let mut scene = in_chat();
    scene.emit(event_to("chat", "sent").with_ack()).unwrap();
    scene.receive(r#"42/chat,1["ask"]"#);
    scene.log();
    scene.command(leave("chat")).unwrap();
    assert_eq!(scene.log(), ["send 41/chat,", "no ack of 1: disconnected after sending", "left /chat: ClientLeft"]);
    assert_eq!(scene.manager.stats().pending_replies, 0);
    scene.receive(r#"42/chat,["late"]"#);
    scene.receive("43/chat,0[]");
    assert!(scene.log().is_empty(), "the server had not seen it yet");
    assert_eq!(scene.manager.stats().counters.events_after_leave, 1);
    assert_eq!(scene.command(leave("chat")), Err(CommandError::Leave(LeaveError::NotJoined)));
    assert_eq!(scene.command(leave("realtime")), Err(CommandError::Leave(LeaveError::Primary)));
}

#[test]
fn leaving_drops_what_is_queued() {
    let mut scene = Scene::new();
    scene.connect();
    scene.emit(event_to("a", "1")).unwrap();
    scene.emit(event_to("b", "2")).unwrap();
    scene.log();
    scene.command(leave("a")).unwrap();
    assert_eq!(scene.log(), ["dropped 1: its namespace was left"]);
    assert_eq!(scene.manager.stats().queued_messages, 1);
}

#[test]
fn leaving_waits_for_the_answer() {
    let mut scene = Scene::new().connected();
    scene.join("a");
    scene.log();
    scene.command(leave("a")).unwrap();
    assert!(scene.log().is_empty(), "stock servers close a connection that leaves what it has not joined");
    scene.receive(r#"40/a,{"sid":"a"}"#);
    assert_eq!(scene.log(), ["send 41/a,"]);
    assert!(!scene.manager.is_joined(&ns("a")));
    scene.join("b");
    scene.command(leave("b")).unwrap();
    scene.join("b");
    scene.log();
    scene.receive(r#"40/b,{"sid":"b"}"#);
    assert_eq!(scene.log(), ["joined /b as b"], "joined again before the answer");
    scene.join("c");
    scene.command(leave("c")).unwrap();
    scene.log();
    scene.receive(r#"44/c,{"message":"no"}"#);
    assert!(scene.log().is_empty());
    assert_eq!(scene.manager.stats().namespaces, 2);
}

#[test]
fn late_events_of_the_session_before_do_not_break_the_next() {
    let mut scene = in_chat();
    scene.command(leave("chat")).unwrap();
    scene.join("chat");
    scene.log();
    scene.receive(r#"42/chat,["late"]"#);
    assert!(scene.log().is_empty());
    scene.receive(r#"40/chat,{"sid":"c2"}"#);
    scene.receive(r#"42/chat,["new"]"#);
    assert_eq!(scene.log(), ["joined /chat as c2", "event /chat new []"]);
}

#[test]
fn a_server_ends_one_namespace() {
    let mut scene = in_chat();
    scene.emit(event_to("chat", "e").with_ack()).unwrap();
    scene.log();
    scene.receive("41/chat,");
    assert_eq!(scene.log(), ["no ack of 1: disconnected after sending", "left /chat: ServerDisconnect"]);
    scene.emit(event_to("chat", "waits")).unwrap();
    scene.cut();
    scene.pass_secs(1);
    scene.accept();
    assert_eq!(scene.log_of("send 40").len(), 1, "a kick outlives the connection");
    scene.join("chat");
    scene.receive(r#"40/chat,{"sid":"c"}"#);
    assert_eq!(
        scene.log(),
        [
            r#"send 40/chat,{"token":"t","userId":"u"}"#,
            "joined /chat as c (Gap { inbox_complete: false, lost: 0 })",
            r#"send 42/chat,["waits"]"#
        ]
    );
}

#[test]
fn a_server_that_ends_a_namespace_can_be_asked_again() {
    let mut scene = Scene::with(|config| config.rejoin_after_server_disconnect = true).connected();
    scene.join("chat");
    scene.receive(r#"40/chat,{"sid":"c"}"#);
    scene.receive("41/chat,");
    scene.log();
    scene.pass(Duration::from_secs(1));
    assert_eq!(scene.log_of("send 40").len(), 1);
}

#[test]
fn a_server_ends_a_namespace_instead_of_joining() {
    let mut scene = Scene::new().connected();
    scene.join("a");
    scene.log();
    scene.receive("41/a,");
    assert_eq!(scene.log(), ["not joined /a: refused: ended by the server"]);
    scene.receive("41/unknown,");
    assert!(scene.log().is_empty());
}

#[test]
fn namespaces_are_bounded() {
    let mut scene = Scene::with(|config| config.limits.namespaces = 3).connected();
    scene.join("a");
    scene.join("b");
    let join = scene.command(Command::Join { namespace: ns("c") });
    assert_eq!(join, Err(CommandError::Join(JoinError::TooManyNamespaces)));
    let emit = scene.emit(event_to("c", "e"));
    assert_eq!(emit, Err(CommandError::Emit(EmitError::Join(JoinError::TooManyNamespaces))));
    assert_eq!(scene.manager.stats().namespaces, 3);
}
