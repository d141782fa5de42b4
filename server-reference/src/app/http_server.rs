//! HTTP/1.1 over TCP, with limits on what a client may make it wait for or keep.

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
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
/// How long requests under way may take once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The connections of a server.
pub(super) struct HttpServer {
    listener: TcpListener,
    router: Router,
    connections: TaskTracker,
    draining: CancellationToken,
}

/// The connections of a server that accepts no more.
pub(super) struct Draining {
    connections: TaskTracker,
    draining: CancellationToken,
}

impl HttpServer {
    pub(super) async fn bind(address: SocketAddr, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, router, connections: TaskTracker::new(), draining: CancellationToken::new() })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is done. What is under way goes on.
    pub(super) async fn accept_until(self, stop: impl Future<Output = ()>) -> Draining {
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, remote)) => {
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
    pub(super) async fn finish(self) {
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
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
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

/// Whether the client went before it was accepted: the next one may be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
