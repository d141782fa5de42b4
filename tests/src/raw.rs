//! HTTP and WebSocket by hand, for requests and frames that a well-behaved client would not send.

use std::{
    io::{self, Error, ErrorKind},
    net::SocketAddr,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long anything may take before a test fails.
pub const FAILURE_BOUND: Duration = Duration::from_secs(20);

/// Fails with `TimedOut` after [`FAILURE_BOUND`].
async fn bounded<T>(what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(FAILURE_BOUND, what).await.map_err(|_| Error::from(ErrorKind::TimedOut))?
}

/// An HTTP response, read whole.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body, with chunks put together.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header of this name (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request on a connection of its own.
///
/// # Errors
/// When the connection fails, or the answer is no HTTP.
pub async fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(&request_bytes(addr, method, path, headers, body)).await?;
    response(&mut stream).await
}

/// The bytes of a request that asks for the connection to be closed after it.
#[must_use]
pub fn request_bytes(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Reads a response up to the end of the connection.
///
/// # Errors
/// When the connection fails, or what came is no HTTP.
pub async fn response(stream: &mut TcpStream) -> io::Result<Response> {
    let mut bytes = Vec::new();
    let read = bounded(stream.read_to_end(&mut bytes)).await;
    // A server that refuses a body resets the connection behind its answer.
    if let Err(error) = read
        && bytes.is_empty()
    {
        return Err(error);
    }
    let (head, body) = split_head(&bytes).ok_or_else(|| Error::new(ErrorKind::InvalidData, "no end of the head"))?;
    let (status, headers) = parse_head(&head)?;
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked { dechunk(body) } else { body.to_vec() };
    Ok(Response { status, headers, body })
}

fn split_head(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, rest) = bytes.split_at(end);
    Some((String::from_utf8_lossy(head).into_owned(), rest.get(4..)?))
}

fn parse_head(head: &str) -> io::Result<(u16, Vec<(String, String)>)> {
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, "no status line"))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok((status, headers))
}

fn dechunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let (size, rest) = body.split_at(end);
        let size = std::str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let Some(size @ 1..) = size else { break };
        let Some(chunk) = rest.get(2..2 + size) else { break };
        whole.extend_from_slice(chunk);
        body = rest.get(4 + size..).unwrap_or_default();
    }
    whole
}

/// Opcodes of RFC 6455, section 5.2.
pub mod opcode {
    /// A fragment that continues a message.
    pub const CONTINUATION: u8 = 0x0;
    /// Text.
    pub const TEXT: u8 = 0x1;
    /// Binary.
    pub const BINARY: u8 = 0x2;
    /// Close.
    pub const CLOSE: u8 = 0x8;
    /// Ping.
    pub const PING: u8 = 0x9;
    /// Pong.
    pub const PONG: u8 = 0xa;
}

/// A WebSocket frame as it goes over the wire, valid or not.
#[derive(Debug, Clone)]
pub struct RawFrame {
    /// The first byte: FIN, three reserved bits, opcode.
    pub first: u8,
    /// Whether the payload is masked, as a client must.
    pub masked: bool,
    /// The payload.
    pub payload: Vec<u8>,
}

impl RawFrame {
    /// A final, masked frame.
    #[must_use]
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { first: 0x80 | opcode, masked: true, payload: payload.into() }
    }

    /// A fragment that is not the last.
    #[must_use]
    pub fn fragment(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { first: opcode, ..Self::new(opcode, payload) }
    }

    /// The bytes of the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
        let mask_bit = if self.masked { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match self.payload.len() {
            len @ 0..=125 => bytes.push(mask_bit | u8::try_from(len).unwrap_or(125)),
            len @ 126..=0xffff => {
                bytes.push(mask_bit | 126);
                bytes.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
            }
            len => {
                bytes.push(mask_bit | 127);
                bytes.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend_from_slice(&MASK);
            bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend_from_slice(&self.payload);
        }
        bytes
    }
}

/// A WebSocket connection driven frame by frame.
#[derive(Debug)]
pub struct RawWebSocket {
    stream: TcpStream,
    received: Vec<u8>,
}

/// How a connection ended, as its client saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a close frame that has this code.
    Code(u16),
    /// With a close frame without a code.
    NoCode,
    /// Without a close frame.
    Dropped,
}

impl RawWebSocket {
    /// Opens a connection and upgrades it.
    ///
    /// # Errors
    /// When the connection fails or the server does not switch protocols.
    pub async fn connect(addr: SocketAddr, path: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut received = Vec::new();
        let head = loop {
            if let Some((head, rest)) = split_head(&received) {
                let rest = rest.to_vec();
                received = rest;
                break head;
            }
            if bounded(stream.read_buf(&mut received)).await? == 0 {
                return Err(Error::from(ErrorKind::UnexpectedEof));
            }
        };
        match parse_head(&head)? {
            (101, _) => Ok(Self { stream, received }),
            (status, _) => Err(Error::other(format!("the server answered {status}"))),
        }
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        bounded(self.stream.write_all(bytes)).await
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, frame: &RawFrame) -> io::Result<()> {
        self.send_bytes(&frame.encode()).await
    }

    /// Writes a text message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_text(&mut self, text: &str) -> io::Result<()> {
        self.send(&RawFrame::new(opcode::TEXT, text)).await
    }

    /// Reads the next frame: opcode and payload. None at the end of the connection.
    ///
    /// # Errors
    /// When nothing comes within [`FAILURE_BOUND`].
    pub async fn next(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        loop {
            if let Some((frame, used)) = parse_frame(&self.received) {
                self.received.drain(..used);
                return Ok(Some(frame));
            }
            match bounded(self.stream.read_buf(&mut self.received)).await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(error),
                Err(_) => return Ok(None),
            }
        }
    }

    /// Reads the next frame, which must be text.
    ///
    /// # Errors
    /// When it is anything else, or the connection ends.
    pub async fn next_text(&mut self) -> io::Result<String> {
        match self.next().await? {
            Some((opcode::TEXT, payload)) => Ok(String::from_utf8_lossy(&payload).into_owned()),
            other => Err(Error::new(ErrorKind::InvalidData, format!("expected text, got {other:?}"))),
        }
    }

    /// Reads up to the end of the connection and says how it ended.
    ///
    /// # Errors
    /// When it does not end within [`FAILURE_BOUND`] of silence.
    pub async fn end(&mut self) -> io::Result<End> {
        while let Some((opcode, payload)) = self.next().await? {
            if opcode == opcode::CLOSE {
                return Ok(match payload.as_slice() {
                    [high, low, ..] => End::Code(u16::from_be_bytes([*high, *low])),
                    _ => End::NoCode,
                });
            }
        }
        Ok(End::Dropped)
    }
}

/// An unmasked frame at the start of `bytes`: opcode and payload, and how many bytes it took.
fn parse_frame(bytes: &[u8]) -> Option<((u8, Vec<u8>), usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (header, len): (usize, usize) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        len => (2, usize::from(len)),
    };
    let payload = bytes.get(header..header.checked_add(len)?)?;
    Some(((first & 0xf, payload.to_vec()), header + len))
}
