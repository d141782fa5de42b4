use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{
        self,
        client::IntoClientRequest,
        handshake::client::{Request, Response},
        http::{HeaderName, HeaderValue, header::RETRY_AFTER},
        protocol::WebSocketConfig,
    },
};
use url::{Host, Url};

use super::{socket::Socket, stream::Stream, tls::Tls};
use crate::manager::{TransportFailure, TransportFailureKind as Kind, TransportRequest};

/// How long one address is tried before the next one is tried beside it (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Initial capacity of the read buffer: it is held by every idle connection.
const READ_BUFFER: usize = 4 * 1024;

/// Frames are gathered up to this before they are written, within one turn of the driver.
const WRITE_BUFFER: usize = 16 * 1024;

/// Opens a WebSocket. Takes as long as it takes: the manager has the time limit. Redirects are failures.
pub(super) async fn dial(request: TransportRequest, tls: Tls) -> Result<Socket, TransportFailure> {
    let invalid = |message: &str| TransportFailure::new(Kind::Connect, message);
    let url = Url::parse(&request.url).map_err(|error| invalid(&error.to_string()))?;
    let host = url.host().ok_or_else(|| invalid("the address has no host"))?;
    let port = url.port_or_known_default().ok_or_else(|| invalid("the address has no port"))?;
    let upgrade = upgrade_request(&request)?;

    let tcp = connect_any(resolve(&host, port).await?).await?;
    // Events are small and wanted at once; the driver gathers what belongs together.
    tcp.set_nodelay(true).map_err(|error| failure(Kind::Connect, &error))?;
    let stream = if url.scheme() == "wss" {
        let connector = tls.connector().await.map_err(|error| failure(Kind::Tls, &error))?;
        let encrypted = connector.connect(server_name(&host)?, tcp).await;
        Stream::Tls(Box::new(encrypted.map_err(|error| failure(Kind::Tls, &error))?))
    } else {
        Stream::Plain(tcp)
    };

    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(request.max_frame_bytes))
        .max_frame_size(Some(request.max_frame_bytes));
    match client_async_with_config(upgrade, stream, Some(config)).await {
        Ok((websocket, _response)) => Ok(Socket::new(websocket)),
        Err(error) => Err(handshake_failure(&error)),
    }
}

fn upgrade_request(request: &TransportRequest) -> Result<Request, TransportFailure> {
    let mut upgrade = request.url.as_str().into_client_request().map_err(|error| failure(Kind::WebSocket, &error))?;
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| failure(Kind::WebSocket, &error))?;
        // The value may be a secret: the error does not show it.
        let value = HeaderValue::from_str(value).map_err(|error| failure(Kind::WebSocket, &error))?;
        upgrade.headers_mut().insert(name, value);
    }
    Ok(upgrade)
}

async fn resolve(host: &Host<&str>, port: u16) -> Result<Vec<SocketAddr>, TransportFailure> {
    match host {
        Host::Ipv4(ip) => Ok(vec![SocketAddr::new(IpAddr::V4(*ip), port)]),
        Host::Ipv6(ip) => Ok(vec![SocketAddr::new(IpAddr::V6(*ip), port)]),
        Host::Domain(name) => {
            let found = lookup_host((*name, port)).await;
            Ok(interleave(found.map_err(|error| failure(Kind::Resolve, &error))?))
        }
    }
}

/// Alternates the address families, beginning with that of the first address, so that a network on which one family
/// leads nowhere costs one [`ATTEMPT_DELAY`].
fn interleave(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut rest = VecDeque::from_iter(addresses);
    let mut ordered: Vec<SocketAddr> = Vec::with_capacity(rest.len());
    while let Some(next) = rest.pop_front() {
        ordered.push(next);
        if let Some(other) = rest.iter().position(|address| address.is_ipv4() != next.is_ipv4()) {
            ordered.extend(rest.remove(other));
        }
    }
    ordered
}

/// Connects to the address that answers first, trying one more whenever the last is slow or has failed.
async fn connect_any(addresses: Vec<SocketAddr>) -> Result<TcpStream, TransportFailure> {
    let mut attempts = FuturesUnordered::new();
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        attempts.push(TcpStream::connect(address));
        let head_start = tokio::time::sleep(ATTEMPT_DELAY);
        tokio::select! {
            Some(result) = attempts.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => last_error = error,
            },
            () = head_start => {}
        }
    }
    while let Some(result) = attempts.next().await {
        match result {
            Ok(stream) => return Ok(stream),
            Err(error) => last_error = error,
        }
    }
    Err(failure(Kind::Connect, &last_error))
}

fn server_name(host: &Host<&str>) -> Result<ServerName<'static>, TransportFailure> {
    match host {
        Host::Ipv4(ip) => Ok(ServerName::IpAddress(IpAddr::V4(*ip).into())),
        Host::Ipv6(ip) => Ok(ServerName::IpAddress(IpAddr::V6(*ip).into())),
        Host::Domain(name) => ServerName::try_from(String::from(*name)).map_err(|error| failure(Kind::Tls, &error)),
    }
}

fn handshake_failure(error: &tungstenite::Error) -> TransportFailure {
    match error {
        tungstenite::Error::Http(response) => refusal(response),
        tungstenite::Error::Io(error) => failure(Kind::Io, error),
        other => failure(Kind::WebSocket, other),
    }
}

fn refusal(response: &Response) -> TransportFailure {
    let status = response.status();
    let message = status.canonical_reason().unwrap_or("the server refused the WebSocket");
    let mut failure = TransportFailure::new(Kind::Http { status: status.as_u16() }, message);
    failure.retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    failure
}

fn failure(kind: Kind, error: &(impl std::fmt::Display + ?Sized)) -> TransportFailure {
    TransportFailure::new(kind, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_alternate() {
        let [a, b, c, d] = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "2.2.2.2:1"].map(|a| a.parse::<SocketAddr>().unwrap());
        assert_eq!(interleave([a, b, c, d].into_iter()), [a, c, b, d]);
        assert_eq!(interleave([c, d, a].into_iter()), [c, a, d]);
        assert_eq!(interleave([a, b].into_iter()), [a, b]);
    }

    #[tokio::test]
    async fn an_address_that_refuses_gives_way_to_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let refused = {
            let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            gone.local_addr().unwrap()
        };
        let stream = connect_any(vec![refused, open]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        let error = connect_any(vec![refused]).await.unwrap_err();
        assert_eq!(error.kind, Kind::Connect);
    }
}
