//! What the server sends on its own: to everybody, to a user with all devices, to one socket.

use std::sync::Arc;

use nexus_core::socketio::{AckId, Namespace, Payload, Sid, delivery::Offset};
use nexus_server::{
    delivery::Audience,
    session::{Message, SlotId},
};

use super::server::INBOX;
use crate::world::{Key, World};

/// Whom an event is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum For {
    Everybody,
    /// All devices of a user, and the inbox.
    User(Arc<str>),
    Socket(Sid),
}

/// An event as it goes out in a namespace that keeps a log.
pub(super) fn message(namespace: &Namespace, payload: &Payload, offset: &Offset) -> Message {
    Message::from_event(namespace, None, "down", &payload.with_last(&format!("\"{offset}\"")))
}

impl World<'_> {
    /// The server's application does something in the namespace of a socket.
    pub(crate) fn server_publishes(&mut self, key: Key, slot: SlotId, choice: u64) {
        let Some(socket) = self.server.sockets.get(&(key, slot)) else { return };
        let (namespace, user, sid, client) =
            (socket.namespace.clone(), Arc::clone(&socket.user), socket.sid.clone(), socket.client);
        match choice {
            0..12 => self.publish(&namespace, &For::Everybody),
            12..22 => self.publish(&namespace, &For::User(user)),
            22..27 => self.publish(&namespace, &For::Socket(sid)),
            27..31 => self.publish_volatile(&namespace),
            _ => {
                let number = self.model.question(client, &namespace);
                if let Ok(payload) = Payload::from_args(&(number, "ask"))
                    && let Some(connection) = self.connections.get_mut(&key)
                {
                    connection.next_ack += 1;
                    let id = Some(AckId(connection.next_ack));
                    let message = Message::from_event(&namespace, id, "ask", &payload);
                    connection.session.send(self.now, slot, message, false);
                    self.to_pump.push(key);
                }
            }
        }
        self.pump_waiting();
    }

    /// Sends an event that is kept in the log; one for a user goes into the inbox first.
    fn publish(&mut self, namespace: &Namespace, whom: &For) {
        let number = self.model.published(namespace, whom);
        let user = match whom {
            For::User(user) => Some(user),
            For::Everybody | For::Socket(_) => None,
        };
        let Ok(payload) = Payload::from_args(&(number, user.map(ToString::to_string))) else { return };
        let mut position = None;
        if let Some(user) = user {
            let inbox = self.server.disk.inboxes.entry((Arc::clone(user), namespace.clone())).or_default();
            inbox.last += 1;
            inbox.entries.push_back((inbox.last, payload.clone()));
            if inbox.entries.len() > INBOX {
                inbox.entries.pop_front();
            }
            let last = inbox.last;
            position = Some(self.server.position(last));
        }
        let audience = match whom {
            For::Everybody => Audience::everybody(),
            For::User(user) => Audience::everybody().to(format!("user:{user}").into()),
            For::Socket(sid) => Audience::socket(sid.clone()),
        };
        let now = self.now;
        let log = self.server.log(namespace);
        let message = message(namespace, &payload, &log.next_offset(position));
        log.append(now, audience.clone(), message.clone());
        self.oracle.report.published += 1;
        for (&(key, slot), socket) in &self.server.sockets {
            if socket.namespace == *namespace
                && audience.includes(&socket.sid, &socket.rooms)
                && let Some(connection) = self.connections.get_mut(&key)
            {
                connection.session.send(now, slot, message.clone(), false);
                self.to_pump.push(key);
            }
        }
    }

    fn publish_volatile(&mut self, namespace: &Namespace) {
        let number = self.model.published_volatile(namespace);
        let Ok(payload) = Payload::from_args(&(number, None::<String>)) else { return };
        let message = message(namespace, &payload, &self.server.log(namespace).volatile_offset());
        for (&(key, slot), socket) in &self.server.sockets {
            if socket.namespace == *namespace
                && let Some(connection) = self.connections.get_mut(&key)
            {
                connection.session.send(self.now, slot, message.clone(), true);
                self.to_pump.push(key);
            }
        }
    }
}
