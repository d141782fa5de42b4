//! `/messaging`: messages between users, whether they arrived, and who is typing.

use std::sync::Arc;

use serde::Serialize;

use super::{
    Hall,
    answer::{Done, Failure, on, refuse_unknown},
};
use crate::{
    EmitError, Event, Namespace, Payload, Socket,
    app::{
        Delivery, MessageDraft, MessageId, Typing, UserId, clock,
        events::{messaging, realtime},
    },
};

/// Whose socket it is, and where copies of messages go.
struct Desk {
    user: Arc<UserId>,
    mirror: Option<Namespace>,
}

/// What the receiver of [`Typing`] gets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypingNotice<'a> {
    sender_id: &'a UserId,
    receiver_id: &'a UserId,
    is_typing: bool,
    timestamp: u64,
}

/// What who sent a message gets when it arrived.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryNotice<'a> {
    id: &'a MessageId,
    receiver_id: &'a UserId,
    timestamp: u64,
}

/// With a mirror, messages go there too.
pub(super) fn install(namespace: &Namespace, hall: &Hall, mirror: Option<&Namespace>) {
    let (hall, mirror) = (hall.clone(), mirror.cloned());
    namespace.on_connection(move |socket: Socket| {
        let Some(user) = hall.welcome(&socket) else { return };
        let desk = Arc::new(Desk { user, mirror: mirror.clone() });
        on(&socket, messaging::NEW_MESSAGE, &desk, new_message);
        on(&socket, messaging::USER_TYPING, &desk, user_typing);
        on(&socket, messaging::MESSAGE_DELIVERED, &desk, message_delivered);
        refuse_unknown(&socket, messaging::FROM_CLIENTS);
    });
}

/// To all devices of the receiver and the sender's other devices; then the sending socket is told. The mirror has no
/// other way to tell the sender, so there all devices of both get it.
fn new_message(event: &Event, desk: &Desk) -> Result<(), Failure> {
    let message = MessageDraft::parse(event.payload())?.into_message(UserId::clone(&desk.user), clock::epoch_millis());
    let (socket, payload) = (event.socket(), Payload::from_value(&message).map_err(EmitError::from)?);
    let (receiver, sender) = (message.receiver_id.room(), desk.user.room());
    socket.to(&receiver).to(&sender).emit_payload(messaging::NEW_MESSAGE, &payload)?;
    if let Some(mirror) = &desk.mirror {
        mirror.to(&receiver).to(&sender).emit_payload(realtime::NEW_MESSAGE, &payload)?;
    }
    socket.emit_payload(messaging::MESSAGE_SENT, &payload)?;
    event.ack(&message.receipt())?;
    Ok(())
}

/// To all devices of the receiver that can take it now: it means nothing later.
fn user_typing(event: &Event, desk: &Desk) -> Result<(), Failure> {
    let typing = Typing::parse(event.payload())?;
    let notice = TypingNotice {
        sender_id: &desk.user,
        receiver_id: &typing.receiver_id,
        is_typing: typing.is_typing,
        timestamp: clock::epoch_millis(),
    };
    event.socket().to(&typing.receiver_id.room()).volatile().emit(messaging::USER_TYPING, &notice)?;
    event.ack(&Done::new())?;
    Ok(())
}

/// To all devices of the message's sender. Whether there was such a message is not known here: who is told sees the id,
/// and from whom.
fn message_delivered(event: &Event, desk: &Desk) -> Result<(), Failure> {
    let delivery = Delivery::parse(event.payload())?;
    let notice = DeliveryNotice { id: &delivery.id, receiver_id: &desk.user, timestamp: clock::epoch_millis() };
    event.socket().to(&delivery.sender_id.room()).emit(messaging::MESSAGE_DELIVERED, &notice)?;
    event.ack(&Done::new())?;
    Ok(())
}
