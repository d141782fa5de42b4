//! The Engine.IO layer by itself, over real sockets: what its protocol description (v4) asks of a server.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it cannot go on")]

mod conformance;

use nexus_tests::endpoint::{Endpoint, Pace, PollingSession, Received};
use nexus_tests::raw::FAILURE_BOUND;
use tokio::time::timeout;

use crate::conformance::Pending;

#[tokio::test]
async fn polling_opens_a_session() {
    conformance::polling_opens_a_session(&Endpoint::engine_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn polling_wants_protocol_4() {
    conformance::polling_wants_protocol_4(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn polling_wants_a_known_transport() {
    conformance::polling_wants_a_known_transport(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn polling_opens_by_get_only() {
    conformance::polling_opens_by_get_only(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_opens_a_session() {
    conformance::websocket_opens_a_session(&Endpoint::engine_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_wants_protocol_4() {
    conformance::websocket_wants_protocol_4(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_wants_a_known_transport() {
    conformance::websocket_wants_a_known_transport(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn polling_heartbeat() {
    conformance::polling_heartbeat(&Endpoint::engine_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn polling_session_ends_without_pong() {
    conformance::polling_session_ends_without_pong(&Endpoint::engine_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_heartbeat() {
    conformance::websocket_heartbeat(&Endpoint::engine_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_session_ends_without_pong() {
    conformance::websocket_session_ends_without_pong(&Endpoint::engine_io(Pace::Quick).await.unwrap()).await;
}

#[tokio::test]
async fn polling_close_releases_the_poll() {
    conformance::polling_close_releases_the_poll(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn websocket_close() {
    conformance::websocket_close(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn upgrade_goes_through() {
    conformance::upgrade_goes_through(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn polling_is_over_after_the_upgrade() {
    conformance::polling_is_over_after_the_upgrade(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

#[tokio::test]
async fn a_second_websocket_is_refused() {
    conformance::a_second_websocket_is_refused(&Endpoint::engine_io(Pace::Calm).await.unwrap()).await;
}

async fn calm() -> Endpoint {
    Endpoint::engine_io(Pace::Calm).await.unwrap()
}

/// Sends a payload, and expects it back by the next poll.
async fn assert_echoed(payload: &str) {
    let session = calm().await.open_polling().await.unwrap();
    let pushed = session.push(payload).await.unwrap();
    assert_eq!((pushed.status, pushed.text()), (200, "ok".to_owned()));
    let polled = session.poll().await.unwrap();
    assert_eq!((polled.status, polled.text()), (200, payload.to_owned()));
}

#[tokio::test]
async fn polling_carries_a_message() {
    assert_echoed("4hello").await;
}

#[tokio::test]
async fn polling_carries_several_messages_in_order() {
    assert_echoed("4test1\x1e4test2\x1e4test3").await;
}

#[tokio::test]
async fn polling_carries_text_and_binary() {
    assert_echoed("4hello\x1ebAQIDBA==").await;
}

#[tokio::test]
async fn polling_session_ends_at_a_packet_of_no_kind() {
    let session = calm().await.open_polling().await.unwrap();
    assert_eq!(session.push("abc").await.unwrap().status, 400);
    assert_eq!(session.poll().await.unwrap().status, 400);
}

#[tokio::test]
async fn polling_session_ends_at_a_second_poll() {
    let server = calm().await;
    let session = server.open_polling().await.unwrap();
    let first = Pending::get(&server, &session.query()).await;
    assert_eq!(session.poll().await.unwrap().status, 400);
    assert_eq!(first.answer().await, (200, "1".to_owned()));
    assert_eq!(session.poll().await.unwrap().status, 400);
}

#[tokio::test]
async fn polling_session_ends_when_a_poll_is_given_up() {
    let server = calm().await;
    let session = server.open_polling().await.unwrap();
    drop(Pending::get(&server, &session.query()).await);
    timeout(FAILURE_BOUND, ended(&session)).await.unwrap();
    assert_eq!(session.poll().await.unwrap().status, 400);
}

/// Asks by POST whether the session is there; another poll would end it by itself.
async fn ended(session: &PollingSession) {
    while session.push("4still there?").await.unwrap().status != 400 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn websocket_carries_text() {
    let mut socket = calm().await.open_websocket().await.unwrap();
    socket.send("4hello").await.unwrap();
    assert_eq!(socket.text().await.unwrap(), "4hello");
}

#[tokio::test]
async fn websocket_carries_binary() {
    let mut socket = calm().await.open_websocket().await.unwrap();
    socket.send_binary(&[1, 2, 3, 4]).await.unwrap();
    assert_eq!(socket.next().await.unwrap(), Received::Binary(vec![1, 2, 3, 4].into()));
}

#[tokio::test]
async fn websocket_closes_at_a_packet_of_no_kind() {
    let mut socket = calm().await.open_websocket().await.unwrap();
    socket.send("abc").await.unwrap();
    assert_eq!(socket.end().await.unwrap(), []);
}
