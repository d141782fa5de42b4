use std::time::Duration;

use super::scene::{HANDSHAKE, Scene};
use crate::manager::{Command, CommandError, ConnectionStatus, Credentials, Token, TokenRequestError};

fn asked() -> Scene {
    let mut scene = Scene::new();
    scene.connect_as("u", Credentials::Provider);
    scene.open();
    scene.receive(HANDSHAKE);
    assert_eq!(scene.log().last().map(String::as_str), Some("token? Connecting"));
    scene
}

#[test]
fn the_provider_is_asked_for_each_connection() {
    let mut scene = asked();
    scene.provide("a");
    assert_eq!(scene.log(), [r#"send 40/realtime,{"token":"a","userId":"u"}"#]);
    scene.receive(r#"40/realtime,{"sid":"s"}"#);
    scene.cut();
    scene.pass_secs(1);
    scene.open();
    scene.receive(HANDSHAKE);
    assert_eq!(scene.log_of("token?"), ["token? Connecting"]);
    scene.provide("b");
    assert_eq!(scene.log(), [r#"send 40/realtime,{"token":"b","userId":"u"}"#]);
}

#[test]
fn a_refused_token_is_replaced_on_the_same_connection() {
    let mut scene = asked();
    scene.provide("old");
    scene.log();
    scene.receive(r#"44/realtime,{"message":"expired"}"#);
    assert_eq!(scene.log(), ["token? Rejected"]);
    scene.provide("new");
    assert_eq!(scene.log(), [r#"send 40/realtime,{"token":"new","userId":"u"}"#]);
    scene.receive(r#"40/realtime,{"sid":"s"}"#);
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn an_answer_after_the_refusal_is_none() {
    for answer in [r#"40/realtime,{"sid":"s"}"#, r#"44/realtime,{"message":"expired"}"#] {
        let mut scene = asked();
        scene.provide("old");
        scene.receive(r#"44/realtime,{"message":"expired"}"#);
        scene.log();
        scene.receive(answer);
        assert_eq!(scene.log(), ["close", "retry in 1s"]);
        assert_eq!(scene.manager.stats().counters.protocol_errors, 1);
    }
}

#[test]
fn the_same_token_again_stops() {
    let mut scene = asked();
    scene.provide("old");
    scene.receive(r#"44/realtime,{"message":"expired"}"#);
    scene.log();
    scene.provide("old");
    let log = scene.log();
    assert_eq!(log[0], "close");
    assert!(log[1].starts_with("status disconnected (authentication rejected"), "{log:?}");
    assert!(log[2].starts_with("ticket 1 error: the server refused the token"), "{log:?}");
    assert_eq!(scene.manager.poll_timeout(), None);
}

#[test]
fn fresh_tokens_that_are_refused_are_not_asked_for_without_end() {
    let mut scene = asked();
    for token in ["a", "b"] {
        scene.provide(token);
        scene.receive(r#"44/realtime,{"message":"no"}"#);
    }
    scene.provide("c");
    scene.log();
    scene.receive(r#"44/realtime,{"message":"no"}"#);
    assert_eq!(
        scene.log(),
        [
            "close",
            "status disconnected (authentication rejected: no)",
            "ticket 1 error: the server refused the token: no"
        ]
    );
}

#[test]
fn a_failing_provider_is_asked_again_unless_it_is_final() {
    let mut scene = asked();
    scene.provide_failure(false);
    assert_eq!(scene.log(), ["close", "retry in 1s"]);
    scene.pass_secs(1);
    scene.open();
    scene.receive(HANDSHAKE);
    scene.log();
    scene.provide_failure(true);
    assert_eq!(scene.log(), ["close", "status disconnected (token unavailable: no)", "ticket 1 error: no token: no"]);
}

#[test]
fn a_silent_provider_fails_the_attempt() {
    let mut scene = asked();
    scene.pass(Duration::from_secs(15));
    assert_eq!(scene.log(), ["close", "retry in 1s"]);
    let request = scene.token_request.take().unwrap();
    let late = Command::ProvideToken { request, token: Ok("late".into()) };
    assert_eq!(scene.command(late), Err(CommandError::Token(TokenRequestError::Stale)));
}

#[test]
fn a_token_out_of_bounds_leaves_the_request_open() {
    let mut scene = asked();
    let request = scene.token_request.unwrap();
    let token = Ok(Token::new("x".repeat(65_537)));
    let refused = scene.command(Command::ProvideToken { request, token });
    assert_eq!(refused, Err(CommandError::Token(TokenRequestError::TooLong)));
    scene.provide("ok");
    assert_eq!(scene.log(), [r#"send 40/realtime,{"token":"ok","userId":"u"}"#]);
}
