//! Positions in inboxes, and how they are reported.

use super::{lose, negotiated};
use crate::manager::{
    Command,
    machine::tests::scene::{Scene, ns},
};

#[test]
fn a_position_is_reported_after_a_while() {
    let mut scene = negotiated();
    scene.receive(r#"42/chat,["a","e7.41.k-3"]"#);
    scene.receive(r#"42/chat,["a","e7.42.k-4"]"#);
    scene.log();
    scene.pass_secs(4);
    assert!(scene.log().is_empty());
    scene.pass_secs(1);
    assert_eq!(scene.log(), [r#"send 42/chat,["$nx",{"u":"k-4"}]"#]);
    scene.pass_secs(10);
    assert!(scene.log().is_empty(), "once");
    scene.receive(r#"42/chat,["a","e7.43.k-4"]"#);
    scene.receive(r#"42/chat,["a","e7.44"]"#);
    scene.log();
    scene.pass_secs(10);
    assert!(scene.log().is_empty(), "the server knows");
}

#[test]
fn after_many_events_a_position_is_reported_at_once() {
    let mut scene = negotiated();
    for u in 1..=31 {
        scene.receive(&format!(r#"42/chat,["a","e7.{u}.k-{u}"]"#));
    }
    assert!(scene.log_of("send").is_empty());
    scene.receive(r#"42/chat,["a","e7.32.k-32"]"#);
    assert_eq!(scene.log_of("send"), [r#"send 42/chat,["$nx",{"u":"k-32"}]"#]);
    scene.pass_secs(10);
    assert!(scene.log().is_empty());
}

#[test]
fn a_position_is_reported_before_goodbye() {
    let goodbyes: [(&str, Command); 3] = [
        ("41/chat", Command::Leave { namespace: ns("chat") }),
        ("41/chat", Command::Disconnect),
        ("41/realtime", Command::Suspend),
    ];
    for (last, goodbye) in goodbyes {
        let mut scene = negotiated();
        scene.receive(r#"42/chat,["a","e7.41.k-3"]"#);
        scene.log();
        scene.command(goodbye).unwrap();
        let log = scene.log_of("send");
        assert_eq!(log[0], r#"send 42/chat,["$nx",{"u":"k-3"}]"#);
        assert!(log[1].contains(last), "{log:?}");
    }
}

#[test]
fn what_the_server_was_asked_with_is_not_reported_again() {
    let mut scene = negotiated();
    scene.receive(r#"42/chat,["a","e7.41.k-3"]"#);
    lose(&mut scene);
    scene.receive(r#"40/chat,{"sid":"c","pid":"p","nx":{"v":1}}"#);
    scene.log();
    scene.pass_secs(10);
    assert!(scene.log_of("send 42").is_empty());
}

/// Connected with an open outbox; the next process, if there was one before.
fn with_store(mut scene: Scene) -> Scene {
    scene.connect();
    scene.commit();
    scene.accept_granting(r#"{"v":1}"#);
    scene.log();
    scene.join("chat");
    scene
}

const GRANTED: &str = r#"40/chat,{"sid":"c","pid":"p","nx":{"v":1}}"#;

#[test]
fn a_position_outlives_the_process_that_reported_it() {
    let mut scene = with_store(Scene::storing(|_| {}));
    scene.receive(GRANTED);
    scene.receive(r#"42/chat,["a","e7.41.k-3"]"#);
    scene.log();
    scene.pass_secs(5);
    assert_eq!(scene.log(), [r#"send 42/chat,["$nx",{"u":"k-3"}]"#, "store position /chat k-3"]);
    scene.commit();
    scene.receive(r#"42/chat,["a","e7.42.k-4"]"#);
    scene.cut();
    assert_eq!(scene.log_of("store"), ["store position /chat k-4"], "the next one may come after another process");
    scene.commit();

    let mut next = with_store(scene.killed());
    assert!(next.log_of("send 40/chat")[0].contains(r#""u":"k-4""#));
    next.receive(GRANTED);
    next.receive(r#"42/chat,["a","e8.0.k-4"]"#);
    next.receive(r#"42/chat,["a","e8.0.k-5"]"#);
    assert_eq!(next.log(), ["joined /chat as c", "event /chat a []"]);
    next.pass_secs(5);
    assert_eq!(next.log_of("store"), ["store position /chat k-5"]);
}

#[test]
fn a_position_waits_for_the_outbox_to_open() {
    let mut scene = Scene::storing(|_| {});
    scene.connect();
    scene.accept_granting(r#"{"v":1}"#);
    scene.join("chat");
    scene.receive(GRANTED);
    scene.receive(r#"42/chat,["a","e7.41.k-3"]"#);
    scene.pass_secs(5);
    scene.log();
    scene.commit();
    assert_eq!(scene.log_of("store"), ["store position /chat k-3"]);
}
