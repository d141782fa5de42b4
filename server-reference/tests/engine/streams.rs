use std::net::SocketAddr;

use axum::Router;
use futures_util::{SinkExt, StreamExt};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use nexus_server::{Config, Event, HttpServer, Io, Socket};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::support::{Client, Polling, request, within};

fn echo(io: &Io) {
    io.of("/").on_connection(|socket: Socket| {
        socket.on("echo", |event: Event| async move { event.ack_payload(event.payload().clone()).unwrap() });
    });
}

#[tokio::test]
async fn websocket_over_a_stream_that_is_no_tcp() {
    let io = Io::new(Config::default());
    echo(&io);
    let (ours, theirs) = tokio::io::duplex(100);
    let service = TowerToHyperService::new(io.router());
    tokio::spawn(async move {
        let builder = hyper::server::conn::http1::Builder::new();
        builder.serve_connection(TokioIo::new(theirs), service).with_upgrades().await
    });
    let url = "ws://localhost/socket.io/?EIO=4&transport=websocket";
    let (mut socket, _) = within(client_async(url, ours)).await.unwrap();
    let open = within(socket.next()).await.unwrap().unwrap();
    assert!(open.to_text().unwrap().starts_with("0{"));
    socket.send(Message::text("40")).await.unwrap();
    assert!(within(socket.next()).await.unwrap().unwrap().to_text().unwrap().starts_with("40{"));
    let text = "x".repeat(10_000);
    socket.send(Message::text(format!(r#"421["echo","{text}"]"#))).await.unwrap();
    assert_eq!(within(socket.next()).await.unwrap().unwrap().to_text().unwrap(), format!(r#"431["{text}"]"#));
}

#[tokio::test]
async fn http_server_hears_the_last_request_of_who_leaves_at_once() {
    let (heard, mut events) = mpsc::unbounded_channel();
    let io = Io::new(Config::default());
    io.of("/").on_connection(move |socket: Socket| {
        let heard = heard.clone();
        socket.on_any(move |event: Event| {
            heard.send(event.name().to_owned()).unwrap();
            std::future::ready(())
        });
    });
    let server = HttpServer::bind(SocketAddr::from(([127, 0, 0, 1], 0)), io.router()).await.unwrap();
    let address = server.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.accept_until(async { drop(stopped.await) }));
    let polling = Polling::open(address).await;
    polling.post("40").await;
    polling.poll().await;
    let leaving = request(address, "POST", &polling.path, "", r#"42["goodbye"]"#).await;
    drop(leaving);
    assert_eq!(within(events.recv()).await.as_deref(), Some("goodbye"));

    let mut client = Client::join(address).await;
    client.send(r#"42["hello"]"#).await;
    assert_eq!(within(events.recv()).await.as_deref(), Some("hello"));
    stop.send(()).unwrap();
    let draining = within(serving).await.unwrap();
    io.close().await;
    client.closed().await;
    within(draining.finish()).await;
}

#[tokio::test]
async fn clients_that_come_in_one_moment_need_not_be_accepted_to_be_connected() {
    let server = HttpServer::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Router::new()).await.unwrap();
    let address = server.local_addr().unwrap();
    // What the system allows at most.
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|text| text.trim().parse().ok());
    let count = most.unwrap_or(128).min(500);
    let connecting = (0..count).map(|_| TcpStream::connect(address));
    let connected = within(futures_util::future::try_join_all(connecting)).await.unwrap();
    assert_eq!(connected.len(), count, "and nobody has accepted one");
    drop(server);
}
