use bytestring::ByteString;
use nexus_core::{Bytes, socketio::AckId};

use super::{
    super::{BadInput, ConnectData, DisconnectReason, Sent},
    *,
};

#[test]
fn joining_is_pinned_and_what_follows_comes_after_a_moment() {
    let mut session = session(true);
    session.handle_frame(at(10), text(r#"40/a,{"token":"1"}"#));
    let found = outputs(&mut session);
    let slot = only_slot(&found);
    let Output::Connect { namespace, auth, .. } = &found[0] else { unreachable!() };
    assert_eq!((namespace.as_str(), auth.as_deref()), ("/a", Some(r#"{"token":"1"}"#)));
    assert!(session.begin_accept(slot));
    assert!(!session.begin_accept(slot));

    let namespace = Namespace::try_new("a").unwrap();
    let hello = Message::from_event(&namespace, None, "hello", &Payload::from_value(&1).unwrap());
    assert_eq!(session.send(at(10), slot, hello.clone(), false), Sent::Queued);
    assert!(!session.has_transmit());
    session.accept(at(11), slot, &Sid::new("S"));
    assert_eq!(transmitted(&mut session, 11), [text(r#"40/a,{"sid":"S"}"#)]);
    session.send(at(12), slot, hello, false);
    assert!(!session.has_transmit());
    assert_eq!(session.poll_timeout(), Some(at(36)));
    session.handle_timeout(at(36));
    assert_eq!(transmitted(&mut session, 36), [text(r#"42/a,["hello",1]"#), text(r#"42/a,["hello",1]"#)]);
}

#[test]
fn first_packet_of_the_client_lets_go_what_is_held_back() {
    let mut session = session(true);
    session.handle_frame(at(0), text("40"));
    let slot = only_slot(&outputs(&mut session));
    session.begin_accept(slot);
    session.accept(at(0), slot, &Sid::new("S"));
    session.send(at(0), slot, event("a"), false);
    session.handle_frame(at(1), text(r#"42["b"]"#));
    assert_eq!(transmitted(&mut session, 1), [text(r#"40{"sid":"S"}"#), text(r#"42["a"]"#)]);
    assert!(matches!(&outputs(&mut session)[..], [Output::Event { name, .. }] if &**name == "b"));
}

#[test]
fn a_replay_goes_before_the_answer_and_may_be_longer_than_the_queue() {
    let large = Message::from_event(&Namespace::root(), None, "large", &Payload::from_value(&"x".repeat(400)).unwrap());
    let config = Arc::new(SessionConfig { send_queue_bytes: large.size(), settle_time: Duration::ZERO, ..config() });
    let mut session = Session::new(at(0), config, true);
    session.handle_frame(at(1), text("40"));
    let slot = only_slot(&outputs(&mut session));
    assert!(session.begin_accept(slot));
    session.send(at(1), slot, event("live"), false);
    let data = ConnectData { pid: Some("P".into()), ..ConnectData::new(Sid::new("S")) };
    session.accept_with(at(1), slot, &data, vec![large.clone(), large.clone(), large.clone()]);
    assert_eq!(session.send(at(2), slot, event("more"), false), Sent::Queued);
    let large = large.frames().next().unwrap();
    let answer = text(r#"40{"sid":"S","pid":"P"}"#);
    let expected = [large.clone(), large.clone(), large, answer, text(r#"42["live"]"#), text(r#"42["more"]"#)];
    assert_eq!(transmitted(&mut session, 2), expected);

    // The replay is out, and the queue is as long as ever.
    let half = Message::from_event(&Namespace::root(), None, "half", &Payload::from_value(&"x".repeat(300)).unwrap());
    assert_eq!(session.send(at(3), slot, half.clone(), false), Sent::Queued);
    assert_eq!(session.send(at(3), slot, half, false), Sent::Overflow);
}

#[test]
fn a_replay_for_a_client_that_is_gone_goes_nowhere() {
    let mut session = session(true);
    session.handle_frame(at(0), text("40"));
    let slot = only_slot(&outputs(&mut session));
    assert!(session.begin_accept(slot));
    session.handle_transport_closed(at(1), DisconnectReason::TransportClose);
    session.accept_with(at(2), slot, &ConnectData::new(Sid::new("S")), vec![event("missed")]);
    assert!(!session.has_transmit());
    assert_eq!(session.queued_bytes(), 0);
}

#[test]
fn without_a_settle_time_nothing_is_held_back() {
    let config = Arc::new(SessionConfig { settle_time: Duration::ZERO, ..config() });
    let mut session = Session::new(at(0), config, true);
    session.handle_frame(at(1), text("40"));
    let slot = only_slot(&outputs(&mut session));
    assert!(session.begin_accept(slot));
    session.send(at(1), slot, event("hello"), false);
    session.accept(at(1), slot, &Sid::new("S"));
    assert_eq!(transmitted(&mut session, 1), [text(r#"40{"sid":"S"}"#), text(r#"42["hello"]"#)]);
}

#[test]
fn on_polling_nothing_is_held_back() {
    let mut session = session(false);
    let _ = session.handle_post(at(0), &ByteString::from_static("40"));
    let slot = only_slot(&outputs(&mut session));
    session.begin_accept(slot);
    session.send(at(0), slot, event("a"), false);
    session.accept(at(0), slot, &Sid::new("S"));
    let _ = session.handle_poll(at(0));
    assert_eq!(reply(&mut session).as_deref(), Some("40{\"sid\":\"S\"}\u{1e}42[\"a\"]"));
}

#[test]
fn refusal_is_pinned_and_another_try_is_allowed() {
    let mut session = session(true);
    session.handle_frame(at(0), text("40/x,"));
    let slot = only_slot(&outputs(&mut session));
    session.refuse(at(0), slot, ByteString::from_static(r#"{"message":"no"}"#));
    assert_eq!(transmitted(&mut session, 0), [text(r#"44/x,{"message":"no"}"#)]);
    assert!(!session.begin_accept(slot));
    session.handle_frame(at(1), text("40/x,"));
    assert_ne!(only_slot(&outputs(&mut session)), slot, "a place is never used twice");
}

#[test]
fn events_and_acks_are_routed_to_their_namespace() {
    let mut session = session(true);
    let root = join(&mut session, 0, "40");
    let other = join(&mut session, 30, "40/a");
    session.handle_frame(at(60), text(r#"42["x",1]"#));
    session.handle_frame(at(60), text(r#"42/a,7["y"]"#));
    session.handle_frame(at(60), text(r#"43/a,9["z"]"#));
    session.handle_frame(at(60), text(r#"451-["bin",{"_placeholder":true,"num":0}]"#));
    session.handle_frame(at(60), Frame::from(Bytes::from_static(&[5])));
    let found = outputs(&mut session);
    assert!(matches!(&found[0], Output::Event { slot, id: None, .. } if *slot == root));
    assert!(matches!(&found[1], Output::Event { slot, id: Some(AckId(7)), .. } if *slot == other));
    assert!(matches!(&found[2], Output::Ack { slot, id: AckId(9), .. } if *slot == other));
    assert!(matches!(&found[3], Output::Event { payload, .. } if *payload.attachments()[0] == [5]));
    assert_eq!(found.len(), 4);
}

#[test]
fn broken_rules_end_the_session() {
    for frames in [
        vec![r#"42["early"]"#],
        vec!["430[]"],
        vec!["4abc"],
        vec!["44{}"],
        vec!["40", r#"42["while deciding"]"#],
        vec!["42"],
    ] {
        let mut session = session(true);
        for frame in &frames {
            session.handle_frame(at(1), text(frame));
        }
        let found = outputs(&mut session);
        assert!(
            matches!(&found[..], [.., Output::BadInput(_), Output::Closed(DisconnectReason::ParseError)]),
            "{frames:?}: {found:?}"
        );
    }
}

#[test]
fn broken_rules_end_joined_namespaces_as_well() {
    for packet in ["40", "42{}", "42[]", "42[null]", r#"42["connect"]"#, r#"42-1["a"]"#, r#"42/b,["a"]"#] {
        let mut session = session(true);
        let slot = join(&mut session, 0, "40");
        session.handle_frame(at(50), text(packet));
        let found = outputs(&mut session);
        let reason = DisconnectReason::ParseError;
        assert!(matches!(found[0], Output::BadInput(_)), "{packet}");
        assert_eq!(found[1..], [Output::Left { slot, reason }, Output::Closed(reason)], "{packet}");
    }
}

#[test]
fn nothing_behind_a_broken_packet_is_looked_at() {
    let mut session = session(false);
    let _ = session.handle_post(at(0), &ByteString::from_static("4abc\u{1e}40"));
    let found = outputs(&mut session);
    assert!(matches!(&found[..], [Output::BadInput(_), Output::Closed(DisconnectReason::ParseError)]), "{found:?}");
}

#[test]
fn second_connect_while_deciding_is_refused_and_the_first_goes_on() {
    let mut session = session(true);
    session.handle_frame(at(0), text("40"));
    let slot = only_slot(&outputs(&mut session));
    session.handle_frame(at(1), text("40"));
    assert_eq!(outputs(&mut session), [Output::BadInput(BadInput::SecondConnect)]);
    assert_eq!(transmitted(&mut session, 1), [text(r#"44{"message":"Already connecting"}"#)]);
    assert!(session.begin_accept(slot));
    session.accept(at(2), slot, &Sid::new("S"));
    assert_eq!(transmitted(&mut session, 2), [text(r#"40{"sid":"S"}"#)]);
}

#[test]
fn leaving_while_deciding_frees_nothing_before_the_answer() {
    let mut session = session(true);
    let mut slots = Vec::new();
    for _ in 0..2 {
        session.handle_frame(at(0), text("40/a"));
        slots.push(only_slot(&outputs(&mut session)));
        session.handle_frame(at(0), text("41/a"));
    }
    session.handle_frame(at(1), text("40/a"));
    assert_eq!(outputs(&mut session), [Output::BadInput(BadInput::TooManyNamespaces)]);
    transmitted(&mut session, 1);
    assert!(!session.begin_accept(slots[0]));
    session.refuse(at(2), slots[1], ByteString::from_static("{}"));
    assert!(!session.has_transmit(), "the client has left: it is told nothing");
    join(&mut session, 3, "40/a");
}

#[test]
fn namespaces_are_capped() {
    let mut session = session(true);
    join(&mut session, 0, "40");
    join(&mut session, 30, "40/a");
    session.handle_frame(at(60), text("40/b"));
    assert_eq!(outputs(&mut session), [Output::BadInput(BadInput::TooManyNamespaces)]);
    assert_eq!(transmitted(&mut session, 60), [text(r#"44/b,{"message":"Too many namespaces"}"#)]);
}

#[test]
fn leaving_keeps_the_connection() {
    let mut session = session(true);
    let slot = join(&mut session, 0, "40");
    session.handle_frame(at(50), text("41"));
    assert_eq!(outputs(&mut session), [Output::Left { slot, reason: DisconnectReason::ClientDisconnect }]);
    assert_eq!(session.send(at(50), slot, event("a"), false), Sent::Closed);
    session.handle_timeout(at(300));
    session.handle_frame(at(301), text("3"));
    session.handle_timeout(at(6_000));
    assert!(!session.is_closed(), "the connect timeout is for those who never joined");
}

#[test]
fn what_comes_after_the_server_ended_a_namespace_is_ignored() {
    let mut session = session(true);
    let slot = join(&mut session, 0, "40");
    session.send(at(50), slot, event("last"), false);
    session.end(at(50), slot);
    assert_eq!(outputs(&mut session), [Output::Left { slot, reason: DisconnectReason::ServerDisconnect }]);
    assert_eq!(transmitted(&mut session, 50), [text(r#"42["last"]"#), text("41")]);
    session.handle_frame(at(51), text(r#"42["under way"]"#));
    assert!(outputs(&mut session).is_empty());
    join(&mut session, 60, "40");
}

#[test]
fn who_joins_nothing_is_disconnected() {
    let mut session =
        Session::new(at(0), Arc::new(SessionConfig { ping_interval: Duration::from_secs(25), ..config() }), true);
    assert_eq!(session.poll_timeout(), Some(at(5_000)));
    session.handle_frame(at(4_000), text("40"));
    let slot = only_slot(&outputs(&mut session));
    session.handle_timeout(at(5_000));
    assert!(!session.is_closed(), "the application is still deciding");
    session.refuse(at(5_001), slot, ByteString::from_static("{}"));
    session.handle_timeout(at(10_000));
    assert_eq!(outputs(&mut session), [Output::Closed(DisconnectReason::ConnectTimeout)]);
}

#[test]
fn attachments_that_never_come_end_the_session() {
    let mut session =
        Session::new(at(0), Arc::new(SessionConfig { ping_interval: Duration::from_secs(25), ..config() }), true);
    join(&mut session, 0, "40");
    session.handle_frame(at(100), text(r#"451-["bin",{"_placeholder":true,"num":0}]"#));
    assert_eq!(session.poll_timeout(), Some(at(2_100)));
    session.handle_timeout(at(2_100));
    assert_eq!(outputs(&mut session)[0], Output::BadInput(BadInput::MissingAttachments));
    assert_eq!(session.closed_by(), Some(DisconnectReason::ParseError));
}

#[test]
fn closing_while_the_application_decides_leaves_nothing_behind() {
    let mut session = session(true);
    session.handle_frame(at(0), text("40"));
    let slot = only_slot(&outputs(&mut session));
    session.handle_transport_closed(at(1), DisconnectReason::TransportClose);
    assert_eq!(outputs(&mut session), [Output::Closed(DisconnectReason::TransportClose)]);
    assert!(!session.begin_accept(slot));
}

#[test]
fn closing_while_accepting_tells_that_the_socket_left() {
    let mut session = session(true);
    session.handle_frame(at(0), text("40"));
    let slot = only_slot(&outputs(&mut session));
    assert!(session.begin_accept(slot));
    session.handle_transport_closed(at(1), DisconnectReason::TransportClose);
    let reason = DisconnectReason::TransportClose;
    assert_eq!(outputs(&mut session), [Output::Left { slot, reason }, Output::Closed(reason)]);
    session.accept(at(2), slot, &Sid::new("S"));
    assert!(!session.has_transmit());
}
