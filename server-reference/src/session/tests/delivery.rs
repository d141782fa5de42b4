use bytestring::ByteString;
use nexus_core::socketio::{
    AckId,
    delivery::{Class, Grant, Marker},
};

use super::{
    super::{BadInput, ConnectData, DisconnectReason},
    *,
};

/// A session in whose root namespace this was granted.
fn granted(buffered: bool, durable: bool) -> (Session, SlotId) {
    let mut session = session(true);
    session.handle_frame(at(0), text("40"));
    let slot = only_slot(&outputs(&mut session));
    assert!(session.begin_accept(slot));
    let grant =
        Grant { buffered: buffered.then(|| "G".into()), durable: durable.then(|| "D".into()), ..Grant::default() };
    let data = ConnectData { grant: Some(grant), ..ConnectData::new(Sid::new("S")) };
    session.accept_with(at(0), slot, &data, Vec::new());
    session.handle_timeout(at(25));
    transmitted(&mut session, 25);
    (session, slot)
}

/// What comes out of one frame: the arguments, and the marker.
fn event_of(session: &mut Session, frame: &str) -> (String, Option<Marker>) {
    session.handle_frame(at(30), text(frame));
    match outputs(session).as_slice() {
        [Output::Event { payload, marker, .. }] => (payload.raw_args().to_owned(), marker.clone()),
        other => panic!("expected one event: {other:?}"),
    }
}

#[test]
fn one_marker_is_stripped() {
    let marker = |class, id, lowest, instance: Option<&str>| {
        Some(Marker { id, lowest, class, instance: instance.map(ByteString::from) })
    };
    let (mut session, _) = granted(true, true);
    for (frame, args, expected) in [
        (r#"42["e",1,{"$m":{"id":12,"lo":9}}]"#, "1", marker(Class::Buffered, 12, 9, None)),
        (r#"427["e",{"$m":{"id":5,"lo":5,"d":1}}]"#, "", marker(Class::Durable, 5, 5, None)),
        (r#"427["e",1,{"$m":{"id":3,"lo":2,"d":1,"ci":"Q"}}]"#, "1", marker(Class::Durable, 3, 2, Some("Q"))),
        (r#"42["e",{"$m":{}},{"$m":{}}]"#, r#"{"$m":{}}"#, None),
        (r#"42["e",{"$m":1}]"#, r#"{"$m":1}"#, None),
        (r#"42["e",1]"#, "1", None),
        (r#"42["e"]"#, "", None),
    ] {
        assert_eq!(event_of(&mut session, frame), (args.to_owned(), expected), "{frame}");
    }
}

#[test]
fn marker_behind_attachments_is_stripped() {
    let (mut session, _) = granted(true, true);
    let frame = r#"451-3["e",{"_placeholder":true,"num":0},{"$m":{"id":1,"lo":1}}]"#;
    session.handle_frame(at(30), text(frame));
    session.handle_frame(at(30), Frame::from(nexus_core::Bytes::from_static(&[7])));
    let found = outputs(&mut session);
    let [Output::Event { payload, id, marker, .. }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((payload.len(), *id, marker.is_some()), (1, Some(AckId(3)), true));
    assert_eq!(payload.binary(0).as_deref(), Some(&[7][..]));
}

#[test]
fn without_a_grant_nothing_is_stripped_and_control_is_an_event() {
    let mut stock = session(true);
    join(&mut stock, 0, "40");
    let (mut empty, _) = granted(false, false);
    for session in [&mut stock, &mut empty] {
        let (args, marker) = event_of(session, r#"42["e",{"$m":{"id":1,"lo":1}}]"#);
        assert_eq!((args.as_str(), marker), (r#"{"$m":{"id":1,"lo":1}}"#, None));
    }
    let (args, _) = event_of(&mut stock, r#"42["$nx",{"u":"k-1"}]"#);
    assert_eq!(args, r#"{"u":"k-1"}"#);
}

#[test]
fn control_is_told_apart_from_events() {
    for buffered in [true, false] {
        let (mut session, slot) = granted(buffered, false);
        session.handle_frame(at(30), text(r#"42["$nx",{"u":"k-1"}]"#));
        let expected = Output::Control { slot, payload: Payload::try_from(r#"[{"u":"k-1"}]"#).unwrap() };
        assert_eq!(outputs(&mut session), [expected]);
    }
}

#[test]
fn broken_markers_end_the_session() {
    for (buffered, durable, frame) in [
        (true, true, r#"42["e",{"$m":{"id":0,"lo":0}}]"#),
        (true, true, r#"42["e",{"$m":{"id":1,"lo":2}}]"#),
        (true, true, r#"42["e",{"$m":{"id":4097,"lo":1}}]"#),
        (true, true, r#"427["e",{"$m":{"id":257,"lo":1,"d":1}}]"#),
        (true, true, r#"42["e",{"$m":{"no":1}}]"#),
        (true, true, r#"42["e",{"$m":{"id":1,"lo":1,"d":1}}]"#),
        (true, true, r#"42["e",{"$m":{"id":1,"lo":1,"ci":"Q"}}]"#),
        (true, false, r#"427["e",{"$m":{"id":1,"lo":1,"d":1}}]"#),
        (false, true, r#"42["e",{"$m":{"id":1,"lo":1}}]"#),
    ] {
        let (mut session, slot) = granted(buffered, durable);
        session.handle_frame(at(30), text(frame));
        let reason = DisconnectReason::ParseError;
        let expected = [Output::BadInput(BadInput::Marker), Output::Left { slot, reason }, Output::Closed(reason)];
        assert_eq!(outputs(&mut session), expected, "{frame}");
    }
    let (mut session, slot) = granted(true, false);
    session.handle_broken_marker(at(30));
    let reason = DisconnectReason::ParseError;
    let expected = [Output::BadInput(BadInput::Marker), Output::Left { slot, reason }, Output::Closed(reason)];
    assert_eq!(outputs(&mut session), expected);
}

#[test]
fn client_is_told_after_32_events_or_100_ms() {
    let (mut session, slot) = granted(true, false);
    assert_eq!(session.poll_timeout(), Some(at(300)), "only the heartbeat");
    session.report_received(at(40), slot, 1);
    session.report_received(at(90), slot, 2);
    assert_eq!(session.poll_timeout(), Some(at(140)));
    session.handle_timeout(at(139));
    assert_eq!(transmitted(&mut session, 139), []);
    session.handle_timeout(at(140));
    assert_eq!(transmitted(&mut session, 140), [text(r#"42["$nx",{"b":2}]"#)]);
    assert_eq!(session.poll_timeout(), Some(at(300)));

    for id in 3..=34 {
        assert_eq!(transmitted(&mut session, 150), []);
        session.report_received(at(150), slot, id);
    }
    assert_eq!(transmitted(&mut session, 150), [text(r#"42["$nx",{"b":34}]"#)]);
    session.handle_timeout(at(250));
    assert_eq!(transmitted(&mut session, 250), [], "it was told");

    // A repeat is told as well: the client may not know.
    session.report_received(at(260), slot, 30);
    session.handle_frame(at(299), text("3"));
    session.handle_timeout(at(360));
    assert_eq!(transmitted(&mut session, 360), [text("2"), text(r#"42["$nx",{"b":34}]"#)]);
}
