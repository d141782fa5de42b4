//! The driver against servers whose every frame is written here.

mod connection;
mod delivery;
#[cfg(feature = "store")]
mod durable;
mod hostile;
mod shutdown;
mod tls;

use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

use super::{Client, ClientBuilder};
use crate::manager::Config;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// A bound for what has failed, never a wait for what works.
const PATIENCE: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> Outcome<T> {
    tokio::time::timeout(PATIENCE, future).await.map_err(|_| format!("timed out: {what}").into())
}

struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    /// JSON of the Engine.IO handshake.
    handshake: String,
}

impl Server {
    async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let handshake = r#"{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        Ok(Self { listener, tls: None, handshake: handshake.to_owned() })
    }

    async fn start_tls(config: Arc<rustls::ServerConfig>) -> Outcome<Self> {
        Ok(Self { tls: Some(TlsAcceptor::from(config)), ..Self::start().await? })
    }

    fn address(&self) -> Outcome<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    fn config(&self) -> Outcome<Config> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut config = Config::new(&format!("{scheme}://localhost:{}", self.address()?.port()))?;
        config.reconnect.initial_delay = Duration::from_millis(10);
        config.reconnect.jitter = 0.0;
        Ok(config)
    }

    fn client(&self) -> Outcome<Client> {
        Ok(Client::new(self.config()?)?)
    }

    fn builder(&self) -> Outcome<ClientBuilder> {
        Ok(Client::builder(self.config()?))
    }

    /// The next connection, with the Engine.IO handshake sent.
    async fn accept(&self) -> Outcome<Peer> {
        within("a connection", async {
            let (tcp, _) = self.listener.accept().await?;
            let stream = match &self.tls {
                None => ServerStream::Plain(tcp),
                Some(tls) => ServerStream::Tls(Box::new(tls.accept(tcp).await?)),
            };
            let mut peer = Peer { websocket: accept_async(stream).await? };
            peer.send(&format!("0{}", self.handshake)).await?;
            Ok(peer)
        })
        .await?
    }

    /// The next connection, with the primary namespace joined.
    async fn accept_joined(&self) -> Outcome<Peer> {
        let mut peer = self.accept().await?;
        peer.join("/realtime").await?;
        Ok(peer)
    }
}

/// The server's end of one connection.
struct Peer {
    websocket: WebSocketStream<ServerStream>,
}

impl Peer {
    async fn message(&mut self) -> Outcome<Message> {
        let message = within("a message", self.websocket.next()).await?;
        Ok(message.ok_or("the client has closed")??)
    }

    /// The next text, past WebSocket control frames.
    async fn text(&mut self) -> Outcome<String> {
        loop {
            match self.message().await? {
                Message::Text(text) => return Ok(text.to_string()),
                Message::Ping(_) | Message::Pong(_) => {}
                other => return Err(format!("no text: {other:?}").into()),
            }
        }
    }

    async fn binary(&mut self) -> Outcome<Bytes> {
        match self.message().await? {
            Message::Binary(bytes) => Ok(bytes),
            other => Err(format!("not binary: {other:?}").into()),
        }
    }

    async fn expect(&mut self, expected: &str) -> Outcome {
        let text = self.text().await?;
        assert_eq!(text, expected);
        Ok(())
    }

    async fn send(&mut self, text: &str) -> Outcome {
        Ok(self.websocket.send(Message::text(text)).await?)
    }

    async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Outcome {
        Ok(self.websocket.send(Message::binary(bytes)).await?)
    }

    /// Answers the CONNECT of a namespace and gives what came with it.
    async fn join(&mut self, namespace: &str) -> Outcome<String> {
        let connect = self.text().await?;
        let auth = connect.strip_prefix(&format!("40{namespace},")).ok_or_else(|| format!("not joining: {connect}"))?;
        self.send(&format!(r#"40{namespace},{{"sid":"s"}}"#)).await?;
        Ok(auth.to_owned())
    }

    /// Waits until the client has closed.
    async fn closed(&mut self) -> Outcome {
        within("the end of the connection", async { while let Some(Ok(_)) = self.websocket.next().await {} }).await
    }
}

enum ServerStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Plain($stream) => $call,
            Self::Tls($stream) => $call,
        }
    };
}

mod server_stream {
    use std::{
        io,
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::ReadBuf;

    use super::{AsyncRead, AsyncWrite, ServerStream};

    impl AsyncRead for ServerStream {
        fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            delegate!(self, stream => Pin::new(stream).poll_read(cx, buf))
        }
    }

    impl AsyncWrite for ServerStream {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            delegate!(self, stream => Pin::new(stream).poll_write(cx, buf))
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            delegate!(self, stream => Pin::new(stream).poll_flush(cx))
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            delegate!(self, stream => Pin::new(stream).poll_shutdown(cx))
        }
    }
}
