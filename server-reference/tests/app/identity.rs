use serde_json::{Value, json};

use crate::test_app::{TestApp, TestClient};

const NAMESPACES: [&str; 3] = ["/realtime", "/notifications", "/messaging"];

/// The answer to a CONNECT with this auth object.
async fn connect(app: &TestApp, namespace: &str, query: &str, auth: &str) -> String {
    let mut client = TestClient::open(app.port, query).await;
    client.send(&format!("40{namespace},{auth}")).await;
    client.text().await
}

#[tokio::test]
async fn every_namespace_asks_for_a_token() {
    let app = TestApp::start().await;
    let good = app.token("ada");
    let expired = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjF9.AAAA";
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJleHAiOjk5OTk5OTk5OTl9.";
    let cases = [
        ("", json!({"token": good}), None),
        ("", json!({"token": good, "userId": "ada"}), None),
        ("", json!({}), Some("token_missing")),
        ("", json!({"token": ""}), Some("token_invalid")),
        ("", json!({"token": expired}), Some("token_invalid")),
        ("", json!({"token": none}), Some("token_invalid")),
        ("", json!({"token": good, "userId": "bob"}), Some("user_mismatch")),
        ("&token=abc", json!({"token": good}), Some("token_in_url")),
    ];
    for namespace in NAMESPACES {
        for (query, auth, refused) in &cases {
            let answer = connect(&app, namespace, query, &auth.to_string()).await;
            match refused {
                None => assert!(answer.starts_with(&format!("40{namespace},{{\"sid\":")), "{answer}"),
                Some(reason) => {
                    let json = answer.strip_prefix(&format!("44{namespace},")).unwrap();
                    let error: Value = serde_json::from_str(json).unwrap();
                    assert_eq!(error["data"]["code"], "unauthorized");
                    assert_eq!(error["data"]["reason"], *reason, "{auth} {query}");
                    assert!(error["message"].as_str().unwrap().starts_with("Unauthorized: "));
                }
            }
        }
    }
}

#[tokio::test]
async fn other_namespaces_are_not_there() {
    let app = TestApp::start().await;
    let auth = json!({"token": app.token("ada")}).to_string();
    for namespace in ["/", "/admin", "/messaging/x"] {
        let answer = connect(&app, namespace, "", &auth).await;
        assert!(answer.starts_with("44") && answer.contains("Invalid namespace"), "{answer}");
    }
}

#[tokio::test]
async fn one_connection_joins_several_namespaces_each_with_a_token() {
    let app = TestApp::start().await;
    let mut client = app.join("/realtime", "ada").await;
    client.send("40/messaging").await;
    assert!(client.text().await.starts_with("44/messaging,"));
    client.send(&format!("40/messaging,{}", json!({"token": app.token("ada")}))).await;
    assert!(client.text().await.starts_with("40/messaging,"));
}

#[tokio::test]
async fn pages_of_other_origins_are_kept_out() {
    let app = TestApp::with_args(&["--allowed-origin", "http://localhost:3001,https://example.com"]).await;
    for (origin, status) in [
        ("http://localhost:3001", 101),
        ("https://example.com", 101),
        ("https://evil.example", 403),
        ("https://example.com.evil.example", 403),
        ("null", 403),
    ] {
        assert_eq!(TestClient::status_for_origin(app.port, origin).await, status, "{origin}");
    }
}
