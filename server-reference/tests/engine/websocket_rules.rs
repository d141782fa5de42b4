use std::net::SocketAddr;

use nexus_server::{BadInputKind, Config, DisconnectReason, Event, Socket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

use crate::support::{Client, start, within};

/// A WebSocket by hand: the handshake and the `open` frame are read.
async fn raw(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    let frame = frame(&mut stream).await.unwrap();
    assert_eq!((frame.0, frame.1[0]), (0x81, b'0'));
    stream
}

/// The first byte and the payload of the next frame.
async fn frame(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    within(async {
        let first = stream.read_u8().await?;
        let length = match stream.read_u8().await? {
            126 => usize::from(stream.read_u16().await?),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await?;
        Ok((first, payload))
    })
    .await
}

/// Masked with zeros, so the payload stands as it is.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

#[tokio::test]
async fn frames_against_the_rules_close_with_their_code() {
    let (reasons, mut reason) = mpsc::unbounded_channel();
    let (io, address) = start(Config { max_payload: 1_000, ..Config::default() }, move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            let reasons = reasons.clone();
            socket.on_disconnect(move |reason| reasons.send(reason).unwrap());
        });
    })
    .await;
    let oversize = [&[0x81, 0xfe, 0x03, 0xe9, 0, 0, 0, 0][..], &[b'4'; 1_001]].concat();
    let fragments = [masked(0x02, b""), masked(0x00, b"").repeat(100_000)].concat();
    let table: [(&str, Vec<u8>, u16); 8] = [
        ("reserved bit", masked(0xc1, b"4a"), 1002),
        ("reserved opcode", masked(0x83, b"4a"), 1002),
        ("unmasked", vec![0x81, 1, b'3'], 1002),
        ("fragmented control frame", masked(0x09, b""), 1002),
        ("bad UTF-8", masked(0x81, &[b'4', 0xff]), 1007),
        ("oversize", oversize, 1009),
        ("oversize by its header alone", vec![0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 1009),
        ("many tiny fragments", fragments, 1009),
    ];
    for (name, bytes, code) in &table {
        let mut stream = raw(address).await;
        stream.write_all(&masked(0x81, b"40")).await.unwrap();
        assert_eq!(frame(&mut stream).await.unwrap().0, 0x81);
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let closed = frame(&mut stream).await.unwrap();
        assert_eq!(closed, (0x88, code.to_be_bytes().to_vec()), "{name}");
        assert_eq!(within(reason.recv()).await, Some(DisconnectReason::TransportError), "{name}");
    }
    assert_eq!(io.metrics().bad_input(BadInputKind::WebSocket), table.len() as u64);
}

#[tokio::test]
async fn close_handshake_and_pings_of_the_websocket_layer() {
    let (_io, address) = start(Config::default(), |_| {}).await;
    let mut stream = raw(address).await;
    stream.write_all(&masked(0x89, b"beat")).await.unwrap();
    assert_eq!(frame(&mut stream).await.unwrap(), (0x8a, b"beat".to_vec()));
    stream.write_all(&masked(0x8a, b"")).await.unwrap();
    stream.write_all(&masked(0x88, &1000_u16.to_be_bytes())).await.unwrap();
    assert_eq!(frame(&mut stream).await.unwrap(), (0x88, 1000_u16.to_be_bytes().to_vec()));
    assert_eq!(within(stream.read(&mut [0; 8])).await.unwrap(), 0, "the server closes first");
}

#[tokio::test]
async fn bytes_that_come_with_the_handshake_are_not_lost() {
    let (_io, address) = start(Config::default(), |io| {
        io.of("/").on_connection(|socket: Socket| {
            socket.on("e", |event: Event| async move { event.ack(&1).unwrap() });
        });
    })
    .await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut bytes = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes();
    bytes.extend(masked(0x81, b"40"));
    stream.write_all(&bytes).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    assert_eq!(frame(&mut stream).await.unwrap().1[0], b'0');
    assert!(frame(&mut stream).await.unwrap().1.starts_with(b"40{"));
    for byte in masked(0x81, br#"421["e"]"#) {
        stream.write_all(&[byte]).await.unwrap();
    }
    assert_eq!(frame(&mut stream).await.unwrap().1, b"431[1]");
}

#[tokio::test]
async fn large_messages_pass_up_to_the_cap_both_ways() {
    let (_io, address) = start(Config { send_queue_bytes: 4 << 20, ..Config::default() }, |io| {
        io.of("/").on_connection(|socket: Socket| {
            socket.on("big", |event: Event| async move { event.ack_payload(event.payload().clone()).unwrap() });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    let text = "x".repeat(1_000_000 - r#"421["big",""]"#.len());
    client.send(&format!(r#"421["big","{text}"]"#)).await;
    assert_eq!(client.next_packet().await, format!(r#"431["{text}"]"#));
    client.send(&format!(r#"421["big","{text}x"]"#)).await;
    assert_eq!(client.closed().await.map(|frame| u16::from(frame.code)), Some(1009));
}
