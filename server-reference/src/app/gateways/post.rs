//! A message on its way into inboxes and to devices.

use nexus_core::socketio::Namespace as Name;

use super::{answer::Failure, messaging::Desk};
use crate::{
    Broadcast, EmitError, Event, Namespace, Payload, Socket,
    app::{
        UserId,
        events::{messaging, realtime},
    },
    store::{After, Appended, Write},
};

/// A message, and where it goes: into the inboxes of receiver and sender, then to their devices.
pub(super) struct Post {
    writes: Vec<Write>,
    delivery: Delivery,
}

/// What is sent once all is on disk.
struct Delivery {
    socket: Socket,
    /// The sender's inbox, which has the message too.
    sender: UserId,
    own: Option<Appended>,
    /// Whom it is for, what it is called there, and where it is in their inbox.
    live: Vec<(Broadcast, &'static str, Appended)>,
    payload: Payload,
}

impl Post {
    pub(super) fn new(desk: &Desk, socket: Socket, receiver: &UserId, payload: Payload) -> Self {
        let sender = UserId::clone(&desk.user);
        let users = if *receiver == sender { vec![&sender] } else { vec![receiver, &sender] };
        let (mut writes, mut live, mut own) = (Vec::new(), Vec::new(), None);
        let mut append = |user: &UserId, namespace: &Namespace, event: &'static str| {
            let name = Name::try_new(namespace.name()).ok()?;
            let (write, appended) = desk.inboxes.append(user, &name, event, &payload);
            writes.push(write);
            Some(appended)
        };
        for user in users {
            let room = user.inbox_room();
            if let Some(appended) = append(user, &desk.namespace, messaging::NEW_MESSAGE) {
                if *user == sender {
                    own = Some(appended.clone());
                }
                live.push((socket.to(&room), messaging::NEW_MESSAGE, appended));
            }
            // There is no other word for the sender there: all its devices get it.
            if let Some(mirror) = &desk.mirror
                && let Some(appended) = append(user, mirror, realtime::NEW_MESSAGE)
            {
                live.push((mirror.to(&room), realtime::NEW_MESSAGE, appended));
            }
        }
        Self { writes, delivery: Delivery { socket, sender, own, live, payload } }
    }

    /// Returns once all is on disk and sent, or, of a durable event, once it is about to be committed with its outcome.
    pub(super) async fn commit(self, event: &Event, desk: &Desk) -> Result<(), Failure> {
        let Self { writes, delivery } = self;
        let send = move || delivery.send();
        if event.is_durable() {
            for write in writes {
                event.write(write)?;
            }
            event.after_commit(send)?;
        } else {
            let send: After = Box::new(send);
            desk.inboxes.store().write(writes, vec![send]).await?;
        }
        Ok(())
    }
}

impl Delivery {
    fn send(self) {
        let Self { socket, sender, own, live, payload } = self;
        for (target, event, appended) in live {
            log(with_position(target, &appended).emit_payload(event, &payload));
        }
        // The sending socket's word is its copy of what is in the sender's inbox. Before it has been sent the rest of that, it
        // must not pass for the latest.
        let room = sender.inbox_room();
        let has_inbox = socket.rooms().iter().any(|known| **known == *room);
        let position = own.as_ref().and_then(Appended::position).filter(|_| has_inbox);
        log(match position {
            Some(position) => socket.position(position.clone()).emit_payload(messaging::MESSAGE_SENT, &payload),
            None => socket.emit_payload(messaging::MESSAGE_SENT, &payload),
        });
    }
}

fn with_position(target: Broadcast, appended: &Appended) -> Broadcast {
    match appended.position() {
        Some(position) => target.position(position.clone()),
        None => target,
    }
}

fn log(sent: Result<(), EmitError>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "a message was not sent; it is in the inbox");
    }
}
