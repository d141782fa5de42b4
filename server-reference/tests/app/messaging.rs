use serde_json::json;

use crate::test_app::TestApp;

#[tokio::test]
async fn a_message_reaches_all_devices_of_both_and_nobody_else() {
    let app = TestApp::start().await;
    let mut ada = app.join("/messaging", "ada").await;
    let mut ada_phone = app.join("/messaging", "ada").await;
    let mut bob = app.join("/messaging", "bob").await;
    let mut bob_phone = app.join("/messaging", "bob").await;
    let mut eve = app.join("/messaging", "eve").await;

    let draft = json!({"receiverId": "bob", "content": "Hello Bob 🦊", "tempId": "t1", "senderId": "eve"});
    ada.emit_with_id(7, "NEW_MESSAGE", &draft).await;
    let sent = ada.expect("MESSAGE_SENT").await;
    let receipt = ada.ack(7).await;
    assert_eq!(receipt["ok"], true);
    for device in [&mut bob, &mut bob_phone, &mut ada_phone] {
        assert_eq!(device.expect("NEW_MESSAGE").await, sent);
    }
    assert_eq!(sent["senderId"], "ada", "whatever the client says");
    assert_eq!((&sent["receiverId"], &sent["content"]), (&json!("bob"), &json!("Hello Bob 🦊")));
    assert_eq!(sent["tempId"], "t1");
    assert_eq!((&sent["id"], &sent["uniqueId"]), (&receipt["id"], &receipt["uniqueId"]));
    assert!(sent["id"].as_str().unwrap().len() > 10);
    assert!(sent["timestamp"].as_u64().unwrap() > 1_700_000_000_000);

    // Eve's next event is the answer to her own: nothing of the message came before it.
    eve.emit("NEW_MESSAGE", &json!({"receiverId": "eve", "content": "note to self"})).await;
    eve.expect("MESSAGE_SENT").await;
}

#[tokio::test]
async fn messages_keep_their_order() {
    let app = TestApp::start().await;
    let mut ada = app.join("/messaging", "ada").await;
    let mut bob = app.join("/messaging", "bob").await;
    for n in 0..500 {
        ada.emit("NEW_MESSAGE", &json!({"receiverId": "bob", "content": n.to_string()})).await;
    }
    let mut last = String::new();
    for n in 0..500 {
        let message = bob.expect("NEW_MESSAGE").await;
        assert_eq!(message["content"], n.to_string());
        let id = message["id"].as_str().unwrap().to_owned();
        assert!(id > last, "ids are in the order of the messages");
        last = id;
        assert_eq!(ada.expect("MESSAGE_SENT").await["id"], last);
    }
}

#[tokio::test]
async fn typing_reaches_the_receiver() {
    let app = TestApp::start().await;
    let mut ada = app.join("/messaging", "ada").await;
    let mut bob = app.join("/messaging", "bob").await;
    ada.emit("USER_TYPING", &json!({"receiverId": "bob"})).await;
    ada.emit_with_id(1, "USER_TYPING", &json!({"receiverId": "bob", "isTyping": false})).await;
    assert_eq!(ada.ack(1).await, json!({"ok": true}));
    for is_typing in [true, false] {
        let notice = bob.expect("USER_TYPING").await;
        assert_eq!((&notice["senderId"], &notice["isTyping"]), (&json!("ada"), &json!(is_typing)));
    }
}

#[tokio::test]
async fn all_devices_of_the_sender_are_told_of_a_delivery_by_its_receiver() {
    let app = TestApp::start().await;
    let mut ada = app.join("/messaging", "ada").await;
    let mut ada_phone = app.join("/messaging", "ada").await;
    let mut bob = app.join("/messaging", "bob").await;
    let mut eve = app.join("/messaging", "eve").await;
    ada.emit_with_id(1, "NEW_MESSAGE", &json!({"receiverId": "bob", "content": "hello"})).await;
    let id = ada.expect("MESSAGE_SENT").await["id"].clone();
    ada.ack(1).await;
    ada_phone.expect("NEW_MESSAGE").await;
    assert_eq!(bob.expect("NEW_MESSAGE").await["id"], id);

    // Who delivered it comes from the token.
    bob.emit_with_id(2, "MESSAGE_DELIVERED", &json!({"id": id, "senderId": "ada", "receiverId": "eve"})).await;
    assert_eq!(bob.ack(2).await, json!({"ok": true}));
    for device in [&mut ada, &mut ada_phone] {
        let notice = device.expect("MESSAGE_DELIVERED").await;
        assert_eq!((&notice["id"], &notice["receiverId"]), (&id, &json!("bob")));
        assert!(notice["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
        assert_eq!(notice.as_object().unwrap().len(), 3, "{notice}");
    }
    // Nobody else was: the next that they get are answers to their own.
    for other in [&mut bob, &mut eve] {
        other.emit_with_id(3, "USER_TYPING", &json!({"receiverId": "nobody"})).await;
        assert_eq!(other.ack(3).await, json!({"ok": true}));
    }
}

#[tokio::test]
async fn what_breaks_the_rules_is_refused_with_a_code_and_the_connection_stays() {
    let app = TestApp::start().await;
    let mut ada = app.join("/messaging", "ada").await;
    let long = "x".repeat(20_000);
    let cases = [
        ("NEW_MESSAGE", json!("hello"), "invalid_payload"),
        ("NEW_MESSAGE", json!({"content": "hello"}), "invalid_payload"),
        ("NEW_MESSAGE", json!({"receiverId": "b\nb", "content": "hello"}), "invalid_payload"),
        ("NEW_MESSAGE", json!({"receiverId": "bob", "content": "\u{0}"}), "invalid_payload"),
        ("NEW_MESSAGE", json!({"receiverId": "bob", "content": long}), "content_too_long"),
        ("USER_TYPING", json!({"receiverId": 7}), "invalid_payload"),
        ("MESSAGE_DELIVERED", json!("id"), "invalid_payload"),
        ("MESSAGE_DELIVERED", json!({"id": "x".repeat(65), "senderId": "bob"}), "invalid_payload"),
        ("MESSAGE_DELIVERED", json!({"id": "x", "senderId": ""}), "invalid_payload"),
        ("MESSAGE_SENT", json!({}), "unknown_event"),
        ("join", json!("user:bob"), "unknown_event"),
        ("a\u{0}\nb", json!({}), "unknown_event"),
    ];
    for (id, (event, data, code)) in (0..).zip(&cases) {
        ada.emit_with_id(id, event, data).await;
        let refusal = ada.ack(id).await;
        assert_eq!((&refusal["ok"], &refusal["code"]), (&json!(false), &json!(code)), "{event} {data}");
        ada.emit(event, data).await;
        let exception = ada.expect("exception").await;
        assert_eq!((&exception["event"], &exception["code"]), (&json!(event), &json!(code)), "{event} {data}");
    }
    ada.emit_with_id(99, "NEW_MESSAGE", &json!({"receiverId": "ada", "content": "still here"})).await;
    ada.expect("MESSAGE_SENT").await;
    assert_eq!(ada.ack(99).await["ok"], true);
}

#[tokio::test]
async fn the_other_namespaces_answer_what_they_do_not_know() {
    let app = TestApp::start().await;
    for namespace in ["/realtime", "/notifications"] {
        let mut ada = app.join(namespace, "ada").await;
        ada.emit_with_id(0, "NEW_MESSAGE", &json!({"receiverId": "bob", "content": "hello"})).await;
        assert_eq!(ada.ack(0).await["code"], "unknown_event");
    }
}

#[tokio::test]
async fn stopping_disconnects_everyone_and_ends() {
    let app = TestApp::start().await;
    let ada = app.join("/messaging", "ada").await;
    let ((), is_closed) = tokio::join!(app.stop(), ada.closes());
    assert!(is_closed);
}
