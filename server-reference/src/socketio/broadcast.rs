use std::{fmt, sync::Arc};

use nexus_core::socketio::{Payload, RESERVED_EVENTS};
use serde::Serialize;

use super::{EmitError, Socket, members::Target, namespace::NamespaceInner};
use crate::session::{Message, Sent};

/// An event, or a command, for many sockets.
#[derive(Clone)]
pub struct Broadcast {
    namespace: Arc<NamespaceInner>,
    target: Target,
    volatile: bool,
}

impl Broadcast {
    pub(super) fn new(namespace: Arc<NamespaceInner>) -> Self {
        Self { namespace, target: Target::default(), volatile: false }
    }

    pub(super) fn without(mut self, key: u64) -> Self {
        self.target.without = Some(key);
        self
    }

    /// Addresses the sockets in a room, or the one socket with this id; each gets the event once,
    /// however many of the rooms it is in.
    #[must_use]
    pub fn to(mut self, room: &str) -> Self {
        self.target.rooms.push(Arc::from(room));
        self
    }

    /// Leaves out the sockets in a room, or the one socket with this id.
    #[must_use]
    pub fn except(mut self, room: &str) -> Self {
        self.target.except.push(Arc::from(room));
        self
    }

    /// Who can't be sent to at once does not get it.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
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
        check_name(event)?;
        let message = Message::from_event(&self.namespace.name, None, event, payload);
        let members = self.namespace.members.lock();
        let mut now = None;
        let mut queued = 0;
        members.for_each(&self.target, |socket| {
            let now = *now.get_or_insert_with(|| socket.connection.engine.now());
            // A receiver that is gone, or cut off for not reading, is no failure of the broadcast.
            match socket.connection.send_shared(now, socket.slot, message.clone(), self.volatile) {
                Sent::Queued => queued += 1,
                other => socket.connection.count(other),
            }
        });
        drop(members);
        self.namespace.shared.metrics.messages_sent.add(queued);
        tracing::trace!(namespace = %self.namespace.name, event = ?event, queued, "broadcast");
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

pub(super) fn check_name(event: &str) -> Result<(), EmitError> {
    if RESERVED_EVENTS.contains(&event) { Err(EmitError::ReservedName(event.to_owned())) } else { Ok(()) }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("namespace", &self.namespace.name)
            .field("target", &self.target)
            .field("volatile", &self.volatile)
            .finish()
    }
}
