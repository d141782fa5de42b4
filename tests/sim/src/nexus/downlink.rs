//! What the server sends on its own: to everybody, to a user with all devices, to one socket.

use std::sync::Arc;

use nexus_core::socketio::{AckId, Namespace, Payload, Sid, delivery::Offset};
use nexus_server::{
    delivery::Audience,
    session::{Message, SlotId},
};

use super::server::INBOX;
use crate::{
    scenario::Planted,
    world::{Key, World},
};

/// Whom an event is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum For {
    Everybody,
    /// All devices of a user, and the inbox.
    User(Arc<str>),
    Socket(Sid),
    /// Those who are in the lobby.
    Lobby,
}

/// The room that sockets enter and leave.
pub(super) const LOBBY: &str = "lobby";

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
            31..33 if self.habits.has_rooms => self.enter_or_leave(key, slot),
            33..36 if self.habits.has_rooms => self.publish(&namespace, &For::Lobby),
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
            For::Everybody | For::Socket(_) | For::Lobby => None,
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
            For::Lobby => Audience::everybody().to(LOBBY.into()),
        };
        let is_foreign = matches!(
            (self.scenario.planted, whom),
            (Some(Planted::ForeignUser), For::User(_))
                | (Some(Planted::ForeignRoom), For::Lobby)
                | (Some(Planted::ForeignSocket), For::Socket(_))
        );
        self.oracle.report.room_events += u64::from(*whom == For::Lobby);
        let now = self.now;
        let log = self.server.log(namespace);
        let message = message(namespace, &payload, &log.next_offset(position));
        log.append(now, audience.clone(), message.clone());
        self.oracle.report.published += 1;
        for (&(key, slot), socket) in &self.server.sockets {
            if socket.namespace == *namespace
                && (is_foreign || audience.includes(&socket.sid, &socket.rooms))
                && let Some(connection) = self.connections.get_mut(&key)
            {
                connection.session.send(now, slot, message.clone(), false);
                self.to_pump.push(key);
            }
        }
        self.check_log(namespace);
    }

    fn enter_or_leave(&mut self, key: Key, slot: SlotId) {
        let Some(socket) = self.server.sockets.get_mut(&(key, slot)) else { return };
        let before = socket.rooms.len();
        socket.rooms.retain(|room| **room != *LOBBY);
        let enters = socket.rooms.len() == before;
        if enters {
            socket.rooms.push(LOBBY.into());
        }
        self.model.in_lobby(&socket.namespace, &socket.sid, enters);
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
