use std::{fmt, sync::Arc};

use nexus_core::socketio::{
    Payload, RESERVED_EVENTS,
    delivery::{CONTROL_EVENT, Position},
};
use serde::Serialize;

use super::{EmitError, Socket, SocketInner, members::Target, namespace::NamespaceInner, recovery::Manner};
use crate::session::{Message, Sent};

/// An event, or a command, for many sockets.
#[derive(Clone)]
pub struct Broadcast {
    namespace: Arc<NamespaceInner>,
    target: Target,
    manner: Manner,
}

impl Broadcast {
    pub(super) fn new(namespace: Arc<NamespaceInner>) -> Self {
        Self { namespace, target: Target::default(), manner: Manner::default() }
    }

    pub(super) fn without(mut self, socket: &SocketInner) -> Self {
        self.target.without = Some(socket.key);
        if self.namespace.recovers() {
            self.target.audience = self.target.audience.without(socket.id.clone());
        }
        self
    }

    /// Addresses the sockets in a room, or the one socket with this id; each gets the event once,
    /// however many of the rooms it is in.
    #[must_use]
    pub fn to(mut self, room: &str) -> Self {
        self.target.audience = self.target.audience.to(Arc::from(room));
        self
    }

    /// Leaves out the sockets in a room, or the one socket with this id.
    #[must_use]
    pub fn except(mut self, room: &str) -> Self {
        self.target.audience = self.target.audience.except(Arc::from(room));
        self
    }

    /// Who can't be sent to at once does not get it.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.manner.volatile = true;
        self
    }

    /// Says where the event is in the inbox of the user that it is for: clients that know of inboxes report it once they
    /// have dispatched the event (`docs/protocol.md`, "Inbox"). Only where the namespace has
    /// [`recovery`](crate::Namespace::recovery), and for what is not volatile.
    #[must_use]
    pub fn position(mut self, position: Position) -> Self {
        self.manner.position = Some(position);
        self
    }

    /// Sends an event with one argument.
    ///
    /// # Errors
    /// When the name is reserved or the argument cannot be encoded. That nobody is there is none.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> Result<(), EmitError> {
        self.emit_payload(event, &Payload::from_value(data)?)
    }

    /// Sends an event with one argument for each element of a tuple or slice.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_args<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emit_payload(event, &Payload::from_args(args)?)
    }

    /// Sends an event with arguments that are encoded already.
    ///
    /// # Errors
    /// When the name is reserved.
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Result<(), EmitError> {
        let namespace = &*self.namespace;
        check_name(event, namespace)?;
        let volatile = self.manner.volatile;
        let (members, message) = if namespace.recovers() {
            let draft = Message::draft(&namespace.name, event, payload);
            let (at, audience) = (namespace.shared.now(), self.target.audience.clone());
            let mut members = namespace.members.lock();
            let message = members.place(at, draft, audience, &self.manner, &namespace.shared.metrics);
            (members, message)
        } else {
            let message = Message::from_event(&namespace.name, None, event, payload);
            (namespace.members.lock(), message)
        };
        let mut now = None;
        let mut queued = 0;
        members.for_each(&self.target, |socket| {
            let now = *now.get_or_insert_with(|| socket.connection.engine.now());
            // A receiver that is gone, or cut off for not reading, is no failure of the broadcast.
            match socket.connection.send_shared(now, socket.slot, message.clone(), volatile) {
                Sent::Queued => queued += 1,
                other => socket.connection.count(other),
            }
        });
        drop(members);
        namespace.shared.metrics.messages_sent.add(queued);
        tracing::trace!(namespace = %namespace.name, event = ?event, queued, "broadcast");
        Ok(())
    }

    /// The sockets addressed, in the order in which they joined the namespace.
    #[must_use]
    pub fn fetch_sockets(&self) -> Vec<Socket> {
        let members = self.namespace.members.lock();
        let mut sockets = Vec::new();
        members.for_each(&self.target, |socket| sockets.push(Socket::new(Arc::clone(socket))));
        sockets
    }

    /// Makes the sockets addressed leave the namespace; with `close`, their whole connections are
    /// closed.
    pub fn disconnect_sockets(&self, close: bool) {
        for socket in self.fetch_sockets() {
            socket.disconnect(close);
        }
    }

    /// Puts the sockets addressed into a room.
    pub fn sockets_join(&self, room: &str) {
        for socket in self.fetch_sockets() {
            socket.join(room);
        }
    }

    /// Takes the sockets addressed out of a room.
    pub fn sockets_leave(&self, room: &str) {
        for socket in self.fetch_sockets() {
            socket.leave(room);
        }
    }
}

pub(super) fn check_name(event: &str, namespace: &NamespaceInner) -> Result<(), EmitError> {
    let is_control = event == CONTROL_EVENT && namespace.delivery.read().is_some();
    if is_control || RESERVED_EVENTS.contains(&event) {
        return Err(EmitError::ReservedName(event.to_owned()));
    }
    Ok(())
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("namespace", &self.namespace.name)
            .field("target", &self.target)
            .field("manner", &self.manner)
            .finish()
    }
}
