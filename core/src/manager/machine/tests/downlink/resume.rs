//! What comes before the CONNECT that says whose it is, and gaps.

use super::{counters, in_chat, is_broken, lose, negotiated, stock, wait_for_attempt};
use crate::manager::{
    Command, Credentials,
    machine::tests::scene::{HANDSHAKE, Scene, event_to, ns},
};

#[test]
fn a_session_is_resumed_with_what_came_meanwhile_in_order() {
    let mut scene = negotiated();
    scene.receive(r#"42/chat,["a",1,"e7.41"]"#);
    assert_eq!(scene.log(), ["event /chat a [1]"], "the offset is the protocol's");
    assert_eq!(lose(&mut scene), r#","pid":"p","offset":"e7.41","nx":{"v":1,}}"#);
    scene.receive(r#"42/chat,["b","e7.42"]"#);
    scene.receive(r#"451-/chat,["c",{"_placeholder":true,"num":0},"e7.43"]"#);
    scene.receive_binary(&[9]);
    assert!(scene.log().is_empty(), "not before the server has said whose they are");
    scene.receive(r#"40/chat,{"sid":"c","pid":"p","nx":{"v":1}}"#);
    scene.receive(r#"42/chat,["d","e7.44"]"#);
    assert_eq!(
        scene.log(),
        [
            "joined /chat as c (Recovered)",
            "event /chat b []",
            r#"event /chat c [{"_placeholder":true,"num":0}] [9]"#,
            "event /chat d []",
        ]
    );
    assert_eq!((counters(&scene).recovered, counters(&scene).gaps), (1, 1));
    assert_eq!(lose(&mut scene), r#","pid":"p","offset":"e7.44","nx":{"v":1,}}"#);
}

#[test]
fn a_session_without_events_is_resumed_from_its_start() {
    let mut scene = negotiated();
    assert_eq!(lose(&mut scene), r#","pid":"p","nx":{"v":1,}}"#);
    scene.receive(r#"42/chat,["first","e7.1"]"#);
    scene.receive(r#"40/chat,{"sid":"c","pid":"p","nx":{"v":1}}"#);
    assert_eq!(scene.log(), ["joined /chat as c (Recovered)", "event /chat first []"]);
}

#[test]
fn what_came_for_another_session_is_discarded() {
    let mut scene = negotiated();
    scene.receive(r#"42/chat,["a","e7.41"]"#);
    lose(&mut scene);
    scene.receive(r#"42/chat,["b","e7.42"]"#);
    scene.receive(r#"40/chat,{"sid":"c2","pid":"p2","nx":{"v":1}}"#);
    assert_eq!(scene.log(), ["joined /chat as c2 (Gap { inbox_complete: false, lost: 0 })"]);
    assert_eq!((counters(&scene).discarded_before_connect, counters(&scene).gaps), (1, 2));
    scene.receive(r#"42/chat,["c","e7.5"]"#);
    assert_eq!(scene.log(), ["event /chat c []"], "the place was that of the session before");
    assert_eq!(lose(&mut scene), r#","pid":"p2","offset":"e7.5","nx":{"v":1,}}"#);
}

#[test]
fn a_server_that_gives_no_pid_any_more_has_not_recovered() {
    let mut scene = negotiated();
    lose(&mut scene);
    scene.receive(r#"40/chat,{"sid":"c2","nx":{"v":1}}"#);
    scene.receive(r#"42/chat,["plain","e7.1"]"#);
    assert_eq!(
        scene.log(),
        ["joined /chat as c2 (Gap { inbox_complete: false, lost: 0 })", r#"event /chat plain ["e7.1"]"#]
    );
    assert_eq!(lose(&mut scene), r#","nx":{"v":1,}}"#);
}

#[test]
fn the_primary_namespace_is_resumed_before_connect_resolves() {
    let mut scene = Scene::new();
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.receive(r#"40/realtime,{"sid":"s","pid":"p"}"#);
    scene.cut();
    wait_for_attempt(&mut scene);
    scene.open();
    scene.receive(HANDSHAKE);
    assert_eq!(scene.log_of("send").last().unwrap(), r#"send 40/realtime,{"token":"t","userId":"u","pid":"p"}"#);
    scene.receive(r#"42/realtime,["missed"]"#);
    scene.receive(r#"40/realtime,{"sid":"s","pid":"p"}"#);
    assert_eq!(scene.log(), ["status connected", "joined /realtime as s (Recovered)", "event /realtime missed []"]);
}

#[test]
fn events_before_connect_without_a_pid_break_the_protocol() {
    let mut scene = in_chat(|_| {}, r#"{"sid":"c"}"#);
    assert_eq!(lose(&mut scene), "}");
    scene.receive(r#"42/chat,["early"]"#);
    assert!(is_broken(&scene));

    let mut scene = in_chat(|config| config.recovery = false, r#"{"sid":"c","pid":"p"}"#);
    assert_eq!(lose(&mut scene), "}");
    scene.receive(r#"42/chat,["early"]"#);
    assert!(is_broken(&scene));
}

#[test]
fn only_so_many_events_before_connect_are_kept() {
    let mut scene = in_chat(|config| config.limits.early_events = 3, r#"{"sid":"c","pid":"p"}"#);
    lose(&mut scene);
    for _ in 0..3 {
        scene.receive(r#"42/chat,["early"]"#);
    }
    assert!(!is_broken(&scene));
    scene.receive(r#"42/chat,["early"]"#);
    assert!(is_broken(&scene));
    assert_eq!(counters(&scene).discarded_before_connect, 3);
    wait_for_attempt(&mut scene);
    scene.accept();
    assert_eq!(scene.log_of("send 40/chat,"), [r#"send 40/chat,{"token":"t","userId":"u"}"#], "the same would come");
    scene.receive(r#"40/chat,{"sid":"c2","pid":"p2"}"#);
    assert!(scene.log()[0].contains("Gap"), "and what is lost is told");
}

#[test]
fn a_flood_before_connect_ends_the_connection() {
    let mut scene = stock();
    lose(&mut scene);
    for _ in 0..10_000 {
        if !is_broken(&scene) {
            scene.receive(r#"42/chat,["flood"]"#);
        }
    }
    assert!(is_broken(&scene));
    assert_eq!(counters(&scene).discarded_before_connect, 1024, "by default");
}

#[test]
fn only_so_many_bytes_before_connect_are_kept() {
    let mut scene = in_chat(|config| config.limits.early_bytes = 20, r#"{"sid":"c","pid":"p"}"#);
    lose(&mut scene);
    scene.receive(&format!(r#"42/chat,["e",{}]"#, "1".repeat(19)));
    assert!(!is_broken(&scene));
    scene.receive(r#"42/chat,["e"]"#);
    assert!(is_broken(&scene));
}

#[test]
fn an_offset_is_forgotten_with_its_session() {
    type End = fn(&mut Scene);
    let ends: [(&str, End); 4] = [
        ("left", |scene| {
            scene.command(Command::Leave { namespace: ns("chat") }).unwrap();
            scene.join("chat");
        }),
        ("ended by the server", |scene| {
            scene.receive("41/chat,");
            scene.join("chat");
        }),
        ("disconnected", |scene| {
            scene.disconnect();
            scene.connect();
            scene.accept();
        }),
        ("another user", |scene| {
            scene.connect_as("u2", Credentials::Token("t".into()));
            scene.accept();
        }),
    ];
    for (why, end) in ends {
        let mut scene = negotiated();
        scene.receive(r#"42/chat,["a","e7.41.k-3"]"#);
        scene.log();
        end(&mut scene);
        let log = scene.log_of("send 40/chat,");
        assert!(!log[0].contains("pid") && !log[0].contains("offset"), "{why}: {log:?}");
        let keeps_position = why != "another user";
        assert_eq!(log[0].contains(r#""u":"k-3""#), keeps_position, "{why}: {log:?}");
        scene.receive(r#"40/chat,{"sid":"c2","pid":"p2","nx":{"v":1}}"#);
        let joined = scene.log_of("joined");
        let gap = "joined /chat as c2 (Gap { inbox_complete: true, lost: 0 })";
        assert_eq!(joined, [if why == "ended by the server" { gap } else { "joined /chat as c2" }], "{why}");
    }
}

#[test]
fn a_session_that_was_refused_can_be_resumed_later() {
    let mut scene = stock();
    lose(&mut scene);
    scene.receive(r#"42/chat,["early"]"#);
    scene.receive(r#"44/chat,{"message":"busy"}"#);
    assert_eq!(counters(&scene).discarded_before_connect, 1);
    scene.log();
    scene.join("chat");
    assert_eq!(scene.log(), [r#"send 40/chat,{"token":"t","userId":"u","pid":"p"}"#]);
    scene.receive(r#"42/chat,["early"]"#);
    scene.receive(r#"40/chat,{"sid":"c","pid":"p"}"#);
    assert_eq!(scene.log(), ["joined /chat as c (Recovered)", "event /chat early []"]);
}

#[test]
fn a_page_that_comes_back_resumes_its_session() {
    let mut scene = stock();
    scene.command(Command::Suspend).unwrap();
    assert_eq!(scene.log_of("send"), ["send 41/realtime,"], "a session that is left can't be recovered");
    scene.command(Command::EnterForeground).unwrap();
    scene.accept();
    assert_eq!(scene.log_of("send 40/chat,"), [r#"send 40/chat,{"token":"t","userId":"u","pid":"p"}"#]);
}

#[test]
fn leaving_while_a_session_is_resumed_discards_it() {
    let mut scene = stock();
    lose(&mut scene);
    scene.command(Command::Leave { namespace: ns("chat") }).unwrap();
    scene.receive(r#"42/chat,["early"]"#);
    scene.receive(r#"40/chat,{"sid":"c","pid":"p"}"#);
    assert_eq!(scene.log(), ["send 41/chat,"]);
    assert_eq!(counters(&scene).discarded_before_connect, 1);
    scene.join("chat");
    assert_eq!(scene.log(), [r#"send 40/chat,{"token":"t","userId":"u"}"#]);
}

#[test]
fn what_is_emitted_meanwhile_follows_what_was_missed() {
    let mut scene = stock();
    lose(&mut scene);
    scene.emit(event_to("chat", "mine")).unwrap();
    scene.receive(r#"42/chat,["missed"]"#);
    scene.receive(r#"40/chat,{"sid":"c","pid":"p"}"#);
    assert_eq!(scene.log(), ["joined /chat as c (Recovered)", "event /chat missed []", r#"send 42/chat,["mine"]"#]);
}

#[test]
fn a_loss_on_a_server_that_recovers_nothing_is_a_gap() {
    let mut scene = in_chat(|_| {}, r#"{"sid":"c"}"#);
    lose(&mut scene);
    scene.receive(r#"40/chat,{"sid":"c2"}"#);
    assert_eq!(scene.log(), ["joined /chat as c2 (Gap { inbox_complete: false, lost: 0 })"]);
}

#[test]
fn a_gap_says_whether_the_inbox_is_complete() {
    for (grant, gap) in [
        (r#"{"v":1}"#, "Gap { inbox_complete: true, lost: 0 }"),
        (r#"{"v":1,"t":4}"#, "Gap { inbox_complete: false, lost: 4 }"),
    ] {
        let mut scene = negotiated();
        scene.receive(r#"42/chat,["a","e7.41.k-3"]"#);
        assert_eq!(lose(&mut scene), r#","pid":"p","offset":"e7.41","nx":{"v":1,"u":"k-3"}}"#);
        scene.receive(&format!(r#"40/chat,{{"sid":"c2","pid":"p2","nx":{grant}}}"#));
        assert_eq!(scene.log(), [format!("joined /chat as c2 ({gap})")]);
    }
}
