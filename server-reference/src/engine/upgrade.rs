use std::{future::poll_fn, sync::Arc, task::Poll};

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use hyper::upgrade::OnUpgrade;

use super::{
    Connection, Engine, drive,
    http_api::{full, refused, request_info, status_only},
    stream::Stream,
    websocket::{Read, WebSocket},
};
use crate::{
    session::{Message, Refusal, Session, UpgradeStep},
    websocket::{CloseCode, accept_key},
};

/// A request for `transport=websocket`: a new session, or an upgrade of `session`.
pub(super) fn handle(engine: &Arc<Engine>, session: Option<Arc<Connection>>, request: Request<Body>) -> Response {
    let (mut parts, _) = request.into_parts();
    let Some(accept) = accept(&parts.method, &parts.headers) else {
        return refused(engine, Refusal::BadRequest);
    };
    let Some(upgrading) = parts.extensions.remove::<OnUpgrade>() else {
        // Only a server that can't hand out the connection comes here, such as one over HTTP/2.
        return refused(engine, Refusal::BadRequest);
    };
    match session {
        Some(connection) => {
            // The place is taken before the client can do anything more.
            let allowed = connection.with(Session::handle_upgrade_opened).is_ok();
            connection.carry_out();
            engine.tasks.spawn(take_over(connection, upgrading, allowed));
        }
        None => match engine.open(engine.now(), request_info(&parts), true) {
            Ok(connection) => {
                engine.tasks.spawn(start(connection, upgrading));
            }
            Err(reason) => return full(reason),
        },
    }
    switching(accept)
}

/// The key to answer with, if this is a WebSocket handshake (RFC 6455, 4.2.1).
fn accept(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name: http::HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    let valid = *method == Method::GET
        && has(CONNECTION, "upgrade")
        && has(UPGRADE, "websocket")
        && has(SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| valid)?;
    HeaderValue::try_from(accept_key(key.as_bytes())).ok()
}

fn switching(accept: HeaderValue) -> Response {
    let mut response = status_only(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// A session that starts on its WebSocket.
async fn start(connection: Arc<Connection>, upgrading: OnUpgrade) {
    match Box::pin(opened(upgrading)).await {
        Some(mut socket) => {
            let packet = connection.drive(|state| state.session.open_packet(connection.sid.clone()));
            socket.push(Message::from_frame(&packet));
            drive::websocket(connection, socket).await;
        }
        None => gone(&connection),
    }
}

async fn opened(upgrading: OnUpgrade) -> Option<WebSocket> {
    let (stream, read) = Stream::take(upgrading.await.ok()?);
    Some(WebSocket::new(stream, &read))
}

/// The client never took the response that would have opened its WebSocket.
fn gone(connection: &Arc<Connection>) {
    use crate::session::DisconnectReason::TransportClose;
    connection.with(|session, now| session.handle_transport_closed(now, TransportClose));
    connection.carry_out();
}

/// A WebSocket that wants to take over a polling session. Where that is not allowed it is opened
/// and closed: a refused handshake would tell a browser's script nothing.
async fn take_over(connection: Arc<Connection>, upgrading: OnUpgrade, allowed: bool) {
    let Some(mut socket) = Box::pin(opened(upgrading)).await else {
        if allowed {
            connection.with(|session, _| session.handle_upgrade_closed());
        }
        return;
    };
    if !allowed {
        Box::pin(socket.finish(CloseCode::Policy)).await;
        return;
    }
    let upgraded = Box::pin(probe(&connection, &mut socket)).await;
    connection.carry_out();
    if upgraded {
        connection.engine.metrics.upgrades.increment();
        connection.drive(super::connection::State::hand_over);
        drive::websocket(connection, socket).await;
    } else {
        connection.with(|session, _| session.handle_upgrade_closed());
        drop(connection);
        Box::pin(socket.finish(CloseCode::Policy)).await;
    }
}

/// Answers the upgrade probe and waits for the upgrade. Returns whether the session has moved.
async fn probe(connection: &Arc<Connection>, socket: &mut WebSocket) -> bool {
    let mut outcome = None;
    poll_fn(|cx| {
        loop {
            if let Some(upgraded) = outcome {
                return Poll::Ready(upgraded);
            }
            let upgrading = connection.drive(|state| {
                state.park_upgrade(cx);
                state.session.is_upgrading()
            });
            if !upgrading {
                return Poll::Ready(false);
            }
            if socket.wants_write() {
                match socket.poll_write(cx) {
                    Poll::Ready(Ok(_)) => continue,
                    Poll::Ready(Err(_)) => return Poll::Ready(false),
                    Poll::Pending => {}
                }
            }
            let mut answers = Vec::new();
            let read = socket.poll_read(cx, &connection.engine.limits, &mut |frame| match connection
                .with(|session, now| session.handle_upgrade_frame(now, frame))
            {
                UpgradeStep::Answer(answer) => {
                    answers.push(answer);
                    true
                }
                UpgradeStep::Upgraded => {
                    outcome = Some(true);
                    false
                }
                UpgradeStep::Abort => {
                    outcome = Some(false);
                    false
                }
            });
            for answer in answers {
                socket.push(answer);
            }
            match read {
                Poll::Ready(Read::Progress) => {}
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}
