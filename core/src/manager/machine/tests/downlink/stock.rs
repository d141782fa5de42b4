//! Stock servers: their offsets, and repeats that are told by what events say of themselves.

use bytestring::ByteString;

use super::{counters, in_chat, lose, negotiated, stock};
use crate::{
    manager::{Credentials, TransportEvent, machine::tests::scene::Scene},
    socketio::HostArgs,
};

/// What `yeast` gives at the time of `WALL_CLOCK`, and some milliseconds later.
const STOCK_OFFSETS: [&str; 3] = ["Op2KVG0", "Op2KVG0.0", "Op2KVG5"];

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
fn the_protocol_s_event_is_the_application_s_elsewhere() {
    let mut scene = stock();
    scene.receive(r#"42/chat,["$nx",{"b":1}]"#);
    assert_eq!(scene.log(), [r#"event /chat $nx [{"b":1}]"#]);
}
