use std::time::Duration;

use super::scene::{HANDSHAKE, Scene, event};
use crate::manager::{Command, Quality};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn pings_measure_the_round_trip() {
    let mut scene = Scene::new().pinging().connected();
    assert_eq!(scene.manager.average_latency(), None, "what includes the server's authentication is no sample");
    assert_eq!(scene.manager.quality(), Quality::Good);
    scene.pass(millis(40));
    scene.pong();
    assert_eq!(scene.manager.average_latency(), Some(millis(40)));
    assert_eq!(scene.manager.stats().smoothed_latency, Some(millis(40)));
    assert_eq!(scene.manager.stats().p95_latency, Some(millis(40)));
    assert_eq!(scene.manager.quality(), Quality::Excellent);
}

#[test]
fn without_pings_the_join_and_acknowledgements_are_samples() {
    let mut scene = Scene::new();
    assert_eq!(scene.manager.quality(), Quality::Offline);
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.pass(millis(80));
    scene.receive(r#"40/realtime,{"sid":"s"}"#);
    assert_eq!(scene.manager.average_latency(), Some(millis(80)));
    scene.emit(event("e").with_ack()).unwrap();
    scene.pass(millis(160));
    scene.receive("43/realtime,0[]");
    assert_eq!(scene.manager.average_latency(), Some(millis(120)));
    assert_eq!(scene.manager.stats().smoothed_latency, Some(millis(90)));
}

#[test]
fn the_grade_adapts_the_pace_of_probes() {
    for (rtt, grade, pause) in [
        (10, Quality::Excellent, 20_000),
        (150, Quality::Good, 10_000),
        (400, Quality::Fair, 5_000),
        (3_000, Quality::Poor, 2_500),
    ] {
        let mut scene = Scene::new().pinging().connected();
        scene.pass(millis(rtt));
        scene.pong();
        assert_eq!(scene.manager.quality(), grade);
        scene.log();
        scene.pass(millis(pause - 1));
        assert!(scene.log_of("ping").is_empty(), "{grade}");
        scene.pass(millis(1));
        assert_eq!(scene.log_of("ping"), ["ping"], "{grade}");
    }
}

#[test]
fn lost_probes_lower_the_grade_and_the_end_of_the_connection_ends_it() {
    let mut scene = Scene::new().pinging().connected();
    scene.pong();
    assert_eq!(scene.manager.quality(), Quality::Excellent);
    scene.pass_alive(60);
    assert_eq!(scene.manager.quality(), Quality::Poor);
    assert!(scene.manager.stats().counters.probes_lost >= 2);
    scene.cut();
    assert_eq!(scene.manager.quality(), Quality::Offline);
    assert!(scene.manager.average_latency().is_some(), "the window stays");
}

#[test]
fn a_late_pong_is_no_sample_of_the_next_probe() {
    let mut scene = Scene::new().pinging().connected();
    let first = scene.nonce.unwrap();
    scene.pass_alive(20);
    assert_ne!(scene.nonce, Some(first));
    scene.transport(crate::manager::TransportEvent::Pong { nonce: first });
    assert_eq!(scene.manager.average_latency(), None);
}

#[test]
fn what_spans_a_sleep_is_no_sample() {
    let mut scene = Scene::new().pinging().connected();
    let before = scene.nonce.unwrap();
    scene.sleep_secs(100);
    scene.timeout();
    scene.transport(crate::manager::TransportEvent::Pong { nonce: before });
    assert_eq!(scene.manager.average_latency(), None);
    scene.pass(millis(30));
    scene.pong();
    assert_eq!(scene.manager.average_latency(), Some(millis(30)));

    let mut scene = Scene::new();
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.command(Command::Woke).unwrap();
    scene.pass(millis(1));
    scene.receive(r#"40/realtime,{"sid":"s"}"#);
    assert_eq!(scene.manager.average_latency(), None);
}

#[test]
fn a_late_heartbeat_counts_where_there_is_nothing_else() {
    let mut scene = Scene::new().connected();
    assert_eq!(scene.manager.quality(), Quality::Excellent);
    scene.receive("2");
    for _ in 0..3 {
        scene.pass_secs(36);
        scene.receive("2");
    }
    assert!(scene.manager.quality() <= Quality::Fair, "{}", scene.manager.quality());
}

#[test]
fn stats_show_levels_and_counts() {
    let mut scene = Scene::new().connected();
    scene.join("chat");
    scene.emit(event("e").with_ack()).unwrap();
    scene.receive(r#"42/realtime,1["ask"]"#);
    let stats = scene.manager.stats();
    assert_eq!((stats.namespaces, stats.joined_namespaces), (2, 1));
    assert_eq!((stats.pending_acks, stats.pending_replies), (1, 1));
    assert_eq!((stats.counters.events_out, stats.counters.events_in), (1, 1));
    assert_eq!((stats.counters.frames_out, stats.counters.frames_in), (3, 3));
    assert!(stats.counters.bytes_out > 60 && stats.counters.bytes_in > 100);
}

const ASK: &str = "send 40/nexus~probe,";

#[test]
fn without_pings_a_refused_namespace_measures_the_round_trip() {
    let mut scene = Scene::with(|config| config.probe.by_namespace = true);
    scene.connect();
    scene.accept();
    assert_eq!(scene.log_of("send 40/nexus"), [ASK]);
    assert_eq!(scene.manager.average_latency(), None, "what includes the server's authentication is no sample");
    scene.pass(millis(40));
    scene.receive(r#"44/nexus~probe,{"message":"Invalid namespace"}"#);
    assert_eq!(scene.manager.average_latency(), Some(millis(40)));
    assert_eq!(scene.manager.quality(), Quality::Excellent);
    assert!(scene.log_of("join").is_empty(), "nobody is told of it");
    scene.pass(millis(19_999));
    assert!(scene.log_of("send").is_empty());
    scene.pass(millis(1));
    assert_eq!(scene.log_of("send"), [ASK]);
}

#[test]
fn a_server_that_has_every_namespace_is_asked_once() {
    let mut scene = Scene::with(|config| config.probe.by_namespace = true).connected();
    scene.pass(millis(40));
    scene.receive(r#"40/nexus~probe,{"sid":"made-for-nothing"}"#);
    assert_eq!(scene.log_of("send"), ["send 41/nexus~probe,"]);
    assert_eq!(scene.manager.average_latency(), Some(millis(40)));
    scene.receive("2");
    scene.log();
    scene.pass(millis(40_000));
    assert!(scene.log_of("send").is_empty());
}

const REFUSAL: &str = r#"44/nexus~probe,{"message":"Invalid namespace"}"#;

#[test]
fn a_late_answer_is_no_sample_and_lets_the_next_probe_go() {
    let mut scene = Scene::with(|config| config.probe.by_namespace = true).connected();
    scene.pass(millis(30_000));
    assert_eq!(scene.manager.stats().counters.probes_lost, 1);
    assert!(scene.log_of("send").is_empty(), "the first is not answered");
    scene.receive(REFUSAL);
    assert_eq!(scene.manager.average_latency(), None);
    scene.pass(millis(10_000));
    assert_eq!(scene.log_of("send"), [ASK]);
    scene.pass(millis(60));
    scene.receive(REFUSAL);
    assert_eq!(scene.manager.average_latency(), Some(millis(60)));
}

#[test]
fn there_is_one_question_at_a_time() {
    let mut scene = Scene::with(|config| config.probe.by_namespace = true).connected();
    scene.command(Command::EnterBackground).unwrap();
    scene.command(Command::EnterForeground).unwrap();
    scene.pass(millis(4_000));
    assert!(scene.log_of("send").is_empty(), "it might be a second CONNECT of one session");
    scene.receive(REFUSAL);
    scene.pass(millis(20_000));
    assert_eq!(scene.log_of("send").first().map(String::as_str), Some(ASK));
    assert!(scene.log_of("status").is_empty(), "the answer was the sign of life");
}

#[test]
fn an_answer_to_no_probe_breaks_the_protocol() {
    let mut scene = Scene::with(|config| config.probe.by_namespace = true).connected();
    scene.receive(r#"44/nexus~probe,{"message":"Invalid namespace"}"#);
    scene.receive(r#"44/nexus~probe,{"message":"Invalid namespace"}"#);
    assert_eq!(scene.manager.stats().counters.protocol_errors, 1);
}
