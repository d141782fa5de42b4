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
    connection::State,
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

/// What the driver of a WebSocket stopped for.
enum Stop {
    Outputs,
    Closed,
}

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
    /// Whether `deadline` has come.
    fn poll(&mut self, cx: &mut Context<'_>, engine: &Engine, deadline: Option<Timestamp>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        if self.set_to.is_none_or(|set_to| deadline < set_to) {
            self.set_to = Some(deadline);
            self.sleep.as_mut().reset(engine.instant(deadline));
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
                if timer.poll(cx, &connection.engine, deadline).is_pending() {
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
            written: 0,
            code: &mut code,
        };
        while let Stop::Outputs = poll_fn(|cx| driver.poll(cx)).await {
            driver.connection.carry_out();
        }
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
    /// Bytes of messages written that the session does not know of yet.
    written: usize,
    code: &'a mut Option<CloseCode>,
}

/// What the session says at the start of a round.
struct Round {
    paused: bool,
    deadline: Option<Timestamp>,
}

impl Driver<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Stop> {
        for _ in 0..MAX_ROUNDS {
            let round = match self.begin_round(cx) {
                Ok(Some(round)) => round,
                Ok(None) => break,
                Err(stop) => return Poll::Ready(stop),
            };
            if self.poll_write(cx) || (!round.paused && self.poll_read(cx)) {
                continue;
            }
            if self.timer.poll(cx, &self.connection.engine, round.deadline).is_ready() {
                self.connection.with(Session::handle_timeout);
                continue;
            }
            return Poll::Pending;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reports what was written, takes what is to be written, and leaves the waker: whatever comes
    /// up from now on wakes this task. Nothing where other tasks go first.
    fn begin_round(&mut self, cx: &Context<'_>) -> Result<Option<Round>, Stop> {
        let now = (self.written > 0).then(|| self.connection.engine.now());
        self.connection.drive(|state: &mut State| {
            if state.gathers() {
                return Ok(None);
            }
            state.unpark();
            let session = &mut state.session;
            if let Some(now) = now {
                session.handle_transmitted(now, std::mem::take(&mut self.written));
            }
            if self.socket.is_drained() {
                while self.socket.has_room()
                    && let Some(message) = session.poll_transmit()
                {
                    self.socket.push(message);
                }
            }
            let paused = session.is_paused() || session.is_closed() || session.outputs() >= MAX_OUTPUTS;
            let round = Round { paused, deadline: session.poll_timeout() };
            if state.has_work() {
                return Err(Stop::Outputs);
            }
            if state.is_done() {
                return Err(Stop::Closed);
            }
            state.park(cx);
            Ok(Some(round))
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

    /// Returns whether something was read, or the session was changed.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        let engine = &self.connection.engine;
        let connection = self.connection;
        let mut now = None;
        let read = self.socket.poll_read(cx, &engine.limits, &mut |frame| {
            let now = *now.get_or_insert_with(|| engine.now());
            connection.drive(|state| {
                state.session.handle_frame(now, frame);
                !state.session.is_closed() && state.session.outputs() < MAX_OUTPUTS
            })
        });
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
