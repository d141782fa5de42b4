//! `/messaging`: messages between users, and who is typing.

use std::{future::ready, sync::Arc};

use serde::Serialize;

use super::{refuse, refuse_unknown, welcome};
use crate::{
    EmitError, Event, Namespace, Socket,
    app::{MessageDraft, RefusalCode, Refused, Typing, UserId, clock, events::messaging},
};

/// What the receiver of [`Typing`] gets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypingNotice<'a> {
    sender_id: &'a UserId,
    receiver_id: &'a UserId,
    is_typing: bool,
    timestamp: u64,
}

#[derive(Serialize)]
struct Done {
    ok: bool,
}

pub(super) fn install(namespace: &Namespace) {
    namespace.on_connection(|socket: Socket| {
        let Some(user) = welcome(&socket) else { return };
        on(&socket, messaging::NEW_MESSAGE, Arc::clone(&user), new_message);
        on(&socket, messaging::USER_TYPING, user, user_typing);
        refuse_unknown(&socket, messaging::FROM_CLIENTS);
    });
}

fn on(socket: &Socket, name: &str, user: Arc<UserId>, handle: fn(&Event, &UserId) -> Result<(), Failure>) {
    socket.on(name, move |event| {
        if let Err(failure) = handle(&event, &user) {
            answer(&event, failure);
        }
        ready(())
    });
}

/// What kept an event from having its effect.
enum Failure {
    Refused(Refused),
    Emit(EmitError),
}

/// To all devices of the receiver and the sender's other devices; then the sending socket is told.
fn new_message(event: &Event, sender: &UserId) -> Result<(), Failure> {
    let message = MessageDraft::parse(event.payload())?.into_message(sender.clone(), clock::epoch_millis());
    let socket = event.socket();
    socket.to(&message.receiver_id.room()).to(&sender.room()).emit(messaging::NEW_MESSAGE, &message)?;
    socket.emit(messaging::MESSAGE_SENT, &message)?;
    event.ack(&message.receipt())?;
    Ok(())
}

/// To all devices of the receiver that can take it now: it means nothing later.
fn user_typing(event: &Event, sender: &UserId) -> Result<(), Failure> {
    let typing = Typing::parse(event.payload())?;
    let notice = TypingNotice {
        sender_id: sender,
        receiver_id: &typing.receiver_id,
        is_typing: typing.is_typing,
        timestamp: clock::epoch_millis(),
    };
    event.socket().to(&typing.receiver_id.room()).volatile().emit(messaging::USER_TYPING, &notice)?;
    event.ack(&Done { ok: true })?;
    Ok(())
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
