//! The namespaces: who may join them, and what their events do. Gateways hold no state and send through rooms.

mod messaging;

use std::{future::ready, sync::Arc};

use serde::Serialize;

use super::{
    RefusalCode, Refused, UserId,
    auth::Verifier,
    events::{common, namespace},
};
use crate::{ConnectError, ConnectRequest, Event, Io, Namespace, Socket};

/// How much of an event's name is shown: the name is the client's, and may be as long as a message.
const SHOWN_NAME_CHARS: usize = 64;

/// Puts all gateways on a server.
pub(super) fn install(io: &Io, verifier: &Arc<Verifier>) {
    plain(&guarded(io, namespace::REALTIME, verifier));
    plain(&guarded(io, namespace::NOTIFICATIONS, verifier));
    messaging::install(&guarded(io, namespace::MESSAGING, verifier));
}

/// A namespace that lets in who has a token.
fn guarded(io: &Io, name: &str, verifier: &Arc<Verifier>) -> Namespace {
    let namespace = io.of(name);
    let verifier = Arc::clone(verifier);
    namespace.authorize(move |request| ready(admit(&verifier, &request)));
    namespace
}

fn admit(verifier: &Verifier, request: &ConnectRequest) -> Result<(), ConnectError> {
    match verifier.authenticate(request) {
        Ok(user) => {
            request.socket_data(user);
            Ok(())
        }
        Err(error) => {
            let remote = request.handshake().remote_addr();
            tracing::info!(namespace = request.namespace(), ?remote, code = error.code(), "client refused");
            Err(error.into())
        }
    }
}

/// A namespace to which the server sends, and clients don't.
fn plain(namespace: &Namespace) {
    namespace.on_connection(|socket| {
        if welcome(&socket).is_some() {
            refuse_unknown(&socket, &[]);
        }
    });
}

/// Puts a new socket into its user's room, and says who that is.
fn welcome(socket: &Socket) -> Option<Arc<UserId>> {
    let Some(user) = socket.data::<UserId>() else {
        tracing::error!(namespace = socket.namespace(), "a socket without user got past the guard");
        socket.disconnect(true);
        return None;
    };
    socket.join(&user.room());
    let (namespace, id) = (socket.namespace().to_owned(), socket.id().to_owned());
    tracing::info!(%user, namespace, socket = id, "joined");
    let leaving = Arc::clone(&user);
    socket.on_disconnect(move |reason| tracing::info!(user = %leaving, namespace, socket = id, %reason, "left"));
    Some(user)
}

/// Answers events that the namespace does not have: silence would leave the client waiting.
fn refuse_unknown(socket: &Socket, known: &'static [&str]) {
    socket.on_any(move |event| {
        if !known.contains(&event.name()) {
            refuse(&event, Refused::new(RefusalCode::UnknownEvent, "there is no such event here"));
        }
        ready(())
    });
}

/// Tells a client why its event was refused: by acknowledgement if it waits for one, else by event.
fn refuse(event: &Event, refused: Refused) {
    #[derive(Serialize)]
    struct Exception {
        event: String,
        #[serde(flatten)]
        refused: Refused,
    }

    let name: String = event.name().chars().take(SHOWN_NAME_CHARS).collect();
    let socket = event.socket();
    tracing::debug!(event = ?name, socket = socket.id(), code = ?refused.code, "event refused");
    let sent = if event.has_ack() {
        event.ack(&refused)
    } else {
        socket.emit(common::EXCEPTION, &Exception { event: name, refused })
    };
    if let Err(error) = sent {
        tracing::debug!(socket = socket.id(), %error, "refusal not sent");
    }
}
