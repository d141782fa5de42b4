//! What a client is told about its event.

use std::{
    future::{Future, ready},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;

use crate::{
    EmitError, Event, NotDurable, Socket,
    app::{RefusalCode, Refused, events::common},
    store::StoreError,
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
    Store(StoreError),
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
    on_async(socket, name, context, move |event, context| ready(handle(&event, &context)));
}

/// As [`on`], for a handler that waits for something.
pub(super) fn on_async<C, R>(
    socket: &Socket,
    name: &str,
    context: &Arc<C>,
    handle: impl Fn(Event, Arc<C>) -> R + Send + Sync + 'static,
) where
    C: Send + Sync + 'static,
    R: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let context = Arc::clone(context);
    socket.on(name, move |event| {
        let handled = handle(event.clone(), Arc::clone(&context));
        async move {
            if let Err(failure) = handled.await {
                answer(&event, failure);
            }
        }
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

/// Has a durable event come again, and refuses another, which its sender may send again by itself.
pub(super) fn not_now(event: &Event, after: Duration, code: RefusalCode) {
    tracing::debug!(socket = event.socket().id(), ?code, "not now");
    if event.retry(after, code.as_str()).is_err() {
        refuse(event, Refused::later(code, after));
    }
}

fn answer(event: &Event, failure: Failure) {
    match failure {
        Failure::Refused(refused) => refuse(event, refused),
        Failure::Store(error) => {
            tracing::warn!(%error, "an event could not be stored");
            not_now(event, error.retry_after(), RefusalCode::StorageBusy);
        }
        Failure::Emit(EmitError::Disconnected(_)) => {
            tracing::debug!(socket = event.socket().id(), "the sender left before it could be told");
        }
        Failure::Emit(error) => {
            tracing::error!(event = event.name(), %error, "an event could not be sent on");
            refuse(event, Refused::new(RefusalCode::Internal, "the server failed; try again later"));
        }
    }
}

/// Tells a client why its event was refused: by acknowledgement if it waits for one, else by event. For a durable event that
/// is its outcome.
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
        event.reject(refused.code.as_str(), &refused)
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

/// The handlers had returned, so nothing of it is committed: it may come again.
impl From<NotDurable> for Failure {
    fn from(error: NotDurable) -> Self {
        Self::Store(StoreError::Failed(error.to_string()))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
