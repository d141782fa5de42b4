use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use nexus_core::{
    ByteString,
    socketio::{Namespace as Name, Payload, delivery::Position},
    time::Timestamp,
};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;

use super::{
    Broadcast, ConnectError, ConnectRequest, DeliveryConfig, EmitError, Socket, delivery::NamespaceDelivery,
    members::Members, recovery::Recovery,
};
use crate::{
    delivery::RecoveryConfig,
    engine::{Config, Metrics, random_id},
};

/// What the namespaces of an [`Io`](crate::Io) share.
pub(crate) struct Shared {
    pub(super) metrics: Arc<Metrics>,
    pub(super) ack_timeout: Duration,
    pub(super) event_queue: usize,
    pub(super) event_queue_bytes: usize,
    next_key: AtomicU64,
    started: Instant,
}

impl Shared {
    #[expect(clippy::disallowed_methods, reason = "the server is the driver of the logs: it reads the clock for them")]
    pub(super) fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            ack_timeout: config.ack_timeout,
            event_queue: config.event_queue,
            event_queue_bytes: config.event_queue_bytes,
            next_key: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// The time, for logs: since the server was made.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.started.elapsed()
    }

    pub(super) fn next_key(&self) -> u64 {
        self.next_key.fetch_add(1, Ordering::Relaxed)
    }
}

pub(super) type Authorize = Arc<dyn Fn(ConnectRequest) -> BoxFuture<'static, Result<(), ConnectError>> + Send + Sync>;
pub(super) type OnConnection = Arc<dyn Fn(Socket) + Send + Sync>;

pub(crate) struct NamespaceInner {
    pub(super) name: Name,
    pub(super) shared: Arc<Shared>,
    pub(super) authorize: RwLock<Option<Authorize>>,
    pub(super) on_connection: RwLock<Vec<OnConnection>>,
    pub(super) delivery: RwLock<Option<Arc<NamespaceDelivery>>>,
    /// Held while a broadcast is queued to all its receivers: all of them see broadcasts in one
    /// order. Nothing is encoded, and no application code runs, under it.
    pub(super) members: Mutex<Members>,
    recovers: AtomicBool,
}

impl NamespaceInner {
    pub(super) fn new(name: Name, shared: Arc<Shared>) -> Self {
        Self {
            name,
            shared,
            authorize: RwLock::default(),
            on_connection: RwLock::default(),
            delivery: RwLock::default(),
            members: Mutex::default(),
            recovers: AtomicBool::new(false),
        }
    }

    /// Whether sessions may be resumed, and so events have places in a log.
    pub(super) fn recovers(&self) -> bool {
        self.recovers.load(Ordering::Acquire)
    }
}

/// A channel of its own inside the connection of each client. Cloning is cheap; all clones are the
/// same namespace.
#[derive(Clone)]
pub struct Namespace {
    inner: Arc<NamespaceInner>,
}

impl Namespace {
    pub(super) fn new(inner: Arc<NamespaceInner>) -> Self {
        Self { inner }
    }

    /// The name, with its slash.
    #[must_use]
    pub fn name(&self) -> &str {
        self.inner.name.as_str()
    }

    /// Sets who may join. It runs apart from the connection, which goes on meanwhile, and may take
    /// [`Config::connect_timeout`]. Without it everybody may; a second call replaces the first.
    pub fn authorize<F, R>(&self, authorize: F)
    where
        F: Fn(ConnectRequest) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), ConnectError>> + Send + 'static,
    {
        *self.inner.authorize.write() = Some(Arc::new(move |request| authorize(request).boxed()));
    }

    /// Lets clients resume sessions whose connection was lost: with the id, rooms and data of before, and what was sent
    /// meanwhile (`docs/protocol.md`, "Downlink"). Stock clients do so as with a stock server that has connection state
    /// recovery. Default: they can't.
    ///
    /// Every event that asks for no acknowledgement then ends with one more argument, its offset, which handlers of stock
    /// clients see. [`authorize`](Self::authorize) runs first, always, and a session is resumed only by the
    /// [user](ConnectRequest::set_user) that it belonged to. [`on_connection`](Self::on_connection) runs as for any socket,
    /// and [`Socket::recovered`] tells. Call it before clients come; a second call does nothing.
    pub fn recovery(&self, config: RecoveryConfig) {
        let mut members = self.inner.members.lock();
        if members.recovery.is_none() {
            let incarnation: String = random_id().chars().take(8).collect();
            members.recovery = Some(Box::new(Recovery::new(ByteString::from(incarnation), config)));
            self.inner.recovers.store(true, Ordering::Release);
        }
    }

    /// Adds a callback for each socket that joins. It registers the socket's handlers: it runs
    /// before the client is told that it has joined, so no event is missed, and what it emits
    /// arrives after that. It must not block.
    pub fn on_connection(&self, callback: impl Fn(Socket) + Send + Sync + 'static) {
        self.inner.on_connection.write().push(Arc::new(callback));
    }

    /// Grants delivery to clients that ask for it: their events run once, although they come again after a lost connection
    /// (`docs/protocol.md`, "Uplink"). Off by default, and without effect on other clients. Call it before clients come;
    /// a second call forgets what the first one's clients have sent.
    ///
    /// An application only has to say [who a client is](ConnectRequest::set_user):
    ///
    /// ```
    /// use nexus_server::{Config, ConnectRequest, DeliveryConfig, Event, Io, Socket};
    ///
    /// let io = Io::new(Config::default());
    /// let chat = io.of("chat");
    /// chat.delivery(DeliveryConfig::default());
    /// chat.authorize(|request: ConnectRequest| async move {
    ///     request.set_user("ada");
    ///     Ok(())
    /// });
    /// chat.on_connection(|socket: Socket| {
    ///     socket.on("say", |event: Event| async move {
    ///         // Runs once for each event that was sent, if it is durable even when the server was killed meanwhile.
    ///         let _ = event.ack(&"said");
    ///     });
    /// });
    /// ```
    ///
    /// Durable events want a [`Store`](crate::store::Store) in the configuration. Their handlers put what they do to the
    /// same database into the outcome's transaction with [`Event::write`](crate::Event::write); a handler that had not
    /// returned when the server was killed runs again, so that other effects should be harmless the second time.
    pub fn delivery(&self, config: DeliveryConfig) {
        *self.inner.delivery.write() = Some(NamespaceDelivery::new(config));
    }

    /// Sets what is told of the positions that clients report, each the last one in its user's inbox that the client has
    /// dispatched (`docs/protocol.md`, "Inbox"). It must not block. Without [`delivery`](Self::delivery), which comes
    /// first, no client reports any.
    pub fn on_position(&self, callback: impl Fn(Socket, Position) + Send + Sync + 'static) {
        if let Some(delivery) = &*self.inner.delivery.read() {
            *delivery.on_position.write() = Some(Arc::new(callback));
        }
    }

    /// Sends an event with one argument to every socket of the namespace.
    ///
    /// # Errors
    /// When the name is reserved or the argument cannot be encoded. That nobody is there is none.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> Result<(), EmitError> {
        self.broadcast().emit(event, data)
    }

    /// As [`emit`](Self::emit), with one argument for each element of a tuple or slice.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_args<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.broadcast().emit_args(event, args)
    }

    /// As [`emit`](Self::emit), with arguments that are encoded already.
    ///
    /// # Errors
    /// When the name is reserved.
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Result<(), EmitError> {
        self.broadcast().emit_payload(event, payload)
    }

    /// Addresses the sockets in a room, or the one socket with this id. Further rooms can be added.
    #[must_use]
    pub fn to(&self, room: &str) -> Broadcast {
        self.broadcast().to(room)
    }

    /// Addresses all sockets but those in a room, or the one with this id.
    #[must_use]
    pub fn except(&self, room: &str) -> Broadcast {
        self.broadcast().except(room)
    }

    /// Addresses all sockets; who can't be sent to at once does not get it.
    #[must_use]
    pub fn volatile(&self) -> Broadcast {
        self.broadcast().volatile()
    }

    /// The sockets of the namespace, in the order in which they joined.
    #[must_use]
    pub fn fetch_sockets(&self) -> Vec<Socket> {
        self.broadcast().fetch_sockets()
    }

    /// The sockets in a room, in the order in which they joined the namespace.
    #[must_use]
    pub fn sockets_in(&self, room: &str) -> Vec<Socket> {
        self.to(room).fetch_sockets()
    }

    /// The socket with this id.
    #[must_use]
    pub fn socket(&self, id: &str) -> Option<Socket> {
        self.inner.members.lock().socket(id).map(|inner| Socket::new(Arc::clone(inner)))
    }

    /// Makes every socket leave the namespace; with `close`, its whole connection is closed.
    pub fn disconnect_sockets(&self, close: bool) {
        self.broadcast().disconnect_sockets(close);
    }

    fn broadcast(&self) -> Broadcast {
        Broadcast::new(Arc::clone(&self.inner))
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace").field(&self.name()).finish()
    }
}
