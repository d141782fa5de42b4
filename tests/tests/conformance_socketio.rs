//! Socket.IO over real sockets: what its protocol description (v5) asks of a server, and what it asks of the Engine.IO
//! layer below, at the path of Socket.IO.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it cannot go on")]

mod conformance;

use nexus_tests::endpoint::{CONNECT_TIMEOUT, Endpoint, PING_INTERVAL, Pace, Received, WebSocket};
use serde_json::Value;
use tokio::time::Instant;

#[tokio::test]
async fn polling_opens_a_session() {
    conformance::polling_opens_a_session(&Endpoint::socket_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn polling_wants_protocol_4() {
    conformance::polling_wants_protocol_4(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn polling_wants_a_known_transport() {
    conformance::polling_wants_a_known_transport(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn polling_opens_by_get_only() {
    conformance::polling_opens_by_get_only(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_opens_a_session() {
    conformance::websocket_opens_a_session(&Endpoint::socket_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_wants_protocol_4() {
    conformance::websocket_wants_protocol_4(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_wants_a_known_transport() {
    conformance::websocket_wants_a_known_transport(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn polling_heartbeat() {
    conformance::polling_heartbeat(&Endpoint::socket_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn polling_session_ends_without_pong() {
    conformance::polling_session_ends_without_pong(&Endpoint::socket_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_heartbeat() {
    conformance::websocket_heartbeat(&Endpoint::socket_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_session_ends_without_pong() {
    conformance::websocket_session_ends_without_pong(&Endpoint::socket_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn polling_close_releases_the_poll() {
    conformance::polling_close_releases_the_poll(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_close() {
    conformance::websocket_close(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn upgrade_goes_through() {
    conformance::upgrade_goes_through(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn polling_is_over_after_the_upgrade() {
    conformance::polling_is_over_after_the_upgrade(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn a_second_websocket_is_refused() {
    conformance::a_second_websocket_is_refused(&Endpoint::socket_io(Pace::Calm).await.unwrap()).await;
}

async fn calm() -> WebSocket {
    Endpoint::socket_io(Pace::Calm).await.unwrap().open_websocket().await.unwrap()
}

/// Joins a namespace, and checks the answer: a `sid` and nothing else, then what the client authenticated with.
async fn join(socket: &mut WebSocket, prefix: &str, auth: &str) {
    socket.send(&format!("40{prefix}{auth}")).await.unwrap();
    let answer = socket.expect(&format!("40{prefix}")).await.unwrap();
    let answer: Value = serde_json::from_str(&answer[2 + prefix.len()..]).unwrap();
    let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["sid"]);
    assert!(!answer["sid"].as_str().unwrap().is_empty());
    let auth = if auth.is_empty() { "{}" } else { auth };
    assert_eq!(socket.text().await.unwrap(), format!("42{prefix}[\"auth\",{auth}]"));
}

async fn joined() -> WebSocket {
    let mut socket = calm().await;
    join(&mut socket, "", "").await;
    socket
}

#[tokio::test]
async fn connects_to_the_root() {
    join(&mut calm().await, "", "").await;
}

#[tokio::test]
async fn connects_to_the_root_with_auth() {
    join(&mut calm().await, "", r#"{"token":"123"}"#).await;
}

#[tokio::test]
async fn connects_to_a_namespace() {
    join(&mut calm().await, "/custom,", "").await;
}

#[tokio::test]
async fn connects_to_a_namespace_with_auth() {
    join(&mut calm().await, "/custom,", r#"{"token":"abc"}"#).await;
}

#[tokio::test]
async fn an_unknown_namespace_is_refused() {
    for connect in ["40/random", "40/random,"] {
        let mut socket = calm().await;
        socket.send(connect).await.unwrap();
        assert_eq!(socket.text().await.unwrap(), r#"44/random,{"message":"Invalid namespace"}"#);
    }
}

#[tokio::test]
async fn anything_but_connect_at_first_closes() {
    let mut socket = calm().await;
    socket.send("4abc").await.unwrap();
    assert_eq!(socket.end().await.unwrap(), []);
}

#[tokio::test]
async fn a_client_that_joins_nothing_is_closed() {
    let begun = Instant::now();
    let mut socket = calm().await;
    assert_eq!(socket.end().await.unwrap(), []);
    assert!(begun.elapsed() >= CONNECT_TIMEOUT / 2, "after {:?}", begun.elapsed());
}

#[tokio::test]
async fn leaving_the_root_keeps_the_connection() {
    let server = Endpoint::socket_io(Pace::Quick).await.unwrap();
    let begun = Instant::now();
    let mut socket = server.open_websocket().await.unwrap();
    join(&mut socket, "", "").await;
    socket.send("41").await.unwrap();
    assert_eq!(socket.text().await.unwrap(), "2", "nothing answers a DISCONNECT, and heartbeats go on");
    assert!(begun.elapsed() >= PING_INTERVAL / 2);
}

#[tokio::test]
async fn leaving_a_namespace_keeps_the_others() {
    let mut socket = joined().await;
    join(&mut socket, "/custom,", "").await;
    socket.send("41/custom,").await.unwrap();
    socket.send(r#"42["message","to the root"]"#).await.unwrap();
    assert_eq!(socket.text().await.unwrap(), r#"42["message-back","to the root"]"#);
}

#[tokio::test]
async fn an_event_carries_any_arguments() {
    let mut socket = joined().await;
    socket.send(r#"42["message",1,"2",{"3":[true]}]"#).await.unwrap();
    assert_eq!(socket.text().await.unwrap(), r#"42["message-back",1,"2",{"3":[true]}]"#);
}

#[tokio::test]
async fn an_event_is_acknowledged() {
    let mut socket = joined().await;
    socket.send(r#"42456["message-with-ack",1,"2",{"3":[false]}]"#).await.unwrap();
    assert_eq!(socket.text().await.unwrap(), r#"43456[1,"2",{"3":[false]}]"#);
}

const PLACEHOLDERS: &str = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;

/// Sends a packet with two attachments, and expects the answer with the same.
async fn assert_attachments(packet: &str, answer: &str) {
    let mut socket = joined().await;
    let attachments: [&[u8]; 2] = [&[1, 2, 3], &[4, 5, 6]];
    socket.send(packet).await.unwrap();
    for attachment in attachments {
        socket.send_binary(attachment).await.unwrap();
    }
    assert_eq!(socket.text().await.unwrap(), answer);
    for attachment in attachments {
        assert_eq!(socket.next().await.unwrap(), Received::Binary(attachment.to_vec().into()));
    }
}

#[tokio::test]
async fn an_event_carries_attachments() {
    let packet = format!(r#"452-["message",{PLACEHOLDERS}]"#);
    assert_attachments(&packet, &format!(r#"452-["message-back",{PLACEHOLDERS}]"#)).await;
}

#[tokio::test]
async fn an_event_with_attachments_is_acknowledged() {
    let packet = format!(r#"452-789["message-with-ack",{PLACEHOLDERS}]"#);
    assert_attachments(&packet, &format!("462-789[{PLACEHOLDERS}]")).await;
}

async fn assert_closes(packet: &str) {
    let mut socket = joined().await;
    socket.send(packet).await.unwrap();
    assert_eq!(socket.end().await.unwrap(), [], "{packet}");
}

#[tokio::test]
async fn a_packet_of_no_kind_closes() {
    assert_closes("4abc").await;
}

#[tokio::test]
async fn a_payload_that_is_no_array_closes() {
    assert_closes("42{}").await;
}

#[tokio::test]
async fn an_ack_id_that_is_no_number_closes() {
    assert_closes(r#"42abc["message-with-ack",1,"2",{"3":[false]}]"#).await;
}
