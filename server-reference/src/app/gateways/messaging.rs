//! `/messaging`: messages between users, whether they arrived, and who is typing.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    Hall,
    answer::{Done, Failure, not_now, on, on_async, refuse_unknown},
    post::Post,
};
use crate::{
    EmitError, Event, Namespace, Payload, Socket,
    app::{Delivery, MessageDraft, MessageId, RefusalCode, Typing, UserId, clock, events::messaging, inbox::Inboxes},
};

/// Whose socket it is, and where copies of messages go.
pub(super) struct Desk {
    pub(super) user: Arc<UserId>,
    pub(super) namespace: Namespace,
    pub(super) mirror: Option<Namespace>,
    pub(super) inboxes: Arc<Inboxes>,
    inject_refusals: u8,
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

/// With a mirror, messages go there too. Of so many in a hundred durable messages it is said that there is no time.
pub(super) fn install(namespace: &Namespace, hall: &Hall, mirror: Option<&Namespace>, inject_refusals: u8) {
    let (hall, own, mirror) = (hall.clone(), namespace.clone(), mirror.cloned());
    namespace.on_connection(move |socket: Socket| {
        let Some(user) = hall.welcome_to_inbox(&socket) else { return };
        let (namespace, mirror, inboxes) = (own.clone(), mirror.clone(), Arc::clone(&hall.inboxes));
        let desk = Arc::new(Desk { user, namespace, mirror, inboxes, inject_refusals });
        on_async(&socket, messaging::NEW_MESSAGE, &desk, new_message);
        on(&socket, messaging::USER_TYPING, &desk, user_typing);
        on(&socket, messaging::MESSAGE_DELIVERED, &desk, message_delivered);
        refuse_unknown(&socket, messaging::FROM_CLIENTS);
    });
}

/// Into the inboxes of both; then to all devices of the receiver and the sender's other devices, and the sending socket is
/// told. Nobody is told what is not on disk.
async fn new_message(event: Event, desk: Arc<Desk>) -> Result<(), Failure> {
    if event.is_durable()
        && let Some((after, code)) = injected(desk.inject_refusals)
    {
        not_now(&event, after, code);
        return Ok(());
    }
    let message = MessageDraft::parse(event.payload())?.into_message(UserId::clone(&desk.user), clock::epoch_millis());
    let payload = Payload::from_value(&message).map_err(EmitError::from)?;
    let post = Post::new(&desk, event.socket(), &message.receiver_id, payload);
    post.commit(&event, &desk).await?;
    event.ack(&message.receipt())?;
    Ok(())
}

/// Chance, in a demo that tries its clients.
fn injected(percent: u8) -> Option<(Duration, RefusalCode)> {
    let mut random = [0; 4];
    if percent == 0 || getrandom::fill(&mut random).is_err() {
        return None;
    }
    let [a, b, pause, which] = random;
    let drawn = u16::from_le_bytes([a, b]) % 100;
    let code = if which % 2 == 0 { RefusalCode::StorageBusy } else { RefusalCode::RateLimited };
    (drawn < u16::from(percent)).then_some((Duration::from_millis(u64::from(pause) + 1), code))
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
    let (socket, payload) = (event.socket(), Payload::from_value(&notice).map_err(EmitError::from)?);
    let told = socket.to(&delivery.sender_id.room());
    event.after_commit(move || {
        if let Err(error) = told.emit_payload(messaging::MESSAGE_DELIVERED, &payload) {
            tracing::debug!(%error, "who sent a message was not told that it arrived");
        }
    })?;
    event.ack(&Done::new())?;
    Ok(())
}
