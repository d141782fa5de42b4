//! Servers that break the rules. Whatever they send, the client says why it hung up, and is well with the next one.

use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{super::dial::dial, Outcome, Server, within};
use crate::{
    driver::{Client, Tls},
    manager::{ConnectionStatus, DisconnectReason, TransportFailureKind, TransportRequest},
};

#[derive(Debug, PartialEq)]
enum Verdict {
    WebSocketBroken,
    ProtocolBroken,
}

fn verdict(reason: &DisconnectReason) -> Outcome<Verdict> {
    match reason {
        DisconnectReason::TransportFailed(failure) if failure.kind == TransportFailureKind::WebSocket => {
            Ok(Verdict::WebSocketBroken)
        }
        DisconnectReason::ProtocolError(_) => Ok(Verdict::ProtocolBroken),
        other => Err(format!("{other:?}").into()),
    }
}

/// Why the client hung up on a server that sends `bytes` after the join.
async fn reason_for(server: &Server, client: &Client, bytes: &[u8]) -> Outcome<DisconnectReason> {
    let mut status = client.status();
    let mut peer = server.accept_joined().await?;
    while within("a status", status.recv()).await?.ok_or("ended")?.status != ConnectionStatus::Connected {}
    // The client may have hung up before all is written.
    let _hung_up = peer.websocket.get_mut().write_all(bytes).await;
    let _hung_up = peer.websocket.get_mut().flush().await;
    let change = within("the end of the connection", status.recv()).await?.ok_or("ended")?;
    peer.closed().await?;
    Ok(change.reason.ok_or("no reason")?)
}

/// A text frame of a server.
fn text(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 126];
    frame.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(text.as_bytes());
    frame
}

#[tokio::test]
async fn broken_frames_end_the_connection_and_nothing_else() -> Outcome {
    let server = Server::start().await?;
    let mut config = server.config()?;
    config.limits.received_frame_bytes = 4096;
    config.reconnect.max_delay = config.reconnect.initial_delay; // no connection here lasts
    let client = Client::new(config)?;
    let oversize = {
        let mut frame = vec![0x82, 127];
        frame.extend_from_slice(&(1_u64 << 40).to_be_bytes());
        frame
    };
    let cases: [(&str, Vec<u8>, Verdict); 16] = [
        ("a reserved bit", vec![0xC1, 1, b'2'], Verdict::WebSocketBroken),
        ("a reserved opcode", vec![0x83, 0], Verdict::WebSocketBroken),
        ("a masked frame", vec![0x81, 0x81, 0, 0, 0, 0, b'2'], Verdict::WebSocketBroken),
        ("text that is not UTF-8", vec![0x81, 2, 0xC3, 0x28], Verdict::WebSocketBroken),
        ("a fragmented ping", vec![0x09, 0], Verdict::WebSocketBroken),
        ("a long ping", [&[0x89, 126, 0, 200][..], &[0; 200]].concat(), Verdict::WebSocketBroken),
        ("a continuation of nothing", vec![0x80, 0], Verdict::WebSocketBroken),
        ("a terabyte announced", oversize, Verdict::WebSocketBroken),
        ("more than the cap", text(&"x".repeat(5000)), Verdict::WebSocketBroken),
        ("no Engine.IO packet", text("x"), Verdict::ProtocolBroken),
        ("an empty frame", vec![0x81, 0], Verdict::ProtocolBroken),
        ("a second handshake", text(r#"0{"sid":"e"}"#), Verdict::ProtocolBroken),
        ("an unknown Socket.IO packet", text("49"), Verdict::ProtocolBroken),
        ("truncated JSON", text(r#"42/realtime,["x""#), Verdict::ProtocolBroken),
        ("an event that is no list", text("42/realtime,{}"), Verdict::ProtocolBroken),
        ("an attachment of nothing", vec![0x82, 1, 0], Verdict::ProtocolBroken),
    ];
    let connecting = async { client.connect("ada", "t").await };
    let serving = async {
        for (name, bytes, expected) in cases {
            let reason = reason_for(&server, &client, &bytes).await.map_err(|error| format!("{name}: {error}"))?;
            let verdict = verdict(&reason).map_err(|error| format!("{name}: {error}"))?;
            assert_eq!(verdict, expected, "{name}");
        }
        let mut peer = server.accept_joined().await?;
        client.emit("realtime", "well", &1)?;
        peer.expect(r#"42/realtime,["well",1]"#).await
    };
    let (connected, served) = tokio::join!(connecting, serving);
    served?;
    connected?;
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn an_endless_answer_to_the_handshake_is_cut_off() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let request = TransportRequest {
        url: format!("ws://{}/", listener.local_addr()?),
        headers: Vec::new(),
        max_frame_bytes: 1 << 20,
    };
    let answering = async {
        let (mut tcp, _) = listener.accept().await?;
        tcp.write_all(b"HTTP/1.1 101 Switching Protocols\r\n").await?;
        let mut written = 0_usize;
        while tcp.write_all(b"x-padding: ................................................\r\n").await.is_ok() {
            written += 60;
        }
        Outcome::Ok(written)
    };
    let (dialed, written) = within("the end", async { tokio::join!(dial(request, Tls::default()), answering) }).await?;
    assert_eq!(dialed.unwrap_err().kind, TransportFailureKind::WebSocket);
    // What fits into the system's buffers besides what the client read.
    assert!(written? < 64 << 20);
    Ok(())
}
