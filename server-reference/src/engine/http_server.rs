//! HTTP/1.1 over TCP, with limits on what a client may make it wait for or keep.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

/// How long a request's head may take to arrive; a longer one closes the connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The most bytes of a request's head; a longer one gets 431.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The most headers of a request; more get 431.
const MAX_HEADERS: usize = 64;
/// How long accepting pauses when it fails for want of something, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that the system holds until they are accepted, as far as it allows so many. Further ones are dropped, and
/// a client's system tries again after a second: clients that have lost their server come back in one moment.
const BACKLOG: u32 = 4096;
/// How long requests under way may take once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// An HTTP/1.1 server for the router of an [`Io`](crate::Io), or for any that it is merged into.
///
/// Beside what `axum::serve` does, it gives a request's head 15 s, and 431 beyond 16 KiB or 64 headers; and it lets a
/// request reach its handler before it looks whether its client is still there, so that the last POST of a client that
/// leaves at once is heard.
pub struct HttpServer {
    listener: TcpListener,
    router: Router,
    connections: TaskTracker,
    draining: CancellationToken,
}

/// The requests of an [`HttpServer`] that accepts no more.
pub struct Draining {
    connections: TaskTracker,
    draining: CancellationToken,
}

impl HttpServer {
    /// Listens on `address`. Up to 4,096 connections, or as many as the system allows, wait until
    /// [`accept_until`](Self::accept_until). To be called in a tokio runtime.
    ///
    /// # Errors
    /// When the address can't be listened on.
    #[expect(clippy::unused_async, reason = "it needs a runtime, and awaiting it says so")]
    pub async fn bind(address: SocketAddr, router: Router) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A server that is started again has its port at once. On Windows it has so anyway, and this would let others share it.
        #[cfg(not(windows))]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        Ok(Self { listener, router, connections: TaskTracker::new(), draining: CancellationToken::new() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is done. What is under way goes on.
    pub async fn accept_until(self, stop: impl Future<Output = ()>) -> Draining {
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, remote)) => {
                    // Answers are small and wanted at once; where the option can't be set they come later.
                    let _ = stream.set_nodelay(true);
                    let connection = serve(stream, remote, self.router.clone(), self.draining.clone());
                    self.connections.spawn(connection);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        Draining { connections: self.connections, draining: self.draining }
    }
}

impl Draining {
    /// Lets the requests under way finish, for a few seconds.
    pub async fn finish(self) {
        self.draining.cancel();
        self.connections.close();
        if tokio::time::timeout(DRAIN_TIMEOUT, self.connections.wait()).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "some requests were cut off");
        }
    }
}

async fn serve(stream: TcpStream, remote: SocketAddr, router: Router, draining: CancellationToken) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(remote));
        router.clone().call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(LateEnd::new(stream)), service).with_upgrades());
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%remote, %error, "HTTP connection ended");
    }
}

/// A TCP stream that reports its end one read late.
///
/// hyper drops a request unseen whose client has closed its side already; so the request's handler runs first, and is
/// dropped then.
pub(super) struct LateEnd {
    stream: TcpStream,
    ending: bool,
}

impl LateEnd {
    fn new(stream: TcpStream) -> Self {
        Self { stream, ending: false }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }
}

impl AsyncRead for LateEnd {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let ended = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before && buffer.remaining() > 0;
        if ended && !std::mem::replace(&mut self.ending, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        read
    }
}

impl AsyncWrite for LateEnd {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl fmt::Debug for Draining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draining").field("connections", &self.connections.len()).finish_non_exhaustive()
    }
}

/// Whether the client went before it was accepted: the next one may be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
