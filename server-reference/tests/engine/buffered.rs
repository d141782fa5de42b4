//! Buffered events of clients that negotiated, as bytes: `docs/protocol.md`, "Uplink".

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use nexus_server::{BadInputKind, Config, ConnectRequest, DeliveryConfig, EmitError, Event, Io, Socket};
use tokio::sync::Semaphore;

use crate::support::{Client, Polling, start};

const JOIN: &str = r#"40{"user":"ada","nx":{"v":1,"ci":"Vb9"}}"#;

/// A server that notes what it is sent, and acknowledges it once it may.
struct Server {
    io: Io,
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    gate: Arc<Semaphore>,
}

impl Server {
    async fn start(config: DeliveryConfig) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let (log, held) = (Arc::clone(&seen), Arc::clone(&gate));
        let (io, address) = start(Config::default(), move |io| {
            let namespace = io.of("/");
            namespace.delivery(config);
            namespace.authorize(|request: ConnectRequest| async move {
                if let Ok(auth) = request.auth::<serde_json::Value>()
                    && let Some(user) = auth["user"].as_str()
                {
                    request.set_user(user);
                }
                Ok(())
            });
            namespace.on_connection(move |socket: Socket| {
                let (log, held) = (Arc::clone(&log), Arc::clone(&held));
                socket.on_any(move |event: Event| {
                    let (log, held) = (Arc::clone(&log), Arc::clone(&held));
                    async move {
                        assert!(!event.is_durable());
                        log.lock().unwrap().push(format!("{} {}", event.name(), event.payload().raw_args()));
                        let _permit = held.acquire().await.unwrap();
                        event.ack_payload(event.payload().clone()).unwrap();
                    }
                });
            });
        })
        .await;
        Self { io, address, seen, gate }
    }

    async fn join(&self, connect: &str) -> (String, Client) {
        let mut client = Client::open(self.address).await;
        client.send(connect).await;
        (client.next_packet().await, client)
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    async fn left(&self, sessions: u64) {
        while self.io.metrics().open_sockets() > sessions {
            tokio::task::yield_now().await;
        }
    }
}

fn generation(answer: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(&answer[2..]).unwrap();
    value["nx"]["b"].as_str().unwrap().to_owned()
}

fn event(id: u64, lowest: u64) -> String {
    format!(r#"{{"$m":{{"id":{id},"lo":{lowest}}}}}"#)
}

#[tokio::test]
async fn grant_is_for_who_asks_and_is_known() {
    let server = Server::start(DeliveryConfig::default()).await;
    let (granted, _client) = server.join(JOIN).await;
    assert_eq!(
        granted,
        format!(
            r#"{}","nx":{{"v":1,"b":"{}"}}}}"#,
            &granted[..granted.find(r#"","nx""#).unwrap()],
            generation(&granted)
        )
    );
    for connect in [
        "40",
        r#"40{"user":"ada"}"#,
        r#"40{"nx":{"v":1,"ci":"Vb9"}}"#,
        r#"40{"user":"ada","nx":{"v":0,"ci":"Vb9"}}"#,
        r#"40{"user":"ada","nx":{"v":1,"ci":"no name"}}"#,
    ] {
        let (answer, _client) = server.join(connect).await;
        assert!(!answer.contains(r#""nx":"#), "{connect}: {answer}");
    }
    let off = Server::start(DeliveryConfig { buffered: false, ..DeliveryConfig::default() }).await;
    assert!(off.join(JOIN).await.0.ends_with(r#","nx":{"v":1}}"#));
}

#[tokio::test]
async fn generation_lives_as_long_as_the_key_is_remembered() {
    let server = Server::start(DeliveryConfig { max_keys: 1, ..DeliveryConfig::default() }).await;
    let (first, client) = server.join(JOIN).await;
    let other = r#"40{"user":"ada","nx":{"v":1,"ci":"other"}}"#;
    assert!(server.join(other).await.0.ends_with(r#""nx":{"v":1}}"#), "no room");
    drop(client);
    server.left(0).await;
    let (second, client) = server.join(JOIN).await;
    assert_eq!(generation(&first), generation(&second));
    drop(client);
    server.left(0).await;
    let (_, client) = server.join(other).await;
    drop(client);
    server.left(0).await;
    assert_ne!(generation(&first), generation(&server.join(JOIN).await.0), "made anew");
}

#[tokio::test]
async fn marker_is_seen_by_nobody_and_what_came_is_told() {
    let server = Server::start(DeliveryConfig::default()).await;
    let (_, mut client) = server.join(JOIN).await;
    client.send(&format!(r#"427["e",1,{}]"#, event(1, 1))).await;
    assert_eq!(client.next_packet().await, "437[1]");
    assert_eq!(client.next_packet().await, r#"42["$nx",{"b":1}]"#);
    client.send(&format!(r#"42["e",{},{}]"#, event(9, 9), r#"{"$m":{}}"#)).await;
    client.send(r#"428["end"]"#).await;
    assert_eq!(client.next_packet().await, "438[]");
    assert_eq!(server.seen(), ["e 1", r#"e {"$m":{"id":9,"lo":9}}"#, "end "]);
    for id in 2..=33 {
        client.send(&format!(r#"42["e",{}]"#, event(id, 2))).await;
    }
    assert_eq!(client.next_packet().await, r#"42["$nx",{"b":33}]"#);
}

#[tokio::test]
async fn polling_clients_are_told_as_well() {
    let server = Server::start(DeliveryConfig::default()).await;
    let client = Polling::open(server.address).await;
    assert_eq!(client.post(JOIN).await.body, "ok");
    assert!(client.poll().await.body.contains(r#""nx":"#));
    assert_eq!(client.post(&format!(r#"42["e",{}]"#, event(1, 1))).await.body, "ok");
    assert_eq!(client.poll().await.body, r#"42["$nx",{"b":1}]"#);
}

#[tokio::test]
async fn what_comes_again_after_a_reconnect_does_not_run_twice_and_gets_its_acknowledgement() {
    let server = Server::start(DeliveryConfig::default()).await;
    server.gate.forget_permits(Semaphore::MAX_PERMITS);
    let (_, mut client) = server.join(JOIN).await;
    client.send(&format!(r#"420["e","a",{}]"#, event(1, 1))).await;
    client.send(&format!(r#"421["e","b",{}]"#, event(2, 1))).await;
    // The acknowledgement of what was received, and of neither event.
    assert_eq!(client.next_packet().await, r#"42["$nx",{"b":2}]"#);
    drop(client);
    server.left(0).await;

    let (_, mut client) = server.join(JOIN).await;
    client.send(&format!(r#"425["e","a",{}]"#, event(1, 1))).await;
    assert_eq!(client.next_packet().await, r#"42["$nx",{"b":2}]"#);
    server.gate.add_permits(1);
    assert_eq!(client.next_packet().await, r#"435["a"]"#, "it goes to who asked last");
    drop(client);
    server.left(0).await;

    let (_, mut client) = server.join(JOIN).await;
    client.send(&format!(r#"428["e","b",{}]"#, event(2, 2))).await;
    assert_eq!(client.next_packet().await, r#"438["b"]"#, "there was one already");
    assert_eq!(client.next_packet().await, r#"42["$nx",{"b":2}]"#);
    client.send(&format!(r#"429["e","c",{}]"#, event(3, 3))).await;
    assert_eq!(client.next_packet().await, r#"439["c"]"#);
    assert_eq!(server.seen(), [r#"e "a""#, r#"e "b""#, r#"e "c""#]);
    assert_eq!(server.io.metrics().events_repeated.value(), 2);
}

/// Four connections of one instance at the same time, as if the network had kept all it was ever given.
#[tokio::test(flavor = "multi_thread")]
async fn copies_by_many_connections_run_once() {
    const COUNT: usize = 500;
    let server = Server::start(DeliveryConfig::default()).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(server.join(JOIN).await.1);
    }
    let all = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            for id in 1..=COUNT {
                client.send(&format!(r#"42["e",{id},{}]"#, event(u64::try_from(id).unwrap(), 1))).await;
            }
            while client.next_packet().await != format!(r#"42["$nx",{{"b":{COUNT}}}]"#) {}
        })
    });
    for client in all.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let mut seen = server.seen();
    assert_eq!(seen.len(), COUNT);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), COUNT);
}

#[tokio::test]
async fn control_event_is_the_protocols_where_there_is_delivery() {
    let server = Server::start(DeliveryConfig::default()).await;
    let (_, _client) = server.join(JOIN).await;
    let namespace = server.io.of("/");
    let socket = namespace.fetch_sockets().remove(0);
    assert!(matches!(namespace.emit("$nx", &1), Err(EmitError::ReservedName(name)) if name == "$nx"));
    assert!(matches!(socket.emit("$nx", &1), Err(EmitError::ReservedName(_))));
    server.io.of("other").emit("$nx", &1).unwrap();
}

#[tokio::test]
async fn users_and_instances_do_not_share_a_ledger() {
    let server = Server::start(DeliveryConfig::default()).await;
    for connect in [JOIN, r#"40{"user":"bob","nx":{"v":1,"ci":"Vb9"}}"#, r#"40{"user":"ada","nx":{"v":1,"ci":"x"}}"#] {
        let (_, mut client) = server.join(connect).await;
        client.send(&format!(r#"427["e",{}]"#, event(1, 1))).await;
        assert_eq!(client.next_packet().await, "437[]");
    }
    assert_eq!(server.seen(), ["e ", "e ", "e "]);
}

#[tokio::test]
async fn hostile_markers_end_the_connection() {
    for hostile in [
        format!(r#"42["e",{}]"#, event(3, 1)),
        format!(r#"42["e",{}]"#, event(0, 0)),
        format!(r#"42["e",{}]"#, event(1, 2)),
        r#"42["e",{"$m":{"id":1}}]"#.to_owned(),
        r#"427["e",{"$m":{"id":1,"lo":1,"d":1}}]"#.to_owned(),
    ] {
        let server = Server::start(DeliveryConfig::default()).await;
        let (_, mut client) = server.join(JOIN).await;
        client.send(&format!(r#"42["e",{}]"#, event(1, 1))).await;
        client.send(&hostile).await;
        client.closed().await;
        assert_eq!(server.io.metrics().bad_input(BadInputKind::Marker), 1, "{hostile}");
        assert_eq!(server.seen(), ["e "], "{hostile}");
    }
}

#[tokio::test]
async fn stock_clients_see_and_send_what_they_always_did() {
    let server = Server::start(DeliveryConfig::default()).await;
    let (_, mut client) = server.join(r#"40{"user":"ada"}"#).await;
    client.send(&format!(r#"421["e",{}]"#, event(9, 9))).await;
    assert_eq!(client.next_packet().await, format!("431[{}]", event(9, 9)));
    client.send(r#"422["$nx",{"u":"k-1"}]"#).await;
    assert_eq!(client.next_packet().await, r#"432[{"u":"k-1"}]"#);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn positions_go_to_the_hook_and_other_control_is_counted() {
    let server = Server::start(DeliveryConfig::default()).await;
    let (told, mut positions) = tokio::sync::mpsc::unbounded_channel();
    server.io.of("/").on_position(move |socket, position| {
        told.send(format!("{} {position}", socket.user().unwrap_or_default())).unwrap();
    });
    let (_, mut client) = server.join(JOIN).await;
    for control in [r#"["$nx"]"#, r#"["$nx",{"u":"nonsense"}]"#, r#"["$nx",{"b":1}]"#, r#"["$nx",{"u":"k-18"}]"#] {
        client.send(&format!("42{control}")).await;
    }
    assert_eq!(crate::support::within(positions.recv()).await.as_deref(), Some("ada k-18"));
    assert_eq!(server.io.metrics().bad_input(BadInputKind::UnknownControl), 3);
    client.send(r#"421["e"]"#).await;
    assert_eq!(client.next_packet().await, "431[]");
    assert_eq!(server.seen(), ["e "], "control reaches no handler");
}
