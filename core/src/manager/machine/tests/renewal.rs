//! Tokens that expire while the connection lives.

use std::time::Duration;

use super::scene::{HANDSHAKE, Scene, event_to, ns};
use crate::manager::{Command, CommandError, Config, ConnectionStatus, Credentials, Token, TokenRequestError};

const EXPIRED: &str = r#"{"message":"expired"}"#;

/// Connected with the token `old` of a provider.
fn provided_with(change: impl FnOnce(&mut Config)) -> Scene {
    let mut scene = Scene::with(change);
    scene.connect_as("u", Credentials::Provider);
    scene.open();
    scene.receive(HANDSHAKE);
    scene.provide("old");
    scene.receive(r#"40/realtime,{"sid":"s"}"#);
    scene.log();
    scene
}

fn provided() -> Scene {
    provided_with(|_| {})
}

/// Asked for a fresh token, because `/a` was refused with `old`.
fn asked() -> Scene {
    let mut scene = provided();
    join_and_refuse(&mut scene, "a");
    assert_eq!(scene.log(), [connect("a", "old"), "token? Rejected".to_owned()]);
    scene
}

fn connect(namespace: &str, token: &str) -> String {
    format!(r#"send 40/{namespace},{{"token":"{token}","userId":"u"}}"#)
}

fn join_and_refuse(scene: &mut Scene, namespace: &str) {
    scene.join(namespace);
    refuse(scene, namespace, EXPIRED);
}

fn refuse(scene: &mut Scene, namespace: &str, error: &str) {
    scene.receive(&format!("44/{namespace},{error}"));
}

fn accept(scene: &mut Scene, namespace: &str) {
    scene.receive(&format!(r#"40/{namespace},{{"sid":"{namespace}"}}"#));
}

/// Answers the question that was asked last, which may be outdated.
fn answer(scene: &mut Scene, token: &str) -> Result<(), TokenRequestError> {
    let request = scene.token_request.expect("a token was asked for");
    match scene.command(Command::ProvideToken { request, token: Ok(token.into()) }) {
        Ok(_) => Ok(()),
        Err(CommandError::Token(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// Another connection, for which the provider gives this token.
fn reconnect(scene: &mut Scene, token: &str) {
    scene.cut();
    scene.command(Command::NetworkChanged { reachable: true }).unwrap();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.log();
    scene.provide(token);
    scene.receive(r#"40/realtime,{"sid":"s"}"#);
}

#[test]
fn a_namespace_that_is_joined_late_gets_a_fresh_token() {
    let mut scene = provided();
    scene.pass_alive(3600);
    scene.emit(event_to("a", "waits")).unwrap();
    refuse(&mut scene, "a", EXPIRED);
    assert_eq!(scene.log(), [connect("a", "old"), "token? Rejected".to_owned()], "the application sees no failure");
    scene.provide("new");
    assert_eq!(scene.log(), [connect("a", "new")]);
    accept(&mut scene, "a");
    assert_eq!(scene.log(), ["joined /a as a", r#"send 42/a,["waits"]"#]);
    scene.join("b");
    assert_eq!(scene.log(), [connect("b", "new")], "later ones use it at once");
    assert_eq!(scene.manager.stats().counters.tokens_requested, 2);
}

#[test]
fn a_namespace_that_the_server_ended_is_joined_again_with_a_fresh_token() {
    let mut scene = provided_with(|config| config.rejoin_after_server_disconnect = true);
    scene.join("a");
    accept(&mut scene, "a");
    scene.receive("41/a,");
    scene.pass_secs(1);
    refuse(&mut scene, "a", EXPIRED);
    scene.log();
    scene.provide("new");
    accept(&mut scene, "a");
    assert_eq!(scene.log_of("joined").len(), 1);
}

#[test]
fn the_connection_and_other_namespaces_live_on() {
    let mut scene = provided();
    scene.join("b");
    accept(&mut scene, "b");
    join_and_refuse(&mut scene, "a");
    scene.log();
    scene.emit(event_to("b", "e")).unwrap();
    scene.receive(r#"42/realtime,["news"]"#);
    assert_eq!(scene.log(), [r#"send 42/b,["e"]"#, "event /realtime news []"]);
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn one_question_serves_all() {
    let mut scene = asked();
    scene.join("c");
    join_and_refuse(&mut scene, "b");
    assert_eq!(scene.log(), [connect("c", "old"), connect("b", "old")], "one question at a time");
    scene.provide("new");
    assert_eq!(scene.log(), [connect("a", "new"), connect("b", "new")]);
    refuse(&mut scene, "c", EXPIRED);
    assert_eq!(scene.log(), [connect("c", "new")], "refused with a token that has been replaced meanwhile");
}

#[test]
fn fresh_tokens_that_are_refused_are_not_asked_for_without_end() {
    for max in [1, 3] {
        let mut scene = provided_with(|config| config.reconnect.max_auth_attempts = max);
        join_and_refuse(&mut scene, "a");
        for attempt in 0..max {
            scene.log();
            scene.provide(&format!("new {attempt}"));
            assert_eq!(scene.log(), [connect("a", &format!("new {attempt}"))]);
            refuse(&mut scene, "a", r#"{"message":"forbidden"}"#);
        }
        assert_eq!(scene.log(), ["not joined /a: refused: forbidden"], "after {max} of them");
        scene.pass_alive(60);
        assert!(scene.log().is_empty());
        assert_eq!(scene.manager.stats().counters.tokens_requested, u64::from(max) + 1);
        assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
    }
}

#[test]
fn a_permission_that_lacks_costs_the_next_connection_one_attempt() {
    let mut scene = provided_with(|config| config.reconnect.max_auth_attempts = 1);
    join_and_refuse(&mut scene, "a");
    scene.provide("new");
    refuse(&mut scene, "a", r#"{"message":"forbidden"}"#);
    reconnect(&mut scene, "new");
    assert_eq!(scene.log_of("send 40/a"), [connect("a", "new")]);
    refuse(&mut scene, "a", r#"{"message":"forbidden"}"#);
    assert_eq!(scene.log(), ["not joined /a: refused: forbidden"]);
    scene.join("a");
    refuse(&mut scene, "a", EXPIRED);
    assert_eq!(scene.log(), [connect("a", "new"), "token? Rejected".to_owned()], "an application that insists");
    scene.provide("newer");
    accept(&mut scene, "a");
    reconnect(&mut scene, "newest");
    refuse(&mut scene, "a", EXPIRED);
    assert_eq!(scene.log_of("token?"), ["token? Rejected"], "it was joined since");
}

#[test]
fn what_is_not_about_the_token_asks_for_none() {
    for error in [r#"{"message":"Invalid namespace"}"#, r#"{"message":"busy","data":{"retryAfterMs":3000}}"#] {
        let mut scene = provided();
        scene.join("a");
        scene.log();
        refuse(&mut scene, "a", error);
        let log = scene.log();
        assert!(log.len() == 1 && log[0].starts_with("not joined /a: refused"), "{log:?}");
    }
}

#[test]
fn a_provider_that_fails_ends_the_joining_and_nothing_else() {
    for is_final in [false, true] {
        let mut scene = asked();
        join_and_refuse(&mut scene, "b");
        scene.log();
        scene.provide_failure(is_final);
        assert_eq!(scene.log(), ["not joined /a: refused: expired", "not joined /b: refused: expired"]);
        scene.pass_alive(60);
        assert!(scene.log().is_empty(), "{is_final}");
        assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
        join_and_refuse(&mut scene, "a");
        assert_eq!(scene.log(), [connect("a", "old"), "token? Rejected".to_owned()], "it is asked again");
    }
}

#[test]
fn the_same_token_again_is_not_sent() {
    let mut scene = asked();
    scene.provide("old");
    assert_eq!(scene.log(), ["not joined /a: refused: expired"]);
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn a_silent_provider_has_until_the_timeout() {
    let mut scene = asked();
    scene.pass_alive(14);
    assert!(scene.log().is_empty());
    scene.pass_alive(1);
    assert_eq!(scene.log(), ["not joined /a: refused: expired"]);
    assert_eq!(answer(&mut scene, "new"), Err(TokenRequestError::Stale));
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn a_provider_is_not_blamed_for_sleep() {
    let mut scene = asked();
    scene.sleep_secs(30);
    scene.timeout();
    scene.log();
    scene.provide("new");
    assert_eq!(scene.log(), [connect("a", "new")]);
}

#[test]
fn a_token_out_of_bounds_leaves_the_request_open() {
    let mut scene = asked();
    let request = scene.token_request.unwrap();
    let refused = scene.command(Command::ProvideToken { request, token: Ok(Token::new("x".repeat(65_537))) });
    assert_eq!(refused, Err(CommandError::Token(TokenRequestError::TooLong)));
    scene.provide("new");
    assert_eq!(scene.log(), [connect("a", "new")]);
}

#[test]
fn a_connection_that_is_lost_meanwhile_asks_anew() {
    let mut scene = asked();
    let request = scene.token_request;
    scene.cut();
    let log = scene.log();
    assert!(!log.iter().any(|line| line.starts_with("not joined")), "it is still wanted: {log:?}");
    assert_eq!(answer(&mut scene, "late"), Err(TokenRequestError::Stale));
    scene.pass_secs(1);
    scene.open();
    scene.receive(HANDSHAKE);
    assert_eq!(scene.log_of("token?"), ["token? Connecting"]);
    assert_ne!(scene.token_request, request);
    scene.provide("new");
    scene.receive(r#"40/realtime,{"sid":"s"}"#);
    assert_eq!(scene.log_of("send 40/"), [connect("realtime", "new"), connect("a", "new")]);
}

#[test]
fn the_next_connection_does_not_repeat_a_token_either() {
    let mut scene = asked();
    reconnect(&mut scene, "old");
    let log = scene.log();
    assert!(!log.contains(&connect("a", "old")), "{log:?}");
    assert_eq!(log.last().map(String::as_str), Some("token? Rejected"));
    scene.provide("new");
    assert_eq!(scene.log(), [connect("a", "new")]);
}

#[test]
fn leaving_while_a_token_is_awaited_is_final() {
    let mut scene = asked();
    scene.emit(event_to("a", "dropped")).unwrap();
    scene.command(Command::Leave { namespace: ns("a") }).unwrap();
    assert_eq!(scene.log(), ["dropped 1: its namespace was left"], "the server does not know of it");
    scene.provide("new");
    assert!(scene.log().is_empty());
    scene.join("b");
    assert_eq!(scene.log(), [connect("b", "new")], "the answer is of use all the same");
}

#[test]
fn a_refusal_of_what_is_being_left_asks_for_nothing() {
    let mut scene = provided();
    scene.join("a");
    scene.command(Command::Leave { namespace: ns("a") }).unwrap();
    scene.log();
    refuse(&mut scene, "a", EXPIRED);
    assert!(scene.log().is_empty());
}

#[test]
fn joining_while_a_token_is_awaited_changes_nothing() {
    let mut scene = asked();
    scene.join("a");
    scene.emit(event_to("a", "waits")).unwrap();
    assert!(scene.log().is_empty());
    scene.provide("new");
    accept(&mut scene, "a");
    assert_eq!(scene.log(), [connect("a", "new"), "joined /a as a".to_owned(), r#"send 42/a,["waits"]"#.to_owned()]);
}

#[test]
fn an_answer_to_what_was_refused_breaks_the_protocol() {
    for answer in [r#"40/a,{"sid":"a"}"#, r#"44/a,{"message":"expired"}"#] {
        let mut scene = asked();
        scene.receive(answer);
        assert_eq!(scene.manager.stats().counters.protocol_errors, 1);
    }
}

#[test]
fn another_user_gets_nothing_of_it() {
    let mut scene = asked();
    scene.connect_as("v", Credentials::Token("theirs".into()));
    assert_eq!(answer(&mut scene, "new"), Err(TokenRequestError::Stale));
    scene.log();
    scene.accept();
    let expected = |namespace: &str| format!(r#"send 40/{namespace},{{"token":"theirs","userId":"v"}}"#);
    assert_eq!(scene.log_of("send 40/"), [expected("realtime"), expected("a")]);
    refuse(&mut scene, "a", EXPIRED);
    assert_eq!(scene.log(), ["not joined /a: refused: expired"]);
}

#[test]
fn disconnecting_ends_the_wait() {
    let mut scene = asked();
    scene.disconnect();
    assert_eq!(answer(&mut scene, "new"), Err(TokenRequestError::Stale));
    assert_eq!(scene.manager.poll_timeout(), None);
}

#[test]
fn a_fixed_token_has_no_successor() {
    let mut scene = Scene::new().connected();
    join_and_refuse(&mut scene, "a");
    assert_eq!(scene.log(), [connect("a", "t"), "not joined /a: refused: expired".to_owned()]);
    scene.pass_alive(60);
    assert!(scene.log().is_empty());
}

#[test]
fn a_token_that_the_application_replaced_meanwhile_is_tried() {
    let mut scene = Scene::new().connected();
    scene.join("a");
    scene.connect_as("u", Credentials::Token("t2".into()));
    scene.log();
    refuse(&mut scene, "a", EXPIRED);
    assert_eq!(scene.log(), [connect("a", "t2")]);
    refuse(&mut scene, "a", EXPIRED);
    assert_eq!(scene.log(), ["not joined /a: refused: expired"]);
}

#[test]
fn a_fixed_token_takes_the_place_of_the_answer() {
    let mut scene = asked();
    scene.connect_as("u", Credentials::Token("fixed".into()));
    assert_eq!(scene.log(), [connect("a", "fixed"), "ticket 2 ok".to_owned()]);
    assert_eq!(answer(&mut scene, "new"), Err(TokenRequestError::Stale));
    scene.pass(Duration::from_secs(15));
    assert_eq!(scene.log(), ["not joined /a: no answer in time"], "nobody waits for the provider");

    let mut scene = asked();
    scene.connect_as("u", Credentials::Token("old".into()));
    assert_eq!(scene.log(), ["not joined /a: refused: expired", "ticket 2 ok"], "the same again");
}
