//! A server on a free port, a WebSocket client, and HTTP by hand.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use nexus_server::{Config, Io};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::CloseFrame},
};

/// Longer than anything here takes; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it should not take this long")
}

pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// A server with these settings whose root namespace `set_up` prepares.
pub(crate) async fn start(config: Config, set_up: impl FnOnce(&Io)) -> (Io, SocketAddr) {
    let io = Io::new(config);
    set_up(&io);
    let address = serve(io.router()).await;
    (io, address)
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// Opens a WebSocket and reads the handshake.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::open_at(address, "/socket.io/?EIO=4&transport=websocket").await.1
    }

    /// As [`Self::open`], with the first frame.
    pub(crate) async fn open_at(address: SocketAddr, path: &str) -> (String, Self) {
        let mut client = Self::upgrade(address, path).await;
        let open = client.next_text().await;
        assert!(open.starts_with("0{"), "{open}");
        (open, client)
    }

    /// Opens a WebSocket.
    pub(crate) async fn upgrade(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, _) = client_async(format!("ws://{address}{path}"), stream).await.unwrap();
        Self { socket }
    }

    /// Opens a WebSocket and joins the root namespace.
    pub(crate) async fn join(address: SocketAddr) -> Self {
        let mut client = Self::open(address).await;
        client.send("40").await;
        let answer = client.next_text().await;
        assert!(answer.starts_with("40{\"sid\":"), "{answer}");
        client
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.socket.send(Message::binary(Bytes::from_static(bytes))).await.unwrap();
    }

    /// The next frame that is no WebSocket ping or pong.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            match within(self.socket.next()).await.expect("the connection is open").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next text frame, heartbeats included.
    pub(crate) async fn next_text(&mut self) -> String {
        match self.next().await {
            Message::Text(text) => text.as_str().to_owned(),
            other => panic!("expected text: {other:?}"),
        }
    }

    /// The next text frame; pings are answered.
    pub(crate) async fn next_packet(&mut self) -> String {
        loop {
            let text = self.next_text().await;
            if text != "2" {
                return text;
            }
            self.send("3").await;
        }
    }

    /// Reads to the end and returns the close frame, if one came.
    pub(crate) async fn closed(&mut self) -> Option<CloseFrame> {
        let mut closed = None;
        while let Some(Ok(message)) = within(self.socket.next()).await {
            if let Message::Close(frame) = message {
                closed = frame;
            }
        }
        closed
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Sends a request on a connection of its own, without waiting for the answer.
pub(crate) async fn request(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{length}{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

pub(crate) async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    within(stream.read_to_end(&mut bytes)).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub(crate) async fn fetch(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    answer(request(address, method, path, headers, body).await).await
}

/// A polling session.
pub(crate) struct Polling {
    pub(crate) address: SocketAddr,
    pub(crate) sid: String,
    pub(crate) path: String,
}

impl Polling {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let path = "/socket.io/?EIO=4&transport=polling";
        let opened = fetch(address, "GET", path, "", "").await;
        assert_eq!(opened.status, 200, "{opened:?}");
        let sid = opened.body.split('"').nth(3).unwrap().to_owned();
        Self { address, path: format!("{path}&sid={sid}"), sid }
    }

    pub(crate) async fn poll(&self) -> Answer {
        fetch(self.address, "GET", &self.path, "", "").await
    }

    pub(crate) async fn start_poll(&self) -> TcpStream {
        request(self.address, "GET", &self.path, "", "").await
    }

    pub(crate) async fn post(&self, body: &str) -> Answer {
        fetch(self.address, "POST", &self.path, "", body).await
    }

    pub(crate) async fn upgrade(&self) -> Client {
        let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", self.sid);
        Client::upgrade(self.address, &path).await
    }
}
