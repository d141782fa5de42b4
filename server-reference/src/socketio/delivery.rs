//! Negotiation of delivery, and buffered events: `docs/protocol.md`, "Negotiation" and "Buffered".

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    time::Duration,
};

use nexus_core::{
    ByteString,
    socketio::{
        AckId, Packet, Payload,
        delivery::{Grant, Marker, Position, Request},
    },
};
use parking_lot::{Mutex, RwLock};
use serde::Deserialize;

use super::{Event, Socket, SocketInner, durable::Lanes, event::Delivery};
use crate::{
    delivery::{Buffered, Received, Table},
    engine::{Connection, Engine, random_id},
    session::{BadInputKind, Message, Session},
    store::Store,
};

/// What a namespace grants to clients that ask for delivery, and with what bounds.
///
/// A client is granted something only if the application knows who it is: see
/// [`ConnectRequest::set_user`](crate::ConnectRequest::set_user).
#[derive(Debug, Clone)]
pub struct DeliveryConfig {
    /// Whether buffered events are deduplicated. Default: yes.
    pub buffered: bool,
    /// Where durable events and their outcomes are committed. Default: nowhere, and then none are granted.
    pub durable: Option<Store>,
    /// The most keys (user and instance of a client) that are remembered, for each class. Default: 100,000. A client
    /// beyond that is granted no deduplication of buffered events; a durable event is told to come again.
    pub max_keys: usize,
    /// How long a key is remembered that has no socket, or of which no durable event runs. Default: 10 min. Outcomes of
    /// durable events stay in the store.
    pub idle: Duration,
    /// The most bytes of acknowledgements of buffered events that are kept for repeats, for each key. Default: 1 MiB. A
    /// repeat of what was forgotten gets none.
    pub ack_bytes: usize,
    /// The most bytes of durable events that wait or run in the namespace. Default: 64 MiB. Events beyond that are told
    /// to come again.
    pub lane_bytes: usize,
    /// How long the middleware and handlers of a durable event may take together. Default: 30 s. One that takes longer is
    /// stopped, and told to come again.
    pub handler_timeout: Duration,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            buffered: true,
            durable: None,
            max_keys: 100_000,
            idle: Duration::from_secs(600),
            ack_bytes: 1 << 20,
            lane_bytes: 64 << 20,
            handler_timeout: Duration::from_secs(30),
        }
    }
}

/// The user and the instance.
pub(super) type Key = (Arc<str>, ByteString);

pub(super) type OnPosition = Arc<dyn Fn(Socket, Position) + Send + Sync>;

pub(super) type Ledger = Arc<Mutex<Buffered<Waiter>>>;

/// What a namespace with delivery knows.
pub(crate) struct NamespaceDelivery {
    pub(super) config: DeliveryConfig,
    buffered: Mutex<Table<Key, (ByteString, Ledger)>>,
    pub(super) lanes: Lanes,
    pub(super) on_position: RwLock<Option<OnPosition>>,
}

impl NamespaceDelivery {
    pub(super) fn new(config: DeliveryConfig) -> Arc<Self> {
        Arc::new(Self {
            buffered: Mutex::new(Table::new(config.max_keys, config.idle)),
            lanes: Lanes::new(&config),
            on_position: RwLock::default(),
            config,
        })
    }
}

/// A packet that waits for an acknowledgement.
#[derive(Clone)]
pub(super) struct Waiter {
    socket: Weak<SocketInner>,
    id: AckId,
}

impl Waiter {
    pub(super) fn new(socket: &Arc<SocketInner>, id: AckId) -> Self {
        Self { socket: Arc::downgrade(socket), id }
    }

    /// Whoever is gone asks again when it is back.
    pub(super) fn acknowledge(&self, payload: Payload) {
        if let Some(socket) = self.socket.upgrade() {
            let packet = Packet::Ack { namespace: socket.namespace.name.clone(), id: self.id, payload };
            let _ = socket.send(Message::from_packet(&packet), false);
        }
    }
}

/// What was granted to a socket.
pub(super) struct SocketDelivery {
    pub(super) namespace: Arc<NamespaceDelivery>,
    pub(super) key: Key,
    pub(super) grant: Grant,
    ledger: Mutex<Option<Use>>,
}

/// One socket's use of a buffered ledger.
struct Use {
    namespace: Arc<NamespaceDelivery>,
    engine: Arc<Engine>,
    key: Key,
    ledger: Ledger,
}

impl Drop for Use {
    fn drop(&mut self) {
        self.namespace.buffered.lock().release(&self.key, self.engine.now());
    }
}

impl SocketDelivery {
    /// What the client asks for, as far as it is granted.
    pub(super) fn negotiate(
        namespace: Arc<NamespaceDelivery>,
        connection: &Connection,
        user: &Arc<str>,
        auth: &str,
    ) -> Option<Box<Self>> {
        let request = Request::of_auth(auth)?;
        let key = (Arc::clone(user), request.instance);
        let mut grant = Grant::default();
        let mut used = None;
        if namespace.config.buffered {
            let now = connection.engine.now();
            let mut table = namespace.buffered.lock();
            let made = || (random_id().into(), Arc::new(Mutex::new(Buffered::new(namespace.config.ack_bytes))));
            if let Some((generation, ledger)) = table.acquire(&key, now, made) {
                grant.buffered = Some(generation.clone());
                used = Some(Use {
                    namespace: Arc::clone(&namespace),
                    engine: Arc::clone(&connection.engine),
                    key: key.clone(),
                    ledger: Arc::clone(ledger),
                });
            }
        }
        grant.durable = namespace.config.durable.as_ref().map(|store| store.generation().into());
        Some(Box::new(Self { namespace, key, grant, ledger: Mutex::new(used) }))
    }

    /// The socket has left: its ledger waits for the next one.
    pub(super) fn release(&self) {
        let used = self.ledger.lock().take();
        drop(used);
    }

    fn ledger(&self) -> Option<Ledger> {
        self.ledger.lock().as_ref().map(|used| Arc::clone(&used.ledger))
    }
}

impl SocketInner {
    /// A buffered event came: it runs unless it did before.
    pub(super) fn receive_buffered(
        self: &Arc<Self>,
        marker: &Marker,
        name: ByteString,
        payload: Payload,
        id: Option<AckId>,
    ) {
        let Some(ledger) = self.delivery.as_ref().and_then(|it| it.ledger()) else { return };
        let waiter = id.map(|id| Waiter::new(self, id));
        let (received, last) = {
            let mut ledger = ledger.lock();
            (ledger.receive(marker, waiter), ledger.last())
        };
        let metrics = &self.namespace.shared.metrics;
        match received {
            Err(jump) => {
                tracing::debug!(socket = %self.id, %jump, "bad marker");
                self.connection.with(Session::handle_broken_marker);
                return;
            }
            Ok(Received::Run) => {
                let delivery = Delivery::Buffered { id: marker.id, ledger };
                self.receive_event(Event::new(Arc::clone(self), name, payload, id, delivery));
            }
            Ok(Received::Repeat(answer)) => {
                metrics.events_repeated.increment();
                if let Some((waiter, ack)) = answer {
                    waiter.acknowledge(ack);
                }
            }
        }
        self.connection.with(|session, now| session.report_received(now, self.slot, last));
    }

    /// The client said something of the protocol itself.
    pub(crate) fn handle_control(self: &Arc<Self>, payload: &Payload) {
        #[derive(Deserialize)]
        struct Control {
            u: String,
        }

        let position = payload.arg::<Control>(0).ok().and_then(|control| Position::parse(&control.u));
        match (position, &self.delivery) {
            (Some(position), Some(delivery)) => {
                let hook = delivery.namespace.on_position.read().clone();
                let Some(hook) = hook else { return };
                let socket = Socket::new(Arc::clone(self));
                if catch_unwind(AssertUnwindSafe(|| hook(socket, position))).is_err() {
                    self.panicked("an on_position callback");
                }
            }
            _ => self.namespace.shared.metrics.count_bad_input(BadInputKind::UnknownControl),
        }
    }
}

/// The acknowledgement of a buffered event is kept for repeats, and goes to the packet that asked last.
pub(super) fn acknowledge_buffered(ledger: &Ledger, id: u64, own: &Waiter, payload: Payload) {
    let last = ledger.lock().acknowledge(id, &payload);
    last.as_ref().unwrap_or(own).acknowledge(payload);
}

impl fmt::Debug for SocketDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketDelivery").field("grant", &self.grant).finish_non_exhaustive()
    }
}
