use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{ConnectInfo, State},
    response::Response,
};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};

use super::{Engine, RequestInfo, polling, registry::Full, upgrade};
use crate::session::{BadInputKind, Refusal};

/// Every request of clients.
pub(super) async fn handle(State(engine): State<Arc<Engine>>, request: Request<Body>) -> Response {
    let method = request.method().clone();
    let headers = RequestCors::of(request.headers());
    let mut response = if !engine.config.cors.allows(request.headers()) {
        engine.metrics.count_bad_input(BadInputKind::Origin);
        refused(&engine, Refusal::Forbidden)
    } else if method == Method::OPTIONS {
        status_only(StatusCode::NO_CONTENT)
    } else {
        route(&engine, request).await
    };
    engine.config.cors.apply(&method, &headers.0, response.headers_mut());
    response
}

/// The request's headers that CORS looks at.
struct RequestCors(HeaderMap);

impl RequestCors {
    fn of(headers: &HeaderMap) -> Self {
        use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN};
        let mut kept = HeaderMap::new();
        for name in [ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS] {
            if let Some(value) = headers.get(&name) {
                kept.insert(name, value.clone());
            }
        }
        Self(kept)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TransportName {
    Polling,
    WebSocket,
}

/// What the query of a request says.
#[derive(Debug)]
struct Query {
    version: bool,
    transport: Option<TransportName>,
    sid: Option<String>,
}

impl Query {
    fn parse(query: &str) -> Self {
        let mut parsed = Self { version: false, transport: None, sid: None };
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "EIO" => parsed.version = value == "4",
                "transport" => {
                    parsed.transport = match value {
                        "polling" => Some(TransportName::Polling),
                        "websocket" => Some(TransportName::WebSocket),
                        _ => None,
                    };
                }
                "sid" => parsed.sid = Some(value.to_owned()),
                _ => {}
            }
        }
        parsed
    }
}

async fn route(engine: &Arc<Engine>, request: Request<Body>) -> Response {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let transports = engine.config.transports;
    let transport = match query.transport {
        Some(TransportName::Polling) if transports.polling() => TransportName::Polling,
        Some(TransportName::WebSocket) if transports.websocket() => TransportName::WebSocket,
        _ => return refused(engine, Refusal::UnknownTransport),
    };
    let connection = match &query.sid {
        Some(sid) => match engine.session(sid) {
            Some(connection) => Some(connection),
            None => return refused(engine, Refusal::UnknownSession),
        },
        None if request.method() != Method::GET => return refused(engine, Refusal::BadHandshakeMethod),
        None => None,
    };
    if !query.version {
        return refused(engine, Refusal::UnsupportedVersion);
    }
    if connection.is_none() && size_of_headers(&request) > MAX_HEADERS {
        engine.metrics.count_bad_input(BadInputKind::HttpRequest);
        return status_only(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    match (transport, connection) {
        (TransportName::WebSocket, connection) => upgrade::handle(engine, connection, request),
        (TransportName::Polling, None) => {
            let (parts, _) = request.into_parts();
            polling::open(engine, request_info(&parts))
        }
        (TransportName::Polling, Some(connection)) => match *request.method() {
            Method::GET => polling::get(&connection).await,
            Method::POST => polling::post(&connection, request).await,
            _ => {
                engine.metrics.count_bad_input(BadInputKind::HttpRequest);
                status_only(StatusCode::METHOD_NOT_ALLOWED)
            }
        },
    }
}

/// The most bytes of headers and query that a session may keep.
const MAX_HEADERS: usize = 16 << 10;

fn size_of_headers(request: &Request<Body>) -> usize {
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    headers.sum::<usize>() + request.uri().query().map_or(0, str::len)
}

/// What is kept of a request that opens a session.
pub(super) fn request_info(parts: &Parts) -> Arc<RequestInfo> {
    let remote = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let secure = parts.uri.scheme().is_some_and(|scheme| *scheme == http::uri::Scheme::HTTPS)
        || parts.extensions.get::<super::Secure>().is_some();
    Arc::new(RequestInfo::new(&parts.headers, parts.uri.query().unwrap_or_default(), remote, secure))
}

// ---- responses ----

fn response(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn text(body: String) -> Response {
    response(StatusCode::OK, "text/plain; charset=UTF-8", body)
}

pub(super) fn status_only(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A request that is wrong in itself.
pub(super) fn refused(engine: &Engine, refusal: Refusal) -> Response {
    engine.metrics.count_bad_input(BadInputKind::HttpRequest);
    refused_by_session(refusal)
}

/// A request that its session refuses: what is wrong with it, the session has said and counted.
pub(super) fn refused_by_session(refusal: Refusal) -> Response {
    tracing::debug!(?refusal, "request refused");
    let status = if refusal == Refusal::Forbidden { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
    let body = format!(r#"{{"code":{},"message":"{}"}}"#, refusal.code(), refusal.message());
    response(status, "application/json", body)
}

pub(super) fn full(full: Full) -> Response {
    let (status, message) = match full {
        Full::Server => (StatusCode::SERVICE_UNAVAILABLE, "Server is full or closing"),
        Full::Address => (StatusCode::TOO_MANY_REQUESTS, "Too many sessions from this address"),
    };
    response(status, "application/json", format!(r#"{{"code":3,"message":"{message}"}}"#))
}
