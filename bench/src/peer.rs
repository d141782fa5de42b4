//! A Socket.IO peer written by hand over a TCP stream: it costs the load generator next to nothing.
//! Frames are masked with a zero key, so that masking is a no-op here and full work for the server.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n\
Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
Sec-WebSocket-Key: bmV4dXMtYmVuY2gtbG9hZA==\r\n\r\n";
const READ_CHUNK: usize = 4096;
const FIN_TEXT: u8 = 0x81;

/// One WebSocket connection.
pub(crate) struct Peer {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Peer {
    /// Opens a connection to the server on `port` and joins the root namespace.
    pub(crate) async fn join_root(port: u16) -> io::Result<Self> {
        let mut peer = Self::open(port).await?;
        peer.send("40").await?;
        peer.expect("40{").await?;
        Ok(peer)
    }

    /// Opens a connection to the server on `port` and joins nothing.
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut peer = Self { stream, buffer: BytesMut::new() };
        peer.stream.write_all(UPGRADE.as_bytes()).await?;
        peer.read_response_head().await?;
        peer.expect("0{").await?;
        Ok(peer)
    }

    /// Writes one text frame.
    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        let mut frame = Vec::with_capacity(text.len() + 14);
        frame.push(FIN_TEXT);
        match (u8::try_from(text.len()), u16::try_from(text.len())) {
            (Ok(short @ 0..=125), _) => frame.push(0x80 | short),
            (_, Ok(medium)) => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&medium.to_be_bytes());
            }
            _ => {
                return Err(io::Error::other("the load generator sends short frames only"));
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.stream.write_all(&frame).await
    }

    /// The next text frame that is not a heartbeat. Heartbeats are answered on the way.
    pub(crate) async fn text(&mut self) -> io::Result<BytesMut> {
        loop {
            let frame = self.frame().await?;
            if frame.as_ref() == b"2" {
                self.send("3").await?;
            } else {
                return Ok(frame);
            }
        }
    }

    /// Reads one text frame and checks how it starts.
    pub(crate) async fn expect(&mut self, start: &str) -> io::Result<()> {
        let text = self.text().await?;
        if text.starts_with(start.as_bytes()) {
            return Ok(());
        }
        let found = String::from_utf8_lossy(&text).into_owned();
        Err(io::Error::other(format!("expected {start:?}, the server sent {found:?}")))
    }

    async fn frame(&mut self) -> io::Result<BytesMut> {
        loop {
            if let Some((header, length)) = frame_bounds(&self.buffer)?
                && self.buffer.len() >= header + length
            {
                self.buffer.advance(header);
                return Ok(self.buffer.split_to(length));
            }
            self.fill().await?;
        }
    }

    async fn read_response_head(&mut self) -> io::Result<()> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                if !self.buffer.starts_with(b"HTTP/1.1 101") {
                    return Err(io::Error::other("the server refused the WebSocket upgrade"));
                }
                self.buffer.advance(end + 4);
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.reserve(READ_CHUNK);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Length of the header and of the payload of the frame at the start of `bytes`; `None` while the header is incomplete.
fn frame_bounds(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    match *bytes {
        [first, ..] if first != FIN_TEXT => {
            Err(io::Error::other(format!("expected a text frame, the server sent one that starts with {first:#04x}")))
        }
        [_, length @ 0..=125, ..] => Ok(Some((2, usize::from(length)))),
        [_, 126, high, low, ..] => Ok(Some((4, usize::from(u16::from_be_bytes([high, low]))))),
        [_, length, ..] if length > 126 => Err(io::Error::other("the server sent a masked or an oversized frame")),
        _ => Ok(None),
    }
}
