use std::time::Duration;

use super::scene::{CONNECT, HANDSHAKE, Scene};
use crate::manager::{ConnectionStatus, TransportEvent};

#[test]
fn every_loss_reports_disconnected_with_its_reason_before_reconnecting() {
    let mut scene = Scene::new().connected();
    scene.transport(TransportEvent::Closed { code: Some(1006), text: "".into() });
    assert_eq!(
        scene.log(),
        [
            "left /realtime: ConnectionLost",
            "status disconnected (transport close (code 1006))",
            "status reconnecting",
            "retry in 1s"
        ]
    );
    scene.pass_secs(1);
    assert_eq!(scene.log_of("open").len(), 1);
    scene.accept();
    let joined = "joined /realtime as s (Gap { inbox_complete: false, lost: 0 })";
    assert_eq!(scene.log(), [CONNECT, "status connected", joined]);
    let counters = scene.manager.stats().counters;
    assert_eq!((counters.connects, counters.reconnects, counters.losses, counters.attempts), (2, 1, 1, 2));
}

#[test]
fn delays_grow_until_a_connection_is_stable() {
    let mut scene = Scene::new().connected();
    let mut delays = Vec::new();
    for seconds in [1, 2, 4, 8] {
        scene.cut();
        delays.extend(scene.log_of("retry"));
        scene.pass_secs(seconds);
        scene.accept();
    }
    assert_eq!(delays, ["retry in 1s", "retry in 2s", "retry in 4s", "retry in 8s"], "none of them lasted");
    scene.pass(Duration::from_millis(9_999));
    scene.cut();
    assert_eq!(scene.log_of("retry"), ["retry in 16s"]);
    scene.pass_secs(16);
    scene.accept();
    scene.pass_secs(10);
    scene.cut();
    assert_eq!(scene.log_of("retry"), ["retry in 1s"]);
}

#[test]
fn jitter_spreads_clients_that_lost_one_server() {
    let delays: std::collections::BTreeSet<_> = (0..50)
        .map(|seed| {
            let mut scene = Scene::with(|config| config.reconnect.jitter = 0.5);
            scene.manager = crate::manager::Manager::new(scene.manager.config().clone(), seed);
            scene.connect();
            for _ in 0..10 {
                scene.fail();
                scene.log();
                scene.pass_secs(31);
            }
            scene.fail();
            scene.log_of("retry").remove(0)
        })
        .collect();
    assert!(delays.len() > 45, "{delays:?}");
}

#[test]
fn a_limit_of_attempts_does_not_count_the_loss_itself() {
    let mut scene = Scene::with(|config| config.reconnect.max_attempts = Some(1)).connected();
    scene.cut();
    scene.pass_secs(1);
    scene.log();
    scene.fail();
    assert_eq!(scene.log(), ["status disconnected (attempts exhausted)"]);
}

#[test]
fn reconnection_can_be_turned_off() {
    let mut scene = Scene::with(|config| config.reconnect.max_attempts = Some(0)).connected();
    scene.cut();
    assert_eq!(scene.log(), ["left /realtime: ConnectionLost", "status disconnected (transport close)"]);
    assert_eq!(scene.manager.poll_timeout(), None);
    scene.connect();
    scene.log();
    scene.fail();
    assert_eq!(scene.log_of("status"), ["status disconnected (attempts exhausted)"]);
}

#[test]
fn what_a_dead_transport_still_says_is_ignored() {
    let mut scene = Scene::new().connected();
    let dead = scene.connection.unwrap();
    scene.cut();
    scene.pass_secs(1);
    scene.log();
    for event in [
        TransportEvent::Opened { can_ping: true },
        TransportEvent::Frame("42[\"late\"]".into()),
        TransportEvent::Flushed { frames: 9 },
        TransportEvent::Closed { code: None, text: "".into() },
    ] {
        scene.manager.handle_transport(scene.now, dead, event);
    }
    assert!(scene.manager.poll_output().is_none());
    assert_eq!(scene.manager.stats().counters.stale_transport_events, 4);
}

#[test]
fn the_heartbeat_is_answered_and_its_absence_is_a_loss() {
    let mut scene = Scene::new().connected();
    scene.pass_secs(25);
    scene.receive("2");
    assert_eq!(scene.log(), ["send 3"]);
    scene.pass(Duration::from_millis(44_999));
    assert!(scene.log().is_empty());
    scene.pass(Duration::from_millis(1));
    assert_eq!(scene.log_of("status"), ["status disconnected (ping timeout)", "status reconnecting"]);
}

#[test]
fn a_server_without_heartbeat_is_noticed_while_joining() {
    let mut scene = Scene::with(|config| config.authentication_timeout = Duration::from_secs(300));
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.log();
    scene.pass(Duration::from_millis(44_999));
    assert!(scene.log().is_empty());
    scene.pass(Duration::from_millis(1));
    assert_eq!(scene.log_of("retry"), ["retry in 1s"]);
}

#[test]
fn a_closing_server_is_come_back_to() {
    let mut scene = Scene::new().connected();
    scene.receive("1");
    assert_eq!(
        scene.log(),
        [
            "close",
            "left /realtime: ConnectionLost",
            "status disconnected (transport close)",
            "status reconnecting",
            "retry in 1s"
        ]
    );
}

#[test]
fn a_kick_stops_until_the_application_asks_again() {
    let mut scene = Scene::new().connected();
    scene.receive("41/realtime,");
    assert_eq!(scene.log(), ["close", "left /realtime: ConnectionLost", "status disconnected (io server disconnect)"]);
    scene.pass_secs(3600);
    assert!(scene.log().is_empty());
    scene.connect();
    scene.accept();
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn a_kick_can_be_configured_to_be_a_loss() {
    let mut scene = Scene::with(|config| config.rejoin_after_server_disconnect = true).connected();
    scene.receive("41/realtime,");
    assert_eq!(scene.log_of("status"), ["status disconnected (io server disconnect)", "status reconnecting"]);
    scene.pass_secs(1);
    assert_eq!(scene.log_of("open").len(), 1);
}

#[test]
fn a_kick_while_joining_stops_too() {
    let mut scene = Scene::new();
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.log();
    scene.receive("41/realtime,");
    assert_eq!(
        scene.log(),
        ["close", "status disconnected (io server disconnect)", "ticket 1 error: the server ended the connection"]
    );
}
