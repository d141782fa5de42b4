use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::test_app::{TestApp, TestClient};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);

/// The next change: who, and what they are now.
async fn change(client: &mut TestClient) -> (String, String) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Update {
        user_id: String,
        status: String,
        timestamp: u64,
    }

    let update: Update = serde_json::from_value(client.expect("presence:update").await).unwrap();
    assert!(update.timestamp > 1_700_000_000_000);
    (update.user_id, update.status)
}

fn changed(user: &str, status: &str) -> (String, String) {
    (user.to_owned(), status.to_owned())
}

/// Ada, who has seen that she came.
async fn watcher(app: &TestApp) -> TestClient {
    let mut ada = app.join("/realtime", "ada").await;
    assert_eq!(change(&mut ada).await, changed("ada", "online"));
    ada
}

#[tokio::test]
async fn everybody_is_told_who_comes_first_and_goes_last() {
    let app = TestApp::demo(Duration::ZERO).await;
    let mut ada = watcher(&app).await;
    let bob = app.join("/messaging", "bob").await;
    assert_eq!(change(&mut ada).await, changed("bob", "online"), "whatever namespace it is");
    let bob_phone = app.join("/realtime", "bob").await;
    bob.leave().await;
    let eve = app.join("/notifications", "eve").await;
    assert_eq!(change(&mut ada).await, changed("eve", "online"), "bob's second session is still there");
    bob_phone.leave().await;
    assert_eq!(change(&mut ada).await, changed("bob", "offline"));
    // Without a goodbye, as when a phone dies.
    drop(eve);
    assert_eq!(change(&mut ada).await, changed("eve", "offline"));
}

#[tokio::test]
async fn a_page_that_loads_again_does_not_flicker() {
    let app = TestApp::demo(LONG).await;
    let mut ada = watcher(&app).await;
    for _ in 0..5 {
        app.join("/realtime", "bob").await.leave().await;
    }
    let _eve = app.join("/realtime", "eve").await;
    assert_eq!(change(&mut ada).await, changed("bob", "online"));
    assert_eq!(change(&mut ada).await, changed("eve", "online"), "nothing of bob in between");
}

#[tokio::test]
async fn who_is_here_can_be_asked() {
    let app = TestApp::demo(LONG).await;
    let mut ada = watcher(&app).await;
    app.join("/realtime", "bob").await.leave().await;
    change(&mut ada).await;
    ada.emit_with_id(1, "presence:list", &json!({})).await;
    let answer = ada.ack(1).await;
    assert_eq!(answer["ok"], true);
    let users = answer["users"].as_array().unwrap();
    let names: Vec<&Value> = users.iter().map(|user| &user["userId"]).collect();
    assert_eq!(names, ["ada", "bob"]);
    for user in users {
        assert_eq!(user["status"], "online");
        assert!(user["since"].as_u64().unwrap() > 1_700_000_000_000);
    }
}

#[tokio::test]
async fn without_demo_nobody_is_told_who_is_here() {
    let app = TestApp::start().await;
    let mut ada = app.join("/realtime", "ada").await;
    let _bob = app.join("/realtime", "bob").await;
    ada.emit_with_id(1, "presence:list", &json!({})).await;
    assert_eq!(ada.ack(1).await["code"], "unknown_event");
}
