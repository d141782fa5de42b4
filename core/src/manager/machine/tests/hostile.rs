use std::time::Duration;

use super::scene::{HANDSHAKE, Scene, event};
use crate::manager::ConnectionStatus;

/// The reason with which the connection was closed.
fn reason(scene: &mut Scene) -> Option<String> {
    let log = scene.log();
    assert!(log.iter().any(|line| line == "close") || log.is_empty(), "{log:?}");
    log.into_iter().find(|line| line.starts_with("status disconnected"))
}

#[test]
fn what_breaks_the_protocol_closes_the_connection_with_its_rule() {
    for frame in [
        "",
        "9",
        "x",
        "3",
        "5",
        "0{}",
        "4",
        "47",
        "4x",
        "42",
        "42{}",
        "42[]",
        "42[null]",
        "42[\"e\"",
        "42[\"e\"]x",
        "42/realtime,[\"connect\"]",
        "42/realtime,-1[\"e\"]",
        "42/realtime,1.5[\"e\"]",
        "42/realtime,1234567890123456789012[\"e\"]",
        "43/realtime,[]",
        "452-/realtime,[\"e\"]x",
        "45-/realtime,[\"e\"]",
        "45999-/realtime,[\"e\"]",
        "451-/realtime,[\"e\",{\"_placeholder\":true,\"num\":7}]",
        "40/realtime,{\"sid\":\"again\"}",
        "40/unknown,{\"sid\":\"x\"}",
        "40",
        "44/realtime,{\"message\":\"late\"}",
        "44/unknown,{}",
        "42/unknown,[\"e\"]",
        "42[\"root is not joined\"]",
        "41/realtime,{}",
        "42/realtime,[\"e\",1e400e]",
    ] {
        let mut scene = Scene::new().connected();
        scene.receive(frame);
        let reason = reason(&mut scene).unwrap_or_default();
        assert!(reason.starts_with("status disconnected (parse error: "), "{frame:?}: {reason:?}");
        assert_eq!(scene.manager.stats().counters.protocol_errors, 1, "{frame:?}");
        assert_eq!(scene.manager.status(), ConnectionStatus::Reconnecting, "{frame:?}");
    }
}

#[test]
fn frames_in_the_wrong_order_close_the_connection() {
    let mut scene = Scene::new().connected();
    scene.receive_binary(&[1]);
    assert!(reason(&mut scene).unwrap().contains("attachment"));

    let mut scene = Scene::new().connected();
    scene.receive(r#"451-/realtime,["e",{"_placeholder":true,"num":0}]"#);
    scene.receive(r#"42/realtime,["text"]"#);
    assert!(reason(&mut scene).unwrap().contains("attachment"));
}

#[test]
fn a_ping_between_attachments_is_answered() {
    let mut scene = Scene::new().connected();
    scene.receive(r#"451-/realtime,["e",{"_placeholder":true,"num":0}]"#);
    scene.receive("2");
    scene.receive_binary(&[1]);
    assert_eq!(scene.log(), ["send 3", r#"event /realtime e [{"_placeholder":true,"num":0}] [1]"#]);
}

#[test]
fn attachments_that_never_come_close_the_connection() {
    let mut scene = Scene::new().connected();
    scene.receive(r#"452-/realtime,["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
    scene.pass_alive(29);
    scene.receive_binary(&[1]);
    scene.pass_alive(29);
    assert!(scene.log().is_empty(), "each attachment has its time");
    scene.pass(Duration::from_secs(1));
    assert!(reason(&mut scene).unwrap().contains("attachment"));
}

#[test]
fn nothing_comes_before_the_handshake() {
    for frame in ["2", "6", "40{}", "42[\"e\"]", "40/realtime,{\"sid\":\"s\"}", "3"] {
        let mut scene = Scene::new();
        scene.connect();
        scene.open();
        scene.log();
        scene.receive(frame);
        assert_eq!(scene.log(), ["close", "retry in 1s"], "{frame:?}");
    }
}

#[test]
fn nothing_comes_before_the_join() {
    for frame in ["42/realtime,[\"e\"]", "42[\"e\"]", "40/other,{\"sid\":\"s\"}", "40/realtime,{}", "40/realtime,"] {
        let mut scene = Scene::new();
        scene.connect();
        scene.open();
        scene.receive(HANDSHAKE);
        scene.log();
        scene.receive(frame);
        assert_eq!(scene.log(), ["close", "retry in 1s"], "{frame:?}");
    }
}

#[test]
fn handshakes_without_sense_are_refused() {
    for frame in [
        "0",
        "0{}",
        "0[]",
        "0null",
        r#"0{"pingInterval":1,"pingTimeout":1}"#,
        r#"0{"sid":"","pingInterval":1,"pingTimeout":1}"#,
    ] {
        let mut scene = Scene::new();
        scene.connect();
        scene.open();
        scene.log();
        scene.receive(frame);
        assert_eq!(scene.log(), ["close", "retry in 1s"], "{frame:?}");
    }
}

#[test]
fn a_heartbeat_without_pause_or_end_is_clamped() {
    for (interval, deadline) in [("0", Duration::from_millis(200)), ("1e300", Duration::from_secs(240))] {
        let mut scene = Scene::new();
        scene.connect();
        scene.open();
        scene.receive(&format!(
            r#"0{{"sid":"a","upgrades":[],"pingInterval":{interval},"pingTimeout":{interval},"maxPayload":1e300}}"#
        ));
        scene.receive(r#"40/realtime,{"sid":"s"}"#);
        scene.log();
        scene.pass(deadline - Duration::from_millis(1));
        assert_eq!(scene.manager.status(), ConnectionStatus::Connected, "{interval}");
        scene.pass(Duration::from_millis(1));
        assert_eq!(reason(&mut scene).as_deref(), Some("status disconnected (ping timeout)"), "{interval}");
    }
}

#[test]
fn a_large_ping_is_not_sent_back() {
    let mut scene = Scene::new().connected();
    scene.receive(&format!("2{}", "x".repeat(125)));
    assert_eq!(scene.log().len(), 1);
    scene.receive(&format!("2{}", "x".repeat(126)));
    assert!(reason(&mut scene).unwrap().contains("ping"));
}

#[test]
fn acknowledgements_for_nothing_are_ignored_and_counted() {
    let mut scene = Scene::new().connected();
    scene.emit(event("e").with_ack()).unwrap();
    scene.log();
    for frame in ["43/realtime,5[]", "43/other,0[]", "430[]", "43/realtime,9007199254740991[]"] {
        scene.receive(frame);
    }
    assert!(scene.log().is_empty());
    assert_eq!(scene.manager.stats().counters.acks_unknown, 4);
}

#[test]
fn events_that_ask_for_replies_are_bounded() {
    let mut scene = Scene::with(|config| config.limits.pending_replies = 8).connected();
    for id in 0..100 {
        scene.receive(&format!(r#"42/realtime,{id}["ask"]"#));
    }
    let stats = scene.manager.stats();
    assert_eq!((stats.pending_replies, stats.counters.replies_evicted), (8, 92));
}

#[test]
fn reassembly_is_bounded() {
    let mut scene = Scene::with(|config| config.limits.received_packet_bytes = 1024).connected();
    scene.receive(r#"452-/realtime,["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
    scene.receive_binary(&[0; 1000]);
    assert!(reason(&mut scene).unwrap().contains("larger than allowed"));

    let mut scene = Scene::with(|config| config.limits.received_attachments = 2).connected();
    scene.receive(r#"453-/realtime,["e"]"#);
    assert!(reason(&mut scene).unwrap().contains("attachments"));
}

#[test]
fn frames_before_the_transport_is_open_close_it() {
    let mut scene = Scene::new();
    scene.connect();
    scene.log();
    scene.receive(HANDSHAKE);
    assert_eq!(scene.log(), ["close", "retry in 1s"]);
}
