use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytestring::ByteString;
use nexus_core::{
    engineio::{Frame, Packet, payload},
    time::Timestamp,
};

use super::{
    BadInput, DisconnectReason, Message, Posted, Refusal, Sent, SessionConfig, UpgradeStep,
    upgrade::{Upgrade, UpgradeInput},
};

/// How long a close, or the `noop` that ends a poll during an upgrade, waits for the request that
/// the client sent at the same time on another TCP connection: the two may arrive in either order.
pub(crate) const RACE_GRACE: Duration = Duration::from_millis(20);

/// How long a polling client has to fetch what was queued before its session was closed.
const LAST_POLL: Duration = Duration::from_secs(2);

#[derive(Debug)]
enum Transport {
    Polling { poll: Option<Timestamp>, upgrade: Option<Upgrade> },
    WebSocket,
}

#[derive(Debug, Clone, Copy)]
enum Heartbeat {
    PingDue(Timestamp),
    /// Pings keep their pace from the handshake on, however long pongs take: the next one is due
    /// then.
    AwaitingPong {
        deadline: Timestamp,
        next: Timestamp,
    },
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Open,
    /// No more goes in; what is queued still goes out, until the deadline.
    Draining {
        reason: DisconnectReason,
        until: Timestamp,
    },
    Closed(DisconnectReason),
}

/// What the lower half tells the upper.
#[derive(Debug)]
pub(super) enum Up {
    Frame(Frame),
    BadInput(BadInput),
    Closed(DisconnectReason),
}

/// The Engine.IO half of a session.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) config: Arc<SessionConfig>,
    transport: Transport,
    heartbeat: Heartbeat,
    phase: Phase,
    paused: bool,
    queue: VecDeque<Message>,
    queued_bytes: usize,
    /// How much longer the queue may be for what was replayed since it was last empty.
    replay_bytes: usize,
    /// Handed to the driver by `poll_transmit`, not yet reported as written.
    in_flight: usize,
    reply: Option<Result<String, Refusal>>,
    up: VecDeque<Up>,
}

impl Engine {
    pub(super) fn new(now: Timestamp, config: Arc<SessionConfig>, websocket: bool) -> Self {
        let transport = if websocket { Transport::WebSocket } else { Transport::Polling { poll: None, upgrade: None } };
        Self {
            heartbeat: Heartbeat::PingDue(now + config.ping_interval),
            config,
            transport,
            phase: Phase::Open,
            paused: false,
            queue: VecDeque::new(),
            queued_bytes: 0,
            replay_bytes: 0,
            in_flight: 0,
            reply: None,
            up: VecDeque::new(),
        }
    }

    pub(super) fn poll_up(&mut self) -> Option<Up> {
        self.up.pop_front()
    }

    pub(super) fn has_up(&self) -> bool {
        !self.up.is_empty()
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed(_))
    }

    pub(super) fn closed_by(&self) -> Option<DisconnectReason> {
        match self.phase {
            Phase::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    pub(super) fn is_websocket(&self) -> bool {
        matches!(self.transport, Transport::WebSocket)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes + self.in_flight
    }

    // ---- sending ----

    pub(super) fn send(&mut self, now: Timestamp, message: Message, volatile: bool) -> Sent {
        if !self.is_open() {
            return Sent::Closed;
        }
        if volatile && !self.is_writable() {
            return Sent::Dropped;
        }
        let waiting = self.queued_bytes();
        if waiting == 0 {
            self.replay_bytes = 0;
        } else if waiting + message.size() > self.config.send_queue_bytes.saturating_add(self.replay_bytes) {
            self.close(now, DisconnectReason::SlowConsumer, false);
            return Sent::Overflow;
        }
        self.push(message);
        Sent::Queued
    }

    /// Sends a part of a replay, whatever waits already: it is bounded by the log that it is from.
    pub(super) fn send_replay(&mut self, message: Message) {
        if self.is_open() {
            self.replay_bytes = self.replay_bytes.saturating_add(message.size());
            self.push(message);
        }
    }

    /// Whether a message would go out at once.
    fn is_writable(&self) -> bool {
        self.queue.is_empty()
            && match &self.transport {
                Transport::WebSocket => self.in_flight == 0,
                Transport::Polling { poll, .. } => poll.is_some(),
            }
    }

    fn push(&mut self, message: Message) {
        self.queued_bytes += message.size();
        self.queue.push_back(message);
        self.answer_poll();
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Message> {
        if !self.is_websocket() {
            return None;
        }
        let message = self.queue.pop_front()?;
        self.queued_bytes -= message.size();
        self.in_flight += message.size();
        if self.queue.is_empty() {
            self.queue.shrink_to(4);
        }
        Some(message)
    }

    pub(super) fn has_transmit(&self) -> bool {
        self.is_websocket() && !self.queue.is_empty()
    }

    pub(super) fn handle_transmitted(&mut self, bytes: usize) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.finish_drained();
    }

    /// Ends a draining WebSocket session that has nothing left to write.
    fn finish_drained(&mut self) {
        if let Phase::Draining { reason, .. } = self.phase
            && self.is_websocket()
            && self.queued_bytes() == 0
        {
            self.finish(reason, "1");
        }
    }

    // ---- polling ----

    pub(super) fn handle_poll(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.check_alive(now)?;
        let Transport::Polling { poll, .. } = &mut self.transport else { return Err(Refusal::BadRequest) };
        if poll.is_some() {
            self.up.push_back(Up::BadInput(BadInput::OverlappingRequest));
            if self.is_open() {
                // Of two polls under way at a time the later one may be one that the client has given
                // up already: its driver says so by then.
                let reason = DisconnectReason::TransportError;
                self.phase = Phase::Draining { reason, until: now + RACE_GRACE };
            } else {
                self.close(now, DisconnectReason::TransportError, false);
            }
            return Err(Refusal::BadRequest);
        }
        *poll = Some(now);
        match self.phase {
            Phase::Draining { reason: reason @ DisconnectReason::TransportClose, .. } => self.finish(reason, "6"),
            // The close comes by itself: a stock client that finds it beside a DISCONNECT acts on the close first.
            Phase::Draining { reason, .. } if self.queue.is_empty() => self.finish(reason, "1"),
            _ => self.answer_poll(),
        }
        Ok(())
    }

    /// The client gave up its poll: what it would have been answered is lost, so the session is.
    pub(super) fn handle_poll_dropped(&mut self, now: Timestamp) {
        if let Transport::Polling { poll, .. } = &mut self.transport {
            *poll = None;
            self.close(now, DisconnectReason::TransportError, false);
        }
    }

    /// The client gave up the poll that overlapped another: it was the earlier one, overtaken.
    pub(super) fn handle_overlap_dropped(&mut self, now: Timestamp) {
        if let Transport::Polling { poll, .. } = &mut self.transport
            && matches!(self.phase, Phase::Draining { .. })
            && poll.take().is_some()
        {
            self.reply = Some(Err(Refusal::BadRequest));
            self.close(now, DisconnectReason::TransportError, false);
        }
    }

    pub(super) fn handle_post(&mut self, now: Timestamp, body: &ByteString) -> Result<Posted, Refusal> {
        self.check_alive(now)?;
        if self.is_websocket() {
            return Err(Refusal::BadRequest);
        }
        let packets = match payload::decode(body, self.config.max_packets) {
            Ok(packets) => packets,
            Err(error) => {
                self.up.push_back(Up::BadInput(BadInput::EngineIo(error)));
                self.close(now, DisconnectReason::ParseError, false);
                return Err(Refusal::BadRequest);
            }
        };
        for packet in packets {
            if self.is_open() && !self.handle_packet(now, packet) {
                return Err(Refusal::BadRequest);
            }
        }
        Ok(match self.phase {
            Phase::Draining { reason: DisconnectReason::TransportClose, .. } => Posted::WhenClosed,
            _ => Posted::Done,
        })
    }

    /// A request that breaks the rules of polling: the session ends, unless polling is behind it.
    pub(super) fn handle_bad_request(&mut self, now: Timestamp, input: BadInput) {
        if !self.is_closed() && !self.is_websocket() {
            self.up.push_back(Up::BadInput(input));
            self.close(now, DisconnectReason::TransportError, false);
        }
    }

    pub(super) fn poll_reply(&mut self) -> Option<Result<String, Refusal>> {
        self.reply.take()
    }

    fn answer_poll(&mut self) {
        if self.queue.is_empty() {
            return;
        }
        if let Transport::Polling { poll, .. } = &mut self.transport
            && poll.take().is_some()
        {
            let body = self.take_body(None);
            self.reply = Some(Ok(body));
        }
    }

    /// Takes queued messages as a polling body: up to the size of the largest payload, or all of them
    /// and `last`.
    fn take_body(&mut self, last: Option<&'static str>) -> String {
        let mut body = payload::Encoder::new();
        let cap = usize::try_from(self.config.max_payload).unwrap_or(usize::MAX);
        while let Some(message) = self.queue.front() {
            if last.is_none() && !body.is_empty() && body.len() + message.size() > cap {
                break;
            }
            for frame in message.frames() {
                body.push_frame(&frame);
            }
            self.queued_bytes -= message.size();
            self.queue.pop_front();
        }
        if let Some(last) = last {
            body.push_frame(&Frame::from(last));
        }
        body.finish()
    }

    // ---- frames ----

    pub(super) fn handle_frame(&mut self, now: Timestamp, frame: Frame) {
        if !self.is_open() {
            return;
        }
        match Packet::decode(frame) {
            Ok(packet) => {
                self.handle_packet(now, packet);
            }
            Err(error) => {
                self.up.push_back(Up::BadInput(BadInput::EngineIo(error)));
                self.close(now, DisconnectReason::ParseError, false);
            }
        }
    }

    /// Returns whether the client may send this packet.
    fn handle_packet(&mut self, now: Timestamp, packet: Packet) -> bool {
        match packet {
            Packet::Message(frame) => self.up.push_back(Up::Frame(frame)),
            Packet::Pong(_) => {
                if let Heartbeat::AwaitingPong { next, .. } = self.heartbeat {
                    self.heartbeat = Heartbeat::PingDue(next.max(now));
                }
            }
            Packet::Noop => {}
            Packet::Close => self.handle_client_close(now),
            Packet::Ping(_) | Packet::Open(_) | Packet::Upgrade => {
                self.up.push_back(Up::BadInput(BadInput::UnexpectedPacket));
                self.close(now, DisconnectReason::ParseError, false);
                return false;
            }
        }
        true
    }

    fn handle_client_close(&mut self, now: Timestamp) {
        let reason = DisconnectReason::TransportClose;
        match self.transport {
            Transport::Polling { poll: None, .. } => {
                self.phase = Phase::Draining { reason, until: now + RACE_GRACE };
            }
            _ => self.finish(reason, "6"),
        }
    }

    // ---- upgrade ----

    pub(super) fn handle_upgrade_opened(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.check_alive(now)?;
        if !self.config.upgrades {
            return Err(Refusal::BadRequest);
        }
        match &mut self.transport {
            Transport::Polling { upgrade: upgrade @ None, .. } => {
                *upgrade =
                    Some(Upgrade { opened_at: now, deadline: now + self.config.upgrade_timeout, probed_at: None });
                Ok(())
            }
            _ => {
                self.up.push_back(Up::BadInput(BadInput::BadUpgrade));
                Err(Refusal::BadRequest)
            }
        }
    }

    pub(super) fn handle_upgrade_frame(&mut self, now: Timestamp, frame: Frame) -> UpgradeStep {
        let Transport::Polling { poll, upgrade: slot } = &mut self.transport else { return UpgradeStep::Abort };
        let Some(upgrade) = slot else { return UpgradeStep::Abort };
        match UpgradeInput::read(frame) {
            UpgradeInput::Probe => {
                upgrade.probed_at.get_or_insert(now);
                UpgradeStep::Answer(Message::probe_answer())
            }
            UpgradeInput::Complete if upgrade.probed_at.is_some() => {
                // A client ends its polls before it completes the upgrade. A poll that it sent
                // after the upgrade has lost the race between two TCP connections.
                let late = poll.take().map(|since| since >= upgrade.opened_at);
                match late {
                    Some(true) => self.reply = Some(Err(Refusal::BadRequest)),
                    Some(false) => self.reply = Some(Ok("6".to_owned())),
                    None => {}
                }
                self.transport = Transport::WebSocket;
                self.finish_drained();
                UpgradeStep::Upgraded
            }
            _ => {
                *slot = None;
                self.up.push_back(Up::BadInput(BadInput::BadUpgrade));
                UpgradeStep::Abort
            }
        }
    }

    /// The second transport is gone before it took over.
    pub(super) fn handle_upgrade_closed(&mut self) {
        if let Transport::Polling { upgrade, .. } = &mut self.transport {
            *upgrade = None;
        }
    }

    /// Whether the second transport may still take over.
    pub(super) fn is_upgrading(&self) -> bool {
        matches!(self.transport, Transport::Polling { upgrade: Some(_), .. }) && !self.is_closed()
    }

    // ---- time ----

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let mut next = match self.phase {
            Phase::Closed(_) => return None,
            Phase::Draining { until, .. } => return Some(until),
            Phase::Open => Some(match self.heartbeat {
                Heartbeat::PingDue(at) | Heartbeat::AwaitingPong { deadline: at, .. } => at,
            }),
        };
        if let Transport::Polling { poll, upgrade: Some(upgrade) } = &self.transport {
            next = earlier(next, Some(upgrade.deadline));
            next = earlier(next, noop_due(*poll, upgrade));
        }
        next
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        match self.phase {
            Phase::Closed(_) => return,
            Phase::Draining { reason, until } => {
                if now >= until {
                    self.finish(reason, "1");
                }
                return;
            }
            Phase::Open => {}
        }
        self.handle_upgrade_timeout(now);
        match self.heartbeat {
            // Nobody reads the pong, so nobody waits for it. The ping is sent all the same: its
            // failure tells that the client is gone, which nothing else does meanwhile.
            Heartbeat::PingDue(at) if self.paused && now >= at => {
                self.heartbeat = Heartbeat::PingDue(now + self.config.ping_interval);
                self.push(Message::ping());
            }
            Heartbeat::AwaitingPong { deadline, .. } if self.paused && now >= deadline => {
                self.heartbeat = Heartbeat::PingDue(now + self.config.ping_interval);
            }
            Heartbeat::PingDue(at) if now >= at => {
                // A driver that is late gives a client that is there the whole time to answer: the
                // server was slow, not the client. For a session that only requests look up the
                // deadline is absolute.
                let there = !matches!(self.transport, Transport::Polling { poll: None, .. });
                let deadline = if there { now } else { at } + self.config.ping_timeout;
                if now >= deadline {
                    self.close(now, DisconnectReason::PingTimeout, false);
                    return;
                }
                let interval = self.config.ping_interval;
                let next = (at + interval).max(now + interval / 2);
                self.heartbeat = Heartbeat::AwaitingPong { deadline, next };
                self.push(Message::ping());
            }
            Heartbeat::AwaitingPong { deadline, .. } if now >= deadline => {
                self.close(now, DisconnectReason::PingTimeout, false);
            }
            _ => {}
        }
    }

    fn handle_upgrade_timeout(&mut self, now: Timestamp) {
        let Transport::Polling { poll, upgrade: slot } = &mut self.transport else { return };
        let Some(upgrade) = slot else { return };
        if noop_due(*poll, upgrade).is_some_and(|due| now >= due) {
            *poll = None;
            self.reply = Some(Ok("6".to_owned()));
        }
        if now >= upgrade.deadline {
            *slot = None;
            self.up.push_back(Up::BadInput(BadInput::BadUpgrade));
        }
    }

    /// Deadlines hold when a session is looked up, even where the timer has not fired yet.
    fn check_alive(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let deadline = match self.heartbeat {
            Heartbeat::PingDue(at) => at + self.config.ping_timeout,
            Heartbeat::AwaitingPong { deadline, .. } => deadline,
        };
        if self.is_open() && !self.paused && !self.is_websocket() && now >= deadline {
            self.close(now, DisconnectReason::PingTimeout, false);
        }
        if self.is_closed() { Err(Refusal::UnknownSession) } else { Ok(()) }
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    /// The application can take events again; the client gets the whole time for its pong anew.
    pub(super) fn resume(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.paused) {
            match &mut self.heartbeat {
                Heartbeat::PingDue(at) => *at = (*at).max(now),
                Heartbeat::AwaitingPong { deadline, .. } => *deadline = (*deadline).max(now + self.config.ping_timeout),
            }
        }
    }

    // ---- closing ----

    /// Ends the session. With `drain`, what is queued goes out first.
    pub(super) fn close(&mut self, now: Timestamp, reason: DisconnectReason, drain: bool) {
        match self.phase {
            Phase::Closed(_) => {}
            Phase::Draining { .. } if drain => {}
            _ if drain && (self.queued_bytes() > 0 || self.is_between_polls()) => {
                self.phase = Phase::Draining { reason, until: now + LAST_POLL };
            }
            Phase::Draining { reason, .. } => self.finish(reason, "1"),
            Phase::Open => self.finish(reason, "1"),
        }
    }

    /// Whether a polling client will only hear with its next poll that the session is over.
    fn is_between_polls(&self) -> bool {
        matches!(self.transport, Transport::Polling { poll: None, .. })
    }

    /// The session is over. A pending poll is answered by what is queued and `last`.
    fn finish(&mut self, reason: DisconnectReason, last: &'static str) {
        if self.is_closed() {
            return;
        }
        self.phase = Phase::Closed(reason);
        if let Transport::Polling { poll, upgrade } = &mut self.transport {
            *upgrade = None;
            if poll.take().is_some() {
                let body = self.take_body(Some(last));
                self.reply = Some(Ok(body));
            }
        }
        self.queue = VecDeque::new();
        self.queued_bytes = 0;
        self.up.push_back(Up::Closed(reason));
    }

    /// The WebSocket is gone.
    pub(super) fn handle_transport_closed(&mut self, reason: DisconnectReason) {
        let reason = match self.phase {
            Phase::Draining { reason, .. } => reason,
            _ => reason,
        };
        self.finish(reason, "1");
    }
}

/// When a poll that is pending during an upgrade is ended, so that the client can complete it.
fn noop_due(poll: Option<Timestamp>, upgrade: &Upgrade) -> Option<Timestamp> {
    Some(poll?.max(upgrade.probed_at?) + RACE_GRACE)
}

pub(super) fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
