//! Sessions that are resumed, and repeats.

use bytestring::ByteString;

use super::scene::{HANDSHAKE, Scene, event_to, ns};
use crate::{
    manager::{Command, Config, Counters, Credentials, TransportEvent},
    socketio::HostArgs,
};

/// What `yeast` gives at the time of [`WALL_CLOCK`], and some milliseconds later.
const STOCK_OFFSETS: [&str; 3] = ["Op2KVG0", "Op2KVG0.0", "Op2KVG5"];
const WALL_CLOCK: u64 = 1_704_067_200_000;

/// With `/chat` joined on a server that answers its CONNECT with this.
fn in_chat(change: impl FnOnce(&mut Config), answer: &str) -> Scene {
    let mut scene = Scene::with(change).connected();
    scene.manager.set_wall_clock(scene.now, WALL_CLOCK);
    scene.join("chat");
    scene.receive(&format!("40/chat,{answer}"));
    scene.log();
    scene
}

/// On a stock server that recovers sessions.
fn stock() -> Scene {
    in_chat(|_| {}, r#"{"sid":"c","pid":"p"}"#)
}

/// On a server that negotiates, and keeps a log.
fn negotiated() -> Scene {
    in_chat(|config| config.negotiate = true, r#"{"sid":"c","pid":"p","nx":{"v":1}}"#)
}

/// Loses the connection, and has the next one up to the CONNECT of `/chat`. Gives what that says.
fn lose(scene: &mut Scene) -> String {
    scene.cut();
    wait_for_attempt(scene);
    scene.accept();
    let mut log = scene.log_of("send 40/chat,");
    assert_eq!(log.len(), 1, "{log:?}");
    without_instance(&log.remove(0)).replace(r#"send 40/chat,{"token":"t","userId":"u""#, "")
}

fn wait_for_attempt(scene: &mut Scene) {
    let before = scene.connection;
    while scene.connection == before {
        scene.pass_secs(1);
    }
}

/// Instances are random.
fn without_instance(text: &str) -> String {
    let Some((before, rest)) = text.split_once(r#""ci":""#) else { return text.to_owned() };
    let (_, behind) = rest.split_once('"').unwrap();
    format!("{before}{}", behind.trim_start_matches(','))
}

fn counters(scene: &Scene) -> Counters {
    scene.manager.stats().counters
}

fn is_broken(scene: &Scene) -> bool {
    counters(scene).protocol_errors == 1
}

// Resuming.

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

// Gaps.

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

// Offsets.

#[test]
fn an_event_without_its_offset_breaks_the_protocol() {
    for text in [
        r#"42/chat,["a"]"#,
        r#"42/chat,["a",1]"#,
        r#"42/chat,["a","e7"]"#,
        r#"42/chat,["a","e7.41",1]"#,
        r#"42/chat,["a","e7.-1"]"#,
        r#"42/chat,["a","e7.1.k"]"#,
        r#"42/chat,["a",{"e7":1}]"#,
    ] {
        let mut scene = negotiated();
        scene.receive(text);
        assert!(is_broken(&scene), "{text}");
        assert!(scene.log_of("event").is_empty(), "{text}");
    }
}

#[test]
fn events_that_ask_for_an_acknowledgement_have_no_offset() {
    let mut scene = negotiated();
    scene.receive(r#"42/chat,0["ask","e7.41"]"#);
    assert_eq!(scene.log(), [r#"event /chat ask ["e7.41"] reply"#]);
    assert_eq!(lose(&mut scene), r#","pid":"p","nx":{"v":1,}}"#);
}

#[test]
fn repeats_are_told_by_their_offsets() {
    let mut scene = negotiated();
    for (offset, dispatched) in [
        ("e7.41", true),
        ("e7.41", false),
        ("e7.40", false),
        ("e7.41.v", true),
        ("e7.40.v", true),
        ("e7.43", true),
        ("e7.42", false),
        ("e8.1", true),
        ("e8.1", false),
        // What comes from an inbox is told by its position alone.
        ("e8.1.k-5", true),
        ("e8.1.k-6", true),
        ("e8.2.k-6", false),
        ("e8.2", false),
        ("e8.3.k-4", false),
        ("e8.3.l-1", true),
        ("e8.4", true),
    ] {
        scene.receive(&format!(r#"42/chat,["a","{offset}"]"#));
        assert_eq!(scene.log().len(), usize::from(dispatched), "{offset}");
    }
    assert_eq!(counters(&scene).duplicates_dropped, 7);
    assert_eq!(counters(&scene).events_in, 16);
    assert_eq!(lose(&mut scene), r#","pid":"p","offset":"e8.4","nx":{"v":1,"u":"l-1"}}"#);
}

#[test]
fn an_offset_of_the_future_silences_its_session_and_no_more() {
    let mut scene = negotiated();
    scene.receive(r#"42/chat,["a","e7.9007199254740991"]"#);
    scene.receive(r#"42/chat,["a","e7.1"]"#);
    assert_eq!(scene.log(), ["event /chat a []"]);
    assert_eq!(lose(&mut scene), r#","pid":"p","offset":"e7.9007199254740991","nx":{"v":1,}}"#);
    scene.receive(r#"40/chat,{"sid":"c2","pid":"p2","nx":{"v":1}}"#);
    scene.log();
    scene.receive(r#"42/chat,["a","e7.2"]"#);
    assert_eq!(scene.log(), ["event /chat a []"]);
    scene.receive(r#"42/chat,["a","e7.9007199254740992"]"#);
    assert!(is_broken(&scene));
}

#[test]
fn a_repeat_of_a_replay_is_dropped_as_well() {
    let mut scene = negotiated();
    scene.receive(r#"42/chat,["a","e7.41"]"#);
    lose(&mut scene);
    scene.receive(r#"42/chat,["a","e7.41"]"#);
    scene.receive(r#"42/chat,["b","e7.42"]"#);
    scene.receive(r#"40/chat,{"sid":"c","pid":"p","nx":{"v":1}}"#);
    assert_eq!(scene.log(), ["joined /chat as c (Recovered)", "event /chat b []"]);
}

#[test]
fn a_replay_that_breaks_the_protocol_ends_with_the_connection() {
    let mut scene = negotiated();
    lose(&mut scene);
    scene.receive(r#"42/chat,["b"]"#);
    scene.receive(r#"42/chat,["c","e7.42"]"#);
    scene.receive(r#"40/chat,{"sid":"c","pid":"p","nx":{"v":1}}"#);
    assert!(is_broken(&scene));
    assert!(scene.log_of("event").is_empty());
}

#[test]
fn a_host_takes_off_the_offset() {
    fn frame(head: &'static str, last: Option<&'static str>) -> TransportEvent {
        let last = last.map(ByteString::from_static);
        TransportEvent::HostFrame { head: head.into(), args: HostArgs::new("args", 4), last, unique: None }
    }
    let mut scene = negotiated();
    scene.transport(frame(r#"42/chat,["a"]"#, Some(r#""e7.41""#)));
    assert_eq!(scene.log(), ["event /chat a [args] less the last"]);
    scene.transport(frame(r#"42/chat,["a"]"#, Some(r#""e7.41""#)));
    assert!(scene.log().is_empty());
    scene.transport(frame(r#"42/chat,["a"]"#, None));
    assert!(is_broken(&scene));
}

// Positions.

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

#[test]
fn the_protocol_s_event_is_the_application_s_elsewhere() {
    let mut scene = stock();
    scene.receive(r#"42/chat,["$nx",{"b":1}]"#);
    assert_eq!(scene.log(), [r#"event /chat $nx [{"b":1}]"#]);
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

// Stock servers.

#[test]
fn a_stock_offset_is_taken_off_and_sent_back() {
    let mut scene = stock();
    for (args, shown) in [
        (r#"1,"Op2KVG0""#, "1"),
        (r#""Op2KVG0.1""#, ""),
        // No offset: the application's own.
        (r#""bye""#, r#""bye""#),
        ("1", "1"),
        (r#""Op2KVG5",1"#, r#""Op2KVG5",1"#),
        // A time, but of another day.
        (r#""OpcKVG0""#, r#""OpcKVG0""#),
    ] {
        scene.receive(&format!(r#"42/chat,["a",{args}]"#));
        assert_eq!(scene.log(), [format!("event /chat a [{shown}]")], "{args}");
    }
    scene.receive(r#"451-/chat,["a",{"_placeholder":true,"num":0},"Op2KVG5"]"#);
    scene.receive_binary(&[1]);
    assert_eq!(scene.log(), [r#"event /chat a [{"_placeholder":true,"num":0}] [1]"#]);
    assert_eq!(lose(&mut scene), r#","pid":"p","offset":"Op2KVG5"}"#);
}

#[test]
fn an_offset_of_another_kind_is_left_and_sent_back() {
    let mut scene = stock();
    scene.receive(r#"42/chat,["a","1692000000000-0"]"#);
    scene.receive(r#"42/chat,["b",1]"#);
    assert_eq!(scene.log(), [r#"event /chat a ["1692000000000-0"]"#, "event /chat b [1]"]);
    assert_eq!(lose(&mut scene), r#","pid":"p","offset":"1692000000000-0"}"#);
    let mut scene = stock();
    scene.receive(&format!(r#"42/chat,["a","{}"]"#, "x".repeat(257)));
    assert_eq!(lose(&mut scene), r#","pid":"p"}"#, "nobody has an offset that long");
}

#[test]
fn without_a_clock_nothing_looks_like_a_stock_offset() {
    let mut scene = Scene::new().connected();
    scene.join("chat");
    scene.receive(r#"40/chat,{"sid":"c","pid":"p"}"#);
    scene.log();
    scene.receive(r#"42/chat,["a","Op2KVG0"]"#);
    assert_eq!(scene.log(), [r#"event /chat a ["Op2KVG0"]"#]);
    assert_eq!(lose(&mut scene), r#","pid":"p","offset":"Op2KVG0"}"#);
}

#[test]
fn a_last_string_stays_where_no_session_can_be_recovered() {
    let mut scene = in_chat(|_| {}, r#"{"sid":"c"}"#);
    for offset in STOCK_OFFSETS {
        scene.receive(&format!(r#"42/chat,["a","{offset}"]"#));
    }
    assert_eq!(scene.log().len(), 3);
    assert_eq!(lose(&mut scene), "}");
}

#[test]
fn a_unique_id_comes_once() {
    let mut scene = stock();
    for offset in STOCK_OFFSETS {
        scene.receive(&format!(r#"42/chat,["m",{{"uniqueId":"x","text":"hi"}},"{offset}"]"#));
    }
    scene.receive(r#"42/chat,["n",{"uniqueId":"x"}]"#);
    scene.receive(r#"42/realtime,["m",{"uniqueId":"x"}]"#);
    scene.receive(r#"42/chat,3["m",{"uniqueId":"x"}]"#);
    assert_eq!(
        scene.log(),
        [
            r#"event /chat m [{"uniqueId":"x","text":"hi"}]"#,
            r#"event /chat n [{"uniqueId":"x"}]"#,
            r#"event /realtime m [{"uniqueId":"x"}]"#,
            r#"event /chat m [{"uniqueId":"x"}] reply"#,
        ]
    );
    assert_eq!(counters(&scene).duplicates_dropped, 2);
    assert_eq!(scene.manager.stats().remembered_events, 3);
    assert_eq!(lose(&mut scene), r#","pid":"p","offset":"Op2KVG5"}"#, "a repeat has a place all the same");
}

#[test]
fn an_id_comes_again_only_while_it_is_joined() {
    let event = r#"42/chat,["presence",{"id":"ada","state":"online"}]"#;
    let mut scene = in_chat(|_| {}, r#"{"sid":"c"}"#);
    scene.receive(event);
    scene.receive(r#"42/chat,["presence",{"id":"ada","state":"offline"}]"#);
    scene.receive(event);
    assert_eq!(scene.log().len(), 3);
    lose(&mut scene);
    scene.receive(r#"40/chat,{"sid":"c2"}"#);
    scene.log();
    scene.receive(event);
    assert!(scene.log().is_empty(), "the server has told its state again");
    scene.receive(event);
    assert_eq!(scene.log().len(), 1);
}

#[test]
fn identities_are_remembered_up_to_a_number_and_for_one_user() {
    let mut scene = in_chat(|config| config.limits.remembered_events = 2, r#"{"sid":"c"}"#);
    let comes = |scene: &mut Scene, id: u32| {
        scene.receive(&format!(r#"42/chat,["m",{{"uniqueId":{id}}}]"#));
        scene.log().len() == 1
    };
    assert!(comes(&mut scene, 1) && comes(&mut scene, 2) && !comes(&mut scene, 1));
    assert!(comes(&mut scene, 3) && comes(&mut scene, 1));
    assert_eq!(scene.manager.stats().remembered_events, 2);
    scene.connect_as("u2", Credentials::Token("t".into()));
    scene.accept();
    assert_eq!(scene.manager.stats().remembered_events, 0);
}

#[test]
fn deduplication_by_identity_can_be_turned_off() {
    let mut scene = in_chat(|config| config.deduplicate = false, r#"{"sid":"c"}"#);
    scene.receive(r#"42/chat,["m",{"uniqueId":1}]"#);
    scene.receive(r#"42/chat,["m",{"uniqueId":1}]"#);
    assert_eq!(scene.log().len(), 2);
    assert_eq!(scene.manager.stats().remembered_events, 0);
}

#[test]
fn where_events_are_numbered_their_identity_is_not_read() {
    let mut scene = negotiated();
    scene.receive(r#"42/chat,["m",{"uniqueId":1},"e7.1"]"#);
    scene.receive(r#"42/chat,["m",{"uniqueId":1},"e7.2"]"#);
    assert_eq!(scene.log().len(), 2);
}

#[test]
fn a_host_says_what_tells_events_apart() {
    let mut scene = stock();
    for (unique, comes) in [(Some("\"x\""), true), (Some("\"x\""), false), (None, true), (None, true)] {
        let unique = unique.map(ByteString::from_static);
        let head = r#"42/chat,["m"]"#.into();
        scene.transport(TransportEvent::HostFrame { head, args: HostArgs::new("args", 4), last: None, unique });
        assert_eq!(scene.log().len(), usize::from(comes));
    }
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
