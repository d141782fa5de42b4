use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};
use tokio_util::task::TaskTracker;

use super::{
    clock::Clock,
    error::{Closed, JoinFailed},
    gate::Gate,
    listeners::{Callback, Item, Listener, Listeners, Targets},
    lock,
    mailbox::Capacity,
    provider::TokenProvider,
    tls::Tls,
};
use crate::{
    manager::{AckError, ConnectError, ConnectTicket, DeliveryStatus, Manager, MessageId, StoreEvent},
    socketio::{Namespace, Payload},
    time::Timestamp,
};

/// How much listeners may have waiting, and how long one that is behind holds up the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffers {
    pub(super) capacity: Capacity,
    pub(super) patience: Duration,
}

/// What the handles of one client and its task have in common. The task holds it as long as it runs, subscriptions
/// and events only weakly.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Locked for moments, and never before `state`.
    pub(super) listeners: Mutex<Listeners>,
    /// The client's task, and what it and listeners have running.
    pub(super) tasks: TaskTracker,
    pub(super) runtime: Handle,
    pub(super) clock: Clock,
    pub(super) tls: Tls,
    pub(super) buffers: Buffers,
    /// Shut while a listener has to catch up.
    pub(super) gate: Arc<Gate>,
    missed_items: AtomicU64,
}

/// What is guarded together with the manager: who waits for what it will say.
pub(super) struct State {
    pub(super) manager: Manager,
    pub(super) connects: BTreeMap<ConnectTicket, oneshot::Sender<Result<(), ConnectError>>>,
    pub(super) acks: BTreeMap<MessageId, oneshot::Sender<Result<Payload, AckError>>>,
    pub(super) joins: BTreeMap<Namespace, Vec<oneshot::Sender<Result<(), JoinFailed>>>>,
    pub(super) flushes: Vec<oneshot::Sender<()>>,
    /// How far durable messages are that somebody follows; no more than the manager has.
    pub(super) deliveries: BTreeMap<MessageId, watch::Sender<Vec<DeliveryStatus>>>,
    /// Requests to the store that have no answer yet.
    pub(super) store_requests: usize,
    pub(super) provider: Option<TokenProvider>,
    /// No more calls are taken; the task ends once everything has been carried out.
    pub(super) closing: bool,
    task: Option<Waker>,
}

impl Shared {
    pub(super) fn new(manager: Manager, runtime: Handle, tls: Tls, buffers: Buffers) -> Arc<Self> {
        let state = State {
            manager,
            connects: BTreeMap::new(),
            acks: BTreeMap::new(),
            joins: BTreeMap::new(),
            flushes: Vec::new(),
            deliveries: BTreeMap::new(),
            store_requests: 0,
            provider: None,
            closing: false,
            task: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            listeners: Mutex::new(Listeners::default()),
            tasks: TaskTracker::new(),
            runtime,
            clock: Clock::start(),
            tls,
            buffers,
            gate: Arc::default(),
            missed_items: AtomicU64::new(0),
        })
    }

    /// For the task: no check, no waking.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Lets `act` change the state, and has the task carry out what follows.
    pub(super) fn act<R>(&self, act: impl FnOnce(&mut State, Timestamp) -> R) -> Result<R, Closed> {
        let mut state = lock(&self.state);
        if state.closing {
            return Err(Closed);
        }
        let result = act(&mut state, self.clock.now());
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        Ok(result)
    }

    /// As [`act`](Self::act), for what concerns the manager only.
    pub(super) fn with_manager<R>(&self, act: impl FnOnce(&mut Manager, Timestamp) -> R) -> Result<R, Closed> {
        self.act(|state, now| act(&mut state.manager, now))
    }

    /// Passes on what the store says, while the client is closing too.
    pub(super) fn handle_store(&self, event: StoreEvent) {
        let mut state = lock(&self.state);
        if matches!(event, StoreEvent::Answer { .. }) {
            state.store_requests = state.store_requests.saturating_sub(1);
        }
        state.manager.handle_store(self.clock.now(), event);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Takes no more calls, disconnects, and has the task end.
    pub(super) fn close(&self) {
        let _already_closing = self.act(|state, now| {
            state.manager.disconnect(now);
            state.closing = true;
        });
    }

    /// Nobody waits any more, and no stream goes on.
    pub(super) fn end(&self) {
        let mut state = lock(&self.state);
        state.closing = true;
        state.task = None;
        let waiting = (
            std::mem::take(&mut state.connects),
            std::mem::take(&mut state.acks),
            std::mem::take(&mut state.joins),
            std::mem::take(&mut state.flushes),
            std::mem::take(&mut state.deliveries),
            state.provider.take(),
        );
        drop(state);
        let listeners = lock(&self.listeners).close();
        // Callbacks and providers may hold handles of this client, whose end takes the locks again.
        drop((waiting, listeners));
        self.tasks.close();
    }

    /// Hands one item to all `targets`, none of which can hold it up.
    pub(super) fn deliver<T: Item>(&self, targets: Targets<T>, item: &T) {
        for listener in targets {
            self.deliver_to(&listener, item.clone());
        }
    }

    pub(super) fn deliver_to<T: Item>(&self, listener: &Arc<Listener<T>>, item: T) {
        let pushed = listener.push(item);
        self.missed_items.fetch_add(pushed.displaced, Ordering::Relaxed);
        if pushed.begins_gap {
            tracing::warn!("a listener is too slow and misses items");
        }
        if pushed.needs_service {
            let listener = Arc::clone(listener);
            self.tasks.spawn_blocking_on(move || listener.serve(), &self.runtime);
        }
    }

    /// A listener with a mailbox of this client.
    pub(super) fn listener<T: Item>(&self, callback: Option<Callback<T>>) -> Arc<Listener<T>> {
        Listener::new(self.buffers.capacity, &self.gate, callback)
    }

    pub(super) fn missed_items(&self) -> u64 {
        self.missed_items.load(Ordering::Relaxed)
    }
}

impl State {
    /// Whom to wake when there is something to carry out.
    pub(super) fn register_task(&mut self, cx: &Context<'_>) {
        match &self.task {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.task = Some(cx.waker().clone()),
        }
    }

    /// Whether all that was accepted has left.
    pub(super) fn is_flushed(&self) -> bool {
        let stats = self.manager.stats();
        stats.queued_messages == 0 && stats.unsent_bytes == 0
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
