use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{super::dial::dial, Outcome, Server, within};
use crate::{
    driver::{Client, ConnectFailed, Notice, StatusStream, Tls, TokenProvider},
    manager::{
        Config, ConnectError, ConnectionStatus, DisconnectReason, Token, TokenReason, TransportFailureKind,
        TransportRequest,
    },
};

async fn next_status(stream: &mut StatusStream) -> Outcome<(ConnectionStatus, Option<DisconnectReason>)> {
    let change = within("a status", stream.recv()).await?.ok_or("the stream has ended")?;
    Ok((change.status, change.reason))
}

#[tokio::test]
async fn connect_resolves_when_the_primary_namespace_is_joined() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let mut status = client.status();
    let serve = async {
        let mut peer = server.accept().await?;
        let auth = peer.join("/realtime").await?;
        let auth: serde_json::Value = serde_json::from_str(&auth)?;
        assert_eq!(auth["token"], "secret");
        assert_eq!(auth["userId"], "ada");
        Outcome::Ok(peer)
    };
    let (connected, peer) = tokio::join!(client.connect("ada", "secret"), serve);
    connected?;
    let peer = peer?;
    assert_eq!(client.connection_status(), ConnectionStatus::Connected);
    for expected in [ConnectionStatus::Disconnected, ConnectionStatus::Connecting, ConnectionStatus::Connected] {
        assert_eq!(next_status(&mut status).await?, (expected, None));
    }
    client.connect("ada", "secret").await?; // the same again: nothing happens
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn connecting_goes_on_when_nobody_waits_for_it() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let mut status = client.status();
    let mut forgotten = Box::pin(client.connect("ada", "t"));
    assert!(forgotten.as_mut().now_or_never().is_none());
    drop(forgotten);
    let peer = server.accept_joined().await?;
    while next_status(&mut status).await?.0 != ConnectionStatus::Connected {}
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_refused_token_is_a_typed_error() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let serve = async {
        let mut peer = server.accept().await?;
        peer.text().await?;
        peer.send(r#"44/realtime,{"message":"unauthorized","data":{"code":"unauthorized"}}"#).await?;
        Outcome::Ok(peer)
    };
    let (connected, peer) = tokio::join!(client.connect("ada", "bad"), serve);
    let peer = peer?;
    let error = connected.unwrap_err();
    assert!(error.requires_sign_in() && error.is_final(), "{error}");
    assert!(matches!(error, ConnectFailed::NotConnected(ConnectError::AuthRejected(_))), "{error}");
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_token_provider_is_asked_again_when_its_token_is_refused() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let provider = TokenProvider::new({
        let reasons = Arc::clone(&reasons);
        move |reason| {
            reasons.lock().unwrap().push(reason);
            async move { Ok(Token::from(if reason == TokenReason::Rejected { "fresh" } else { "stale" })) }
        }
    });
    let serve = async {
        // The manager may ask on the same connection or on another.
        let mut peer = server.accept().await?;
        assert!(peer.text().await?.contains("stale"));
        peer.send(r#"44/realtime,{"message":"unauthorized","data":{"code":"unauthorized"}}"#).await?;
        loop {
            tokio::select! {
                text = peer.text() => match text {
                    Ok(text) if text.contains("fresh") => break,
                    Ok(_) => {}
                    Err(_) => peer = server.accept().await?,
                },
                other = server.accept() => peer = other?,
            }
        }
        peer.send(r#"40/realtime,{"sid":"s"}"#).await?;
        Outcome::Ok(peer)
    };
    let (connected, peer) = tokio::join!(client.connect("ada", provider), serve);
    connected?;
    let peer = peer?;
    assert_eq!(*reasons.lock().unwrap(), [TokenReason::Connecting, TokenReason::Rejected]);
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_panicking_token_provider_is_a_failure_that_may_pass() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let count = Arc::new(Mutex::new(0));
    let provider = TokenProvider::new({
        let count = Arc::clone(&count);
        move |_| {
            let mut count = count.lock().unwrap();
            *count += 1;
            let first = *count == 1;
            async move {
                assert!(!first, "the first time it fails");
                Ok(Token::from("good"))
            }
        }
    });
    let serve = async {
        loop {
            if let Ok(peer) = server.accept_joined().await {
                break peer;
            }
        }
    };
    let (connected, peer) = tokio::join!(client.connect("ada", provider), within("a join", serve));
    connected?;
    assert_eq!(*count.lock().unwrap(), 2);
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_loss_is_reported_and_made_good() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    let mut status = client.status();
    assert_eq!(next_status(&mut status).await?.0, ConnectionStatus::Connected);

    let mut peer = peer?;
    let frame = CloseFrame { code: CloseCode::Away, reason: "moving".into() };
    peer.websocket.send(Message::Close(Some(frame))).await?;
    peer.closed().await?;
    let (lost, reason) = next_status(&mut status).await?;
    assert_eq!(lost, ConnectionStatus::Disconnected);
    let reason = reason.ok_or("no reason")?;
    assert!(
        matches!(&reason, DisconnectReason::TransportClosed { code: Some(1001), text } if &**text == "moving"),
        "{reason:?}"
    );
    assert_eq!(next_status(&mut status).await?, (ConnectionStatus::Reconnecting, None));

    client.emit("realtime", "kept", &1)?;
    let mut peer = server.accept_joined().await?;
    assert_eq!(next_status(&mut status).await?, (ConnectionStatus::Connected, None));
    peer.expect(r#"42/realtime,["kept",1]"#).await?;

    drop(peer); // without a word
    assert_eq!(next_status(&mut status).await?.0, ConnectionStatus::Disconnected);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn heartbeats_and_websocket_pings_are_answered() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    let mut peer = peer?;
    peer.send("2").await?;
    peer.expect("3").await?;
    peer.websocket.send(Message::Ping("are you there".into())).await?;
    loop {
        match peer.message().await? {
            Message::Pong(payload) => break assert_eq!(&payload[..], b"are you there"),
            Message::Ping(_) => {} // a probe of the client
            other => return Err(format!("{other:?}").into()),
        }
    }
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn latency_is_measured_with_websocket_pings() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    let mut peer = peer?;
    let mut quality = client.quality();
    let answering = async { while peer.message().await.is_ok() {} }; // reading answers pings
    let measured = async {
        while client.average_latency().is_none() {
            within("a quality", quality.recv()).await?.ok_or("ended")?;
        }
        Outcome::Ok(())
    };
    tokio::select! {
        () = answering => return Err("the connection was lost".into()),
        measured = measured => measured?,
    }
    drop(peer);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_change_of_network_is_verified_with_a_ping() -> Outcome {
    let server = Server::start().await?;
    let client = server.client()?;
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    let mut peer = peer?;
    let Message::Ping(first) = peer.message().await? else { return Err("no probe after the join".into()) };
    client.network_changed(true);
    let Message::Ping(second) = peer.message().await? else { return Err("no ping".into()) };
    assert_ne!(first, second);
    client.emit("realtime", "n", &1)?;
    peer.expect(r#"42/realtime,["n",1]"#).await?;
    assert_eq!(client.stats().manager.counters.attempts, 1, "the connection is good");

    client.enter_background();
    client.enter_foreground();
    assert!(matches!(peer.message().await?, Message::Ping(_)));
    drop(peer);
    client.close().await;
    Ok(())
}

/// Answers one HTTP request with `response` and gives the request.
async fn answer_http(listener: &TcpListener, response: &str) -> Outcome<String> {
    let (mut tcp, _) = listener.accept().await?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(tcp.read_u8().await?);
    }
    tcp.write_all(response.as_bytes()).await?;
    Ok(String::from_utf8(request)?)
}

fn request(url: String) -> TransportRequest {
    TransportRequest { url, headers: Vec::new(), max_frame_bytes: 1 << 20 }
}

#[tokio::test]
async fn redirects_are_failures_and_never_followed() -> Outcome {
    let other = TcpListener::bind("127.0.0.1:0").await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut config = Config::new(&format!("http://{}", listener.local_addr()?))?;
    config.headers.push(("x-app".to_owned(), "1".to_owned()));
    let client = Client::new(config)?;
    let mut notices = client.notices();
    let response = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/socket.io/\r\nContent-Length: 0\r\n\r\n",
        other.local_addr()?
    );
    let connecting = client.connect("ada", "secret");
    tokio::pin!(connecting);
    let reason = tokio::select! {
        result = &mut connecting => return Err(format!("{result:?}").into()),
        reason = async {
            let request = answer_http(&listener, &response).await?;
            assert!(request.starts_with("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"), "{request}");
            assert!(request.contains("x-app: 1\r\n") && !request.contains("secret"), "{request}");
            loop {
                let notice = within("a notice", notices.next()).await?.ok_or("ended")?;
                if let Notice::RetryScheduled { reason, .. } = notice {
                    return Outcome::Ok(reason);
                }
            }
        } => reason?,
    };
    let DisconnectReason::TransportFailed(failure) = reason else { return Err(format!("{reason:?}").into()) };
    assert_eq!(failure.kind, TransportFailureKind::Http { status: 302 });
    assert!(other.accept().now_or_never().is_none(), "the redirect was followed");
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_server_that_asks_for_patience_is_heard() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let response = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    let (failed, request_seen) = tokio::join!(dial(request(url), Tls::default()), answer_http(&listener, response));
    request_seen?;
    let failure = failed.unwrap_err();
    assert_eq!(failure.kind, TransportFailureKind::Http { status: 503 });
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    Ok(())
}

#[tokio::test]
async fn what_prevents_a_connection_is_told_apart() -> Outcome {
    let refused = {
        let gone = TcpListener::bind("127.0.0.1:0").await?;
        gone.local_addr()?
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let failure = dial(request(format!("ws://{refused}/")), Tls::default()).await.unwrap_err();
    assert_eq!(failure.kind, TransportFailureKind::Connect);
    let failure = dial(request("ws://name.invalid/".to_owned()), Tls::default()).await.unwrap_err();
    assert_eq!(failure.kind, TransportFailureKind::Resolve);
    let url = format!("ws://{}/", listener.local_addr()?);
    let nonsense = async {
        let (mut tcp, _) = listener.accept().await?;
        tcp.write_all(b"220 smtp.example.com ESMTP\r\n\r\n").await?;
        Outcome::Ok(tcp)
    };
    let (failed, tcp) = tokio::join!(dial(request(url), Tls::default()), nonsense);
    drop(tcp?);
    assert_eq!(failed.unwrap_err().kind, TransportFailureKind::WebSocket);
    Ok(())
}
