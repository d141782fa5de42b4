use nexus_server::delivery::Offset;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::test_app::{TestApp, TestClient};

/// Joins `/messaging`, and says what else of delivery.
async fn join(app: &TestApp, user: &str, nx: &Value) -> (TestClient, Value) {
    let mut client = TestClient::open(app.port, "").await;
    let auth = json!({"token": app.token(user), "userId": user, "nx": nx});
    client.send(&format!("40/messaging,{auth}")).await;
    let answer = client.text().await;
    (client, serde_json::from_str(answer.strip_prefix("40/messaging,").unwrap()).unwrap())
}

/// The next event: its name, its content, and its position.
async fn event(client: &mut TestClient) -> (String, String, u64) {
    let text = client.text().await;
    let (name, data, offset): (String, Value, String) =
        serde_json::from_str(text.strip_prefix("42/messaging,").unwrap_or_else(|| panic!("{text}"))).unwrap();
    let position = Offset::parse(&offset).unwrap().position.unwrap();
    (name, data.get("content").and_then(Value::as_str).unwrap().to_owned(), position.u)
}

async fn say(client: &mut TestClient, id: u64, content: &str) {
    let data = json!({"receiverId": "bob", "content": content});
    let marker = format!(r#"{{"$m":{{"id":{id},"lo":{id},"d":1}}}}"#);
    client.send(&format!(r#"42/messaging,{id}["NEW_MESSAGE",{data},{marker}]"#)).await;
    loop {
        let text = client.text().await;
        if let Some(ack) = text.strip_prefix(&format!("43/messaging,{id}")) {
            assert!(ack.contains(r#""ok":true"#) && ack.ends_with(r#"{"$m":{"ok":1}}]"#), "{ack}");
            return;
        }
        assert!(text.starts_with(r#"42/messaging,["MESSAGE_SENT""#), "{text}");
    }
}

#[tokio::test]
async fn who_was_away_is_sent_the_inbox_in_order_and_then_what_comes() {
    let app = TestApp::start().await;
    let (mut ada, granted) = join(&app, "ada", &json!({"v": 1, "ci": "adas-tab"})).await;
    let generation = granted["nx"]["d"].as_str().unwrap().to_owned();
    for id in 1..=104 {
        say(&mut ada, id, &id.to_string()).await;
    }
    // The same again has no second effect, and the first one's acknowledgement.
    say(&mut ada, 104, "104").await;

    let (mut bob, granted) = join(&app, "bob", &json!({"v": 1, "ci": "bobs-tab"})).await;
    assert_eq!(granted["nx"]["t"], 4, "more than a hundred came: {granted}");
    for n in 5..=104 {
        assert_eq!(event(&mut bob).await, ("NEW_MESSAGE".to_owned(), n.to_string(), n));
    }
    say(&mut ada, 105, "live").await;
    assert_eq!(event(&mut bob).await, ("NEW_MESSAGE".to_owned(), "live".to_owned(), 105));

    // Another device has its own place, and one that has all is sent nothing before what comes.
    let at = |u: u64| json!({"v": 1, "ci": format!("other-{u}"), "u": format!("{generation}-{u}")});
    let (mut phone, granted) = join(&app, "bob", &at(103)).await;
    assert!(granted["nx"].get("t").is_none(), "{granted}");
    assert_eq!((event(&mut phone).await.2, event(&mut phone).await.2), (104, 105));
    let (mut tablet, _) = join(&app, "bob", &at(105)).await;
    say(&mut ada, 106, "last").await;
    assert_eq!(event(&mut tablet).await, ("NEW_MESSAGE".to_owned(), "last".to_owned(), 106));
}

#[tokio::test]
async fn a_stock_client_is_sent_the_inbox_too() {
    let app = TestApp::start().await;
    let mut ada = app.join("/messaging", "ada").await;
    ada.emit_with_id(1, "NEW_MESSAGE", &json!({"receiverId": "bob", "content": "hello"})).await;
    let sent = ada.expect("MESSAGE_SENT").await;
    assert_eq!(ada.ack(1).await["ok"], true);
    let mut bob = app.join("/messaging", "bob").await;
    assert_eq!(bob.expect("NEW_MESSAGE").await, sent);
    let mut dashboard = app.join("/realtime", "bob").await;
    assert_eq!(dashboard.expect("NEW_MESSAGE").await, sent, "the mirror has an inbox of its own");
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_and_nobody_is_told() {
    let folder = std::env::temp_dir().join(format!("nexus-app-inbox-{}", std::process::id()));
    let app = TestApp::with_args(&["--data-dir", folder.to_str().unwrap()]).await;
    let (mut ada, _) = join(&app, "ada", &json!({"v": 1, "ci": "adas-tab"})).await;
    let mut bob = app.join("/messaging", "bob").await;
    // Bob has been sent his inbox once he gets something.
    say(&mut ada, 1, "before").await;
    assert_eq!(bob.expect("NEW_MESSAGE").await["content"], "before");

    let options = SqliteConnectOptions::new().filename(folder.join("nexus.db"));
    let mut holder = SqliteConnection::connect_with(&options).await.unwrap();
    holder.execute("BEGIN IMMEDIATE").await.unwrap();
    let data = json!({"receiverId": "bob", "content": "held"});
    ada.send(&format!(r#"42/messaging,2["NEW_MESSAGE",{data},{{"$m":{{"id":2,"lo":2,"d":1}}}}]"#)).await;
    let ack = ada.text().await;
    assert!(ack.starts_with(r#"43/messaging,2[{"$m":{"retry":"#) && ack.contains(r#""code":"storage_busy""#), "{ack}");
    bob.emit_with_id(1, "NEW_MESSAGE", &json!({"receiverId": "ada", "content": "held"})).await;
    let refusal = bob.ack(1).await;
    assert_eq!((&refusal["ok"], &refusal["code"]), (&json!(false), &json!("storage_busy")), "{refusal}");
    assert!(refusal["retryAfterMs"].as_u64().unwrap() > 0);

    holder.execute("ROLLBACK").await.unwrap();
    say(&mut ada, 2, "held").await;
    assert_eq!(bob.expect("NEW_MESSAGE").await["content"], "held", "once, and by itself");
    app.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
