use std::fs;

use futures_util::{FutureExt, StreamExt};
use serde_json::json;

use super::{Outcome, Peer, Server, within};
use crate::{
    driver::{
        Client, DurableEmit, EmitFailed, NotAccepted, Notice,
        native::{self, store::Scratch},
    },
    manager::{Cancelled, DeliveryStatus, Emit, EmitError},
    socketio::{Namespace, Payload},
};

const GRANT: &str = r#"{"sid":"s","nx":{"v":1,"d":"G1"}}"#;

impl Peer {
    /// Answers the CONNECT of the primary namespace with the grant of a ledger.
    async fn grant(&mut self) -> Outcome {
        let connect = self.text().await?;
        assert!(connect.starts_with("40/realtime,"), "{connect}");
        self.send(&format!("40/realtime,{GRANT}")).await
    }

    /// Takes a durable event with this argument and gives the id of its packet.
    async fn durable(&mut self, argument: &str) -> Outcome<String> {
        let text = self.text().await?;
        let rest = text.strip_prefix("42/realtime,").ok_or("no event")?;
        let (id, event) = rest.split_once('[').ok_or("no arguments")?;
        assert!(event.starts_with(&format!(r#""SAVE",{argument},{{"$m":{{"id":"#)), "{text}");
        Ok(id.to_owned())
    }

    async fn done(&mut self, id: &str, answer: &str) -> Outcome {
        self.send(&format!(r#"43/realtime,{id}[{answer},{{"$m":{{"ok":1}}}}]"#)).await
    }
}

async fn connected(server: &Server, scratch: &Scratch) -> Outcome<(Client, Peer)> {
    let client = server.builder()?.store(scratch.path()).build()?;
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), async {
        let mut peer = server.accept().await?;
        peer.grant().await?;
        Outcome::Ok(peer)
    });
    connected?;
    Ok((client, peer?))
}

async fn ended(message: &DurableEmit) -> Outcome<native::Outcome> {
    Ok(within("the outcome", message.outcome()).await??)
}

#[tokio::test]
async fn a_durable_message_is_followed_to_its_acknowledgement() -> Outcome {
    let (server, scratch) = (Server::start().await?, Scratch::new());
    let (client, mut peer) = connected(&server, &scratch).await?;
    let mut notices = client.notices();
    let message = client.emit_durable("realtime", "SAVE", &1)?;
    let statuses = message.statuses();
    within("acceptance", message.accepted()).await??;
    assert!(scratch.files("outbox").iter().any(|file| fs::metadata(file).is_ok_and(|data| data.len() > 0)));
    let id = peer.durable("1").await?;
    peer.done(&id, r#"{"n":7}"#).await?;
    let answer = Payload::from_value(&json!({"n": 7}))?;
    assert_eq!(ended(&message).await?, native::Outcome::Acked(answer.clone()));
    assert_eq!(message.status(), DeliveryStatus::Acked(answer.clone()));
    let expected =
        [DeliveryStatus::Queued, DeliveryStatus::Persisted, DeliveryStatus::Sent, DeliveryStatus::Acked(answer)];
    assert_eq!(within("the end of the statuses", statuses.collect::<Vec<_>>()).await?, expected);
    let mut told = Vec::new();
    while told.len() < expected.len() {
        if let Some(Notice::Delivery { message: id, status }) = within("a notice", notices.recv()).await? {
            assert_eq!(id, message.id());
            told.push(status);
        }
    }
    assert_eq!(told, expected);
    client.close().await;
    assert!(scratch.files("outbox").is_empty(), "nothing is left to send");
    Ok(())
}

#[tokio::test]
async fn what_a_closed_client_leaves_the_next_one_sends() -> Outcome {
    let (server, scratch) = (Server::start().await?, Scratch::new());
    let (client, mut peer) = connected(&server, &scratch).await?;
    let sent = client.emit_durable("realtime", "SAVE", &1)?;
    peer.durable("1").await?;
    // Closed at once: the store is waited for.
    let late = client.emit_durable("realtime", "SAVE", &2)?;
    let (_, closed) = tokio::join!(client.close(), peer.closed());
    closed?;
    assert_eq!(late.accepted().await, Ok(()));
    assert!(sent.outcome().await.is_err() && late.outcome().await.is_err());

    let (client, mut peer) = connected(&server, &scratch).await?;
    let mut notices = client.notices();
    for argument in ["1", "2"] {
        let id = peer.durable(argument).await?;
        peer.done(&id, "true").await?;
    }
    while client.stats().manager.durable_messages > 0 {
        within("a notice", notices.recv()).await?;
    }
    client.close().await;
    assert!(scratch.files("outbox").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_live_client_takes_over_with_its_next_connection_what_another_left() -> Outcome {
    let (server, scratch) = (Server::start().await?, Scratch::new());
    let (client, peer) = connected(&server, &scratch).await?;
    let mut notices = client.notices();
    let (other, mut others_peer) = connected(&server, &scratch).await?;
    let left = other.emit_durable("realtime", "SAVE", &1)?;
    within("acceptance", left.accepted()).await??;
    others_peer.durable("1").await?;
    drop(others_peer);
    other.close().await;

    drop(peer);
    let mut peer = server.accept().await?;
    peer.grant().await?;
    peer.durable("1").await?;
    loop {
        let notice = within("the notice", notices.recv()).await?.ok_or("closed")?;
        if let Notice::Restored { messages, unreadable } = notice {
            assert_eq!((messages.len(), unreadable), (1, 0));
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_refuses_every_message() -> Outcome {
    let (server, scratch) = (Server::start().await?, Scratch::new());
    fs::write(scratch.path(), "a file where the directory should be")?;
    let client = server.builder()?.store(scratch.path()).build()?;
    let mut notices = client.notices();
    let mut connecting = Box::pin(client.connect("ada", "t"));
    assert!(connecting.as_mut().now_or_never().is_none());
    let message = client.emit_durable("realtime", "SAVE", &1)?;
    let refused = within("the refusal", message.accepted()).await?;
    assert_eq!(refused, Err(NotAccepted::Rejected { code: "STORAGE_UNAVAILABLE".into() }));
    assert!(matches!(ended(&message).await?, native::Outcome::Rejected { .. }));
    loop {
        if let Notice::StoreFailed(error) = within("the notice", notices.recv()).await?.ok_or("closed")? {
            assert_eq!(error.kind.code(), "STORAGE_UNAVAILABLE");
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_cancelled_message_is_never_sent() -> Outcome {
    let (server, scratch) = (Server::start().await?, Scratch::new());
    let (client, peer) = connected(&server, &scratch).await?;
    client.disconnect();
    drop(peer);
    let message = client.emit_durable("realtime", "SAVE", &1)?;
    within("acceptance", message.accepted()).await??;
    assert_eq!(client.cancel(message.id()), Ok(Cancelled::Unsent));
    assert_eq!(ended(&message).await?, native::Outcome::Cancelled { sent: false });
    client.close().await;
    let (client, mut peer) = connected(&server, &scratch).await?;
    client.emit("realtime", "after", &1)?;
    peer.expect(r#"42/realtime,["after",1]"#).await?;
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn without_a_store_nothing_is_durable() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    let _peer = peer?;
    let refused = client.emit_durable("realtime", "SAVE", &1);
    assert!(matches!(refused, Err(EmitFailed::Refused(EmitError::NoDurableStore))));
    let emit = Emit::new(Namespace::try_new("realtime")?, "SAVE", Payload::empty()).durable();
    assert!(matches!(client.send(emit), Err(EmitFailed::Refused(EmitError::NoDurableStore))));
    Ok(())
}
