use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
};

use nexus_core::{engineio::Sid, time::Timestamp};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::{App, Engine, RequestInfo, raw::EngineConnection};
use crate::{
    session::{BadInput, BadInputKind, DisconnectReason, Message, Output, Refusal, Sent, Session, SlotId},
    socketio::{Disconnected, SocketInner, connect},
};

/// One Engine.IO session and what its tasks share.
///
/// The session is behind a lock that is held for moments only: no application code runs, no other
/// lock is taken, nothing is awaited under it.
pub(crate) struct Connection {
    pub(crate) engine: Arc<Engine>,
    pub(crate) sid: Sid,
    pub(crate) request: Arc<RequestInfo>,
    /// The driver is woken by a broadcast, and lets others go first: see [`Connection::send_shared`].
    gathers: AtomicBool,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) session: Session,
    /// Wakes the task that drives the session; taken as pending only where `parked` says so.
    driver: Option<Waker>,
    parked: bool,
    /// Wakes the task of a WebSocket that wants to take over.
    upgrade: Option<Waker>,
    /// Somebody is carrying out outputs; order demands that nobody else does.
    carrying_out: bool,
    poll: Option<oneshot::Sender<Result<String, Refusal>>>,
    posting: bool,
    /// Wakes a POST that waits for the session's end, or for the application.
    post: Option<oneshot::Sender<()>>,
    /// Sockets whose event queue is full.
    full_queues: usize,
    sockets: SmallVec<[(SlotId, Arc<SocketInner>); 1]>,
}

/// Something to be carried out, with the socket that it is for.
pub(super) struct Work {
    socket: Option<Arc<SocketInner>>,
    output: Output,
}

impl State {
    /// Hands on what the last change of the session brought about.
    fn settle(&mut self) {
        if let Some(reply) = self.session.poll_reply()
            && let Some(poll) = self.poll.take()
        {
            // Where the request is gone its guard says so to the session.
            let _ = poll.send(reply);
        }
        // A POST waits for the application to catch up, or for the end of the session it closed.
        let waits = self.session.is_paused() || self.session.is_draining();
        if (self.session.is_closed() || !waits)
            && let Some(post) = self.post.take()
        {
            let _ = post.send(());
        }
        if !self.session.is_upgrading()
            && let Some(waker) = self.upgrade.take()
        {
            waker.wake();
        }
        self.wake();
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.parked)
            && let Some(waker) = &self.driver
        {
            waker.wake_by_ref();
        }
    }

    /// The driver has nothing to do, unless something came up since it last looked.
    pub(super) fn park(&mut self, cx: &Context<'_>) {
        match &mut self.driver {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            slot => *slot = Some(cx.waker().clone()),
        }
        self.parked = true;
    }

    /// The driver is at work, and looks at the session again before it rests: to wake it meanwhile
    /// would only send it round the scheduler once more.
    pub(super) fn unpark(&mut self) {
        self.parked = false;
    }

    pub(super) fn park_upgrade(&mut self, cx: &Context<'_>) {
        self.upgrade = Some(cx.waker().clone());
    }

    /// Whether outputs wait that nobody is carrying out.
    pub(super) fn has_work(&self) -> bool {
        self.session.has_output() && !self.carrying_out
    }

    /// Takes the next output to carry out, where nobody is at it. Who gets one says
    /// [`Self::work_done`] when it is carried out.
    pub(super) fn take_work(&mut self) -> Option<Work> {
        if self.carrying_out {
            return None;
        }
        let output = self.session.poll_output()?;
        self.carrying_out = true;
        Some(Work { socket: self.socket(&output), output })
    }

    pub(super) fn work_done(&mut self) {
        self.carrying_out = false;
    }

    /// Whether the session is over, and everything it said carried out.
    pub(super) fn is_done(&self) -> bool {
        self.session.is_closed() && !self.session.has_output() && !self.carrying_out
    }

    /// Lets another task become the driver.
    pub(super) fn hand_over(&mut self) {
        self.parked = false;
        if let Some(waker) = self.driver.take() {
            waker.wake();
        }
    }
}

impl Connection {
    pub(super) fn new(engine: Arc<Engine>, sid: Sid, request: Arc<RequestInfo>, session: Session) -> Arc<Self> {
        let state = State {
            session,
            driver: None,
            parked: false,
            upgrade: None,
            carrying_out: false,
            poll: None,
            posting: false,
            post: None,
            full_queues: 0,
            sockets: SmallVec::new(),
        };
        Arc::new(Self { engine, sid, request, gathers: AtomicBool::new(false), state: Mutex::new(state) })
    }

    /// Changes the session, and wakes whom that concerns.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut Session, Timestamp) -> R) -> R {
        self.with_state(|state, now| change(&mut state.session, now))
    }

    pub(super) fn with_state<R>(&self, change: impl FnOnce(&mut State, Timestamp) -> R) -> R {
        let now = self.engine.now();
        let mut state = self.state.lock();
        let result = change(&mut state, now);
        state.settle();
        result
    }

    /// Looks at the session, or changes it as its driver, who needs no waking.
    pub(super) fn drive<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock())
    }

    // ---- sending ----

    pub(crate) fn send(&self, now: Timestamp, slot: SlotId, message: Message, volatile: bool) -> Sent {
        let sent = Self::send_locked(&mut self.state.lock(), now, slot, message, volatile);
        self.count(sent);
        sent
    }

    /// Sends a message of a broadcast, which the caller counts.
    ///
    /// A write costs far more than what goes into it. So a driver that sleeps and is woken by a
    /// broadcast goes once round the scheduler before it writes: where the server is busy, the
    /// messages of the next broadcasts go into the same write; where it is idle, that takes no time.
    pub(crate) fn send_shared(&self, now: Timestamp, slot: SlotId, message: Message, volatile: bool) -> Sent {
        let mut state = self.state.lock();
        let parked = state.parked;
        if parked {
            self.gathers.store(true, Ordering::Relaxed);
        }
        let sent = Self::send_locked(&mut state, now, slot, message, volatile);
        if parked && state.parked {
            // It was not woken, and has nothing to gather for.
            self.gathers.store(false, Ordering::Relaxed);
        }
        sent
    }

    /// Whether the driver lets others go first, this once.
    pub(super) fn gathers(&self) -> bool {
        self.gathers.load(Ordering::Relaxed) && self.gathers.swap(false, Ordering::Relaxed)
    }

    fn send_locked(state: &mut State, now: Timestamp, slot: SlotId, message: Message, volatile: bool) -> Sent {
        let sent = state.session.send(now, slot, message, volatile);
        if sent != Sent::Dropped && sent != Sent::Closed {
            state.settle();
        }
        sent
    }

    pub(super) fn send_data(&self, message: Message, volatile: bool) -> Sent {
        let sent = self.with(|session, now| session.send_data(now, message, volatile));
        self.count(sent);
        sent
    }

    pub(crate) fn count(&self, sent: Sent) {
        match sent {
            Sent::Queued => self.engine.metrics.messages_sent.increment(),
            Sent::Dropped => self.engine.metrics.volatile_dropped.increment(),
            Sent::Overflow => self.engine.metrics.count_bad_input(BadInputKind::SlowConsumer),
            Sent::Closed => {}
        }
    }

    // ---- polling ----

    /// Takes a GET; the receiver gets its answer.
    pub(super) fn poll(&self) -> Result<oneshot::Receiver<Result<String, Refusal>>, Refusal> {
        self.with_state(|state, now| {
            let (sender, receiver) = oneshot::channel();
            let result = state.session.handle_poll(now);
            if result.is_ok() {
                state.poll = Some(sender);
            }
            result.map(|()| receiver)
        })
    }

    /// Marks that a POST is being read. A second one at a time ends the session.
    pub(super) fn begin_post(&self) -> Result<(), Refusal> {
        self.with_state(|state, now| {
            if state.session.is_closed() {
                return Err(Refusal::UnknownSession);
            }
            if std::mem::replace(&mut state.posting, true) {
                state.session.handle_bad_request(now, BadInput::OverlappingRequest);
                return Err(Refusal::BadRequest);
            }
            Ok(())
        })
    }

    pub(super) fn end_post(&self) {
        self.state.lock().posting = false;
    }

    /// Resolves when a POST may be answered: when the application can take more events, or the
    /// session that the POST closed is over.
    pub(super) fn post_settled(&self) -> Option<oneshot::Receiver<()>> {
        let mut state = self.state.lock();
        if state.session.is_closed() || !(state.session.is_paused() || state.session.is_draining()) {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        state.post = Some(sender);
        Some(receiver)
    }

    // ---- backpressure ----

    /// A socket's event queue is full: read nothing more.
    pub(crate) fn pause(&self) {
        let mut state = self.state.lock();
        state.full_queues += 1;
        state.session.pause();
        drop(state);
        self.engine.metrics.pauses.increment();
    }

    /// A socket's event queue has room again.
    pub(crate) fn resume(&self) {
        self.with_state(|state, now| {
            state.full_queues = state.full_queues.saturating_sub(1);
            if state.full_queues == 0 {
                state.session.resume(now);
            }
        });
    }

    // ---- sockets ----

    /// Gives a namespace's place its socket, if the client still waits for it.
    pub(crate) fn begin_accept(&self, slot: SlotId, socket: &Arc<SocketInner>) -> bool {
        let mut state = self.state.lock();
        let accepted = state.session.begin_accept(slot);
        if accepted {
            state.sockets.push((slot, Arc::clone(socket)));
        }
        accepted
    }

    // ---- outputs ----

    /// Carries out what the session says, in order. Application code runs here, so no lock may be
    /// held by the caller. Where another task is at it already, that one does it.
    pub(crate) fn carry_out(self: &Arc<Self>) {
        let mut next = self.state.lock().take_work();
        while let Some(work) = next {
            self.carry_out_one(work);
            let mut state = self.state.lock();
            state.work_done();
            next = state.take_work();
            if next.is_none() {
                state.wake();
            }
        }
    }

    /// Carries out what [`State::take_work`] gave. The same holds as for [`Self::carry_out`].
    pub(super) fn carry_out_one(self: &Arc<Self>, Work { socket, output }: Work) {
        let metrics = &self.engine.metrics;
        match (output, socket) {
            (Output::Event { id, name, payload, marker, .. }, Some(socket)) => {
                metrics.events_received.increment();
                socket.receive(name, payload, id, marker);
            }
            (Output::Ack { id, payload, .. }, Some(socket)) => {
                if socket.acknowledge(id, payload) {
                    metrics.acks_received.increment();
                } else {
                    metrics.count_bad_input(BadInputKind::UnknownAck);
                }
            }
            (Output::Control { payload, .. }, Some(socket)) => socket.handle_control(&payload),
            (Output::Left { reason, .. }, Some(socket)) => socket.leave_namespace(reason),
            (Output::Connect { slot, namespace, auth }, _) => {
                if let App::SocketIo(namespaces) = &self.engine.app {
                    connect::handle(self, namespaces, slot, &namespace, auth);
                }
            }
            (Output::Frame(frame), _) => {
                if let App::Raw(handler) = &self.engine.app {
                    handler.call(&EngineConnection::new(Arc::clone(self)), frame, metrics);
                }
            }
            (Output::BadInput(input), _) => {
                metrics.count_bad_input(input.kind());
                tracing::debug!(sid = %self.sid, ?input, "bad input");
            }
            (Output::Closed(reason), _) => {
                tracing::debug!(sid = %self.sid, %reason, "session closed");
                self.engine.remove(self);
            }
            (Output::Event { .. } | Output::Control { .. } | Output::Ack { .. } | Output::Left { .. }, None) => {}
        }
    }

    /// Makes a socket's client leave its namespace.
    pub(crate) fn end(&self, slot: SlotId, reason: DisconnectReason) {
        self.with(|session, now| session.end_as(now, slot, reason));
    }

    /// Closes the whole connection once everything queued is written.
    pub(crate) fn close(&self, reason: DisconnectReason) {
        self.with(|session, now| session.close(now, reason, true));
    }

    /// Sends a message of a namespace from the application.
    pub(crate) fn emit(&self, slot: SlotId, message: Message, volatile: bool) -> Result<(), Disconnected> {
        match self.send(self.engine.now(), slot, message, volatile) {
            Sent::Queued | Sent::Dropped => Ok(()),
            Sent::Closed | Sent::Overflow => Err(Disconnected),
        }
    }
}

impl State {
    /// The socket that an output is for. One that left is forgotten here.
    fn socket(&mut self, output: &Output) -> Option<Arc<SocketInner>> {
        match output {
            Output::Event { slot, .. } | Output::Control { slot, .. } | Output::Ack { slot, .. } => {
                self.sockets.iter().find(|(known, _)| known == slot).map(|(_, socket)| Arc::clone(socket))
            }
            Output::Left { slot, .. } => {
                let index = self.sockets.iter().position(|(known, _)| known == slot)?;
                Some(self.sockets.swap_remove(index).1)
            }
            _ => None,
        }
    }
}
