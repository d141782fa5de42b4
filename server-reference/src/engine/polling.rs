use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytestring::ByteString;
use http::{Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{
    Connection, Engine, RequestInfo, drive,
    http_api::{refused, refused_by_session, status_only, text},
};
use crate::session::{BadInput, BadInputKind, DisconnectReason, Posted, RACE_GRACE, Refusal, Session};

/// The first GET: opens a session.
pub(super) fn open(engine: &Arc<Engine>, request: Arc<RequestInfo>) -> Response {
    match engine.open(engine.now(), request, false) {
        Ok(connection) => {
            let packet = connection.drive(|state| state.session.open_packet(connection.sid.clone()));
            engine.tasks.spawn(drive::polling(Arc::clone(&connection)));
            text(match packet {
                nexus_core::engineio::Frame::Text(text) => text.to_string(),
                nexus_core::engineio::Frame::Binary(_) => String::new(),
            })
        }
        Err(full) => super::http_api::full(full),
    }
}

/// Tells the session when the client gives up its GET: hyper drops the handler then.
struct PollGuard<'a> {
    connection: &'a Arc<Connection>,
    answered: bool,
}

impl Drop for PollGuard<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.connection.with(Session::handle_poll_dropped);
        }
    }
}

/// Tells the session when the client has given up the later of two GETs at a time.
struct OverlapGuard<'a> {
    connection: &'a Arc<Connection>,
    refused: bool,
}

impl Drop for OverlapGuard<'_> {
    fn drop(&mut self) {
        if !self.refused {
            self.connection.with(Session::handle_overlap_dropped);
        }
    }
}

/// A GET of a session: waits for something to send.
pub(super) async fn get(connection: &Arc<Connection>) -> Response {
    let polled = connection.poll();
    connection.carry_out();
    let reply = match polled {
        Ok(receiver) => {
            let mut guard = PollGuard { connection, answered: false };
            let reply = receiver.await;
            guard.answered = true;
            reply.unwrap_or(Err(Refusal::UnknownSession))
        }
        Err(refusal) => {
            if connection.drive(|state| state.session.is_draining()) {
                // Two GETs at a time. Where this one is dropped meanwhile, it was given up before the
                // other one was sent.
                let mut guard = OverlapGuard { connection, refused: false };
                tokio::time::sleep(RACE_GRACE).await;
                guard.refused = true;
            }
            Err(refusal)
        }
    };
    match reply {
        Ok(body) => text(body),
        Err(refusal) => refused_by_session(refusal),
    }
}

/// Lets the next POST come; where this one was given up halfway, the session ends.
struct PostGuard<'a> {
    connection: &'a Arc<Connection>,
    read: bool,
}

impl Drop for PostGuard<'_> {
    fn drop(&mut self) {
        if !self.read {
            self.connection.with(|session, now| session.close(now, DisconnectReason::TransportError, false));
        }
        self.connection.end_post();
    }
}

/// A POST of a session: packets from the client.
pub(super) async fn post(connection: &Arc<Connection>, request: Request<Body>) -> Response {
    let engine = &connection.engine;
    if let Err(refusal) = connection.begin_post() {
        connection.carry_out();
        return refused_by_session(refusal);
    }
    let mut guard = PostGuard { connection, read: false };
    let binary = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/octet-stream");
    if binary {
        guard.read = true;
        connection.with(|session, now| session.handle_bad_request(now, BadInput::UnexpectedPacket));
        return refused_by_session(Refusal::BadRequest);
    }
    let body = match read_body(engine, request).await {
        Ok(body) => body,
        Err(Unread::TooLarge) => {
            guard.read = true;
            engine.metrics.count_bad_input(BadInputKind::BodyTooLarge);
            return status_only(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Err(Unread::TooSlow) => {
            engine.metrics.count_bad_input(BadInputKind::BodyTimeout);
            return status_only(StatusCode::REQUEST_TIMEOUT);
        }
        Err(Unread::Broken) => return refused(engine, Refusal::BadRequest),
    };
    guard.read = true;
    let posted = connection.with(|session, now| session.handle_post(now, &body));
    connection.carry_out();
    match posted {
        Ok(Posted::Done | Posted::WhenClosed) => {
            if let Some(settled) = connection.post_settled() {
                // An error means that the session is gone, which settles it too.
                let _ = settled.await;
            }
            text("ok".to_owned())
        }
        Err(refusal) => refused_by_session(refusal),
    }
}

enum Unread {
    TooLarge,
    TooSlow,
    Broken,
}

async fn read_body(engine: &Engine, request: Request<Body>) -> Result<ByteString, Unread> {
    let body = Limited::new(request.into_body(), engine.limits.max_message).collect();
    let bytes = match tokio::time::timeout(engine.config.body_timeout, body).await {
        Err(_) => return Err(Unread::TooSlow),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Unread::TooLarge),
        Ok(Err(_)) => return Err(Unread::Broken),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    ByteString::try_from(bytes).map_err(|_| Unread::Broken)
}
