use serde_json::json;

use crate::test_app::TestApp;

#[tokio::test]
async fn a_ping_is_acknowledged_with_the_servers_time() {
    let app = TestApp::start().await;
    let mut ada = app.join("/realtime", "ada").await;
    for (id, data) in (1..).zip([json!({}), json!(null), json!({"page": "inbox"})]) {
        ada.emit_with_id(id, "activity:ping", &data).await;
        let answer = ada.ack(id).await;
        assert_eq!(answer["ok"], true);
        assert!(answer["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    }
    // Without a wish for an answer there is none.
    ada.emit("activity:ping", &json!({})).await;
    ada.emit_with_id(9, "activity:ping", &json!({})).await;
    ada.ack(9).await;
}

#[tokio::test]
async fn messages_are_copied_to_all_devices_of_both() {
    let app = TestApp::start().await;
    let mut ada = app.join("/messaging", "ada").await;
    let mut ada_dashboard = app.join("/realtime", "ada").await;
    let mut bob_dashboard = app.join("/realtime", "bob").await;
    let mut bob_phone = app.join("/realtime", "bob").await;
    let mut eve_dashboard = app.join("/realtime", "eve").await;
    let mut bob = app.join("/messaging", "bob").await;
    ada.emit("NEW_MESSAGE", &json!({"receiverId": "bob", "content": "Hello Bob", "tempId": "t1"})).await;
    let sent = ada.expect("MESSAGE_SENT").await;
    assert_eq!(bob.expect("NEW_MESSAGE").await, sent);
    for device in [&mut ada_dashboard, &mut bob_dashboard, &mut bob_phone] {
        assert_eq!(device.expect("NEW_MESSAGE").await, sent, "the same message, and so the same uniqueId");
    }
    eve_dashboard.emit_with_id(1, "activity:ping", &json!({})).await;
    eve_dashboard.ack(1).await;
}

#[tokio::test]
async fn the_mirror_can_be_turned_off() {
    let app = TestApp::with_args(&["--no-mirror"]).await;
    let mut ada = app.join("/messaging", "ada").await;
    let mut bob = app.join("/realtime", "bob").await;
    ada.emit("NEW_MESSAGE", &json!({"receiverId": "bob", "content": "hello"})).await;
    ada.expect("MESSAGE_SENT").await;
    bob.emit_with_id(1, "activity:ping", &json!({})).await;
    assert_eq!(bob.ack(1).await["ok"], true, "no message came before it");
}
