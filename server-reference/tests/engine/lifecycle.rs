use std::time::Duration;

use nexus_server::{Config, DisconnectReason, EngineIo, Event, Socket};
use tokio::sync::mpsc;

use crate::support::{Client, Polling, answer, fetch, serve, start, within};

#[tokio::test]
async fn reasons_say_how_a_socket_ended() {
    let (reasons, mut reason) = mpsc::unbounded_channel();
    let config = Config {
        ping_interval: Duration::from_millis(50),
        ping_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let (io, address) = start(config, move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            let reasons = reasons.clone();
            socket.on_disconnect(move |reason| reasons.send(reason).unwrap());
        });
    })
    .await;
    let mut client = Client::join(address).await;
    client.send("41").await;
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::ClientDisconnect));

    let mut client = Client::join(address).await;
    client.send("1").await;
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::TransportClose));
    client.closed().await;

    let mut client = Client::join(address).await;
    client.socket.close(None).await.unwrap();
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::TransportClose));
    client.closed().await;

    drop(Client::join(address).await);
    let lost = within(reason.recv()).await;
    assert!(matches!(lost, Some(DisconnectReason::TransportClose | DisconnectReason::TransportError)), "{lost:?}");

    let mut client = Client::join(address).await;
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::PingTimeout));
    client.closed().await;
    assert_eq!(io.metrics().open_sockets(), 0);
}

#[tokio::test]
async fn events_before_a_disconnect_are_handled_before_it() {
    let (log, mut entries) = mpsc::unbounded_channel();
    let (_io, address) = start(Config::default(), move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            socket.ordered(true);
            let (handled, left) = (log.clone(), log.clone());
            socket.on("e", move |event: Event| {
                let handled = handled.clone();
                async move {
                    tokio::task::yield_now().await;
                    handled.send(format!("event {}", event.arg::<u32>(0).unwrap())).unwrap();
                }
            });
            socket.on_disconnect(move |reason| left.send(reason.to_string()).unwrap());
        });
    })
    .await;
    let mut client = Client::join(address).await;
    for packet in [r#"42["e",1]"#, r#"42["e",2]"#, "41"] {
        client.send(packet).await;
    }
    for entry in ["event 1", "event 2", "client namespace disconnect"] {
        assert_eq!(within(entries.recv()).await.as_deref(), Some(entry));
    }
}

#[tokio::test]
async fn closing_flushes_tells_handlers_and_refuses_newcomers() {
    let (reasons, mut reason) = mpsc::unbounded_channel();
    let (io, address) = start(Config::default(), move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            let reasons = reasons.clone();
            socket.on_disconnect(move |reason| reasons.send(reason).unwrap());
        });
    })
    .await;
    let mut client = Client::join(address).await;
    let polling = Polling::open(address).await;
    polling.post("40").await;
    polling.poll().await;
    let waiting = polling.start_poll().await;
    while io.of("/").fetch_sockets().len() < 2 {
        tokio::task::yield_now().await;
    }
    io.of("/").emit("last words", &1).unwrap();
    let closing = tokio::spawn({
        let io = io.clone();
        async move { io.close().await }
    });
    assert_eq!(client.next_packet().await, r#"42["last words",1]"#);
    assert_eq!(client.closed().await.map(|frame| u16::from(frame.code)), Some(1001));
    assert!(answer(waiting).await.body.starts_with(r#"42["last words",1]"#));
    within(closing).await.unwrap();
    for _ in 0..2 {
        assert_eq!(within(reason.recv()).await, Some(DisconnectReason::ShuttingDown));
    }
    assert_eq!(fetch(address, "GET", "/socket.io/?EIO=4&transport=polling", "", "").await.status, 503);
    assert_eq!(io.metrics().open_sessions(), 0);
}

#[tokio::test]
async fn closing_waits_for_hung_handlers_only_so_long() {
    let config = Config { close_timeout: Duration::from_millis(50), ..Config::default() };
    let (io, address) = start(config, |io| {
        io.of("/").on_connection(|socket: Socket| {
            socket.on("hang", |event: Event| {
                event.ack(&1).unwrap();
                std::future::pending()
            });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    client.send(r#"421["hang"]"#).await;
    assert_eq!(client.next_packet().await, "431[1]");
    within(io.close()).await;
}

#[tokio::test]
async fn engine_io_by_itself_sends_every_message_back() {
    let echo = EngineIo::new(Config::default(), |connection, frame| {
        assert!(connection.send(&frame));
    });
    let address = serve(echo.router()).await;
    let (_, mut client) = Client::open_at(address, "/engine.io/?EIO=4&transport=websocket").await;
    client.send("4hello").await;
    assert_eq!(client.next_text().await, "4hello");
    client.send_binary(&[1, 2, 3]).await;
    assert_eq!(client.next().await.into_data().as_ref(), [1, 2, 3]);
    client.send("abc").await;
    client.closed().await;
    while echo.metrics().open_sessions() > 0 {
        tokio::task::yield_now().await;
    }
    within(echo.close()).await;
}
