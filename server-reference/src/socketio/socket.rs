use std::{
    any::Any,
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use nexus_core::{
    ByteString,
    socketio::{
        AckId, Payload, Sid,
        delivery::{Class, Marker, Position},
    },
};
use parking_lot::Mutex;
use serde::Serialize;
use smallvec::SmallVec;

use super::{
    AckError, Broadcast, Disconnected, EmitError, Event, EventRejected, Handshake,
    ack::Acks,
    broadcast::check_name,
    delivery::SocketDelivery,
    dispatch::{EventQueue, Item},
    event::Delivery,
    handlers::{self, Handlers},
    namespace::NamespaceInner,
    recovery::Manner,
};
use crate::{
    engine::Connection,
    session::{DisconnectReason, Message, SlotId},
};

pub(crate) struct SocketInner {
    pub(super) id: Sid,
    pub(super) key: u64,
    pub(super) namespace: Arc<NamespaceInner>,
    pub(super) connection: Arc<Connection>,
    pub(super) slot: SlotId,
    pub(super) handshake: Handshake,
    pub(super) data: Option<Arc<dyn Any + Send + Sync>>,
    pub(super) user: Option<Arc<str>>,
    /// What was granted, if the client asked.
    pub(super) delivery: Option<Box<SocketDelivery>>,
    /// What the client may resume the session with.
    pub(super) pid: Option<ByteString>,
    /// Where the namespace's log stood when the session began.
    pub(super) start: u64,
    pub(super) recovered: bool,
    /// The application made it leave.
    pub(super) ended: AtomicBool,
    pub(super) handlers: Mutex<Handlers>,
    pub(super) queue: Mutex<EventQueue>,
    pub(super) acks: Mutex<Option<Box<Acks>>>,
    /// Changed under the lock of the namespace's members only.
    pub(super) rooms: Mutex<SmallVec<[Arc<str>; 1]>>,
    pub(super) ordered: AtomicBool,
    pub(super) connected: AtomicBool,
}

impl SocketInner {
    pub(super) fn send(&self, message: Message, volatile: bool) -> Result<(), Disconnected> {
        self.connection.emit(self.slot, message, volatile)
    }

    /// An event for this socket arrived.
    pub(crate) fn receive(
        self: &Arc<Self>,
        name: ByteString,
        payload: Payload,
        id: Option<AckId>,
        marker: Option<Marker>,
    ) {
        match (marker, id) {
            (Some(marker), Some(id)) if marker.class == Class::Durable => {
                self.receive_durable(marker, name, payload, id);
            }
            (Some(marker), id) => self.receive_buffered(&marker, name, payload, id),
            (None, id) => self.receive_event(Event::new(Arc::clone(self), name, payload, id, Delivery::Stock)),
        }
    }

    pub(super) fn receive_event(self: &Arc<Self>, event: Event) {
        self.enqueue(Item::Event(event));
    }

    /// The socket is no longer in its namespace: nothing reaches it from now on. Its handlers hear
    /// of it after the events that came before.
    pub(crate) fn leave_namespace(self: &Arc<Self>, reason: DisconnectReason) {
        self.connected.store(false, Ordering::Release);
        let shared = &self.namespace.shared;
        let gone = self.namespace.members.lock().leave_namespace(shared.now(), self, reason.is_recoverable());
        drop(gone);
        self.abandon_acks();
        if let Some(delivery) = &self.delivery {
            delivery.release();
        }
        shared.metrics.sockets_left.increment();
        tracing::debug!(socket = %self.id, namespace = %self.namespace.name, %reason, "socket left");
        self.enqueue(Item::Disconnect(reason));
    }
}

/// One client in one namespace. Cloning is cheap; all clones are the same socket.
#[derive(Clone)]
pub struct Socket {
    inner: Arc<SocketInner>,
}

impl Socket {
    pub(super) fn new(inner: Arc<SocketInner>) -> Self {
        Self { inner }
    }

    // ---- getters ----

    /// The id that the client knows as well. Never used twice, but by a session that is [resumed](Self::recovered).
    #[must_use]
    pub fn id(&self) -> &str {
        self.inner.id.as_str()
    }

    /// The namespace's name, with its slash.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.inner.namespace.name.as_str()
    }

    /// What the client said when it connected.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.inner.handshake
    }

    /// The value that [`Namespace::authorize`](crate::Namespace::authorize) attached, if it is a
    /// `T`. Where it attached none to a session that is [resumed](Self::recovered), the one of before.
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner.data.clone()?.downcast().ok()
    }

    /// The user that [`Namespace::authorize`](crate::Namespace::authorize) said the client is.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.inner.user.as_deref()
    }

    /// Whether the client resumed a session whose connection was lost (see
    /// [`Namespace::recovery`](crate::Namespace::recovery)): id, rooms and data are those of before, and what was sent
    /// meanwhile goes to the client. Handlers are to be registered as for any socket.
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.inner.recovered
    }

    /// Whether the socket is in its namespace.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.inner.connected.load(Ordering::Acquire)
    }

    // ---- receiving ----

    /// Adds a handler for an event.
    ///
    /// Handlers start in the order in which their events came. Each runs to its first suspension
    /// before the next one starts; then they interleave, unless [`ordered`](Self::ordered) is set.
    /// A handler that panics ends alone.
    pub fn on<F, R>(&self, event: &str, handler: F)
    where
        F: Fn(Event) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.inner.handlers.lock().add(Some(event), handlers::handler(handler));
    }

    /// Adds a handler for every event.
    pub fn on_any<F, R>(&self, handler: F)
    where
        F: Fn(Event) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.inner.handlers.lock().add(None, handlers::handler(handler));
    }

    /// Removes the handlers of an event.
    pub fn off(&self, event: &str) {
        self.inner.handlers.lock().remove(event);
    }

    /// Adds a step before all handlers, which may keep an event from them. It looks at one event at
    /// a time: the next one waits.
    pub fn use_middleware<F, R>(&self, middleware: F)
    where
        F: Fn(Event) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), EventRejected>> + Send + 'static,
    {
        self.inner.handlers.lock().middleware.push(handlers::middleware(middleware));
    }

    /// Whether the next event waits until the handlers of this one have returned. Default: no.
    /// A handler that then waits for an acknowledgement keeps all others waiting.
    pub fn ordered(&self, ordered: bool) {
        self.inner.ordered.store(ordered, Ordering::Release);
    }

    /// Adds a callback for when the socket has left its namespace, for whatever reason. It runs
    /// after the handlers of all events that came before have started, and must not block. The
    /// socket's handlers are gone after it.
    pub fn on_disconnect(&self, callback: impl FnOnce(DisconnectReason) + Send + 'static) {
        self.inner.handlers.lock().disconnect.push(Box::new(callback));
    }

    // ---- sending ----

    /// Sends an event with one argument.
    ///
    /// # Errors
    /// When the name is reserved, the argument cannot be encoded, or the socket is disconnected.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> Result<(), EmitError> {
        self.emitter().emit(event, data)
    }

    /// As [`emit`](Self::emit), with one argument for each element of a tuple or slice.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_args<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emitter().emit_args(event, args)
    }

    /// As [`emit`](Self::emit), with arguments that are encoded already.
    ///
    /// # Errors
    /// When the name is reserved or the socket is disconnected. With [recovery](crate::Namespace::recovery) a socket that
    /// lost its connection is not disconnected as long as its session may be resumed: the event waits.
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Result<(), EmitError> {
        self.emitter().emit_payload(event, payload)
    }

    /// Sends an event and waits for the client's acknowledgement, up to
    /// [`Config::ack_timeout`](crate::Config::ack_timeout). Dropping the future stops the waiting.
    ///
    /// # Errors
    /// When it was not sent, or no acknowledgement came.
    pub async fn emit_with_ack<T: Serialize + ?Sized + Sync>(
        &self,
        event: &str,
        data: &T,
    ) -> Result<Payload, AckError> {
        self.emitter().emit_with_ack(event, data).await
    }

    /// Waits this long for acknowledgements of what is then emitted.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Emitter {
        self.emitter().timeout(timeout)
    }

    /// What is then emitted is dropped where it can't be sent at once.
    #[must_use]
    pub fn volatile(&self) -> Emitter {
        self.emitter().volatile()
    }

    /// As [`Broadcast::position`](crate::Broadcast::position), for what is then emitted.
    #[must_use]
    pub fn position(&self, position: Position) -> Emitter {
        self.emitter().position(position)
    }

    fn emitter(&self) -> Emitter {
        let timeout = self.inner.namespace.shared.ack_timeout;
        Emitter { inner: Arc::clone(&self.inner), timeout, manner: Manner::default() }
    }

    // ---- rooms ----

    /// Enters a room. A room exists while somebody is in it. Nothing happens when the socket is
    /// disconnected.
    pub fn join(&self, room: &str) {
        self.inner.namespace.members.lock().join(room, &self.inner);
    }

    /// Leaves a room.
    pub fn leave(&self, room: &str) {
        self.inner.namespace.members.lock().leave(room, &self.inner);
    }

    /// The rooms that the socket is in, in the order in which it entered them.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.inner.rooms.lock().to_vec()
    }

    /// Addresses the sockets in a room, without this one.
    #[must_use]
    pub fn to(&self, room: &str) -> Broadcast {
        self.broadcast().to(room)
    }

    /// Addresses the sockets of the namespace, without this one.
    #[must_use]
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(Arc::clone(&self.inner.namespace)).without(&self.inner)
    }

    /// Makes the client leave the namespace; with `close`, its whole connection is closed. What was
    /// emitted before is still sent. A client that was made to leave does not come back by itself.
    pub fn disconnect(&self, close: bool) {
        self.inner.ended.store(true, Ordering::Release);
        self.inner.connection.end(self.inner.slot, DisconnectReason::ServerDisconnect);
        if close {
            self.inner.connection.close(DisconnectReason::ServerClose);
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", &self.id()).field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}

/// How to send to one socket: with another ack timeout, or volatile.
#[derive(Clone)]
pub struct Emitter {
    inner: Arc<SocketInner>,
    timeout: Duration,
    manner: Manner,
}

impl Emitter {
    /// Waits this long for acknowledgements.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Drops what can't be sent at once.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.manner.volatile = true;
        self
    }

    /// As [`Broadcast::position`](crate::Broadcast::position). An event that asks for an acknowledgement has none.
    #[must_use]
    pub fn position(mut self, position: Position) -> Self {
        self.manner.position = Some(position);
        self
    }

    /// Sends an event with one argument.
    ///
    /// # Errors
    /// When the name is reserved, the argument cannot be encoded, or the socket is disconnected.
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
    /// When the name is reserved or the socket is disconnected.
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Result<(), EmitError> {
        check_name(event, &self.inner.namespace)?;
        let name = &self.inner.namespace.name;
        if self.inner.pid.is_some() {
            return Ok(self.inner.send_placed(Message::draft(name, event, payload), &self.manner)?);
        }
        Ok(self.inner.send(Message::from_event(name, None, event, payload), self.manner.volatile)?)
    }

    /// Sends an event with one argument and waits for the client's acknowledgement.
    ///
    /// # Errors
    /// When it was not sent, or no acknowledgement came.
    pub async fn emit_with_ack<T: Serialize + ?Sized + Sync>(
        &self,
        event: &str,
        data: &T,
    ) -> Result<Payload, AckError> {
        let payload = Payload::from_value(data).map_err(EmitError::from)?;
        self.emit_payload_with_ack(event, &payload).await
    }

    /// As [`emit_with_ack`](Self::emit_with_ack), with arguments that are encoded already.
    ///
    /// # Errors
    /// As [`emit_with_ack`](Self::emit_with_ack).
    pub async fn emit_payload_with_ack(&self, event: &str, payload: &Payload) -> Result<Payload, AckError> {
        check_name(event, &self.inner.namespace)?;
        let mut awaited = self.inner.await_ack();
        let message = Message::from_event(&self.inner.namespace.name, Some(awaited.id), event, payload);
        self.inner.send(message, self.manner.volatile).map_err(EmitError::from)?;
        match tokio::time::timeout(self.timeout, &mut awaited.answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(AckError::Disconnected),
            Err(_) => Err(AckError::Timeout),
        }
    }
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter")
            .field("socket", &self.inner.id)
            .field("timeout", &self.timeout)
            .field("manner", &self.manner)
            .finish()
    }
}
