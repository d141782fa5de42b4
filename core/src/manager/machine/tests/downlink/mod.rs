//! Sessions that are resumed, and repeats.

mod numbered;
mod positions;
mod resume;
mod stock;

use super::scene::Scene;
use crate::manager::{Config, Counters};

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
