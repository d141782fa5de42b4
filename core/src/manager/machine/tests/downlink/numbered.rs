//! Offsets of servers that negotiate.

use bytestring::ByteString;

use super::{counters, is_broken, lose, negotiated};
use crate::{manager::TransportEvent, socketio::HostArgs};

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
