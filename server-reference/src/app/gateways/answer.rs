//! What a client is told about its event.

use std::{future::ready, sync::Arc};

use serde::Serialize;

use crate::{
    EmitError, Event, Socket,
    app::{RefusalCode, Refused, events::common},
};

/// How much of an event's name is shown: the name is the client's, and may be as long as a message.
const SHOWN_NAME_CHARS: usize = 64;

/// The acknowledgement of an event that had its effect, where there is no more to say.
#[derive(Serialize)]
pub(super) struct Done {
    ok: bool,
}

/// What kept an event from having its effect.
pub(super) enum Failure {
    Refused(Refused),
    Emit(EmitError),
}

impl Done {
    pub(super) const fn new() -> Self {
        Self { ok: true }
    }
}

/// Hands events of this name to a handler, with what the gateway knows of the socket; answers those that fail.
pub(super) fn on<C: Send + Sync + 'static>(
    socket: &Socket,
    name: &str,
    context: &Arc<C>,
    handle: fn(&Event, &C) -> Result<(), Failure>,
) {
    let context = Arc::clone(context);
    socket.on(name, move |event| {
        if let Err(failure) = handle(&event, &context) {
            answer(&event, failure);
        }
        ready(())
    });
}

/// Answers events that the namespace does not have: silence would leave the client waiting.
pub(super) fn refuse_unknown(socket: &Socket, known: &'static [&str]) {
    socket.on_any(move |event| {
        if !known.contains(&event.name()) {
            refuse(&event, Refused::new(RefusalCode::UnknownEvent, "there is no such event here"));
        }
        ready(())
    });
}

fn answer(event: &Event, failure: Failure) {
    match failure {
        Failure::Refused(refused) => refuse(event, refused),
        Failure::Emit(EmitError::Disconnected(_)) => {
            tracing::debug!(socket = event.socket().id(), "the sender left before it could be told");
        }
        Failure::Emit(error) => {
            tracing::error!(event = event.name(), %error, "an event could not be sent on");
            refuse(event, Refused::new(RefusalCode::Internal, "the server failed; try again later"));
        }
    }
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

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<EmitError> for Failure {
    fn from(error: EmitError) -> Self {
        Self::Emit(error)
    }
}
