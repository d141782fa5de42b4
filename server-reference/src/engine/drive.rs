use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use nexus_core::time::Timestamp;
use tokio::time::Sleep;

use super::{
    Connection, Engine,
    connection::{State, Work},
    websocket::{Read, WebSocket},
};
use crate::{
    session::{BadInputKind, DisconnectReason, Session},
    websocket::CloseCode,
};

/// How often the driver goes round before it lets other tasks run.
const MAX_ROUNDS: usize = 16;
/// The most outputs that are read ahead before they are carried out.
const MAX_OUTPUTS: usize = 64;

/// What the driver of a polling session stopped for.
enum PollingStop {
    Outputs,
    /// The session is over, or a WebSocket has taken over.
    Done,
}

/// A timer that is set again only where the session's next deadline is earlier than what it is set
/// to: a heartbeat moves its deadline back with every pong.
struct Timer<'a> {
    sleep: Pin<&'a mut Sleep>,
    set_to: Option<Timestamp>,
}

impl Timer<'_> {
    /// Whether `deadline` has come. Where it is later than `now`, a moment since this task last
    /// woke up, the timer set to it can only wake the task again, and need not be looked at.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        engine: &Engine,
        deadline: Option<Timestamp>,
        now: Option<Timestamp>,
    ) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        match self.set_to {
            Some(set_to) if set_to <= deadline => {
                if now.is_some_and(|now| now < set_to) {
                    return Poll::Pending;
                }
            }
            _ => {
                self.set_to = Some(deadline);
                self.sleep.as_mut().reset(engine.instant(deadline));
            }
        }
        if self.sleep.as_mut().poll(cx).is_ready() {
            self.set_to = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// Drives a polling session until it is over or moves to a WebSocket: its timers, and what other
/// tasks leave to be carried out.
pub(super) async fn polling(connection: Arc<Connection>) {
    let sleep = pin!(tokio::time::sleep_until(tokio::time::Instant::now()));
    let mut timer = Timer { sleep, set_to: None };
    loop {
        match poll_fn(|cx| poll_polling(cx, &connection, &mut timer)).await {
            PollingStop::Outputs => connection.carry_out(),
            PollingStop::Done => return,
        }
    }
}

fn poll_polling(cx: &mut Context<'_>, connection: &Connection, timer: &mut Timer<'_>) -> Poll<PollingStop> {
    loop {
        let deadline = connection.drive(|state| {
            state.unpark();
            if state.session.is_websocket() {
                return Err(PollingStop::Done);
            }
            if state.has_work() {
                return Err(PollingStop::Outputs);
            }
            if state.is_done() {
                return Err(PollingStop::Done);
            }
            state.park(cx);
            Ok(state.session.poll_timeout())
        });
        match deadline {
            Err(stop) => return Poll::Ready(stop),
            Ok(deadline) => {
                if timer.poll(cx, &connection.engine, deadline, None).is_pending() {
                    return Poll::Pending;
                }
                connection.with(Session::handle_timeout);
            }
        }
    }
}

/// Drives a session over its WebSocket until it is over.
pub(super) async fn websocket(connection: Arc<Connection>, mut socket: WebSocket) {
    let mut code = None;
    {
        let sleep = pin!(tokio::time::sleep_until(tokio::time::Instant::now()));
        let mut driver = Driver {
            connection: &connection,
            socket: &mut socket,
            timer: Timer { sleep, set_to: None },
            now: None,
            written: 0,
            paused: false,
            carries_out: false,
            code: &mut code,
        };
        poll_fn(|cx| driver.poll(cx)).await;
    }
    let code = code.unwrap_or_else(|| connection.drive(|state| close_code(state.session.closed_by())));
    drop(connection);
    Box::pin(socket.finish(code)).await;
}

fn close_code(reason: Option<DisconnectReason>) -> CloseCode {
    match reason {
        Some(DisconnectReason::ShuttingDown) => CloseCode::Away,
        Some(DisconnectReason::SlowConsumer | DisconnectReason::ConnectTimeout) => CloseCode::Policy,
        _ => CloseCode::Normal,
    }
}

struct Driver<'a> {
    connection: &'a Arc<Connection>,
    socket: &'a mut WebSocket,
    timer: Timer<'a>,
    /// The time, where it was read since the task woke up.
    now: Option<Timestamp>,
    /// Bytes of messages written that the session does not know of yet.
    written: usize,
    /// Nothing is to be read, as of the last round.
    paused: bool,
    /// The session does not know yet that what was taken from it is carried out.
    carries_out: bool,
    code: &'a mut Option<CloseCode>,
}

/// What the session says in a round.
enum Round {
    /// There is something to carry out.
    Work(Work),
    /// The session is over.
    Closed,
    /// Nothing, until this time.
    Rest(Option<Timestamp>),
}

impl Driver<'_> {
    /// Reads first: that is what most often wakes a driver, and what is read is answered in the same
    /// round.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.now = None;
        // The stream had nothing to read, and wakes this task when it has.
        let mut exhausted = false;
        let mut work = None;
        for _ in 0..MAX_ROUNDS {
            if self.connection.gathers() {
                break;
            }
            if !exhausted && !self.paused {
                exhausted = !self.poll_read(cx, &mut work);
            }
            let deadline = loop {
                if let Some(work) = work.take() {
                    self.connection.carry_out_one(work);
                }
                match self.look(cx) {
                    Round::Work(next) => work = Some(next),
                    Round::Closed => return Poll::Ready(()),
                    Round::Rest(deadline) => break deadline,
                }
            };
            if self.poll_write(cx) || (!exhausted && !self.paused) {
                continue;
            }
            if self.timer.poll(cx, &self.connection.engine, deadline, self.now).is_ready() {
                self.connection.with(Session::handle_timeout);
                continue;
            }
            return Poll::Pending;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reports what was done, takes what is to be carried out or written, and leaves the waker:
    /// whatever comes up from now on wakes this task.
    fn look(&mut self, cx: &Context<'_>) -> Round {
        let engine = &self.connection.engine;
        let now = (self.written > 0).then(|| *self.now.get_or_insert_with(|| engine.now()));
        self.connection.drive(|state: &mut State| {
            if std::mem::take(&mut self.carries_out) {
                state.work_done();
            }
            state.unpark();
            if let Some(now) = now {
                state.session.handle_transmitted(now, std::mem::take(&mut self.written));
            }
            if let Some(work) = state.take_work() {
                self.carries_out = true;
                return Round::Work(work);
            }
            if self.socket.is_drained() {
                while self.socket.has_room()
                    && let Some(message) = state.session.poll_transmit()
                {
                    self.socket.push(message);
                }
            }
            if state.is_done() {
                return Round::Closed;
            }
            let session = &state.session;
            self.paused = session.is_paused() || session.is_closed() || session.outputs() >= MAX_OUTPUTS;
            let deadline = session.poll_timeout();
            state.park(cx);
            Round::Rest(deadline)
        })
    }

    /// Returns whether something was written, or the session was changed.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.socket.wants_write() {
            return false;
        }
        match self.socket.poll_write(cx) {
            Poll::Ready(Ok(written)) => {
                self.written += written;
                true
            }
            Poll::Ready(Err(_)) => {
                self.close(DisconnectReason::TransportError, None);
                true
            }
            Poll::Pending => false,
        }
    }

    /// Returns whether something was read, or the session was changed. The first thing to carry out
    /// that comes of it goes to `work`, which is empty.
    fn poll_read(&mut self, cx: &mut Context<'_>, work: &mut Option<Work>) -> bool {
        let connection = self.connection;
        let engine = &connection.engine;
        let mut now = None;
        let read = self.socket.poll_read(cx, &engine.limits, &mut |frame| {
            let now = *now.get_or_insert_with(|| engine.now());
            connection.drive(|state| {
                state.session.handle_frame(now, frame);
                if work.is_none() {
                    state.unpark();
                    *work = state.take_work();
                    self.carries_out |= work.is_some();
                }
                !state.session.is_closed() && state.session.outputs() < MAX_OUTPUTS
            })
        });
        self.now = now.or(self.now);
        match read {
            Poll::Pending => return false,
            Poll::Ready(Read::Progress) => {}
            Poll::Ready(Read::Closed) => self.close(DisconnectReason::TransportClose, None),
            Poll::Ready(Read::Failed) => self.close(DisconnectReason::TransportError, None),
            Poll::Ready(Read::Refused(code)) => {
                engine.metrics.count_bad_input(BadInputKind::WebSocket);
                tracing::debug!(sid = %self.connection.sid, code = code.code(), "bad WebSocket frame");
                self.close(DisconnectReason::TransportError, Some(code));
            }
        }
        true
    }

    fn close(&mut self, reason: DisconnectReason, code: Option<CloseCode>) {
        *self.code = code;
        self.connection.with(|session, now| session.handle_transport_closed(now, reason));
    }
}
