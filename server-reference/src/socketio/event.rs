use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use nexus_core::{
    ByteString,
    socketio::{AckId, ArgError, Packet, Payload},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{EmitError, Socket, SocketInner};
use crate::session::Message;

/// An event from a client. Cloning is cheap; all clones are the same event.
#[derive(Clone)]
pub struct Event {
    inner: Arc<EventInner>,
}

struct EventInner {
    socket: Arc<SocketInner>,
    name: ByteString,
    payload: Payload,
    id: Option<AckId>,
    acknowledged: AtomicBool,
}

impl Event {
    pub(super) fn new(socket: Arc<SocketInner>, name: ByteString, payload: Payload, id: Option<AckId>) -> Self {
        let inner = EventInner { socket, name, payload, id, acknowledged: AtomicBool::new(false) };
        Self { inner: Arc::new(inner) }
    }

    /// The socket that it came from.
    #[must_use]
    pub fn socket(&self) -> Socket {
        Socket::new(Arc::clone(&self.inner.socket))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The arguments, as they came.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.inner.payload
    }

    /// Argument `index`, counted from 0, as a `T`.
    ///
    /// # Errors
    /// When there is no such argument, or it is of another type.
    pub fn arg<T: DeserializeOwned>(&self, index: usize) -> Result<T, ArgError> {
        self.inner.payload.arg(index)
    }

    /// All arguments together, as a tuple, array or `Vec`.
    ///
    /// # Errors
    /// When they are of other types, or their number differs from a tuple's.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, ArgError> {
        self.inner.payload.args()
    }

    /// Whether the client waits for an acknowledgement.
    #[must_use]
    pub fn has_ack(&self) -> bool {
        self.inner.id.is_some()
    }

    /// Acknowledges the event with one argument. Only the first acknowledgement is sent; where the
    /// client wants none, nothing is.
    ///
    /// # Errors
    /// When the argument cannot be encoded, or the client is gone.
    pub fn ack<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), EmitError> {
        self.ack_payload(Payload::from_value(data)?)
    }

    /// As [`ack`](Self::ack), with one argument for each element of a tuple or slice.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub fn ack_args<T: Serialize + ?Sized>(&self, args: &T) -> Result<(), EmitError> {
        self.ack_payload(Payload::from_args(args)?)
    }

    /// As [`ack`](Self::ack), with arguments that are encoded already.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn ack_payload(&self, payload: Payload) -> Result<(), EmitError> {
        let inner = &*self.inner;
        let Some(id) = inner.id else { return Ok(()) };
        if inner.acknowledged.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let packet = Packet::Ack { namespace: inner.socket.namespace.name.clone(), id, payload };
        inner.socket.send(Message::from_packet(&packet), false)?;
        Ok(())
    }

    /// What it counts for in the queue, in bytes.
    pub(super) fn size(&self) -> usize {
        size_of::<EventInner>() + self.inner.name.len() + self.inner.payload.size()
    }
}

/// Leaves out the arguments.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("name", &self.name()).field("id", &self.inner.id).finish_non_exhaustive()
    }
}
