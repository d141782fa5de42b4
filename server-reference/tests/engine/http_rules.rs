use std::time::Duration;

use nexus_server::{BadInputKind, Config, Cors, Transports};
use tokio::io::AsyncWriteExt;

use crate::support::{Client, Polling, answer, fetch, request, start};

#[tokio::test]
async fn requests_against_the_rules_are_refused_with_their_code() {
    let (io, address) = start(Config::default(), |_| {}).await;
    let sid = Polling::open(address).await.sid;
    let table = [
        ("GET", "?EIO=4&transport=polling&sid=unknown".to_owned(), 1),
        ("POST", "?EIO=4&transport=polling&sid=unknown".to_owned(), 1),
        ("GET", "?EIO=4&transport=polling&sid=__proto__".to_owned(), 1),
        ("GET", "?EIO=4&transport=polling&sid=".to_owned(), 1),
        ("GET", "?EIO=3&transport=polling".to_owned(), 5),
        ("GET", "?EIO=abc&transport=polling".to_owned(), 5),
        ("GET", "?transport=polling".to_owned(), 5),
        ("GET", "?EIO=4&transport=abc".to_owned(), 0),
        ("GET", "?EIO=4&transport=__proto__".to_owned(), 0),
        ("GET", "?EIO=4".to_owned(), 0),
        ("GET", String::new(), 0),
        ("POST", "?EIO=4&transport=polling".to_owned(), 2),
        ("PUT", "?EIO=4&transport=polling".to_owned(), 2),
        ("POST", "?EIO=4&transport=websocket".to_owned(), 2),
        ("GET", "?EIO=4&transport=websocket".to_owned(), 3),
        ("GET", format!("?EIO=4&transport=websocket&sid={sid}"), 3),
    ];
    let messages = [
        "Transport unknown",
        "Session ID unknown",
        "Bad handshake method",
        "Bad request",
        "Forbidden",
        "Unsupported protocol version",
    ];
    for (method, query, code) in &table {
        let refused = fetch(address, method, &format!("/socket.io/{query}"), "", "").await;
        let body = format!(r#"{{"code":{code},"message":"{}"}}"#, messages[*code]);
        assert_eq!((refused.status, refused.body), (400, body), "{method} {query}");
        assert_eq!(refused.head.matches("application/json").count(), 1);
    }
    assert_eq!(io.metrics().bad_input(BadInputKind::HttpRequest), table.len() as u64);
    let bare = fetch(address, "GET", "/socket.io?EIO=4&transport=polling", "", "").await;
    assert_eq!(bare.status, 200, "the slash at the end may be left out");
    assert_eq!(fetch(address, "GET", "/elsewhere", "", "").await.status, 404);
}

#[tokio::test]
async fn websocket_handshakes_that_are_none_are_refused() {
    let (_io, address) = start(Config::default(), |_| {}).await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let path = "/socket.io/?EIO=4&transport=websocket";
    for headers in [
        format!("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{key}"),
        format!("Upgrade: h2c\r\nSec-WebSocket-Version: 13\r\n{key}"),
        format!("Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n{key}"),
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n".to_owned(),
    ] {
        // The helper says `Connection: close`, so the first lacks `Connection: upgrade` only.
        assert_eq!(fetch(address, "GET", path, &headers, "").await.status, 400, "{headers}");
    }
}

#[tokio::test]
async fn transports_can_be_restricted() {
    let (_io, address) = start(Config { transports: Transports::WebSocket, ..Config::default() }, |_| {}).await;
    let refused = fetch(address, "GET", "/socket.io/?EIO=4&transport=polling", "", "").await;
    assert_eq!((refused.status, refused.body.contains("\"code\":0")), (400, true));
    Client::open(address).await;

    let (_io, address) = start(Config { transports: Transports::Polling, ..Config::default() }, |_| {}).await;
    let opened = fetch(address, "GET", "/socket.io/?EIO=4&transport=polling", "", "").await;
    assert!(opened.body.contains(r#""upgrades":[]"#), "{opened:?}");
}

#[tokio::test]
async fn sessions_are_capped_in_all_and_by_address() {
    let (io, address) = start(Config { max_sessions: 1, ..Config::default() }, |_| {}).await;
    let client = Client::open(address).await;
    assert_eq!(fetch(address, "GET", "/socket.io/?EIO=4&transport=polling", "", "").await.status, 503);
    drop(client);
    while io.metrics().open_sessions() > 0 {
        tokio::task::yield_now().await;
    }
    Polling::open(address).await;

    let config = Config { max_sessions_per_address: Some(2), ..Config::default() };
    let (io, address) = start(config, |_| {}).await;
    let first = Polling::open(address).await;
    Polling::open(address).await;
    let refused = fetch(address, "GET", "/socket.io/?EIO=4&transport=polling", "", "").await;
    assert_eq!(refused.status, 429);
    assert_eq!(io.metrics().bad_input(BadInputKind::TooManySessions), 1);
    first.post("1").await;
    Polling::open(address).await;
}

#[tokio::test]
async fn bodies_are_capped_in_size_and_time() {
    let config = Config { max_payload: 100, body_timeout: Duration::from_millis(50), ..Config::default() };
    let (io, address) = start(config, |io| io.of("/").on_connection(|_| {})).await;
    let client = Polling::open(address).await;
    assert_eq!(client.post(&"4".repeat(101)).await.status, 413);
    assert_eq!(io.metrics().bad_input(BadInputKind::BodyTooLarge), 1);
    assert_eq!(client.post("40").await.status, 200, "the session goes on");

    let mut slow = request(address, "POST", &client.path, "Content-Length: 10\r\n", "").await;
    slow.write_all(b"4").await.unwrap();
    assert_eq!(answer(slow).await.status, 408);
    assert_eq!(client.poll().await.status, 400, "the session is over");
    assert_eq!(io.metrics().bad_input(BadInputKind::BodyTimeout), 1);
}

#[tokio::test]
async fn headers_are_capped() {
    let (_io, address) = start(Config::default(), |_| {}).await;
    let path = "/socket.io/?EIO=4&transport=polling";
    for headers in [format!("X-Flood: {}\r\n", "x".repeat(20_000)), "X-Flood: x\r\n".repeat(200)] {
        assert_eq!(fetch(address, "GET", path, &headers, "").await.status, 431);
    }
}

async fn cors_of(cors: Cors, method: &str, headers: &str) -> crate::support::Answer {
    let (_io, address) = start(Config { cors, ..Config::default() }, |_| {}).await;
    fetch(address, method, "/socket.io/?EIO=4&transport=polling", headers, "").await
}

#[tokio::test]
async fn cors_says_who_may() {
    let allow = "access-control-allow-origin";
    let here = "Origin: https://here.example\r\n";
    let there = "Origin: https://there.example\r\n";

    let plain = cors_of(Cors::none(), "GET", here).await;
    assert_eq!((plain.status, plain.header(allow)), (200, None));

    let any = cors_of(Cors::any(), "GET", here).await;
    assert_eq!((any.status, any.header(allow)), (200, Some("*")));

    let reflected = cors_of(Cors::any().credentials(true), "GET", here).await;
    assert_eq!(reflected.header(allow), Some("https://here.example"));
    assert_eq!(reflected.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(reflected.header("vary"), Some("Origin"));

    let list = || Cors::list(["https://here.example/"]);
    let allowed = cors_of(list(), "GET", here).await;
    assert_eq!((allowed.status, allowed.header(allow)), (200, Some("https://here.example")));
    let refused = cors_of(list(), "GET", there).await;
    assert_eq!((refused.status, refused.header(allow)), (403, None));
    assert_eq!(refused.body, r#"{"code":4,"message":"Forbidden"}"#);
    assert_eq!(cors_of(list(), "GET", "").await.status, 200, "a program names no origin");

    let preflight = cors_of(list(), "OPTIONS", &format!("{here}Access-Control-Request-Headers: x-a, x-b\r\n")).await;
    assert_eq!((preflight.status, preflight.header(allow)), (204, Some("https://here.example")));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("x-a, x-b"));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET,POST"));
}
