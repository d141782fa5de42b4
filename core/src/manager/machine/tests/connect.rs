use std::time::Duration;

use super::scene::{CONNECT, HANDSHAKE, Scene, ns};
use crate::{
    manager::{
        Command, CommandError, ConnectCallError, ConnectionStatus, Credentials, TransportEvent, TransportFailure,
        TransportFailureKind,
    },
    socketio::Namespace,
};

const OPEN: &str = "open ws://localhost:3000/socket.io/?EIO=4&transport=websocket";

#[test]
fn connect_opens_shakes_hands_and_joins_the_primary_namespace() {
    let mut scene = Scene::new();
    scene.connect();
    assert_eq!(scene.log(), ["status connecting", OPEN]);
    scene.open();
    assert!(scene.log().is_empty());
    scene.receive(HANDSHAKE);
    assert_eq!(scene.log(), [CONNECT]);
    scene.receive(r#"40/realtime,{"sid":"s","pid":"ignored"}"#);
    assert_eq!(scene.log(), ["status connected", "joined /realtime as s", "ticket 1 ok"]);
    assert!(scene.manager.is_joined(&ns("realtime")));
    assert_eq!(scene.manager.user_id(), Some("u"));
}

#[test]
fn the_root_can_be_primary_and_fields_are_added() {
    let mut scene = Scene::with(|config| {
        config.primary_namespace = Namespace::root();
        config.path = "rt".to_owned();
        config.auth_fields.insert("device", "cli").unwrap();
    });
    scene.connect();
    assert_eq!(scene.log()[1], "open ws://localhost:3000/rt/?EIO=4&transport=websocket");
    scene.open();
    scene.receive(HANDSHAKE);
    assert_eq!(scene.log(), [r#"send 40{"token":"t","userId":"u","device":"cli"}"#]);
    scene.receive(r#"40{"sid":"s"}"#);
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn the_same_arguments_again_do_nothing() {
    let mut scene = Scene::new();
    scene.connect();
    scene.log();
    scene.connect();
    assert!(scene.log().is_empty());
    scene.accept();
    assert_eq!(scene.log_of("ticket"), ["ticket 1 ok", "ticket 2 ok"]);
    scene.connect();
    assert_eq!(scene.log(), ["ticket 3 ok"]);
    scene.cut();
    scene.log();
    scene.connect();
    assert!(scene.log().is_empty(), "waiting goes on");
    scene.pass_secs(1);
    scene.accept();
    assert_eq!(scene.log_of("ticket"), ["ticket 4 ok"]);
}

#[test]
fn another_user_disconnects_first() {
    let mut scene = Scene::new().connected();
    scene.connect_as("v", Credentials::Token("w".into()));
    assert_eq!(
        scene.log(),
        [
            "send 41/realtime,",
            "close",
            "left /realtime: ConnectionLost",
            "status disconnected (user changed)",
            "status connecting",
            OPEN
        ]
    );
    scene.open();
    scene.receive(HANDSHAKE);
    assert_eq!(scene.log(), [r#"send 40/realtime,{"token":"w","userId":"v"}"#]);
}

#[test]
fn disconnect_says_goodbye_and_ends_everything() {
    let mut scene = Scene::new().connected();
    scene.disconnect();
    assert_eq!(
        scene.log(),
        ["send 41/realtime,", "close", "left /realtime: ConnectionLost", "status disconnected (io client disconnect)"]
    );
    assert_eq!(scene.manager.poll_timeout(), None);
    scene.disconnect();
    assert!(scene.log().is_empty());
}

#[test]
fn disconnect_cancels_an_attempt_and_a_wait() {
    let mut scene = Scene::new();
    scene.connect();
    scene.log();
    scene.disconnect();
    assert_eq!(
        scene.log(),
        ["close", "status disconnected (io client disconnect)", "ticket 1 error: cancelled by a later call"]
    );
    scene.connect();
    scene.fail();
    scene.log();
    scene.disconnect();
    assert_eq!(
        scene.log(),
        ["status disconnected (io client disconnect)", "ticket 2 error: cancelled by a later call"]
    );
    assert_eq!(scene.manager.poll_timeout(), None);
}

#[test]
fn a_refused_token_stops_and_is_not_tried_again() {
    let mut scene = Scene::new();
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.log();
    scene.receive(r#"44/realtime,{"message":"unauthorized"}"#);
    assert_eq!(
        scene.log(),
        [
            "close",
            "status disconnected (authentication rejected: unauthorized)",
            "ticket 1 error: the server refused the token: unauthorized"
        ]
    );
    assert_eq!(scene.manager.poll_timeout(), None);
    scene.pass_secs(3600);
    assert!(scene.log().is_empty());
    scene.connect();
    assert_eq!(scene.log(), ["status connecting", OPEN], "the application may ask again");
}

#[test]
fn an_unknown_primary_namespace_stops() {
    let mut scene = Scene::new();
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.log();
    scene.receive(r#"44/realtime,{"message":"Invalid namespace"}"#);
    assert_eq!(
        scene.log(),
        [
            "close",
            "status disconnected (namespace refused: Invalid namespace)",
            "ticket 1 error: the server refused the primary namespace: Invalid namespace"
        ]
    );
}

#[test]
fn a_refusal_for_now_is_retried_when_the_server_wishes() {
    let mut scene = Scene::new();
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.log();
    scene.receive(r#"44/realtime,{"message":"busy","data":{"retryAfterMs":7000}}"#);
    assert_eq!(scene.log(), ["close", "retry in 8s"]);
    scene.pass_secs(8);
    scene.accept();
    assert_eq!(scene.log_of("ticket"), ["ticket 1 ok"]);
}

#[test]
fn a_retry_after_of_http_is_honoured() {
    let mut scene = Scene::new();
    scene.connect();
    scene.log();
    let kind = TransportFailureKind::Http { status: 503 };
    let failure = TransportFailure { retry_after: Some(Duration::from_secs(60)), ..TransportFailure::new(kind, "") };
    scene.transport(TransportEvent::Failed(failure));
    assert_eq!(scene.log(), ["retry in 61s"]);
}

#[test]
fn a_silent_server_rejects_with_authentication_timeout_and_is_tried_again() {
    let mut scene = Scene::new();
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.log();
    scene.pass(Duration::from_millis(14_999));
    assert!(scene.log().is_empty());
    scene.pass(Duration::from_millis(1));
    assert_eq!(scene.log(), ["ticket 1 error: authentication timeout", "close", "retry in 1s"]);
    assert_eq!(scene.manager.status(), ConnectionStatus::Connecting);
    scene.pass_secs(1);
    scene.accept();
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn an_unreachable_server_is_tried_again_and_the_call_rejected_in_time() {
    let mut scene = Scene::new();
    scene.connect();
    scene.log();
    scene.fail();
    assert_eq!(scene.log(), ["retry in 1s"]);
    scene.pass_secs(1);
    assert_eq!(scene.log(), [OPEN]);
    scene.pass_secs(20);
    assert_eq!(scene.log(), ["close", "retry in 2s"], "the opening takes too long");
    scene.pass_secs(2);
    scene.fail();
    scene.log();
    scene.pass_secs(4);
    assert_eq!(scene.log(), [OPEN]);
    scene.pass_secs(18);
    assert_eq!(
        scene.log(),
        ["ticket 1 error: no connection yet (last attempt: transport error: no connection: refused)"]
    );
    assert_eq!(scene.manager.status(), ConnectionStatus::Connecting);
}

#[test]
fn a_handshake_that_does_not_come_is_a_failure() {
    let mut scene = Scene::new();
    scene.connect();
    scene.open();
    scene.log();
    scene.pass_secs(20);
    assert_eq!(scene.log(), ["close", "retry in 1s"]);
}

#[test]
fn attempts_can_be_limited() {
    let mut scene = Scene::with(|config| config.reconnect.max_attempts = Some(2));
    scene.connect();
    scene.fail();
    scene.pass_secs(1);
    scene.log();
    scene.fail();
    assert_eq!(
        scene.log(),
        [
            "status disconnected (attempts exhausted)",
            "ticket 1 error: could not connect in 2 attempts, the last: transport error: no connection: refused"
        ]
    );
    assert_eq!(scene.manager.poll_timeout(), None);
}

#[test]
fn a_new_token_replaces_the_old_one() {
    let mut scene = Scene::new().connected();
    scene.connect_as("u", Credentials::Token("t2".into()));
    assert_eq!(scene.log(), ["ticket 2 ok"], "the connection stays");
    scene.join("chat");
    assert_eq!(scene.log(), [r#"send 40/chat,{"token":"t2","userId":"u"}"#]);
    scene.cut();
    scene.pass_secs(1);
    scene.open();
    scene.receive(HANDSHAKE);
    assert_eq!(scene.log_of("send"), [r#"send 40/realtime,{"token":"t2","userId":"u"}"#]);
    // Replaced while it is on its way, the refused one has a successor.
    scene.connect_as("u", Credentials::Token("t3".into()));
    scene.log();
    scene.receive(r#"44/realtime,{"message":"expired"}"#);
    assert_eq!(scene.log(), [r#"send 40/realtime,{"token":"t3","userId":"u"}"#]);
}

#[test]
fn a_new_token_does_not_wait_for_the_next_attempt() {
    let mut scene = Scene::new().connected();
    scene.cut();
    scene.log();
    scene.connect_as("u", Credentials::Token("t2".into()));
    assert_eq!(scene.log(), [OPEN]);
}

#[test]
fn calls_out_of_bounds_are_refused_and_change_nothing() {
    let mut scene = Scene::with(|config| config.limits.connect_tickets = 1);
    let connect = |user_id: &str, token: &str| Command::Connect {
        user_id: user_id.to_owned(),
        credentials: Credentials::Token(token.into()),
    };
    for (command, error) in [
        (connect("", "t"), ConnectCallError::InvalidUserId),
        (connect(&"u".repeat(1025), "t"), ConnectCallError::InvalidUserId),
        (connect("u", &"t".repeat(65_537)), ConnectCallError::TokenTooLong),
    ] {
        assert_eq!(scene.command(command), Err(CommandError::Connect(error)));
    }
    assert!(scene.log().is_empty());
    scene.connect();
    assert_eq!(scene.command(connect("u", "t")), Err(CommandError::Connect(ConnectCallError::TooManyCalls)));
    assert!(scene.command(connect("v", "t")).is_ok(), "another user cancels the calls of the first");
}

#[test]
fn tokens_do_not_show() {
    let mut scene = Scene::new().connected();
    scene.connect_as("u", Credentials::Token("secret-token".into()));
    assert!(!format!("{:?}", scene.manager).contains("secret-token"));
}
