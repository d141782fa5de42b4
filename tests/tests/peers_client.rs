//! Our client against the official `socket.io` server.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use nexus_core::{
    driver::{AckFailed, Client, ConnectFailed, Event, EventStream, Notice, StatusStream},
    manager::{
        AckError, Config, ConnectError, ConnectionStatus, Continuity, DisconnectReason, Emit, JoinFailure, LeaveReason,
    },
    socketio::{Namespace, Payload},
};
use nexus_tests::{NodeServer, NodeServerOptions, PATIENCE, within};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn config(url: &str) -> Outcome<Config> {
    let mut config = Config::new(url)?;
    config.reconnect.initial_delay = Duration::from_millis(50);
    config.reconnect.max_delay = Duration::from_millis(200);
    Ok(config)
}

/// A client whose primary namespace is the one that wants a token.
async fn connected(server: &NodeServer) -> Outcome<Client> {
    let client = Client::new(config(&server.url())?)?;
    within("connect", client.connect("ada", "good")).await??;
    Ok(client)
}

/// An event without arguments, acknowledged with one.
async fn ask(client: &Client, namespace: &str, event: &str) -> Outcome<Value> {
    let emit = Emit::new(Namespace::try_new(namespace)?, event, Payload::empty()).with_ack_timeout(PATIENCE);
    Ok(client.send_with_ack(emit).await?.arg(0)?)
}

async fn next(events: &mut EventStream) -> Outcome<Event> {
    Ok(within("an event", events.recv()).await?.ok_or("the stream has ended")?)
}

async fn reached(status: &mut StatusStream, wanted: ConnectionStatus) -> Outcome<Option<DisconnectReason>> {
    loop {
        let change = within("a status", status.recv()).await?.ok_or("the stream has ended")?;
        if change.status == wanted {
            return Ok(change.reason);
        }
    }
}

#[tokio::test]
async fn connects_with_auth() -> Outcome {
    let mut server = NodeServer::start().await?;
    let mut config = config(&server.url())?;
    config.auth_fields.insert("device", &json!({"name": "tests", "n": 1}))?;
    let client = Client::new(config)?;
    let mut welcome = client.events("realtime", "welcome")?;
    within("connect", client.connect("ada", "good")).await??;
    let seen = server.notice("connection").await?;
    assert_eq!(seen["ns"], "/realtime");
    assert_eq!(seen["transport"], "websocket");
    assert_eq!(seen["auth"]["token"], "good");
    assert_eq!(seen["auth"]["userId"], "ada");
    assert_eq!(seen["auth"]["device"], json!({"name": "tests", "n": 1}));
    assert_eq!(next(&mut welcome).await?.arg::<Value>(0)?, json!({"userId": "ada"}));
    client.close().await;
    assert_eq!(server.notice("disconnect").await?["reason"], "client namespace disconnect");
    Ok(())
}

#[tokio::test]
async fn a_refused_token_ends_the_connecting() -> Outcome {
    let server = NodeServer::start().await?;
    let client = Client::new(config(&server.url())?)?;
    let error = within("the refusal", client.connect("ada", "bad")).await?.unwrap_err();
    assert!(error.requires_sign_in(), "{error}");
    let ConnectFailed::NotConnected(ConnectError::AuthRejected(refusal)) = error else {
        return Err(format!("{error:?}").into());
    };
    assert_eq!(refusal.message, "unauthorized");
    assert_eq!(refusal.data.as_deref(), Some(r#"{"code":"unauthorized"}"#));
    assert_eq!(client.connection_status(), ConnectionStatus::Disconnected);
    within("connect", client.connect("ada", "good")).await??;
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn several_namespaces_share_one_connection() -> Outcome {
    let server = NodeServer::start().await?;
    let client = connected(&server).await?;
    let mut notices = client.notices();
    let mut ids = Vec::new();
    for name in ["/", "messaging", "notifications", "/a"] {
        let identity = ask(&client, name, "identity").await?;
        assert_eq!(identity["ns"], Namespace::try_new(name)?.as_str());
        ids.push(identity["id"].to_string());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    let stats = client.stats().manager;
    assert_eq!((stats.joined_namespaces, stats.counters.attempts), (5, 1));

    let refused = within("the refusal", client.join("private")).await?;
    assert!(
        matches!(
            &refused,
            Err(nexus_core::driver::JoinFailed::Failed(JoinFailure::Refused(error))) if error.message == "not for you"
        ),
        "{refused:?}"
    );
    let missing = within("the refusal", client.join("nowhere")).await?.unwrap_err();
    assert!(missing.to_string().contains("Invalid namespace"), "{missing}");

    client.emit("/a", "leave", &())?;
    loop {
        if let Notice::Left { namespace, reason } = within("a notice", notices.recv()).await?.ok_or("ended")? {
            assert_eq!((namespace.as_str(), reason), ("/a", LeaveReason::ServerDisconnect));
            break;
        }
    }
    client.leave("messaging")?;
    assert_eq!(client.emit_with_ack("/", "echo", &"still here").await?.arg::<String>(0)?, "still here");
    assert_eq!(client.connection_status(), ConnectionStatus::Connected);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn acks_go_both_ways() -> Outcome {
    let server = NodeServer::start().await?;
    let client = connected(&server).await?;
    let echoed = client.emit_with_ack("messaging", "echo", &json!({"a": [1, null, "x"]})).await?;
    assert_eq!(echoed.arg::<Value>(0)?, json!({"a": [1, null, "x"]}));
    let emit = Emit::new(Namespace::try_new("messaging")?, "echo", Payload::from_args(&(1, "two", [3]))?);
    assert_eq!(client.send_with_ack(emit).await?.raw_args(), r#"1,"two",[3]"#);

    let _answers = client.on("messaging", "question", |question| {
        let sum = question.arg::<i64>(0).unwrap_or_default() + question.arg::<i64>(1).unwrap_or_default();
        question.ack(&json!({"sum": sum})).unwrap();
    })?;
    let ask = Emit::new(Namespace::try_new("messaging")?, "ask", Payload::from_args(&("question", [2, 3]))?);
    assert_eq!(client.send_with_ack(ask).await?.arg::<Value>(0)?, json!({"replies": [{"sum": 5}]}));

    let silent = client.emit_with_ack_timeout("messaging", "silence", &1, Duration::from_millis(100)).await;
    assert!(matches!(silent, Err(AckFailed::Unacknowledged(AckError::TimedOut { sent: true }))), "{silent:?}");
    client.close().await;
    Ok(())
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Blob {
    name: String,
    bytes: Bytes,
}

#[tokio::test]
async fn binary_goes_both_ways() -> Outcome {
    let server = NodeServer::start().await?;
    let client = connected(&server).await?;
    let all: Bytes = (0..=255).collect();
    let blob = Blob { name: "all".to_owned(), bytes: all.clone() };
    let described: Value = client.emit_with_ack("realtime", "describe", &all).await?.arg(0)?;
    assert_eq!(described[0]["binary"], 256);
    // SHA-256 of the bytes 0 to 255.
    assert_eq!(described[0]["sha256"], "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880");
    assert_eq!(client.emit_with_ack("realtime", "echo", &blob).await?.arg::<Blob>(0)?, blob);

    let mut echoes = client.events("realtime", "echo")?;
    let args = Payload::from_args(&(&blob, "between", Bytes::new()))?;
    client.send(Emit::new(Namespace::try_new("realtime")?, "echo", args))?;
    let echo = next(&mut echoes).await?;
    assert_eq!(echo.payload().args::<(Blob, String, Bytes)>()?, (blob, "between".to_owned(), Bytes::new()));

    let _reverses = client.on("realtime", "question", |question| {
        let mut bytes = question.payload().binary(0).unwrap_or_default().to_vec();
        bytes.reverse();
        question.ack(&Bytes::from(bytes)).unwrap();
    })?;
    let ask = Payload::from_args(&("question", [Bytes::from_static(&[1, 2, 3])]))?;
    let report = client.send_with_ack(Emit::new(Namespace::try_new("realtime")?, "ask", ask)).await?;
    assert_eq!(&report.attachments()[0][..], [3, 2, 1]);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn text_survives_whatever_it_is() -> Outcome {
    let server = NodeServer::start().await?;
    let client = connected(&server).await?;
    let mut echoes = client.events("realtime", "echo")?;
    for text in ["Grüße, 世界", "👩‍🚀🦀", "\u{0}\u{1e}\u{2028}\"\\", "ق\u{202e}", "\u{10ffff}"] {
        let echoed = client.emit_with_ack("realtime", "echo", text).await?;
        assert_eq!(echoed.arg::<String>(0)?, text);
        client.emit("realtime", "echo", &json!({ text: text }))?;
        assert_eq!(next(&mut echoes).await?.arg::<Value>(0)?, json!({ text: text }));
    }
    let named = Emit::new(Namespace::try_new("realtime")?, "ask", Payload::from_args(&("событие \"x\"", [0; 0]))?);
    let _answers = client.on("realtime", "событие \"x\"", |event| event.ack("да").unwrap())?;
    assert_eq!(client.send_with_ack(named).await?.arg::<Value>(0)?, json!({"replies": ["да"]}));
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn events_of_a_megabyte_pass() -> Outcome {
    let server = NodeServer::start().await?;
    let client = connected(&server).await?;
    let text = "ä".repeat(500_000);
    assert_eq!(client.emit_with_ack("realtime", "echo", &text).await?.arg::<String>(0)?, text);
    let bytes = Bytes::from(vec![0x5a; 1_000_000]);
    assert_eq!(client.emit_with_ack("realtime", "echo", &bytes).await?.binary(0), Some(bytes));
    let mut large = client.events("realtime", "large")?;
    client.emit("realtime", "send-large", &1_000_000)?;
    let large = next(&mut large).await?;
    assert_eq!(large.arg::<String>(0)?.len(), 1_000_000);
    assert_eq!(large.payload().binary(1).map(|bytes| bytes.len()), Some(1_000_000));
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn more_than_the_server_takes_is_refused_here() -> Outcome {
    let server =
        NodeServer::start_with(NodeServerOptions { max_payload: 100_000, ..NodeServerOptions::default() }).await?;
    let client = connected(&server).await?;
    let error = client.emit("realtime", "echo", &"x".repeat(100_000)).unwrap_err();
    assert!(error.to_string().contains("100000"), "{error}");
    let fits = "x".repeat(99_000);
    assert_eq!(client.emit_with_ack("realtime", "echo", &fits).await?.arg::<String>(0)?, fits);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn ten_thousand_events_keep_their_order() -> Outcome {
    const COUNT: u64 = 10_000;
    let server = NodeServer::start().await?;
    let client = connected(&server).await?;
    let mut items = client.events("realtime", "item")?;
    client.emit("realtime", "send-items", &COUNT)?;
    for expected in 0..COUNT {
        let item = next(&mut items).await?;
        assert_eq!((item.arg::<u64>(0)?, item.missed()), (expected, 0));
    }

    for item in 0..COUNT {
        client.emit("realtime", "item", &item)?;
        if item % 500 == 499 {
            within("flush", client.flush()).await??;
        }
    }
    let report = ask(&client, "realtime", "items").await?;
    assert_eq!(report, json!({"count": COUNT, "inOrder": true, "first": 0, "last": COUNT - 1}));
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn pipelined_acks_come_in_order() -> Outcome {
    const COUNT: u64 = 20_000;
    let server = NodeServer::start().await?;
    let client = connected(&server).await?;
    let asks =
        (0..COUNT).map(|n| {
            let client = client.clone();
            async move {
                client.emit_with_ack("realtime", "number", &n).await?.arg::<u64>(0).map_err(Box::<dyn Error>::from)
            }
        });
    let mut answers = futures_util::stream::iter(asks).buffered(900);
    let mut expected = 0;
    while let Some(answer) = within("an ack", answers.next()).await? {
        assert_eq!(answer?, expected);
        expected += 1;
    }
    assert_eq!(expected, COUNT);
    let counters = client.stats().manager.counters;
    assert_eq!((counters.acks_timed_out, counters.acks_unknown), (0, 0));
    drop(answers);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_server_that_disconnects_is_obeyed() -> Outcome {
    let mut server = NodeServer::start().await?;
    let client = connected(&server).await?;
    let mut status = client.status();
    reached(&mut status, ConnectionStatus::Connected).await?;
    client.emit("realtime", "leave", &())?;
    let reason = reached(&mut status, ConnectionStatus::Disconnected).await?;
    assert_eq!(reason, Some(DisconnectReason::ServerDisconnect));
    assert_eq!(client.connection_status(), ConnectionStatus::Disconnected, "it does not come back by itself");

    within("connect", client.connect("ada", "good")).await??;
    reached(&mut status, ConnectionStatus::Connected).await?;
    server.command(json!({"do": "disconnect", "ns": "/realtime", "close": true})).await?;
    let reason = reached(&mut status, ConnectionStatus::Disconnected).await?;
    assert_eq!(reason, Some(DisconnectReason::ServerDisconnect));
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_cut_connection_is_made_good() -> Outcome {
    let mut server = NodeServer::start().await?;
    let client = connected(&server).await?;
    let mut status = client.status();
    reached(&mut status, ConnectionStatus::Connected).await?;
    server.command(json!({"do": "cut"})).await?;
    let reason = reached(&mut status, ConnectionStatus::Disconnected).await?.ok_or("no reason")?;
    assert!(
        matches!(reason, DisconnectReason::TransportClosed { .. } | DisconnectReason::TransportFailed(_)),
        "{reason:?}"
    );
    reached(&mut status, ConnectionStatus::Connected).await?;
    assert_eq!(client.emit_with_ack("realtime", "echo", &1).await?.arg::<u8>(0)?, 1);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn what_was_emitted_during_a_restart_arrives_after_it() -> Outcome {
    let server = NodeServer::start().await?;
    let client = connected(&server).await?;
    client.join("messaging").await?;
    let mut status = client.status();
    reached(&mut status, ConnectionStatus::Connected).await?;
    let stopped = server.kill().await?;
    reached(&mut status, ConnectionStatus::Disconnected).await?;
    reached(&mut status, ConnectionStatus::Reconnecting).await?;
    for item in 0..100 {
        client.emit("messaging", "item", &item)?;
    }
    let (server, report) = tokio::join!(stopped.restart(), ask(&client, "messaging", "items"));
    let _server = server?;
    assert_eq!(report?, json!({"count": 100, "inOrder": true, "first": 0, "last": 99}));
    assert_eq!(client.connection_status(), ConnectionStatus::Connected);
    assert_eq!(client.stats().manager.counters.reconnects, 1);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn heartbeats_keep_the_connection_and_pings_measure_it() -> Outcome {
    let options = NodeServerOptions { ping_interval: 200, ping_timeout: 1_200, ..NodeServerOptions::default() };
    let server = NodeServer::start_with(options).await?;
    let client = connected(&server).await?;
    let mut quality = client.quality();
    while client.average_latency().is_none() {
        within("a quality", quality.recv()).await?.ok_or("ended")?;
    }
    // Longer than the server would wait without an answer.
    let silent = client.emit_with_ack_timeout("realtime", "silence", &1, Duration::from_millis(1_700)).await;
    assert!(silent.is_err());
    let stats = client.stats().manager;
    assert_eq!((stats.status, stats.counters.attempts), (ConnectionStatus::Connected, 1));
    client.close().await;
    Ok(())
}

/// Cuts the connection of a client, has the server emit meanwhile, and gives how the joining after that went.
async fn miss(server: &mut NodeServer, client: &Client, commands: Vec<Value>) -> Outcome<Continuity> {
    let mut notices = client.notices();
    server.command(json!({"do": "cut"})).await?;
    let disconnect = server.notice("disconnect").await?;
    assert_eq!(disconnect.get("reason"), Some(&json!("transport close")));
    for command in commands {
        server.command(command).await?;
    }
    loop {
        if let Notice::Joined { continuity, .. } = within("a notice", notices.recv()).await?.ok_or("no more notices")? {
            return Ok(continuity);
        }
    }
}

/// Away long enough for the server to emit something.
fn patient(server: &NodeServer) -> Outcome<Client> {
    let mut config = config(&server.url())?;
    (config.reconnect.initial_delay, config.reconnect.max_delay) = (Duration::from_secs(1), Duration::from_secs(1));
    config.reconnect.jitter = 0.0;
    Ok(Client::new(config)?)
}

#[tokio::test]
async fn a_session_is_recovered_with_what_it_missed() -> Outcome {
    let options = NodeServerOptions { recovers: true, ..NodeServerOptions::default() };
    let mut server = NodeServer::start_with(options).await?;
    let client = patient(&server)?;
    let mut news = client.events("realtime", "news")?;
    within("connect", client.connect("ada", "good")).await??;
    let emit = |args: Value| json!({"do": "emit", "ns": "/realtime", "event": "news", "args": args});
    let binary = json!({"do": "emit-binary", "ns": "/realtime", "event": "news", "bytes": [1, 2]});

    // Before any event came there is no offset, and stock servers recover nothing without one.
    server.command(emit(json!([1, "text"]))).await?;
    assert_eq!(next(&mut news).await?.payload().raw_args(), r#"1,"text""#, "the offset is not the application's");

    let continuity = miss(&mut server, &client, vec![emit(json!([2])), binary, emit(json!([]))]).await?;
    assert_eq!(continuity, Continuity::Recovered);
    assert_eq!(next(&mut news).await?.payload().raw_args(), "2");
    let bytes = next(&mut news).await?;
    assert_eq!((bytes.payload().len(), bytes.payload().binary(0)), (1, Some(Bytes::from_static(&[1, 2]))));
    assert!(next(&mut news).await?.payload().is_empty());

    let continuity = miss(&mut server, &client, vec![emit(json!([3]))]).await?;
    assert_eq!(continuity, Continuity::Recovered, "again, from the last offset");
    assert_eq!(next(&mut news).await?.payload().raw_args(), "3");
    let counters = client.stats().manager.counters;
    assert_eq!((counters.recovered, counters.gaps, counters.duplicates_dropped), (2, 0, 0));
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn what_a_server_does_not_recover_is_a_gap() -> Outcome {
    let mut server = NodeServer::start().await?;
    let client = patient(&server)?;
    within("connect", client.connect("ada", "good")).await??;
    let continuity = miss(&mut server, &client, Vec::new()).await?;
    assert_eq!(continuity, Continuity::Gap { inbox_complete: false, lost: 0 });
    client.close().await;
    Ok(())
}
