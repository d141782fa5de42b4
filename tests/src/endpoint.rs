//! A server as the protocol's descriptions want it for their tests, and clients that know no more than the protocol.

use std::io::{self, Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use nexus_core::Bytes;
use nexus_server::{Config, Cors, EngineIo, Event, Io, Payload, Socket};
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::raw::{FAILURE_BOUND, Response, request};

/// Time between the server's pings under [`Pace::Quick`].
pub const PING_INTERVAL: Duration = Duration::from_millis(300);
/// How long a pong may take under [`Pace::Quick`].
pub const PING_TIMEOUT: Duration = Duration::from_millis(200);
/// The largest message.
pub const MAX_PAYLOAD: u64 = 1_000_000;
/// How long a client may take to join its first namespace.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How often the server pings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As the official suites ask for; for tests of time itself.
    Quick,
    /// So seldom that no test sees a ping, and none fails on a loaded machine for want of a pong.
    Calm,
}

/// One protocol, at its path on a server of its own.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where the server listens.
    pub address: SocketAddr,
    path: &'static str,
    /// A first message that the server answers, and how the answer begins.
    pub question: (&'static str, &'static str),
    /// A message that the server answers later on, and the answer.
    pub question_later: (&'static str, &'static str),
}

impl Endpoint {
    /// The Engine.IO layer by itself, which sends every message back.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn engine_io(pace: Pace) -> io::Result<Self> {
        let echo = EngineIo::new(settings(pace), |connection, frame| {
            connection.send(&frame);
        });
        let address = serve(echo.router()).await?;
        Ok(Self { address, path: "/engine.io/", question: ("4hello", "4hello"), question_later: ("4again", "4again") })
    }

    /// Socket.IO with the namespaces `/` and `/custom`. Both emit `auth` with what the client authenticated with; `/`
    /// answers `message` by `message-back`, and acknowledges `message-with-ack`, with the same arguments.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn socket_io(pace: Pace) -> io::Result<Self> {
        let io = Io::new(settings(pace));
        io.of("/").on_connection(|socket: Socket| {
            emit_auth(&socket);
            socket.on("message", |event: Event| async move {
                // The socket may be gone: then nobody waits for this.
                let _ = event.socket().emit_payload("message-back", event.payload());
            });
            socket.on("message-with-ack", |event: Event| async move {
                let _ = event.ack_payload(event.payload().clone());
            });
        });
        io.of("/custom").on_connection(|socket: Socket| emit_auth(&socket));
        let address = serve(io.router()).await?;
        Ok(Self {
            address,
            path: "/socket.io/",
            question: ("40", "40{\"sid\":\""),
            question_later: ("427[\"message-with-ack\",\"again\"]", "437[\"again\"]"),
        })
    }

    /// Path and query.
    #[must_use]
    pub fn target(&self, query: &str) -> String {
        format!("{}?{query}", self.path)
    }

    /// A request with this query, on a connection of its own.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn request(&self, method: &str, query: &str, body: &str) -> io::Result<Response> {
        let headers: &[_] = if body.is_empty() { &[] } else { &[("content-type", "text/plain;charset=UTF-8")] };
        request(self.address, method, &self.target(query), headers, body.as_bytes()).await
    }

    /// A GET with this query.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, query: &str) -> io::Result<Response> {
        self.request("GET", query, "").await
    }

    /// A new session over long-polling.
    ///
    /// # Errors
    /// When the server opens none.
    pub async fn open_polling(&self) -> io::Result<PollingSession> {
        let text = self.get("EIO=4&transport=polling").await?.text();
        let handshake: serde_json::Value = serde_json::from_str(text.get(1..).unwrap_or_default())?;
        let sid = handshake.get("sid").and_then(serde_json::Value::as_str).ok_or_else(|| unexpected(&text))?;
        Ok(PollingSession { endpoint: self.clone(), sid: sid.to_owned() })
    }

    /// A WebSocket with this query.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn websocket(&self, query: &str) -> io::Result<WebSocket> {
        WebSocket::connect(self.address, &self.target(query)).await
    }

    /// A WebSocket with a new session, its handshake read.
    ///
    /// # Errors
    /// When the server opens none.
    pub async fn open_websocket(&self) -> io::Result<WebSocket> {
        let mut socket = self.websocket("EIO=4&transport=websocket").await?;
        let handshake = socket.text().await?;
        if handshake.starts_with("0{") { Ok(socket) } else { Err(unexpected(&handshake)) }
    }
}

/// A session over long-polling.
#[derive(Debug, Clone)]
pub struct PollingSession {
    endpoint: Endpoint,
    sid: String,
}

impl PollingSession {
    /// The query of its polling requests.
    #[must_use]
    pub fn query(&self) -> String {
        format!("EIO=4&transport=polling&sid={}", self.sid)
    }

    /// One poll.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn poll(&self) -> io::Result<Response> {
        self.endpoint.get(&self.query()).await
    }

    /// Sends a payload.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn push(&self, payload: &str) -> io::Result<Response> {
        self.endpoint.request("POST", &self.query(), payload).await
    }

    /// A WebSocket for the same session.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn websocket(&self) -> io::Result<WebSocket> {
        self.endpoint.websocket(&format!("EIO=4&transport=websocket&sid={}", self.sid)).await
    }

    /// A WebSocket that has taken the session over: the server has answered a message on it.
    ///
    /// # Errors
    /// When the upgrade does not go through.
    pub async fn upgraded(&self) -> io::Result<WebSocket> {
        let mut socket = self.websocket().await?;
        socket.send("2probe").await?;
        socket.expect("3probe").await?;
        socket.send("5").await?;
        let (question, answer) = self.endpoint.question;
        socket.send(question).await?;
        socket.expect(answer).await?;
        Ok(socket)
    }
}

/// What came over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Bytes),
    /// The end of the connection.
    End,
}

/// A WebSocket of a library that shares no code with the server.
#[derive(Debug)]
pub struct WebSocket(WebSocketStream<TcpStream>);

impl WebSocket {
    async fn connect(address: SocketAddr, target: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let opening = client_async(format!("ws://{address}{target}"), stream);
        let opened = timeout(FAILURE_BOUND, opening).await.map_err(|_| Error::from(ErrorKind::TimedOut))?;
        opened.map(|(socket, _)| Self(socket)).map_err(Error::other)
    }

    /// Sends text.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, text: &str) -> io::Result<()> {
        self.0.send(Message::text(text)).await.map_err(Error::other)
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_binary(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(Message::binary(Bytes::copy_from_slice(bytes))).await.map_err(Error::other)
    }

    /// The next frame, or the end.
    ///
    /// # Errors
    /// When nothing comes, or what comes is no WebSocket.
    pub async fn next(&mut self) -> io::Result<Received> {
        loop {
            let item = timeout(FAILURE_BOUND, self.0.next()).await.map_err(|_| Error::from(ErrorKind::TimedOut))?;
            return Ok(match item {
                Some(Ok(Message::Text(text))) => Received::Text(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => Received::Binary(bytes),
                Some(Ok(Message::Close(_))) | None => Received::End,
                Some(Ok(_)) => continue,
                Some(Err(tungstenite::Error::Capacity(error))) => return Err(Error::other(error)),
                Some(Err(_)) => Received::End,
            });
        }
    }

    /// The next frame, which must be text.
    ///
    /// # Errors
    /// When it is not.
    pub async fn text(&mut self) -> io::Result<String> {
        match self.next().await? {
            Received::Text(text) => Ok(text),
            other => Err(unexpected(&format!("{other:?}"))),
        }
    }

    /// The next frame, which must be text that begins so.
    ///
    /// # Errors
    /// When it does not.
    pub async fn expect(&mut self, beginning: &str) -> io::Result<String> {
        let text = self.text().await?;
        if text.starts_with(beginning) { Ok(text) } else { Err(unexpected(&text)) }
    }

    /// Reads on to the end, and gives what came until then.
    ///
    /// # Errors
    /// When the end does not come.
    pub async fn end(&mut self) -> io::Result<Vec<Received>> {
        let mut received = Vec::new();
        loop {
            match self.next().await? {
                Received::End => return Ok(received),
                other => received.push(other),
            }
        }
    }
}

fn settings(pace: Pace) -> Config {
    let config =
        Config { max_payload: MAX_PAYLOAD, connect_timeout: CONNECT_TIMEOUT, cors: Cors::any(), ..Config::default() };
    match pace {
        Pace::Quick => Config { ping_interval: PING_INTERVAL, ping_timeout: PING_TIMEOUT, ..config },
        Pace::Calm => config,
    }
}

fn emit_auth(socket: &Socket) {
    let Ok(auth) = socket.handshake().auth::<Box<RawValue>>() else { return };
    if let Ok(payload) = Payload::from_value(&auth) {
        let _ = socket.emit_payload("auth", &payload);
    }
}

/// Serves on a free port for as long as the test's runtime lasts.
async fn serve(router: axum::Router) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

fn unexpected(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("unexpected: {what}"))
}
