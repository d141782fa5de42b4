//! Durable events: one lane for each key, in which they run one after another (`docs/protocol.md`, "Durable").

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use nexus_core::{
    ByteString,
    socketio::{
        AckId, Payload,
        delivery::{Marker, Outcome},
    },
};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{
    Event, EventRejected, SocketInner,
    delivery::{DeliveryConfig, Key, NamespaceDelivery, Waiter},
    draft::{Draft, Verdict},
    event::Delivery,
    handlers::{Handler, Middleware},
};
use crate::{
    delivery::{Arrival, Durable, Reply, Table, hash_event},
    engine::{Engine, Metrics},
    store::{LedgerKey, Store, StoreError, Unit},
};

/// When a client comes again that the server had no room for, or whose event failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

const STORAGE_BUSY: ByteString = ByteString::from_static("storage_busy");
const OVERLOADED: ByteString = ByteString::from_static("overloaded");
const TIMEOUT: ByteString = ByteString::from_static("timeout");
const FAILED: ByteString = ByteString::from_static("failed");
const REFUSED: ByteString = ByteString::from_static("refused");
const UNHANDLED: ByteString = ByteString::from_static("unhandled");

/// The lanes of a namespace.
pub(super) struct Lanes {
    table: Mutex<Table<Key, Arc<Lane>>>,
    /// Of the events that wait or run.
    bytes: AtomicUsize,
}

/// The durable events of one key.
struct Lane {
    key: LedgerKey,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ledger: Durable<Waiter, Job>,
    /// Whether the ledger has what the store has. Nothing runs before.
    is_loaded: bool,
    /// There is a task, which sees what comes.
    is_running: bool,
}

/// An event, and what is to run for it. The handlers are those of when it came: its socket may have left by the time it
/// runs.
pub(super) struct Job {
    event: Event,
    draft: Arc<Draft>,
    middleware: Vec<Middleware>,
    handlers: SmallVec<[Handler; 2]>,
    /// Counts in its socket's queue until it is done.
    _room: Room,
}

struct Room {
    socket: Arc<SocketInner>,
    namespace: Arc<NamespaceDelivery>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.namespace.lanes.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.socket.finished(self.bytes);
    }
}

impl Lanes {
    pub(super) fn new(config: &DeliveryConfig) -> Self {
        Self { table: Mutex::new(Table::new(config.max_keys, config.idle)), bytes: AtomicUsize::new(0) }
    }
}

impl SocketInner {
    /// A durable event came.
    pub(super) fn receive_durable(self: &Arc<Self>, marker: Marker, name: ByteString, payload: Payload, id: AckId) {
        let Some(delivery) = &self.delivery else { return };
        let namespace = &delivery.namespace;
        let Some(store) = &namespace.config.durable else { return };
        let waiter = Waiter::new(self, id);
        let hash = hash_event(&self.namespace.name, &name, &payload);
        let instance = marker.instance.clone().unwrap_or_else(|| delivery.key.1.clone());
        let key = (Arc::clone(&delivery.key.0), instance);
        let made = || Arc::new(Lane::new(&key, self.namespace.name.clone()));
        let engine = &self.connection.engine;
        let lane = namespace.lanes.table.lock().acquire(&key, engine.now(), made).map(Arc::clone);
        let Some(lane) = lane else { return refuse(waiter, RETRY_AFTER, OVERLOADED) };

        let draft = Arc::<Draft>::default();
        let event = Event::new(Arc::clone(self), name, payload, Some(id), Delivery::Durable(Arc::clone(&draft)));
        let bytes = event.size();
        let before = namespace.lanes.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.occupy(bytes);
        let room = Room { socket: Arc::clone(self), namespace: Arc::clone(namespace), bytes };
        if before > 0 && before.saturating_add(bytes) > namespace.config.lane_bytes {
            namespace.lanes.table.lock().release(&key, engine.now());
            return refuse(waiter, RETRY_AFTER, OVERLOADED);
        }
        let (middleware, handlers) = {
            let handlers = self.handlers.lock();
            (handlers.middleware.clone(), handlers.matching(event.name()))
        };
        let job = Job { event, draft, middleware, handlers, _room: room };
        let (replies, starts) = lane.receive(Arrival { marker, hash, waiter, job });
        send(replies);
        if starts {
            let run = Runner {
                lane,
                key,
                store: store.clone(),
                namespace: Arc::clone(namespace),
                engine: Arc::clone(engine),
            };
            engine.tasks.spawn(run.run());
        } else {
            namespace.lanes.table.lock().release(&key, engine.now());
        }
    }
}

impl Lane {
    fn new((user, instance): &Key, namespace: nexus_core::socketio::Namespace) -> Self {
        let key = LedgerKey { user: Arc::clone(user), namespace, instance: instance.clone() };
        Self { key, state: Mutex::default() }
    }

    /// Returns what can be answered now, and whether a task has to start.
    fn receive(&self, arrival: Arrival<Waiter, Job>) -> (Vec<Reply<Waiter>>, bool) {
        let mut state = self.state.lock();
        let replies = state.ledger.receive(arrival);
        let starts = !state.is_running && !state.ledger.is_idle();
        state.is_running |= starts;
        (replies, starts)
    }
}

enum Next {
    Run(Box<Job>),
    /// Something waits, and what the store has is not known.
    Load,
    Rest,
}

/// The task of one lane: it ends when the lane has nothing to do.
struct Runner {
    lane: Arc<Lane>,
    key: Key,
    store: Store,
    namespace: Arc<NamespaceDelivery>,
    engine: Arc<Engine>,
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.namespace.lanes.table.lock().release(&self.key, self.engine.now());
    }
}

impl Runner {
    async fn run(self) {
        loop {
            let replies = match self.next() {
                Next::Run(job) => self.run_job(*job).await,
                Next::Load => self.load().await,
                Next::Rest => return,
            };
            send(replies);
        }
    }

    /// Takes over what the store has. Where that can't be had, all that waits is to come again.
    async fn load(&self) -> Vec<Reply<Waiter>> {
        let loaded = self.store.load_ledger(&self.lane.key).await;
        let mut state = self.lane.state.lock();
        match loaded {
            Ok(known) => {
                state.is_loaded = true;
                state.ledger.load(known)
            }
            Err(error) => {
                tracing::warn!(namespace = %self.lane.key.namespace, %error, "a ledger could not be loaded");
                let first = state.ledger.next_job();
                let replies = state.ledger.fail(retry_after(&error), &STORAGE_BUSY);
                drop((state, first));
                self.engine.metrics.durable_retries.increment();
                replies
            }
        }
    }

    fn next(&self) -> Next {
        let mut state = self.lane.state.lock();
        if state.ledger.is_idle() {
            state.is_running = false;
            Next::Rest
        } else if !state.is_loaded {
            Next::Load
        } else {
            state.ledger.next_job().map_or(Next::Rest, |(_, job)| Next::Run(Box::new(job)))
        }
    }

    /// Runs an event to its end, and commits what came of it. Only then it is acknowledged.
    async fn run_job(&self, job: Job) -> Vec<Reply<Waiter>> {
        let metrics = &self.engine.metrics;
        let handled = AssertUnwindSafe(job.handle(metrics)).catch_unwind();
        let verdict = match tokio::time::timeout(self.namespace.config.handler_timeout, handled).await {
            Ok(Ok(verdict)) => verdict.unwrap_or_else(|| job.draft.verdict()),
            Ok(Err(_)) => {
                metrics.handler_panics.increment();
                tracing::error!(namespace = %self.lane.key.namespace, "a handler of a durable event panicked");
                Verdict::Rejected { code: FAILED, ack: Payload::empty() }
            }
            Err(_) => Verdict::Retry { after: RETRY_AFTER, code: TIMEOUT },
        };
        let (writes, after) = job.draft.close();
        let (outcome, ack, writes, after) = match verdict {
            Verdict::Retry { after, code } => return self.fail(after, &code),
            Verdict::Done(ack) => (Outcome::Done, ack, writes, after),
            // What is refused has no effect.
            Verdict::Rejected { code, ack } => (Outcome::Rejected { code }, ack, Vec::new(), Vec::new()),
        };
        let (record, lowest) = {
            let state = self.lane.state.lock();
            let Some(record) = state.ledger.record(outcome, ack) else { return Vec::new() };
            (record, state.ledger.lowest())
        };
        let unit = Unit { key: self.lane.key.clone(), lowest, record: record.clone(), writes, after };
        match self.store.commit(unit).await {
            Ok(()) => {
                metrics.durable_committed.increment();
                self.lane.state.lock().ledger.finish(record)
            }
            Err(error) => {
                tracing::warn!(namespace = %self.lane.key.namespace, %error, "an outcome could not be committed");
                // It may be there after all: the store is asked before anything else runs.
                self.lane.state.lock().is_loaded = false;
                self.fail(retry_after(&error), &STORAGE_BUSY)
            }
        }
    }

    fn fail(&self, after: Duration, code: &ByteString) -> Vec<Reply<Waiter>> {
        self.engine.metrics.durable_retries.increment();
        self.lane.state.lock().ledger.fail(after, code)
    }
}

impl Job {
    /// Takes the event through middleware to its handlers, and waits for them. Returns what has been decided without them.
    async fn handle(&self, metrics: &Metrics) -> Option<Verdict> {
        for step in &self.middleware {
            if let Err(rejected) = step(self.event.clone()).await {
                metrics.events_refused.increment();
                return Some(Verdict::Rejected { code: REFUSED, ack: refusal(&rejected) });
            }
        }
        if self.handlers.is_empty() {
            metrics.events_unhandled.increment();
            return Some(Verdict::Rejected { code: UNHANDLED, ack: Payload::empty() });
        }
        join_all(self.handlers.iter().map(|handler| handler(self.event.clone()))).await;
        None
    }
}

fn refusal(rejected: &EventRejected) -> Payload {
    Payload::from_value(&serde_json::json!({ "message": rejected.to_string() })).unwrap_or_default()
}

fn retry_after(error: &StoreError) -> Duration {
    match error {
        StoreError::Busy { retry_after } => *retry_after,
        _ => RETRY_AFTER,
    }
}

fn retry(waiter: Waiter, after: Duration, code: ByteString) -> Reply<Waiter> {
    Reply { waiter, outcome: Outcome::Retry { after, code }, ack: Payload::empty() }
}

fn refuse(waiter: Waiter, after: Duration, code: ByteString) {
    send(vec![retry(waiter, after, code)]);
}

fn send(replies: Vec<Reply<Waiter>>) {
    for reply in replies {
        reply.waiter.acknowledge(reply.payload());
    }
}
