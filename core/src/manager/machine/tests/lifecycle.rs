use std::time::Duration;

use super::scene::{HANDSHAKE, Scene, event, event_to};
use crate::{
    manager::{Command, ConnectionStatus},
    time::Timestamp,
};

fn network(reachable: bool) -> Command {
    Command::NetworkChanged { reachable }
}

#[test]
fn a_network_change_ends_the_waiting() {
    let mut scene = Scene::new().connected();
    scene.cut();
    scene.pass_secs(1);
    scene.fail();
    scene.log();
    scene.command(network(false)).unwrap();
    assert!(scene.log().is_empty());
    scene.command(network(true)).unwrap();
    assert_eq!(scene.log_of("open").len(), 1);
}

#[test]
fn a_network_change_starts_an_attempt_anew() {
    let mut scene = Scene::new();
    scene.connect();
    scene.log();
    scene.command(network(true)).unwrap();
    let log = scene.log();
    assert_eq!((log[0].as_str(), log.len()), ("close", 2), "{log:?}");
    scene.accept();
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn a_network_change_verifies_the_connection() {
    let mut scene = Scene::new().pinging().connected();
    scene.pong();
    scene.command(network(true)).unwrap();
    assert_eq!(scene.log(), ["ping"]);
    scene.pong();
    scene.pass_secs(5);
    assert!(scene.log_of("status").is_empty());

    scene.command(network(false)).unwrap();
    scene.log();
    scene.pass_secs(5);
    assert_eq!(scene.log_of("status"), ["status disconnected (unresponsive)", "status reconnecting"]);
}

#[test]
fn any_frame_that_comes_later_is_a_sign_of_life() {
    let mut scene = Scene::new().pinging().connected();
    scene.command(network(true)).unwrap();
    scene.pass_secs(1);
    scene.receive(r#"42/realtime,["e"]"#);
    scene.log();
    scene.pass_secs(6);
    assert!(scene.log_of("status").is_empty());
}

#[test]
fn what_had_been_waiting_to_be_read_is_no_sign_of_life() {
    for by_namespace in [false, true] {
        let mut scene = Scene::with(|config| config.probe.by_namespace = by_namespace);
        if !by_namespace {
            scene = scene.pinging();
        }
        let mut scene = scene.connected();
        scene.command(Command::EnterBackground).unwrap();
        scene.command(Command::EnterForeground).unwrap();
        scene.receive(r#"42/realtime,["e"]"#);
        scene.receive("2");
        scene.log();
        scene.pass_secs(5);
        assert_eq!(scene.log_of("status"), ["status disconnected (unresponsive)", "status reconnecting"]);
    }
}

#[test]
fn an_answer_that_had_been_waiting_leads_to_another_question() {
    let mut scene = Scene::with(|config| config.probe.by_namespace = true).connected();
    scene.command(Command::EnterBackground).unwrap();
    scene.pass_secs(2);
    scene.command(Command::EnterForeground).unwrap();
    scene.receive(r#"44/nexus~probe,{"message":"Invalid namespace"}"#);
    assert_eq!(scene.log_of("send"), ["send 40/nexus~probe,"]);
    scene.receive(r#"44/nexus~probe,{"message":"Invalid namespace"}"#);
    scene.pass_secs(6);
    assert!(scene.log_of("status").is_empty());
}

#[test]
fn without_pings_a_network_that_went_and_came_means_a_new_connection() {
    let mut scene = Scene::new().connected();
    scene.command(network(true)).unwrap();
    scene.command(network(false)).unwrap();
    assert!(scene.log().is_empty());
    scene.command(network(true)).unwrap();
    assert_eq!(scene.log_of("status"), ["status disconnected (unresponsive)", "status reconnecting"]);
}

#[test]
fn the_background_closes_after_a_grace_and_sets_no_timers() {
    let mut scene = Scene::new().pinging().connected();
    scene.pong();
    scene.command(Command::EnterBackground).unwrap();
    scene.pass(Duration::from_millis(19_999));
    assert!(scene.log().is_empty(), "no probes");
    scene.pass(Duration::from_millis(1));
    assert_eq!(
        scene.log(),
        ["send 41/realtime,", "close", "left /realtime: ConnectionLost", "status disconnected (background)"]
    );
    assert_eq!(scene.manager.poll_timeout(), None);
    scene.command(network(true)).unwrap();
    assert!(scene.log().is_empty());

    scene.command(Command::EnterForeground).unwrap();
    let log = scene.log();
    assert_eq!((log[0].as_str(), log.len()), ("status reconnecting", 2), "{log:?}");
    scene.accept();
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn a_short_background_is_verified() {
    let mut scene = Scene::new().pinging().connected();
    scene.pong();
    scene.command(Command::EnterBackground).unwrap();
    scene.command(Command::EnterBackground).unwrap();
    scene.pass_secs(10);
    scene.command(Command::EnterForeground).unwrap();
    assert_eq!(scene.log(), ["ping"]);
    scene.pass_secs(5);
    assert_eq!(scene.log_of("status"), ["status disconnected (unresponsive)", "status reconnecting"]);
    scene.command(Command::EnterForeground).unwrap();
    assert!(scene.log().is_empty(), "it was in the foreground already");
}

#[test]
fn without_pings_the_return_is_verified_by_namespace() {
    let mut scene = Scene::with(|config| config.probe.by_namespace = true).connected();
    scene.receive(r#"44/nexus~probe,{"message":"Invalid namespace"}"#);
    scene.command(Command::EnterBackground).unwrap();
    scene.pass_secs(10);
    assert!(scene.log_of("send").is_empty(), "no probes in the background");
    scene.command(Command::EnterForeground).unwrap();
    assert_eq!(scene.log_of("send"), ["send 40/nexus~probe,"]);
    scene.pass_secs(5);
    assert_eq!(scene.log_of("status"), ["status disconnected (unresponsive)", "status reconnecting"]);
}

#[test]
fn suspended_it_closes_at_once_and_comes_back_at_once() {
    let mut scene = Scene::new().connected();
    scene.command(Command::Suspend).unwrap();
    assert_eq!(
        scene.log(),
        ["send 41/realtime,", "close", "left /realtime: ConnectionLost", "status disconnected (background)"]
    );
    assert_eq!(scene.manager.poll_timeout(), None);
    scene.command(Command::Suspend).unwrap();
    assert!(scene.log().is_empty());
    scene.command(Command::EnterForeground).unwrap();
    assert_eq!(scene.log_of("open").len(), 1);
    scene.accept();
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}

#[test]
fn no_grace_closes_at_once() {
    let mut scene = Scene::with(|config| config.background_grace = Duration::ZERO).connected();
    scene.command(Command::EnterBackground).unwrap();
    scene.timeout();
    assert_eq!(scene.log_of("status"), ["status disconnected (background)"]);
}

#[test]
fn the_background_ends_the_waiting_and_the_foreground_does_not_wait() {
    let mut scene = Scene::new();
    scene.connect();
    scene.fail();
    scene.command(Command::EnterBackground).unwrap();
    scene.command(Command::EnterForeground).unwrap();
    assert_eq!(scene.log_of("open").len(), 2);
    scene.command(Command::EnterBackground).unwrap();
    scene.pass_secs(20);
    assert_eq!(scene.log_of("status"), ["status disconnected (background)"]);
    scene.command(Command::EnterForeground).unwrap();
    assert_eq!(scene.log_of("status"), ["status connecting"], "it was never connected");
    scene.accept();
    assert_eq!(scene.log_of("ticket"), ["ticket 1 ok"]);
}

#[test]
fn the_foreground_starts_the_delays_anew() {
    let mut scene = Scene::new().connected();
    scene.cut();
    for delay in [1, 2, 4] {
        scene.pass_secs(delay);
        scene.fail();
    }
    scene.command(Command::EnterBackground).unwrap();
    scene.pass_secs(20);
    scene.command(Command::EnterForeground).unwrap();
    scene.log();
    scene.fail();
    assert_eq!(scene.log_of("retry"), ["retry in 1s"]);
}

#[test]
fn an_application_in_the_background_can_connect_for_a_grace() {
    let mut scene = Scene::new().connected();
    scene.command(Command::EnterBackground).unwrap();
    scene.pass_secs(20);
    scene.log();
    scene.connect();
    scene.accept();
    assert_eq!(scene.log_of("status"), ["status reconnecting", "status connected"]);
    scene.pass_secs(20);
    assert_eq!(scene.log_of("status"), ["status disconnected (background)"]);
}

#[test]
fn disconnect_in_the_background_is_kept_in_the_foreground() {
    let mut scene = Scene::new().connected();
    scene.command(Command::EnterBackground).unwrap();
    scene.disconnect();
    scene.log();
    scene.command(Command::EnterForeground).unwrap();
    scene.pass_secs(100);
    assert!(scene.log().is_empty());
}

#[test]
fn sleep_is_no_silence_of_the_server() {
    let mut scene = Scene::new().pinging().connected();
    scene.pong();
    scene.sleep_secs(120);
    scene.timeout();
    assert_eq!(scene.log(), ["ping"], "it is asked before it is judged");
    scene.receive("2");
    scene.pong();
    scene.log();
    scene.pass_alive(60);
    assert!(scene.log_of("status").is_empty());
    assert_eq!(scene.manager.stats().counters.sleeps, 1);
}

#[test]
fn a_server_that_is_gone_after_sleep_is_noticed_promptly() {
    let mut scene = Scene::new().pinging().connected();
    scene.sleep_secs(3600);
    scene.timeout();
    scene.pass_secs(5);
    let status = scene.log_of("status");
    assert_eq!(status.len(), 2, "{status:?}");
}

#[test]
fn without_pings_the_heartbeat_gets_a_chance_after_sleep() {
    let mut scene = Scene::new().connected();
    scene.sleep_secs(120);
    scene.timeout();
    assert!(scene.log().is_empty());
    scene.receive("2");
    scene.pass_secs(44);
    assert_eq!(scene.log(), ["send 3"]);

    scene.sleep_secs(120);
    scene.timeout();
    scene.pass_secs(5);
    assert_eq!(scene.log_of("status"), ["status disconnected (ping timeout)", "status reconnecting"]);
}

#[test]
fn an_acknowledgement_that_came_during_sleep_counts() {
    let mut scene = Scene::new().connected();
    scene.emit(event("e").with_ack()).unwrap();
    scene.sleep_secs(60);
    scene.timeout();
    scene.log();
    scene.receive("43/realtime,0[1]");
    assert_eq!(scene.log(), ["ack of 1: [1]"]);
}

#[test]
fn frames_after_sleep_are_not_each_taken_for_a_sleep() {
    let mut scene = Scene::new().pinging().connected();
    scene.pong();
    scene.emit(event_to("other", "e").ttl(Duration::from_secs(1))).unwrap();
    scene.sleep_secs(60);
    scene.log();
    for _ in 0..3 {
        scene.receive("2");
    }
    assert_eq!(scene.log(), ["ping", "dropped 1: expired", "send 3", "send 3", "send 3"]);
    assert_eq!(scene.manager.stats().counters.sleeps, 1);
}

#[test]
fn sleep_while_joining_is_no_authentication_timeout() {
    let mut scene = Scene::new();
    scene.connect();
    scene.open();
    scene.receive(HANDSHAKE);
    scene.sleep_secs(600);
    scene.timeout();
    scene.receive(r#"40/realtime,{"sid":"s"}"#);
    assert_eq!(scene.log_of("ticket"), ["ticket 1 ok"]);
}

#[test]
fn a_driver_can_say_that_it_slept() {
    let mut scene = Scene::new().pinging().connected();
    scene.pong();
    scene.command(Command::Woke).unwrap();
    assert_eq!(scene.log(), ["ping"]);
}

#[test]
fn time_that_goes_back_stands_still() {
    let mut scene = Scene::new().connected();
    scene.pass_secs(10);
    let command = Command::Emit(event("e").with_ack_timeout(Duration::from_secs(2)));
    scene.manager.handle_command(Timestamp::ZERO, command).unwrap();
    assert_eq!(scene.manager.poll_timeout(), Some(scene.now + Duration::from_secs(2)));
    scene.manager.handle_timeout(Timestamp::ZERO);
    assert_eq!(scene.manager.status(), ConnectionStatus::Connected);
}
