use bytestring::ByteString;
use nexus_core::engineio::Sid as EngineSid;

use super::{
    super::{BadInput, DisconnectReason, Posted, Refusal, Sent, UpgradeStep},
    *,
};

fn post(session: &mut Session, now: u64, body: &str) -> Result<Posted, Refusal> {
    session.handle_post(at(now), &ByteString::from(body))
}

fn data(text: &str) -> Message {
    Message::from_data(&Frame::from(text.to_owned()))
}

#[test]
fn handshake_is_pinned() {
    let open = |websocket| raw(websocket).open_packet(EngineSid::new("abc"));
    let rest = r#""pingInterval":300,"pingTimeout":200,"maxPayload":1000}"#;
    assert_eq!(open(false), text(&format!(r#"0{{"sid":"abc","upgrades":["websocket"],{rest}"#)));
    assert_eq!(open(true), text(&format!(r#"0{{"sid":"abc","upgrades":[],{rest}"#)));
}

#[test]
fn first_ping_comes_after_one_interval() {
    let mut session = raw(true);
    assert_eq!(session.poll_timeout(), Some(at(300)));
    session.handle_timeout(at(299));
    assert!(transmitted(&mut session, 299).is_empty());
    session.handle_timeout(at(300));
    assert_eq!(transmitted(&mut session, 300), [text("2")]);
    assert_eq!(session.poll_timeout(), Some(at(500)));
    session.handle_frame(at(400), text("3"));
    assert_eq!(session.poll_timeout(), Some(at(600)), "pings keep their pace");
    assert!(outputs(&mut session).is_empty());
}

#[test]
fn missing_pong_ends_the_session() {
    let mut session = raw(true);
    session.handle_timeout(at(300));
    session.handle_timeout(at(499));
    assert!(!session.is_closed());
    session.handle_timeout(at(500));
    assert_eq!(outputs(&mut session), [Output::Closed(DisconnectReason::PingTimeout)]);
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn late_driver_does_not_cost_the_client_its_time() {
    let mut session = raw(true);
    session.handle_timeout(at(9_000));
    assert_eq!(transmitted(&mut session, 9_000), [text("2")]);
    assert_eq!(session.poll_timeout(), Some(at(9_200)));

    let mut session = raw(false);
    let _ = session.handle_poll(at(1));
    session.handle_timeout(at(9_000));
    assert_eq!(reply(&mut session).as_deref(), Some("2"));
    assert_eq!(session.poll_timeout(), Some(at(9_200)));

    let mut session = raw(false);
    session.handle_timeout(at(500));
    assert!(session.is_closed(), "nobody is there");
}

#[test]
fn deadline_holds_at_look_up_without_any_timer() {
    let mut session = raw(false);
    assert_eq!(session.handle_poll(at(500)), Err(Refusal::UnknownSession));
    assert_eq!(outputs(&mut session), [Output::Closed(DisconnectReason::PingTimeout)]);

    let mut session = raw(false);
    session.handle_timeout(at(300));
    assert_eq!(session.handle_poll(at(499)), Ok(()));
    assert_eq!(reply(&mut session).as_deref(), Some("2"));
    assert_eq!(post(&mut session, 500, "3"), Err(Refusal::UnknownSession));
}

#[test]
fn pausing_suspends_the_heartbeat() {
    let mut session = raw(true);
    session.handle_timeout(at(300));
    session.pause();
    session.resume(at(450));
    assert_eq!(session.poll_timeout(), Some(at(650)), "the whole time for the pong anew");
    session.pause();
    session.handle_timeout(at(60_000));
    assert!(!session.is_closed());
    transmitted(&mut session, 60_000);
    session.handle_timeout(at(60_300));
    assert_eq!(transmitted(&mut session, 60_300), [text("2")], "a ping without a deadline finds out who is gone");
    session.handle_timeout(at(90_000));
    assert!(!session.is_closed());
    session.resume(at(90_000));
    assert_eq!(session.poll_timeout(), Some(at(90_300)));
    session.handle_timeout(at(90_300));
    assert_eq!(session.poll_timeout(), Some(at(90_500)));
    session.handle_timeout(at(90_500));
    assert!(session.is_closed());
}

#[test]
fn polls_wait_and_carry_everything_that_is_queued() {
    let mut session = raw(false);
    assert_eq!(session.handle_poll(at(1)), Ok(()));
    assert_eq!(reply(&mut session), None);
    session.send_data(at(2), data("a"), false);
    assert_eq!(reply(&mut session).as_deref(), Some("4a"));
    session.send_data(at(2), data("b"), false);
    session.send_data(at(2), Message::from_data(&Frame::from(nexus_core::Bytes::from_static(&[1, 2, 3, 4]))), false);
    assert_eq!(session.handle_poll(at(3)), Ok(()));
    assert_eq!(reply(&mut session).as_deref(), Some("4b\u{1e}bAQIDBA=="));
    assert_eq!(session.queued_bytes(), 0);
}

#[test]
fn polling_bodies_are_capped_and_the_rest_waits() {
    let mut session = raw(false);
    for _ in 0..3 {
        assert_eq!(session.send_data(at(1), data(&"x".repeat(300)), false), Sent::Queued);
    }
    let _ = session.handle_poll(at(2));
    let first = reply(&mut session).unwrap();
    let _ = session.handle_poll(at(3));
    assert_eq!(first.len(), 3 * 301 + 2);
    assert_eq!(reply(&mut session), None);

    let mut session = Session::raw(at(0), Arc::new(SessionConfig { send_queue_bytes: 10_000, ..config() }), false);
    for _ in 0..3 {
        session.send_data(at(1), data(&"x".repeat(600)), false);
    }
    for _ in 0..3 {
        let _ = session.handle_poll(at(3));
        assert_eq!(reply(&mut session).unwrap().len(), 601);
    }
}

#[test]
fn posts_are_read_in_order() {
    let mut session = raw(false);
    assert_eq!(post(&mut session, 1, "4a\u{1e}bAQI=\u{1e}4b"), Ok(Posted::Done));
    let expected = [
        Output::Frame(text("a")),
        Output::Frame(Frame::from(nexus_core::Bytes::from_static(&[1, 2]))),
        Output::Frame(text("b")),
    ];
    assert_eq!(outputs(&mut session), expected);
}

#[test]
fn broken_payload_is_refused_and_ends_the_session() {
    for body in ["abc", "", "4a\u{1e}", "2probe", "5", "0{}", &vec!["4"; 17].join("\u{1e}")] {
        let mut session = raw(false);
        let _ = session.handle_poll(at(1));
        assert_eq!(post(&mut session, 2, body), Err(Refusal::BadRequest), "{body}");
        assert_eq!(session.closed_by(), Some(DisconnectReason::ParseError), "{body}");
        assert_eq!(reply(&mut session).as_deref(), Some("1"), "{body}");
        assert_eq!(post(&mut session, 3, "4a"), Err(Refusal::UnknownSession), "{body}");
    }
}

#[test]
fn second_poll_ends_the_session() {
    let mut session = raw(false);
    assert_eq!(session.handle_poll(at(1)), Ok(()));
    assert_eq!(session.handle_poll(at(2)), Err(Refusal::BadRequest));
    assert_eq!(session.send_data(at(3), data("a"), false), Sent::Closed);
    session.handle_timeout(at(22));
    assert_eq!(reply(&mut session).as_deref(), Some("1"));
    assert_eq!(
        outputs(&mut session),
        [Output::BadInput(BadInput::OverlappingRequest), Output::Closed(DisconnectReason::TransportError)]
    );
    assert_eq!(session.handle_poll(at(3)), Err(Refusal::UnknownSession));
}

#[test]
fn poll_that_overtakes_one_given_up_is_refused() {
    let mut session = raw(false);
    assert_eq!(session.handle_poll(at(1)), Ok(()));
    assert_eq!(session.handle_poll(at(2)), Err(Refusal::BadRequest));
    session.handle_overlap_dropped(at(3));
    assert_eq!(reply(&mut session).as_deref(), Some("refused: BadRequest"));
    assert!(session.is_closed());
}

#[test]
fn dropped_poll_ends_the_session() {
    let mut session = raw(false);
    let _ = session.handle_poll(at(1));
    session.handle_poll_dropped(at(2));
    assert_eq!(session.handle_poll(at(3)), Err(Refusal::UnknownSession));
}

#[test]
fn close_and_poll_may_arrive_in_either_order() {
    let mut session = raw(false);
    let _ = session.handle_poll(at(1));
    assert_eq!(post(&mut session, 1, "4a\u{1e}1"), Ok(Posted::Done));
    assert_eq!(reply(&mut session).as_deref(), Some("6"));
    let closed = Output::Closed(DisconnectReason::TransportClose);
    assert_eq!(outputs(&mut session), [Output::Frame(text("a")), closed.clone()]);

    let mut session = raw(false);
    assert_eq!(post(&mut session, 1, "1"), Ok(Posted::WhenClosed));
    assert!(!session.is_closed());
    assert_eq!(session.handle_poll(at(10)), Ok(()));
    assert_eq!(reply(&mut session).as_deref(), Some("6"));
    assert_eq!(outputs(&mut session), std::slice::from_ref(&closed));

    let mut session = raw(false);
    assert_eq!(post(&mut session, 1, "1"), Ok(Posted::WhenClosed));
    session.handle_timeout(session.poll_timeout().unwrap());
    assert_eq!(outputs(&mut session), [closed]);
}

fn upgrading() -> Session {
    let mut session = raw(false);
    assert_eq!(session.handle_upgrade_opened(at(10)), Ok(()));
    session
}

fn probe(session: &mut Session, now: u64) {
    match session.handle_upgrade_frame(at(now), text("2probe")) {
        UpgradeStep::Answer(message) => assert_eq!(message.frames().collect::<Vec<_>>(), [text("3probe")]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn upgrade_ends_the_poll_and_moves_what_is_queued() {
    let mut session = upgrading();
    let _ = session.handle_poll(at(5));
    probe(&mut session, 20);
    assert_eq!(session.poll_timeout(), Some(at(40)));
    session.handle_timeout(at(40));
    assert_eq!(reply(&mut session).as_deref(), Some("6"));
    session.send_data(at(45), data("a"), false);
    assert!(!session.has_transmit());
    assert!(matches!(session.handle_upgrade_frame(at(50), text("5")), UpgradeStep::Upgraded));
    assert_eq!(transmitted(&mut session, 50), [text("4a")]);
    session.handle_frame(at(51), text("4b"));
    assert_eq!(outputs(&mut session), [Output::Frame(text("b"))]);
    assert_eq!(session.handle_poll(at(52)), Err(Refusal::BadRequest));
    assert_eq!(post(&mut session, 52, "4c"), Err(Refusal::BadRequest));
    assert!(!session.is_closed());
}

#[test]
fn poll_that_the_upgrade_overtakes_is_refused() {
    let mut session = upgrading();
    let _ = session.handle_poll(at(21));
    probe(&mut session, 22);
    assert!(matches!(session.handle_upgrade_frame(at(23), text("5")), UpgradeStep::Upgraded));
    assert_eq!(reply(&mut session).as_deref(), Some("refused: BadRequest"));
    assert!(!session.is_closed());
}

#[test]
fn second_upgrade_is_refused_and_the_first_goes_on() {
    let mut session = upgrading();
    assert_eq!(session.handle_upgrade_opened(at(11)), Err(Refusal::BadRequest));
    probe(&mut session, 20);
    assert!(matches!(session.handle_upgrade_frame(at(23), text("5")), UpgradeStep::Upgraded));
    assert_eq!(session.handle_upgrade_opened(at(30)), Err(Refusal::BadRequest));
    assert!(!session.is_closed());
}

#[test]
fn upgrade_without_probe_is_aborted_and_polling_goes_on() {
    for frame in ["5", "4a", "2", "x"] {
        let mut session = upgrading();
        assert!(matches!(session.handle_upgrade_frame(at(20), text(frame)), UpgradeStep::Abort), "{frame}");
        assert_eq!(post(&mut session, 30, "4a"), Ok(Posted::Done));
    }
}

#[test]
fn upgrade_that_takes_too_long_is_given_up() {
    let mut session =
        Session::raw(at(0), Arc::new(SessionConfig { ping_interval: Duration::from_secs(25), ..config() }), false);
    let _ = session.handle_upgrade_opened(at(10));
    probe(&mut session, 20);
    assert_eq!(session.poll_timeout(), Some(at(1_010)));
    session.handle_timeout(at(1_010));
    assert!(!session.is_upgrading());
    assert!(!session.is_closed());
    assert_eq!(outputs(&mut session), [Output::BadInput(BadInput::BadUpgrade)]);
    assert!(matches!(session.handle_upgrade_frame(at(1_020), text("5")), UpgradeStep::Abort));
}

#[test]
fn packets_that_a_client_may_not_send_end_the_session() {
    for frame in ["2", "2probe", "0{}", "5"] {
        let mut session = raw(true);
        session.handle_frame(at(1), text(frame));
        assert_eq!(
            outputs(&mut session),
            [Output::BadInput(BadInput::UnexpectedPacket), Output::Closed(DisconnectReason::ParseError)],
            "{frame}"
        );
    }
}

#[test]
fn slow_consumer_is_cut_off_and_never_skipped() {
    let mut session = raw(true);
    assert_eq!(session.send_data(at(1), data(&"x".repeat(5_000)), false), Sent::Queued, "one may be larger");
    assert_eq!(session.send_data(at(1), data("y"), false), Sent::Overflow);
    assert_eq!(session.send_data(at(1), data("z"), false), Sent::Closed);
    assert_eq!(outputs(&mut session), [Output::Closed(DisconnectReason::SlowConsumer)]);
}

#[test]
fn bytes_count_until_they_are_written() {
    let mut session = raw(true);
    let message = data(&"x".repeat(700));
    session.send_data(at(1), message.clone(), false);
    assert!(session.poll_transmit().is_some());
    assert_eq!(session.queued_bytes(), message.size());
    session.handle_transmitted(at(2), 500);
    assert_eq!(session.send_data(at(2), data(&"y".repeat(700)), false), Sent::Queued);
    assert_eq!(session.send_data(at(2), data(&"z".repeat(700)), false), Sent::Overflow);
}

#[test]
fn volatile_is_dropped_unless_it_can_go_at_once() {
    let mut session = raw(true);
    assert_eq!(session.send_data(at(1), data("a"), true), Sent::Queued);
    assert_eq!(session.send_data(at(1), data("b"), true), Sent::Dropped);
    let in_flight = session.poll_transmit().unwrap();
    assert_eq!(session.send_data(at(1), data("c"), true), Sent::Dropped);
    session.handle_transmitted(at(1), in_flight.size());
    assert_eq!(session.send_data(at(1), data("d"), true), Sent::Queued);

    let mut session = raw(false);
    assert_eq!(session.send_data(at(1), data("a"), true), Sent::Dropped);
    let _ = session.handle_poll(at(2));
    assert_eq!(session.send_data(at(2), data("b"), true), Sent::Queued);
    assert_eq!(reply(&mut session).as_deref(), Some("4b"));
}

#[test]
fn draining_writes_what_is_queued_before_the_end() {
    let mut session = raw(true);
    session.send_data(at(1), data("a"), false);
    session.close(at(1), DisconnectReason::ServerClose, true);
    assert_eq!(session.send_data(at(1), data("b"), false), Sent::Closed);
    assert!(outputs(&mut session).is_empty());
    assert_eq!(transmitted(&mut session, 2), [text("4a")]);
    assert_eq!(outputs(&mut session), [Output::Closed(DisconnectReason::ServerClose)]);

    let mut session = raw(false);
    session.send_data(at(1), data("a"), false);
    session.close(at(1), DisconnectReason::ServerClose, true);
    assert_eq!(session.handle_poll(at(2)), Ok(()));
    assert_eq!(reply(&mut session).as_deref(), Some("4a"));
    assert_eq!(session.handle_poll(at(3)), Ok(()));
    assert_eq!(reply(&mut session).as_deref(), Some("1"));
    assert!(session.is_closed());

    let mut session = raw(true);
    session.send_data(at(1), data("a"), false);
    session.close(at(1), DisconnectReason::ServerClose, true);
    session.handle_timeout(session.poll_timeout().unwrap());
    assert!(session.is_closed(), "a client that takes nothing is not waited for");
}
