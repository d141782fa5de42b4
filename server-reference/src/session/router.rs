use std::{collections::VecDeque, sync::Arc};

use bytestring::ByteString;
use nexus_core::{
    engineio::{Frame, Handshake, Packet as EnginePacket, Sid as EngineSid},
    socketio::{Decoder, Namespace, Packet, Sid},
    time::Timestamp,
};
use smallvec::SmallVec;

use super::{
    BadInput, ConnectData, DisconnectReason, Message, Output, Posted, Refusal, Sent, SessionConfig, SlotId,
    UpgradeStep,
    delivery::SlotDelivery,
    engine::{Engine, Up, earlier},
    slots::{Router, Slot, SlotState},
};

/// One client's connection. See the [module](super) for how to drive it.
#[derive(Debug)]
pub struct Session {
    engine: Engine,
    pub(super) router: Option<Router>,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A Socket.IO session. `websocket` says whether it starts on a WebSocket or on long-polling.
    #[must_use]
    pub fn new(now: Timestamp, config: Arc<SessionConfig>, websocket: bool) -> Self {
        let router = Router {
            decoder: Decoder::new(config.decoder),
            attachments_due: None,
            connect_due: Some(now + config.connect_timeout),
            slots: SmallVec::new(),
            last_slot: 0,
            broken: false,
        };
        Self { engine: Engine::new(now, config, websocket), router: Some(router), outputs: VecDeque::new() }
    }

    /// An Engine.IO session without Socket.IO on top: its messages are [`Output::Frame`]s.
    #[must_use]
    pub fn raw(now: Timestamp, config: Arc<SessionConfig>, websocket: bool) -> Self {
        Self { engine: Engine::new(now, config, websocket), router: None, outputs: VecDeque::new() }
    }

    /// The `open` packet: on a WebSocket the first frame, on polling the answer to the handshake's
    /// request. The driver writes it before anything else.
    #[must_use]
    pub fn open_packet(&self, sid: EngineSid) -> Frame {
        let config = &self.engine.config;
        let handshake = Handshake {
            sid,
            upgrades: if config.upgrades && !self.engine.is_websocket() {
                vec!["websocket".to_owned()]
            } else {
                Vec::new()
            },
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            max_payload: config.max_payload,
        };
        EnginePacket::Open(ByteString::from(handshake.to_json())).encode()
    }

    // ---- getters ----

    /// Whether the session is over: nothing more happens.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// Why the session is over, if it is.
    #[must_use]
    pub fn closed_by(&self) -> Option<DisconnectReason> {
        self.engine.closed_by()
    }

    /// Whether the session has ended but for what still goes out.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        !self.engine.is_open() && !self.engine.is_closed()
    }

    /// Whether a WebSocket carries the session.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.engine.is_websocket()
    }

    /// Whether a second transport may still take over.
    #[must_use]
    pub fn is_upgrading(&self) -> bool {
        self.engine.is_upgrading()
    }

    /// Whether the application has too much to do: the driver reads nothing until [`Self::resume`].
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.engine.is_paused()
    }

    /// The bytes that wait to be written, those handed to the driver included.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.engine.queued_bytes()
    }

    /// Whether [`Self::poll_output`] has something.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// How many outputs [`Self::poll_output`] has.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Whether [`Self::poll_transmit`] has something.
    #[must_use]
    pub fn has_transmit(&self) -> bool {
        self.engine.has_transmit()
    }

    // ---- what happened ----

    /// A WebSocket frame arrived on the session's transport.
    pub fn handle_frame(&mut self, now: Timestamp, frame: Frame) {
        self.engine.handle_frame(now, frame);
        self.lift(now);
    }

    /// The driver wrote this many bytes of what [`Self::poll_transmit`] gave it.
    pub fn handle_transmitted(&mut self, now: Timestamp, bytes: usize) {
        self.engine.handle_transmitted(bytes);
        self.lift(now);
    }

    /// The session's WebSocket was closed, or failed.
    pub fn handle_transport_closed(&mut self, now: Timestamp, reason: DisconnectReason) {
        self.engine.handle_transport_closed(reason);
        self.lift(now);
    }

    /// A GET arrived. On success, [`Self::poll_reply`] has its answer, now or later.
    ///
    /// # Errors
    /// The refusal to answer it with. A second GET while one is pending ends the session, after a moment
    /// in which the driver says whether the client gave the second one up.
    pub fn handle_poll(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let result = self.engine.handle_poll(now);
        self.lift(now);
        result
    }

    /// The client gave up its pending GET: the session ends.
    pub fn handle_poll_dropped(&mut self, now: Timestamp) {
        self.engine.handle_poll_dropped(now);
        self.lift(now);
    }

    /// The client gave up a GET that was refused for overlapping another one.
    pub fn handle_overlap_dropped(&mut self, now: Timestamp) {
        self.engine.handle_overlap_dropped(now);
        self.lift(now);
    }

    /// The body of a POST arrived.
    ///
    /// # Errors
    /// The refusal to answer it with.
    pub fn handle_post(&mut self, now: Timestamp, body: &ByteString) -> Result<Posted, Refusal> {
        let result = self.engine.handle_post(now, body);
        self.lift(now);
        result
    }

    /// A request of this session broke the rules of polling: the session ends.
    pub fn handle_bad_request(&mut self, now: Timestamp, input: BadInput) {
        self.engine.handle_bad_request(now, input);
        self.lift(now);
    }

    /// A WebSocket was opened for this polling session.
    ///
    /// # Errors
    /// When there is no session to take over, or another WebSocket has done so or is about to.
    pub fn handle_upgrade_opened(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let result = self.engine.handle_upgrade_opened(now);
        self.lift(now);
        result
    }

    /// A frame arrived on the second transport.
    pub fn handle_upgrade_frame(&mut self, now: Timestamp, frame: Frame) -> UpgradeStep {
        let step = self.engine.handle_upgrade_frame(now, frame);
        self.lift(now);
        step
    }

    /// The second transport is gone before it took over.
    pub fn handle_upgrade_closed(&mut self) {
        self.engine.handle_upgrade_closed();
    }

    /// The time of [`Self::poll_timeout`] has come. Calling it earlier does nothing.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.engine.handle_timeout(now);
        self.settle_due(now, false);
        self.send_due_reports(now);
        self.check_router(now);
        self.lift(now);
    }

    // ---- what to do ----

    /// When to call [`Self::handle_timeout`], if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let mut next = self.engine.poll_timeout();
        if let (Some(router), true) = (&self.router, self.engine.is_open()) {
            next = earlier(earlier(next, router.connect_due), self.next_report());
            if !self.engine.is_paused() {
                next = earlier(next, router.attachments_due);
            }
            for slot in &router.slots {
                if let SlotState::Settling(_, until) = slot.state {
                    next = earlier(next, Some(until));
                }
            }
        }
        next
    }

    /// The next thing for the driver to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if self.outputs.is_empty() {
            self.outputs.shrink_to(2);
        }
        output
    }

    /// The next message to write to the WebSocket.
    pub fn poll_transmit(&mut self) -> Option<Message> {
        self.engine.poll_transmit()
    }

    /// The answer to the pending GET, once there is one.
    pub fn poll_reply(&mut self) -> Option<Result<String, Refusal>> {
        self.engine.poll_reply()
    }

    // ---- commands ----

    /// Sends a message of a raw session.
    pub fn send_data(&mut self, now: Timestamp, message: Message, volatile: bool) -> Sent {
        let sent = self.engine.send(now, message, volatile);
        self.lift(now);
        sent
    }

    /// Sends a message of a namespace. What is volatile is dropped where it can't go out at once.
    pub fn send(&mut self, now: Timestamp, slot: SlotId, message: Message, volatile: bool) -> Sent {
        let Some(found) = self.router.as_mut().and_then(|router| router.slot(slot)) else { return Sent::Closed };
        match &mut found.state {
            SlotState::Joined => {}
            SlotState::Accepting(held) => {
                held.push(message);
                return Sent::Queued;
            }
            SlotState::Settling(held, _) => {
                held.push(message);
                let bytes = held.iter().map(Message::size).sum::<usize>();
                if bytes > self.engine.config.send_queue_bytes / 2 {
                    self.settle(now, slot);
                }
                return Sent::Queued;
            }
            SlotState::Deciding | SlotState::Ended | SlotState::Abandoned => return Sent::Closed,
        }
        let sent = self.engine.send(now, message, volatile);
        self.lift(now);
        sent
    }

    /// The application lets the client join. From now on messages may be sent, and wait until
    /// [`Self::accept`]. Returns false when the client is gone.
    pub fn begin_accept(&mut self, slot: SlotId) -> bool {
        let Some(router) = &mut self.router else { return false };
        match router.slot(slot).map(|slot| &mut slot.state) {
            Some(state @ SlotState::Deciding) => {
                *state = SlotState::Accepting(Vec::new());
                true
            }
            Some(SlotState::Abandoned) => {
                router.slots.retain(|known| known.id != slot);
                false
            }
            _ => false,
        }
    }

    /// Tells the client that it has joined, then what was sent meanwhile.
    pub fn accept(&mut self, now: Timestamp, slot: SlotId, sid: &Sid) {
        self.accept_with(now, slot, &ConnectData::new(sid.clone()), Vec::new());
    }

    /// As [`Self::accept`], with more in the answer, and behind the replay of what a session missed (`docs/protocol.md`,
    /// "Resuming"). The replay may be longer than the send queue: as long as it waits to be sent, the queue may be as much
    /// longer. Where something is granted, events come with their markers from now on, which the payloads no longer have.
    pub fn accept_with(&mut self, now: Timestamp, slot: SlotId, data: &ConnectData, before: Vec<Message>) {
        let Some(slot) = self.router.as_mut().and_then(|router| router.slot(slot)) else { return };
        let SlotState::Accepting(held) = &mut slot.state else { return };
        let held = std::mem::take(held);
        let until = if self.engine.is_websocket() { now + self.engine.config.settle_time } else { now };
        slot.state = SlotState::Settling(held, until);
        slot.delivery = data.grant.clone().map(|grant| Box::new(SlotDelivery::new(grant)));
        let id = slot.id;
        let namespace = slot.namespace.clone();
        let packet = Packet::Connect { namespace, data: Some(ByteString::from(data.to_json())) };
        if let Some(router) = &mut self.router {
            router.connect_due = None;
        }
        for message in before {
            self.engine.send_replay(message);
        }
        self.send_packet(now, &packet);
        if until == now {
            self.settle(now, id);
        }
    }

    /// Lets what was held back since the answer to a CONNECT go.
    fn settle(&mut self, now: Timestamp, slot: SlotId) {
        let Some(slot) = self.router.as_mut().and_then(|router| router.slot(slot)) else { return };
        if let SlotState::Settling(held, _) = &mut slot.state {
            let held = std::mem::take(held);
            slot.state = SlotState::Joined;
            for message in held {
                self.engine.send(now, message, false);
            }
            self.lift(now);
        }
    }

    /// As [`Self::settle`] for every namespace whose time has come, or for all.
    fn settle_due(&mut self, now: Timestamp, all: bool) {
        let Some(router) = &self.router else { return };
        let due = |slot: &Slot| matches!(slot.state, SlotState::Settling(_, until) if all || now >= until);
        let due: SmallVec<[SlotId; 2]> = router.slots.iter().filter(|slot| due(slot)).map(|slot| slot.id).collect();
        for slot in due {
            self.settle(now, slot);
        }
    }

    /// Tells the client that it may not join; `data` is a JSON object with a `message`.
    pub fn refuse(&mut self, now: Timestamp, slot: SlotId, data: ByteString) {
        let Some(router) = &mut self.router else { return };
        let Some(index) = router.slots.iter().position(|known| known.id == slot) else { return };
        let slot = router.slots.remove(index);
        if matches!(slot.state, SlotState::Deciding) {
            self.send_packet(now, &Packet::ConnectError { namespace: slot.namespace, data });
        }
    }

    /// Makes the client leave the namespace, and tells it so.
    pub fn end(&mut self, now: Timestamp, slot: SlotId) {
        self.end_as(now, slot, DisconnectReason::ServerDisconnect);
    }

    /// As [`Self::end`], for a reason of the driver's.
    pub(crate) fn end_as(&mut self, now: Timestamp, slot: SlotId, reason: DisconnectReason) {
        self.settle(now, slot);
        let Some(slot) = self.router.as_mut().and_then(|router| router.slot(slot)) else { return };
        match std::mem::replace(&mut slot.state, SlotState::Ended) {
            SlotState::Joined | SlotState::Settling(..) | SlotState::Accepting(_) => {
                let id = slot.id;
                let packet = Packet::Disconnect { namespace: slot.namespace.clone() };
                self.outputs.push_back(Output::Left { slot: id, reason });
                self.send_packet(now, &packet);
            }
            state => slot.state = state,
        }
    }

    /// Ends the session. With `drain`, what is queued goes out first.
    pub fn close(&mut self, now: Timestamp, reason: DisconnectReason, drain: bool) {
        if drain {
            self.settle_due(now, true);
        }
        self.engine.close(now, reason, drain);
        self.lift(now);
    }

    /// The application has too much to do: nothing is read, and no pong is missed.
    pub fn pause(&mut self) {
        self.engine.pause();
    }

    /// The application can take events again.
    pub fn resume(&mut self, now: Timestamp) {
        self.engine.resume(now);
        if let Some(Router { attachments_due: Some(due), .. }) = &mut self.router {
            *due = (*due).max(now + self.engine.config.attachment_timeout);
        }
    }

    // ---- inside ----

    fn send_packet(&mut self, now: Timestamp, packet: &Packet) {
        self.engine.send(now, Message::from_packet(packet), false);
        self.lift(now);
    }

    /// Takes what the lower half says through the upper.
    pub(super) fn lift(&mut self, now: Timestamp) {
        if !self.engine.has_up() {
            return;
        }
        while let Some(up) = self.engine.poll_up() {
            match up {
                Up::BadInput(input) => self.outputs.push_back(Output::BadInput(input)),
                Up::Closed(reason) => self.finish(reason),
                Up::Frame(frame) if self.router.is_none() => self.outputs.push_back(Output::Frame(frame)),
                Up::Frame(frame) => self.handle_message(now, frame),
            }
        }
    }

    fn handle_message(&mut self, now: Timestamp, frame: Frame) {
        let Some(router) = self.router.as_mut().filter(|router| !router.broken) else { return };
        let decoded = match frame {
            Frame::Text(text) => router.decoder.handle_text(&text),
            Frame::Binary(bytes) => router.decoder.handle_binary(bytes),
        };
        let result = match decoded {
            Err(error) => Err(BadInput::SocketIo(error)),
            Ok(None) => {
                router.attachments_due.get_or_insert(now + self.engine.config.attachment_timeout);
                return;
            }
            Ok(Some(packet)) => {
                router.attachments_due = None;
                self.handle_packet(now, packet)
            }
        };
        if let Err(input) = result {
            self.break_off(now, input);
        }
    }

    pub(super) fn break_off(&mut self, now: Timestamp, input: BadInput) {
        if let Some(router) = &mut self.router {
            router.broken = true;
        }
        self.outputs.push_back(Output::BadInput(input));
        self.engine.close(now, DisconnectReason::ParseError, false);
    }

    fn handle_packet(&mut self, now: Timestamp, packet: Packet) -> Result<(), BadInput> {
        match packet {
            Packet::Connect { namespace, data } => self.handle_connect(now, &namespace, data),
            Packet::Disconnect { namespace } => {
                self.handle_disconnect(&namespace);
                Ok(())
            }
            Packet::Event { namespace, id, name, payload } => {
                if let Some(slot) = self.joined(now, &namespace)?
                    && let Some(slot) = self.router.as_mut().and_then(|router| router.slot(slot))
                {
                    let output = slot.event(id, name, payload)?;
                    self.outputs.push_back(output);
                }
                Ok(())
            }
            Packet::Ack { namespace, id, payload } => {
                if let Some(slot) = self.joined(now, &namespace)? {
                    self.outputs.push_back(Output::Ack { slot, id, payload });
                }
                Ok(())
            }
            Packet::ConnectError { .. } => Err(BadInput::UnexpectedPacket),
        }
    }

    /// The place of a joined namespace; nothing where the server has ended it.
    fn joined(&mut self, now: Timestamp, namespace: &Namespace) -> Result<Option<SlotId>, BadInput> {
        match self.router.as_mut().and_then(|router| router.named(namespace)) {
            Some(Slot { id, state: SlotState::Joined, .. }) => Ok(Some(*id)),
            Some(Slot { id, state: SlotState::Settling(..), .. }) => {
                let id = *id;
                self.settle(now, id);
                Ok(Some(id))
            }
            Some(Slot { state: SlotState::Ended, .. }) => Ok(None),
            _ => Err(BadInput::NotJoined),
        }
    }

    fn handle_connect(
        &mut self,
        now: Timestamp,
        namespace: &Namespace,
        auth: Option<ByteString>,
    ) -> Result<(), BadInput> {
        let max = self.engine.config.max_namespaces;
        let Some(router) = &mut self.router else { return Ok(()) };
        match router.named(namespace).map(|slot| &slot.state) {
            None => {}
            Some(SlotState::Ended) => {
                router.slots.retain(|slot| slot.namespace != *namespace || !matches!(slot.state, SlotState::Ended));
            }
            // Passed over by `named`.
            Some(SlotState::Abandoned) => {}
            Some(SlotState::Deciding) => {
                self.outputs.push_back(Output::BadInput(BadInput::SecondConnect));
                self.refuse_connect(now, namespace, r#"{"message":"Already connecting"}"#);
                return Ok(());
            }
            Some(SlotState::Accepting(_) | SlotState::Settling(..) | SlotState::Joined) => {
                return Err(BadInput::SecondConnect);
            }
        }
        if router.slots.len() >= max {
            self.outputs.push_back(Output::BadInput(BadInput::TooManyNamespaces));
            self.refuse_connect(now, namespace, r#"{"message":"Too many namespaces"}"#);
            return Ok(());
        }
        router.last_slot += 1;
        let id = SlotId(router.last_slot);
        // The name would keep the whole frame alive.
        let namespace = namespace.detach();
        router.slots.push(Slot { id, namespace: namespace.clone(), state: SlotState::Deciding, delivery: None });
        self.outputs.push_back(Output::Connect { slot: id, namespace, auth });
        Ok(())
    }

    fn refuse_connect(&mut self, now: Timestamp, namespace: &Namespace, data: &'static str) {
        let packet = Packet::ConnectError { namespace: namespace.clone(), data: ByteString::from_static(data) };
        self.engine.send(now, Message::from_packet(&packet), false);
    }

    fn handle_disconnect(&mut self, namespace: &Namespace) {
        let Some(router) = &mut self.router else { return };
        let Some(slot) = router.named(namespace) else { return };
        let id = slot.id;
        if matches!(slot.state, SlotState::Deciding) {
            slot.state = SlotState::Abandoned;
            return;
        }
        if slot.state.is_accepted() {
            self.outputs.push_back(Output::Left { slot: id, reason: DisconnectReason::ClientDisconnect });
        }
        router.slots.retain(|slot| slot.id != id);
    }

    fn check_router(&mut self, now: Timestamp) {
        let Some(router) = self.router.as_mut().filter(|_| self.engine.is_open()) else { return };
        if router.attachments_due.is_some_and(|due| now >= due) && !self.engine.is_paused() {
            router.attachments_due = None;
            self.break_off(now, BadInput::MissingAttachments);
            return;
        }
        if router.connect_due.is_some_and(|due| now >= due) {
            if router.slots.is_empty() {
                self.engine.close(now, DisconnectReason::ConnectTimeout, false);
            } else {
                router.connect_due = Some(now + self.engine.config.connect_timeout);
            }
        }
    }

    fn finish(&mut self, reason: DisconnectReason) {
        if let Some(router) = &mut self.router {
            router.attachments_due = None;
            for slot in std::mem::take(&mut router.slots) {
                if slot.state.is_accepted() {
                    self.outputs.push_back(Output::Left { slot: slot.id, reason });
                }
            }
        }
        self.outputs.push_back(Output::Closed(reason));
    }
}
