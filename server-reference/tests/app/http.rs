use nexus_server::app::TokenReply;

use crate::test_app::{TestApp, TestClient};

fn post(path: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn health_is_told() {
    let app = TestApp::start().await;
    let answer = app.http("GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with(r#"{"status":"live"}"#), "{answer}");
}

#[tokio::test]
async fn the_demo_gives_tokens_that_are_let_in() {
    let app = TestApp::with_args(&["--demo"]).await;
    let answer = app.http(&post("/demo/token", "application/json", r#"{"userId":"Зоя"}"#)).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.to_ascii_lowercase().contains("cache-control: no-store"));
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let reply: TokenReply = serde_json::from_str(body).unwrap();
    assert_eq!(reply.user_id.as_str(), "Зоя");
    let mut client = TestClient::open(app.port, "").await;
    client.send(&format!(r#"40/messaging,{{"token":"{}","userId":"Зоя"}}"#, reply.token)).await;
    assert!(client.text().await.starts_with("40/messaging,"));
}

#[tokio::test]
async fn the_demo_refuses_what_is_no_user() {
    let app = TestApp::with_args(&["--demo"]).await;
    let long = format!(r#"{{"userId":"{}"}}"#, "x".repeat(10_000));
    for (kind, body, expected) in [
        ("application/json", r#"{"userId":""}"#, 422),
        ("application/json", r#"{"userId":"a\nb"}"#, 422),
        ("application/json", r#"{"userId":7}"#, 422),
        ("application/json", "{}", 422),
        ("application/json", "{", 400),
        ("application/json", &long, 413),
        ("text/plain", r#"{"userId":"ada"}"#, 415),
    ] {
        let answer = app.http(&post("/demo/token", kind, body)).await;
        assert_eq!(status(&answer), expected, "{body:.40}");
    }
}

#[tokio::test]
async fn without_demo_there_are_no_tokens() {
    let app = TestApp::start().await;
    let answer = app.http(&post("/demo/token", "application/json", r#"{"userId":"ada"}"#)).await;
    assert_eq!(status(&answer), 404);
}

#[tokio::test]
async fn floods_of_headers_get_431() {
    let app = TestApp::start().await;
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(100_000));
    for headers in [many, long] {
        let answer = app.http(&format!("GET /health/live HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await;
        assert_eq!(status(&answer), 431);
    }
}
