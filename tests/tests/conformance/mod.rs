//! What the Engine.IO protocol asks of a server, at whatever path it is served: handshake, heartbeat, close, upgrade.

use std::collections::BTreeSet;

use nexus_tests::endpoint::{Endpoint, MAX_PAYLOAD, PING_INTERVAL, PING_TIMEOUT, Received, WebSocket};
use nexus_tests::raw::{request_bytes, response};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

const POLLING: &str = "EIO=4&transport=polling";
const WEBSOCKET: &str = "EIO=4&transport=websocket";

/// A request that is under way, its answer to be read later.
pub(crate) struct Pending(TcpStream);

impl Pending {
    /// Sends a GET; the server has the bytes when this returns.
    pub(crate) async fn get(server: &Endpoint, query: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&request_bytes(server.address, "GET", &server.target(query), &[], b"")).await.unwrap();
        Self(stream)
    }

    /// Status and body.
    pub(crate) async fn answer(mut self) -> (u16, String) {
        let response = response(&mut self.0).await.unwrap();
        (response.status, response.text())
    }
}

fn assert_handshake(packet: &str, upgrades: &Value) {
    assert_eq!(packet.get(..1), Some("0"), "{packet}");
    let handshake: Value = serde_json::from_str(&packet[1..]).unwrap();
    let keys: BTreeSet<&str> = handshake.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]));
    assert!(!handshake["sid"].as_str().unwrap().is_empty());
    assert_eq!(&handshake["upgrades"], upgrades);
    assert_eq!(handshake["pingInterval"], json!(PING_INTERVAL.as_millis()));
    assert_eq!(handshake["pingTimeout"], json!(PING_TIMEOUT.as_millis()));
    assert_eq!(handshake["maxPayload"], json!(MAX_PAYLOAD));
}

pub(crate) async fn polling_opens_a_session(quick: &Endpoint) {
    let response = quick.get(POLLING).await.unwrap();
    assert_eq!(response.status, 200);
    assert_handshake(&response.text(), &json!(["websocket"]));
}

pub(crate) async fn polling_wants_protocol_4(server: &Endpoint) {
    for query in ["transport=polling", "EIO=abc&transport=polling", "EIO=3&transport=polling"] {
        assert_eq!(server.get(query).await.unwrap().status, 400, "{query}");
    }
}

pub(crate) async fn polling_wants_a_known_transport(server: &Endpoint) {
    for query in ["EIO=4", "EIO=4&transport=abc", "EIO=4&transport="] {
        assert_eq!(server.get(query).await.unwrap().status, 400, "{query}");
    }
}

pub(crate) async fn polling_opens_by_get_only(server: &Endpoint) {
    for method in ["POST", "PUT"] {
        assert_eq!(server.request(method, POLLING, "").await.unwrap().status, 400, "{method}");
    }
}

pub(crate) async fn websocket_opens_a_session(quick: &Endpoint) {
    let mut socket = quick.websocket(WEBSOCKET).await.unwrap();
    assert_handshake(&socket.text().await.unwrap(), &json!([]));
}

/// Refused at once, or closed without a word.
async fn assert_refused(server: &Endpoint, query: &str) {
    if let Ok(mut socket) = server.websocket(query).await {
        assert_eq!(socket.end().await.unwrap(), [], "{query}");
    }
}

pub(crate) async fn websocket_wants_protocol_4(server: &Endpoint) {
    for query in ["transport=websocket", "EIO=abc&transport=websocket"] {
        assert_refused(server, query).await;
    }
}

pub(crate) async fn websocket_wants_a_known_transport(server: &Endpoint) {
    for query in ["EIO=4", "EIO=4&transport=abc"] {
        assert_refused(server, query).await;
    }
}

pub(crate) async fn polling_heartbeat(quick: &Endpoint) {
    let session = quick.open_polling().await.unwrap();
    for _ in 0..3 {
        let begun = Instant::now();
        let poll = session.poll().await.unwrap();
        assert_eq!((poll.status, poll.text()), (200, "2".to_owned()));
        assert!(begun.elapsed() > PING_INTERVAL / 2, "a ping came after {:?}", begun.elapsed());
        assert_eq!(session.push("3").await.unwrap().status, 200);
    }
}

/// Time is the matter here: the poll comes when the pong is due, and the deadline must have been noticed by then.
pub(crate) async fn polling_session_ends_without_pong(quick: &Endpoint) {
    let session = quick.open_polling().await.unwrap();
    sleep(PING_INTERVAL + PING_TIMEOUT).await;
    assert_eq!(session.poll().await.unwrap().status, 400);
}

pub(crate) async fn websocket_heartbeat(quick: &Endpoint) {
    let mut socket = quick.open_websocket().await.unwrap();
    for _ in 0..3 {
        assert_eq!(socket.text().await.unwrap(), "2");
        socket.send("3").await.unwrap();
    }
}

pub(crate) async fn websocket_session_ends_without_pong(quick: &Endpoint) {
    let begun = Instant::now();
    let mut socket = quick.open_websocket().await.unwrap();
    let received = socket.end().await.unwrap();
    assert!(received.iter().all(|frame| *frame == Received::Text("2".to_owned())), "{received:?}");
    assert!(begun.elapsed() >= PING_INTERVAL + PING_TIMEOUT - PING_TIMEOUT / 4, "after {:?}", begun.elapsed());
}

pub(crate) async fn polling_close_releases_the_poll(server: &Endpoint) {
    let session = server.open_polling().await.unwrap();
    let poll = Pending::get(server, &session.query()).await;
    assert_eq!(session.push("1").await.unwrap().status, 200);
    assert_eq!(poll.answer().await, (200, "6".to_owned()));
    assert_eq!(session.poll().await.unwrap().status, 400);
}

pub(crate) async fn websocket_close(server: &Endpoint) {
    let mut socket = server.open_websocket().await.unwrap();
    socket.send("1").await.unwrap();
    assert_eq!(socket.end().await.unwrap(), []);
}

pub(crate) async fn upgrade_goes_through(server: &Endpoint) {
    let session = server.open_polling().await.unwrap();
    let mut socket = session.websocket().await.unwrap();
    socket.send("2probe").await.unwrap();
    assert_eq!(socket.text().await.unwrap(), "3probe");
    let poll = session.poll().await.unwrap();
    assert_eq!((poll.status, poll.text()), (200, "6".to_owned()), "a poll is released while the upgrade is under way");
    socket.send("5").await.unwrap();
    let (question, answer) = server.question;
    socket.send(question).await.unwrap();
    socket.expect(answer).await.unwrap();
}

pub(crate) async fn polling_is_over_after_the_upgrade(server: &Endpoint) {
    let session = server.open_polling().await.unwrap();
    let mut socket = session.upgraded().await.unwrap();
    assert_eq!(session.poll().await.unwrap().status, 400);
    assert_eq!(session.push("4late").await.unwrap().status, 400);
    assert_alive(server, &mut socket).await;
}

pub(crate) async fn a_second_websocket_is_refused(server: &Endpoint) {
    let session = server.open_polling().await.unwrap();
    let mut socket = session.upgraded().await.unwrap();
    if let Ok(mut second) = session.websocket().await {
        assert_eq!(second.end().await.unwrap(), []);
    }
    assert_alive(server, &mut socket).await;
}

/// The connection still answers; other events may come first.
async fn assert_alive(server: &Endpoint, socket: &mut WebSocket) {
    let (question, answer) = server.question_later;
    socket.send(question).await.unwrap();
    while socket.text().await.unwrap() != answer {}
}
