use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use smallvec::SmallVec;
use tokio::{task::AbortHandle, time::Sleep};

use super::{
    clock::SleepWatch,
    dial::dial,
    error::JoinFailed,
    event::{Event, Notice},
    lock,
    shared::Shared,
    socket::Socket,
};
use crate::{
    manager::{
        self, ConnectionId, Output, ReceivedEvent, TokenReason, TokenRequest, TransportEvent, TransportFailure,
        TransportRequest,
    },
    socketio::Namespace,
    time::Timestamp,
};

/// Rounds before the task lets others run.
const TURNS: usize = 16;
/// Outputs taken under one lock.
const BATCH: usize = 32;
/// The most frames read before they are handled.
const READ_AHEAD: usize = 64;
/// Bytes of such frames after which no more are read.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// What drives one client: carries out the manager's outputs, and tells it of transport and time.
///
/// A hand-written future, so that ten thousand idle clients cost little more than their sockets.
pub(super) struct Task {
    shared: Arc<Shared>,
    link: Link,
    timer: Option<Timer>,
    sleep_watch: SleepWatch,
    /// Until when reading waits for a slow listener.
    waiting_until: Option<Timestamp>,
    /// The token provider at work.
    asking: Option<AbortHandle>,
}

enum Link {
    Down,
    Dialing { connection: ConnectionId, dialing: Dialing },
    Up { connection: ConnectionId, socket: Box<Socket> },
}

type Dialing = Pin<Box<dyn Future<Output = Result<Socket, TransportFailure>> + Send>>;

struct Timer {
    deadline: Timestamp,
    sleep: Pin<Box<Sleep>>,
}

/// What is left once all outputs have been carried out.
struct Settled {
    deadline: Option<Timestamp>,
    closing: bool,
}

impl Task {
    pub(super) fn spawn(shared: &Arc<Shared>) {
        // The timer needs a runtime's context, which the caller may not be in.
        let _context = shared.runtime.enter();
        let task = Self {
            shared: Arc::clone(shared),
            link: Link::Down,
            timer: None,
            sleep_watch: SleepWatch::start(),
            waiting_until: None,
            asking: None,
        };
        shared.tasks.spawn_on(task, &shared.runtime);
    }
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.sleep_watch.slept() {
            tracing::info!("the machine has slept");
            let now = this.shared.clock.now();
            this.shared.state().manager.woke(now);
        }
        for _ in 0..TURNS {
            let settled = this.carry_out(cx);
            if settled.closing {
                this.hang_up();
                return Poll::Ready(());
            }
            let busy = this.poll_link(cx) | this.poll_timer(settled.deadline, cx);
            if !busy {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Carrying out what the manager says.
impl Task {
    fn carry_out(&mut self, cx: &Context<'_>) -> Settled {
        loop {
            let mut outputs = SmallVec::<[Output; BATCH]>::new();
            let mut state = self.shared.state();
            state.register_task(cx);
            while outputs.len() < BATCH
                && let Some(output) = state.manager.poll_output()
            {
                outputs.push(output);
            }
            let settled = Settled { deadline: state.manager.poll_timeout(), closing: state.closing };
            if !state.flushes.is_empty() && outputs.is_empty() && state.is_flushed() {
                let flushed = std::mem::take(&mut state.flushes);
                for waiter in flushed {
                    let _forgotten = waiter.send(());
                }
            }
            drop(state);
            if outputs.is_empty() {
                return settled;
            }
            for output in outputs {
                self.carry_out_one(output);
            }
        }
    }

    fn carry_out_one(&mut self, output: Output) {
        match output {
            Output::Connect { connection, request } => self.connect(connection, request),
            Output::Transmit { connection, frame } => self.with_socket(connection, |socket| socket.send(frame)),
            Output::Ping { connection, nonce } => self.with_socket(connection, |socket| socket.ping(nonce)),
            Output::Close { connection } if self.link.connection() == Some(connection) => self.hang_up(),
            Output::Close { .. } => {}
            Output::NeedToken { request, reason } => self.ask_for_token(request, reason),
            Output::Event(event) => self.tell(event),
        }
    }

    fn connect(&mut self, connection: ConnectionId, request: TransportRequest) {
        self.hang_up();
        tracing::debug!(%connection, address = without_query(&request.url), "connecting");
        let dialing = Box::pin(dial(request, self.shared.tls.clone()));
        self.link = Link::Dialing { connection, dialing };
    }

    fn with_socket(&mut self, wanted: ConnectionId, act: impl FnOnce(&mut Socket) -> Result<(), TransportFailure>) {
        if let Link::Up { connection, socket } = &mut self.link
            && *connection == wanted
            && let Err(failure) = act(socket)
        {
            self.link = Link::Down;
            self.report(wanted, [TransportEvent::Failed(failure)]);
        }
    }

    /// Gives up the transport. An open one sends what it has and says goodbye in a task of its own, which is bounded.
    fn hang_up(&mut self) {
        if let Link::Up { connection, socket } = std::mem::replace(&mut self.link, Link::Down) {
            tracing::debug!(%connection, "closing");
            self.shared.tasks.spawn_on(socket.close(), &self.shared.runtime);
        }
    }

    fn ask_for_token(&mut self, request: TokenRequest, reason: TokenReason) {
        tracing::debug!(?reason, "asking for a token");
        let Some(provider) = self.shared.state().provider.clone() else { return };
        let shared = Arc::clone(&self.shared);
        let asking = async move {
            let token = provider.ask(reason).await;
            let _too_late = shared.with_manager(|manager, now| manager.provide_token(now, request, token));
        };
        let asking = self.shared.tasks.spawn_on(asking, &self.shared.runtime).abort_handle();
        if let Some(outdated) = self.asking.replace(asking) {
            outdated.abort();
        }
    }
}

/// Telling the application.
impl Task {
    fn tell(&self, event: manager::Event) {
        use manager::Event as Told;
        match event {
            Told::Received(received) => self.deliver_event(received),
            Told::AckResolved { message, result } => {
                let waiter = self.shared.state().acks.remove(&message);
                waiter.map(|waiter| waiter.send(result));
            }
            Told::Status(change) => {
                let reason = change.reason.as_ref().map(tracing::field::display);
                tracing::info!(status = %change.status, reason, "status");
                let targets = lock(&self.shared.listeners).status_targets();
                self.shared.deliver(targets, &change);
            }
            Told::Quality(quality) => {
                tracing::debug!(%quality, "quality");
                let targets = lock(&self.shared.listeners).quality_targets();
                self.shared.deliver(targets, &quality);
            }
            Told::ConnectResolved { ticket, result } => {
                let waiter = self.shared.state().connects.remove(&ticket);
                waiter.map(|waiter| waiter.send(result));
            }
            Told::RetryScheduled { failed_attempts, delay, reason } => {
                tracing::debug!(failed_attempts, ?delay, %reason, "will try again");
                self.notify(&Notice::RetryScheduled { failed_attempts, delay, reason });
            }
            Told::Joined { namespace, sid } => {
                tracing::debug!(%namespace, %sid, "joined");
                self.resolve_join(&namespace, || Ok(()));
                self.notify(&Notice::Joined { namespace, sid });
            }
            Told::JoinFailed { namespace, error } => {
                tracing::warn!(%namespace, %error, "not joined");
                self.resolve_join(&namespace, || Err(JoinFailed::Failed(error.clone())));
                self.notify(&Notice::JoinFailed { namespace, error });
            }
            Told::Left { namespace, reason } => {
                tracing::debug!(%namespace, ?reason, "left");
                self.notify(&Notice::Left { namespace, reason });
            }
            Told::MessageDropped(dropped) => {
                tracing::warn!(namespace = %dropped.namespace, reason = %dropped.reason, "a message was dropped unsent");
                self.notify(&Notice::MessageDropped(dropped));
            }
        }
    }

    fn deliver_event(&self, received: ReceivedEvent) {
        let targets = lock(&self.shared.listeners).event_targets(&received.namespace, &received.event);
        if targets.is_empty() {
            tracing::trace!(namespace = %received.namespace, "an event to which nobody listens");
            return;
        }
        let event = Event { received, missed: 0, shared: Arc::downgrade(&self.shared) };
        self.shared.deliver(targets, &event);
    }

    fn notify(&self, notice: &Notice) {
        let targets = lock(&self.shared.listeners).notice_targets();
        self.shared.deliver(targets, notice);
    }

    fn resolve_join(&self, namespace: &Namespace, result: impl Fn() -> Result<(), JoinFailed>) {
        let waiting = self.shared.state().joins.remove(namespace);
        for waiter in waiting.into_iter().flatten() {
            let _forgotten = waiter.send(result());
        }
    }
}

/// Telling the manager.
impl Task {
    /// Whether something happened.
    fn poll_link(&mut self, cx: &mut Context<'_>) -> bool {
        let read_ahead = self.read_ahead(cx);
        match &mut self.link {
            Link::Down => false,
            Link::Dialing { connection, dialing } => {
                let connection = *connection;
                let Poll::Ready(result) = dialing.as_mut().poll(cx) else { return false };
                let event = match result {
                    Ok(socket) => {
                        tracing::debug!(%connection, "open");
                        self.link = Link::Up { connection, socket: Box::new(socket) };
                        TransportEvent::Opened { can_ping: true }
                    }
                    Err(failure) => {
                        tracing::debug!(%connection, %failure, "not opened");
                        self.link = Link::Down;
                        TransportEvent::Failed(failure)
                    }
                };
                self.report(connection, [event]);
                true
            }
            Link::Up { connection, socket } => {
                let connection = *connection;
                let events = read(socket, read_ahead, cx);
                match events.last() {
                    None => return false,
                    Some(TransportEvent::Closed { .. }) => self.hang_up(),
                    Some(TransportEvent::Failed(failure)) => {
                        tracing::debug!(%connection, %failure, "broken");
                        self.link = Link::Down;
                    }
                    Some(_) => {}
                }
                self.report(connection, events);
                true
            }
        }
    }

    /// How many frames may be read now: none while a listener has to catch up, which is granted for a limited time.
    fn read_ahead(&mut self, cx: &Context<'_>) -> usize {
        let buffers = self.shared.buffers;
        // No more than the half of a mailbox that is left when the gate shuts.
        let allowed = READ_AHEAD.min(buffers.capacity.items.div_ceil(2));
        if self.shared.gate.is_open(cx) {
            self.waiting_until = None;
            return allowed;
        }
        let now = self.shared.clock.now();
        if now < *self.waiting_until.get_or_insert(now + buffers.patience) {
            return 0;
        }
        self.waiting_until = None;
        lock(&self.shared.listeners).give_up_on_slow();
        allowed
    }

    fn report(&self, connection: ConnectionId, events: impl IntoIterator<Item = TransportEvent>) {
        let mut state = self.shared.state();
        let now = self.shared.clock.now();
        for event in events {
            state.manager.handle_transport(now, connection, event);
        }
    }

    /// Whether time was up.
    fn poll_timer(&mut self, deadline: Option<Timestamp>, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = deadline.into_iter().chain(self.waiting_until).min() else {
            self.timer = None;
            return false;
        };
        let now = self.shared.clock.now();
        if now < deadline {
            let Some(at) = self.shared.clock.instant(deadline) else { return false };
            let timer =
                self.timer.get_or_insert_with(|| Timer { deadline, sleep: Box::pin(tokio::time::sleep_until(at)) });
            if timer.deadline != deadline {
                timer.deadline = deadline;
                timer.sleep.as_mut().reset(at);
            }
            if timer.sleep.as_mut().poll(cx).is_pending() {
                return false;
            }
            self.timer = None;
        }
        let mut state = self.shared.state();
        state.manager.handle_timeout(self.shared.clock.now());
        true
    }
}

impl Link {
    fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Down => None,
            Self::Dialing { connection, .. } | Self::Up { connection, .. } => Some(*connection),
        }
    }
}

impl Drop for Task {
    /// However it ends, by a panic or with its runtime too, nobody waits for it in vain.
    fn drop(&mut self) {
        if let Some(asking) = self.asking.take() {
            asking.abort();
        }
        self.shared.end();
        tracing::debug!("the client has ended");
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

/// What has come and what has been written, as far as that is known without waiting; what ends the socket comes last.
fn read(socket: &mut Socket, read_ahead: usize, cx: &mut Context<'_>) -> Vec<TransportEvent> {
    let mut events = Vec::new();
    let mut bytes = 0;
    while events.len() < read_ahead
        && bytes < READ_AHEAD_BYTES
        && let Poll::Ready(event) = socket.poll_event(cx)
    {
        let is_end = matches!(event, TransportEvent::Closed { .. } | TransportEvent::Failed(_));
        if let TransportEvent::Frame(frame) = &event {
            bytes += frame.len();
        }
        events.push(event);
        if is_end {
            return events;
        }
    }
    match socket.poll_flush(cx) {
        Poll::Ready(Ok(frames)) => events.push(TransportEvent::Flushed { frames }),
        Poll::Ready(Err(failure)) => events.push(TransportEvent::Failed(failure)),
        Poll::Pending => {}
    }
    events
}

/// A query may hold what is no one else's business.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(address, _query)| address)
}
