use std::task::{Context, Poll};

use super::{
    super::{lock, socket::Socket},
    Link, Task, Timer,
};
use crate::{
    manager::{ConnectionId, TransportEvent},
    time::Timestamp,
};

/// The most frames read before they are handled.
const READ_AHEAD: usize = 64;
/// Bytes of such frames after which no more are read.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// Telling the manager.
impl Task {
    /// Whether something happened.
    pub(super) fn poll_link(&mut self, cx: &mut Context<'_>) -> bool {
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

    pub(super) fn report(&self, connection: ConnectionId, events: impl IntoIterator<Item = TransportEvent>) {
        let mut state = self.shared.state();
        let now = self.shared.clock.now();
        for event in events {
            state.manager.handle_transport(now, connection, event);
        }
    }

    /// Whether time was up.
    pub(super) fn poll_timer(&mut self, deadline: Option<Timestamp>, cx: &mut Context<'_>) -> bool {
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
