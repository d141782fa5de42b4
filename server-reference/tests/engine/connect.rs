use std::{sync::Arc, time::Duration};

use nexus_server::{Config, ConnectError, ConnectRequest, DisconnectReason, Event, Socket};
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc};

use crate::support::{Client, Polling, start, within};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_sent_right_after_connect_is_lost() {
    let (_io, address) = start(Config::default(), |io| {
        io.of("/").authorize(|_: ConnectRequest| async {
            tokio::task::yield_now().await;
            Ok(())
        });
        io.of("/").on_connection(|socket: Socket| {
            socket.emit("hello", &1).unwrap();
            socket.on("e", |event: Event| async move { event.ack(&event.arg::<u32>(0).unwrap()).unwrap() });
        });
    })
    .await;
    for _ in 0..100 {
        let mut client = Client::join(address).await;
        for n in 0..10 {
            client.send(&format!(r#"42{n}["e",{n}]"#)).await;
        }
        assert_eq!(client.next_packet().await, r#"42["hello",1]"#, "what the callback emits comes after CONNECT");
        for n in 0..10 {
            assert_eq!(client.next_packet().await, format!("43{n}[{n}]"));
        }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Login {
    token: String,
}

#[tokio::test]
async fn authorisation_lets_in_with_data_and_refuses_with_data() {
    let (_io, address) = start(Config::default(), |io| {
        let namespace = io.of("private");
        namespace.authorize(|request: ConnectRequest| async move {
            assert_eq!(request.namespace(), "/private");
            match request.auth::<Login>() {
                Ok(login) if login.token == "good" => {
                    request.socket_data(login);
                    Ok(())
                }
                Ok(_) => Err(ConnectError::new("bad \"token\"").with_data(&["retry"]).unwrap()),
                Err(_) => panic!("no login"),
            }
        });
        namespace.on_connection(|socket: Socket| {
            let login = socket.data::<Login>().unwrap();
            assert!(socket.data::<String>().is_none());
            let handshake = socket.handshake();
            assert_eq!(handshake.query(), "EIO=4&transport=websocket");
            assert_eq!(handshake.header("upgrade"), Some("websocket"));
            assert!(handshake.remote_addr().is_some());
            assert!(!handshake.secure());
            socket.emit("login", &login.token).unwrap();
        });
    })
    .await;
    let mut client = Client::open(address).await;
    client.send(r#"40/private,{"token":"bad"}"#).await;
    assert_eq!(client.next_packet().await, r#"44/private,{"message":"bad \"token\"","data":["retry"]}"#);
    client.send("40/private,").await;
    assert_eq!(client.next_packet().await, r#"44/private,{"message":"Internal error","data":{"retryAfterMs":1000}}"#);
    client.send(r#"40/private,{"token":"good"}"#).await;
    assert!(client.next_packet().await.starts_with(r#"40/private,{"sid":""#));
    assert_eq!(client.next_packet().await, r#"42/private,["login","good"]"#);
    client.send("40/nowhere").await;
    assert_eq!(client.next_packet().await, r#"44/nowhere,{"message":"Invalid namespace"}"#);
}

#[tokio::test]
async fn slow_authorisation_holds_up_nobody_and_outlives_nobody() {
    let gate = Arc::new(Semaphore::new(0));
    let (entered, mut entries) = mpsc::unbounded_channel();
    let waiting = Arc::clone(&gate);
    let (io, address) = start(Config::default(), move |io| {
        io.of("/").on_connection(|socket: Socket| {
            socket.on("e", |event: Event| async move { event.ack(&1).unwrap() });
        });
        let slow = io.of("slow");
        slow.authorize(move |_| {
            let (waiting, entered) = (Arc::clone(&waiting), entered.clone());
            async move {
                entered.send("asked").unwrap();
                waiting.acquire().await.unwrap().forget();
                Ok(())
            }
        });
        slow.on_connection(|socket: Socket| socket.emit("in", &1).unwrap());
    })
    .await;
    let mut client = Client::join(address).await;
    client.send("40/slow").await;
    assert_eq!(within(entries.recv()).await, Some("asked"));
    client.send("40/slow").await;
    assert_eq!(client.next_packet().await, r#"44/slow,{"message":"Already connecting"}"#);
    client.send(r#"421["e"]"#).await;
    assert_eq!(client.next_packet().await, "431[1]");
    gate.add_permits(1);
    assert!(client.next_packet().await.starts_with("40/slow,"));
    assert_eq!(client.next_packet().await, r#"42/slow,["in",1]"#);

    // Left, and gone, while the application decides: nobody joins.
    let mut leaver = Client::join(address).await;
    leaver.send("40/slow").await;
    assert_eq!(within(entries.recv()).await, Some("asked"));
    leaver.send("41/slow").await;
    leaver.send(r#"422["e"]"#).await;
    assert_eq!(leaver.next_packet().await, "432[1]");
    gate.add_permits(1);
    let gone = Client::join(address).await;
    drop(gone);
    while io.metrics().open_sessions() > 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(io.of("slow").fetch_sockets().len(), 1);
}

#[tokio::test]
async fn who_joins_nothing_in_time_is_disconnected() {
    let config = Config { connect_timeout: Duration::from_millis(50), ..Config::default() };
    let (io, address) = start(config, |_| {}).await;
    let mut client = Client::open(address).await;
    assert_eq!(client.closed().await.map(|frame| u16::from(frame.code)), Some(1008));
    assert_eq!(io.metrics().open_sessions(), 0);
}

#[tokio::test]
async fn breaking_the_order_closes_the_connection() {
    for packets in [vec![r#"42["early"]"#], vec!["40", "40"], vec!["40", "42{}"], vec!["40", r#"42["disconnect"]"#]] {
        let (reasons, mut reason) = mpsc::unbounded_channel();
        let joins = packets.contains(&"40");
        let (_io, address) = start(Config::default(), move |io| {
            io.of("/").on_connection(move |socket: Socket| {
                let reasons = reasons.clone();
                socket.on_disconnect(move |reason| reasons.send(reason).unwrap());
            });
        })
        .await;
        let mut client = Client::open(address).await;
        for packet in &packets {
            client.send(packet).await;
        }
        client.closed().await;
        if joins {
            assert_eq!(within(reason.recv()).await, Some(DisconnectReason::ParseError), "{packets:?}");
        }
    }
}

#[tokio::test]
async fn auth_is_an_empty_object_where_the_client_sends_none() {
    let (_io, address) = start(Config::default(), |io| {
        io.of("/").on_connection(|socket: Socket| {
            socket.emit("auth", &socket.handshake().auth_json()).unwrap();
        });
    })
    .await;
    let client = Polling::open(address).await;
    assert_eq!(client.post("40").await.body, "ok");
    let polled = client.poll().await;
    assert!(polled.body.ends_with(r#"42["auth","{}"]"#), "{polled:?}");
    assert_eq!(polled.header("content-type"), Some("text/plain; charset=UTF-8"));
}
