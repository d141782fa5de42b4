use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use nexus_core::{
    ByteString,
    socketio::{AckId, ArgError, Packet, Payload},
};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::SqliteConnection;

use super::{
    EmitError, NotDurable, Socket, SocketInner,
    delivery::{Ledger, Waiter, acknowledge_buffered},
    draft::{self, Draft, Verdict},
};
use crate::{session::Message, store::StoreError};

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
    delivery: Delivery,
    acknowledged: AtomicBool,
}

/// What is promised of an event.
pub(super) enum Delivery {
    /// Nothing.
    Stock,
    /// It runs once: this is its id in the ledger that says so.
    Buffered { id: u64, ledger: Ledger },
    /// It runs, and has its effects, once: here its handlers say what they are.
    Durable(Arc<Draft>),
}

impl Event {
    pub(super) fn new(
        socket: Arc<SocketInner>,
        name: ByteString,
        payload: Payload,
        id: Option<AckId>,
        delivery: Delivery,
    ) -> Self {
        let inner = EventInner { socket, name, payload, id, delivery, acknowledged: AtomicBool::new(false) };
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

    /// Whether the event is durable: it has its effects once, whatever happens to client, server and network. Its
    /// acknowledgement leaves once all is committed. What it comes to is decided when all its handlers have returned:
    /// without `ack`, [`reject`](Self::reject) or [`retry`](Self::retry) by then it is done, and acknowledged without
    /// arguments. A handler that panics, and a middleware that refuses it, reject it.
    ///
    /// Its handlers may run after its socket has left, and run again if the server is killed, or storage fails, before all
    /// is committed: only what they [`write`](Self::write) has its effect exactly once.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        matches!(self.inner.delivery, Delivery::Durable(_))
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
        match &inner.delivery {
            Delivery::Stock => {}
            Delivery::Buffered { id: number, ledger } => {
                acknowledge_buffered(ledger, *number, &Waiter::new(&inner.socket, id), payload);
                return Ok(());
            }
            Delivery::Durable(draft) => {
                if !draft.decide(Verdict::Done(payload)) {
                    tracing::debug!(event = self.name(), "an acknowledgement came after another decision, or too late");
                }
                return Ok(());
            }
        }
        let packet = Packet::Ack { namespace: inner.socket.namespace.name.clone(), id, payload };
        inner.socket.send(Message::from_packet(&packet), false)?;
        Ok(())
    }

    /// Adds statements to what is committed together with the event's outcome: they have their effect if and only if the
    /// event is done, and have it once.
    ///
    /// # Errors
    /// When the event is not durable, or its handlers have returned.
    pub fn write<F>(&self, write: F) -> Result<(), NotDurable>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<(), StoreError>> + Send + 'static,
    {
        match &self.inner.delivery {
            Delivery::Durable(draft) if draft.write(Box::new(write)) => Ok(()),
            _ => Err(NotDurable),
        }
    }

    /// Runs something once the event's outcome is committed, and before its acknowledgement leaves; it must not block. It
    /// does not run if the event is rejected or comes again. Where the event is not durable it runs at once.
    ///
    /// # Errors
    /// When the event is durable, and its handlers have returned.
    pub fn after_commit(&self, then: impl FnOnce() + Send + 'static) -> Result<(), NotDurable> {
        let Delivery::Durable(draft) = &self.inner.delivery else {
            then();
            return Ok(());
        };
        if draft.after_commit(Box::new(then)) { Ok(()) } else { Err(NotDurable) }
    }

    /// Refuses a durable event for good: it has no effect, whatever was [written](Self::write), and never will. The
    /// client is told the code, a short stable name of at most 128 bytes, and one argument that says more. The first of
    /// `ack`, `reject` and `retry` counts. Where the event is not durable, the argument is its acknowledgement.
    ///
    /// # Errors
    /// When the argument cannot be encoded; where the event is not durable, as [`ack`](Self::ack).
    pub fn reject<T: Serialize + ?Sized>(&self, code: &str, data: &T) -> Result<(), EmitError> {
        let ack = Payload::from_value(data)?;
        match &self.inner.delivery {
            Delivery::Durable(draft) => {
                draft.decide(Verdict::Rejected { code: draft::code(code), ack });
                Ok(())
            }
            _ => self.ack_payload(ack),
        }
    }

    /// Has a durable event come again, after this time at the earliest: it has no effect yet. Events behind it wait for it.
    /// The client is told the code, a short stable name of at most 128 bytes.
    ///
    /// # Errors
    /// When the event is not durable: nobody sends it again.
    pub fn retry(&self, after: Duration, code: &str) -> Result<(), NotDurable> {
        match &self.inner.delivery {
            Delivery::Durable(draft) => {
                draft.decide(Verdict::Retry { after, code: draft::code(code) });
                Ok(())
            }
            _ => Err(NotDurable),
        }
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
