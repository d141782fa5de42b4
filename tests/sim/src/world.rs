use std::{collections::BTreeMap, sync::Arc, time::Duration};

use nexus_core::{
    Bytes,
    engineio::{Frame, Sid as EngineSid},
    manager::{
        ConnectionId, ConnectionStatus, DisconnectReason as LossReason, Emit, EmitOutcome, Event, Output,
        TransportEvent, TransportFailure, TransportFailureKind,
    },
    socketio::{AckId, Limits, Packet, Payload, Sid},
    time::Timestamp,
};
use nexus_server::session::{BadInput, DisconnectReason, Message, Output as SessionOutput, SessionConfig, SlotId};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::{
    Report, Scenario, Violation,
    client::Client,
    connection::{Connection, Item, awaits_attachments, numbered_event},
    oracle::Oracle,
};

/// Names a connection in a run.
type Key = u64;

/// What is to happen at some time.
#[derive(Debug)]
enum Step {
    Act(usize),
    Fault(usize),
    ClientTimeout(usize),
    SessionTimeout(Key),
    Opened {
        client: usize,
        id: ConnectionId,
    },
    Refused {
        client: usize,
        id: ConnectionId,
    },
    ToServer(Key),
    ToClient(Key),
    /// The two ends learn that the network cut their connection, each in its time.
    ClientLearns(Key),
    ServerLearns(Key),
    Authorized {
        key: Key,
        slot: SlotId,
    },
    ServerActs(Key),
    /// An application whose primary namespace the server ended asks for it again.
    ConnectAgain(usize),
}

/// Everything that exists in a run, and the agenda that drives it.
pub(crate) struct World<'a> {
    seed: u64,
    scenario: &'a Scenario,
    rng: Pcg64Mcg,
    now: Timestamp,
    agenda: BTreeMap<(Timestamp, u64), Step>,
    planned: u64,
    steps: u64,
    clients: Vec<Client>,
    connections: BTreeMap<Key, Connection>,
    last_key: Key,
    session_config: Arc<SessionConfig>,
    oracle: Oracle,
    /// Faults and actions happen.
    active: bool,
}

/// More steps than any run needs: one that has them turns in circles.
const MAX_STEPS: u64 = 5_000_000;

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, scenario: &'a Scenario) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let heartbeat = Duration::from_millis(rng.random_range(2_000..25_000));
        let session_config = Arc::new(SessionConfig {
            ping_interval: heartbeat,
            ping_timeout: Duration::from_millis(rng.random_range(1_500..20_000)),
            max_payload: 100_000,
            max_packets: 64,
            upgrades: false,
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
            attachment_timeout: Duration::from_secs(20),
            max_namespaces: 16,
            send_queue_bytes: 1 << 20,
            decoder: Limits::default(),
        });
        let clients =
            (0..scenario.clients).map(|index| Client::new(index, seed, scenario.namespaces.clamp(1, 8))).collect();
        Self {
            seed,
            scenario,
            rng,
            now: Timestamp::from_millis(1),
            agenda: BTreeMap::new(),
            planned: 0,
            steps: 0,
            clients,
            connections: BTreeMap::new(),
            last_key: 0,
            session_config,
            oracle: Oracle::default(),
            active: true,
        }
    }

    pub(crate) fn run(mut self) -> Result<Report, Violation> {
        for client in 0..self.clients.len() {
            self.connect(client);
            self.plan_soon(Step::Act(client), self.scenario.action_every);
            self.plan_soon(Step::Fault(client), self.scenario.fault_every);
        }
        self.run_until(self.now + self.scenario.active, |_| false)?;

        self.active = false;
        self.heal();
        let deadline = self.now + self.scenario.drain;
        self.run_until(deadline, Self::is_at_rest)?;
        if !self.is_at_rest() {
            let states: Vec<_> = self.clients.iter().map(|client| client.manager.stats()).collect();
            return Err(self.violation(format!("not at rest after all faults had stopped: {states:?}")));
        }
        self.oracle.check_rest();
        self.check()?;

        self.end_clients();
        let deadline = self.now + self.scenario.drain;
        self.run_until(deadline, |world| world.connections.is_empty())?;
        self.check_ended()?;
        Ok(self.oracle.report)
    }

    /// Runs what is on the agenda up to `deadline`, or until `done` says so.
    fn run_until(&mut self, deadline: Timestamp, done: impl Fn(&Self) -> bool) -> Result<(), Violation> {
        while !done(self) {
            let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= deadline) else { break };
            let ((at, _), step) = entry.remove_entry();
            self.now = at.max(self.now);
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(self.violation(format!("more than {MAX_STEPS} steps; the last was {step:?}")));
            }
            self.carry_out(step);
            self.check()?;
        }
        Ok(())
    }

    fn carry_out(&mut self, step: Step) {
        self.oracle.note(0, self.now.as_nanos());
        match step {
            Step::Act(client) => self.act(client),
            Step::Fault(client) => self.fault(client),
            Step::ClientTimeout(client) => {
                if let Some(it) = self.clients.get_mut(client) {
                    it.timeout_at = None;
                    it.manager.handle_timeout(self.now);
                }
                self.pump_client(client);
            }
            Step::SessionTimeout(key) => {
                if let Some(connection) = self.connections.get_mut(&key) {
                    connection.timeout_at = None;
                    connection.session.handle_timeout(self.now);
                }
                self.pump_session(key);
            }
            Step::Opened { client, id } => self.open(client, id),
            Step::Refused { client, id } => {
                self.oracle.report.refused += 1;
                let failure = TransportFailure::new(TransportFailureKind::Connect, "refused");
                self.tell_client(client, id, TransportEvent::Failed(failure));
            }
            Step::ToServer(key) => self.arrive_at_server(key),
            Step::ToClient(key) => self.arrive_at_client(key),
            Step::ClientLearns(key) => {
                if let Some(connection) = self.connections.get_mut(&key).filter(|it| !it.client_gone) {
                    connection.client_gone = true;
                    let (client, id) = (connection.client, connection.id);
                    let failure = TransportFailure::new(TransportFailureKind::Io, "cut");
                    self.tell_client(client, id, TransportEvent::Failed(failure));
                }
                self.forget_ended(key);
            }
            Step::ServerLearns(key) => {
                if let Some(connection) = self.connections.get_mut(&key) {
                    connection.session.handle_transport_closed(self.now, DisconnectReason::TransportError);
                }
                self.pump_session(key);
            }
            Step::Authorized { key, slot } => self.authorized(key, slot),
            Step::ServerActs(key) => self.server_acts(key),
            Step::ConnectAgain(client) => {
                if self.clients.get(client).is_some_and(|it| !it.ended) {
                    self.connect(client);
                }
            }
        }
    }

    // ---- what the applications do ----

    fn connect(&mut self, client: usize) {
        if let Some(it) = self.clients.get_mut(client) {
            let connected = it.manager.connect(self.now, Client::user_id(client), Client::credentials());
            for namespace in it.namespaces.clone() {
                // The bound is far above what a scenario has.
                let _ = it.manager.join(self.now, &namespace);
            }
            if let Err(error) = connected {
                self.oracle.fail_because(format!("client {client}: connect was refused: {error}"));
            }
        }
        self.pump_client(client);
    }

    fn act(&mut self, client: usize) {
        if !self.active {
            return;
        }
        let choice = self.rng.random_range(0..100_u32);
        match choice {
            0..92 => self.emit(client, choice),
            92..94 => self.change_visibility(client),
            94..96 => {
                let reachable = self.rng.random_bool(0.7);
                self.with_manager(client, |manager, now| manager.network_changed(now, reachable));
            }
            _ => self.with_manager(client, |manager, now| manager.woke(now)),
        }
        self.plan_soon(Step::Act(client), self.scenario.action_every);
    }

    fn with_manager(&mut self, client: usize, act: impl FnOnce(&mut nexus_core::manager::Manager, Timestamp)) {
        if let Some(it) = self.clients.get_mut(client) {
            act(&mut it.manager, self.now);
        }
        self.pump_client(client);
    }

    fn change_visibility(&mut self, client: usize) {
        if let Some(it) = self.clients.get_mut(client) {
            it.background = !it.background;
            if it.background {
                self.oracle.report.backgrounds += 1;
                it.manager.enter_background(self.now);
            } else {
                it.manager.enter_foreground(self.now);
            }
        }
        self.pump_client(client);
    }

    fn emit(&mut self, client: usize, choice: u32) {
        let Some(it) = self.clients.get_mut(client) else { return };
        let index = self.rng.random_range(0..it.namespaces.len());
        let Some(namespace) = it.namespaces.get(index).cloned() else { return };
        let lane = (client, namespace.clone());
        let number = self.oracle.next_number(&lane);
        let payload = if choice.is_multiple_of(7) {
            Payload::from_args(&(number, Bytes::from_static(&[0, 255, 128])))
        } else {
            Payload::from_args(&(number, "padding"))
        };
        let Ok(payload) = payload else { return };
        let mut emit = Emit::new(namespace, "up", payload);
        let awaits_ack = choice.is_multiple_of(3);
        if awaits_ack {
            emit = emit.with_ack_timeout(Duration::from_millis(self.rng.random_range(100..15_000)));
        } else if choice.is_multiple_of(10) {
            emit = emit.volatile();
        }
        match it.manager.emit(self.now, emit) {
            Ok(emitted) => {
                self.oracle.accepted(&lane, emitted.message, awaits_ack);
                if emitted.outcome == EmitOutcome::Dropped {
                    self.oracle.volatile_dropped(&lane);
                }
            }
            // Full, or not possible now: nothing was taken.
            Err(_) => self.oracle.note(7, number),
        }
        self.pump_client(client);
    }

    fn server_acts(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key).filter(|it| !it.session.is_closed()) else { return };
        if !self.active || connection.slots.is_empty() {
            return;
        }
        let index = self.rng.random_range(0..connection.slots.len());
        let Some((&slot, namespace)) = connection.slots.iter().nth(index) else { return };
        let namespace = namespace.clone();
        match self.rng.random_range(0..40_u32) {
            0 => {
                self.oracle.report.server_disconnects += 1;
                connection.session.end(self.now, slot);
            }
            choice => {
                let number = self.oracle.sent_down(&(connection.client, namespace.clone()));
                let id = choice.is_multiple_of(4).then(|| {
                    connection.next_ack += 1;
                    AckId(connection.next_ack)
                });
                if let Ok(payload) = Payload::from_value(&number) {
                    let message = Message::from_event(&namespace, id, "down", &payload);
                    connection.session.send(self.now, slot, message, choice.is_multiple_of(5));
                }
            }
        }
        self.pump_session(key);
        self.plan_soon(Step::ServerActs(key), self.scenario.action_every);
    }

    // ---- the network ----

    fn open(&mut self, client: usize, id: ConnectionId) {
        self.last_key += 1;
        let key = self.last_key;
        let connection = Connection::new(client, id, self.now, Arc::clone(&self.session_config));
        let open = connection.session.open_packet(EngineSid::new(format!("engine-{key}")));
        self.connections.insert(key, connection);
        self.oracle.report.connections += 1;
        self.send_to_client(key, Item::Frame(open));
        self.tell_client(client, id, TransportEvent::Opened { can_ping: true });
        self.pump_session(key);
        self.plan_soon(Step::ServerActs(key), self.scenario.action_every);
    }

    fn fault(&mut self, client: usize) {
        if !self.active {
            return;
        }
        let keys = self.connections.iter().filter(|(_, it)| it.client == client && !it.cut).map(|(&key, _)| key);
        let keys: Vec<Key> = keys.collect();
        for key in keys {
            if self.rng.random_bool(0.5) {
                self.cut(key);
            } else {
                self.oracle.report.stalls += 1;
                let length = self.random_up_to(self.scenario.max_stall);
                if let Some(connection) = self.connections.get_mut(&key) {
                    connection.stalled_until = self.now + length;
                }
            }
        }
        self.plan_soon(Step::Fault(client), self.scenario.fault_every);
    }

    /// Loses what is on its way; the ends learn it later, each in its time.
    fn cut(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.cut = true;
        connection.to_client.lose().for_each(drop);
        self.oracle.report.cuts += 1;
        self.lose_uplink(key);
        self.plan_soon(Step::ClientLearns(key), Duration::from_secs(2));
        self.plan_soon(Step::ServerLearns(key), Duration::from_secs(30));
    }

    fn send_to_server(&mut self, key: Key, item: Item) {
        let delay = self.random_up_to(self.scenario.max_delay);
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if connection.cut || connection.session.is_closed() {
            lose(&mut self.oracle, connection.client, &item);
        } else {
            let arrival = connection.to_server.push(self.now, delay, item);
            self.plan(arrival, Step::ToServer(key));
        }
    }

    fn send_to_client(&mut self, key: Key, item: Item) {
        let delay = self.random_up_to(self.scenario.max_delay);
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if !connection.cut && !connection.client_gone {
            let arrival = connection.to_client.push(self.now, delay, item);
            self.plan(arrival, Step::ToClient(key));
        }
    }

    fn arrive_at_server(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if connection.stalled_until > self.now {
            let until = connection.stalled_until;
            return self.plan(until, Step::ToServer(key));
        }
        match connection.to_server.pop(self.now) {
            Some(item @ Item::Frame(_)) if connection.session.is_closed() => {
                lose(&mut self.oracle, connection.client, &item);
            }
            Some(Item::Frame(frame)) => {
                connection.session.handle_frame(self.now, frame.clone());
                self.lose_if_ended(key, &frame);
            }
            Some(Item::Ping(nonce)) => self.send_to_client(key, Item::Ping(nonce)),
            Some(Item::Close) => {
                connection.session.handle_transport_closed(self.now, DisconnectReason::TransportClose);
            }
            None => {}
        }
        self.pump_session(key);
    }

    /// An event for a namespace that the server has ended meanwhile reaches nobody, by protocol.
    fn lose_if_ended(&mut self, key: Key, frame: &Frame) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let event = match numbered_event(frame) {
            event @ Some(_) if awaits_attachments(frame) => {
                connection.incomplete = event;
                return;
            }
            event @ Some(_) => event,
            // Each event of a run has one attachment at most: it is complete now.
            None if matches!(frame, Frame::Binary(_)) => connection.incomplete.take(),
            None => None,
        };
        if let Some((namespace, number)) = event
            && !connection.slots.values().any(|joined| *joined == namespace)
        {
            self.oracle.lost_in_flight(&(connection.client, namespace), number);
        }
    }

    /// Everything that was on its way to the server is gone.
    fn lose_uplink(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        for item in connection.to_server.lose() {
            lose(&mut self.oracle, connection.client, &item);
        }
        if let Some((namespace, number)) = connection.incomplete.take() {
            self.oracle.lost_in_flight(&(connection.client, namespace), number);
        }
    }

    fn arrive_at_client(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if connection.stalled_until > self.now {
            let until = connection.stalled_until;
            return self.plan(until, Step::ToClient(key));
        }
        let (client, id) = (connection.client, connection.id);
        match connection.to_client.pop(self.now).filter(|_| !connection.client_gone) {
            Some(Item::Frame(frame)) => self.tell_client(client, id, TransportEvent::Frame(frame)),
            Some(Item::Ping(nonce)) => self.tell_client(client, id, TransportEvent::Pong { nonce }),
            Some(Item::Close) => {
                connection.client_gone = true;
                self.lose_uplink(key);
                self.tell_client(client, id, TransportEvent::Closed { code: Some(1000), text: "".into() });
            }
            None => {}
        }
        self.forget_ended(key);
    }

    // ---- the two machines' outputs ----

    fn tell_client(&mut self, client: usize, id: ConnectionId, event: TransportEvent) {
        if let Some(it) = self.clients.get_mut(client) {
            it.manager.handle_transport(self.now, id, event);
        }
        self.pump_client(client);
    }

    fn pump_client(&mut self, client: usize) {
        while let Some(output) = self.clients.get_mut(client).and_then(|it| it.manager.poll_output()) {
            match output {
                Output::Connect { connection: id, .. } => {
                    let refused = self.active && self.rng.random_range(0..100) < self.scenario.refused_percent;
                    let step = if refused { Step::Refused { client, id } } else { Step::Opened { client, id } };
                    self.plan_soon(step, self.scenario.max_delay);
                }
                Output::Transmit { connection: id, frame } => self.transmit(client, id, frame),
                Output::Ping { connection: id, nonce } => {
                    if let Some(key) = self.key(client, id) {
                        self.send_to_server(key, Item::Ping(nonce));
                    }
                }
                Output::Close { connection: id } => self.close_from_client(client, id),
                Output::Event(event) => self.application_hears(client, event),
                Output::NeedToken { .. } => self.oracle.fail_because("a token was asked for twice".to_owned()),
                _ => {}
            }
        }
        self.plan_client_timeout(client);
    }

    fn transmit(&mut self, client: usize, id: ConnectionId, frame: Frame) {
        match self.key(client, id) {
            Some(key) => self.send_to_server(key, Item::Frame(frame)),
            None => lose(&mut self.oracle, client, &Item::Frame(frame)),
        }
        if let Some(it) = self.clients.get_mut(client) {
            it.manager.handle_transport(self.now, id, TransportEvent::Flushed { frames: 1 });
        }
    }

    fn close_from_client(&mut self, client: usize, id: ConnectionId) {
        // An attempt that is given up before it opened.
        self.agenda.retain(|_, step| !matches!(step, Step::Opened { client: c, id: i } | Step::Refused { client: c, id: i } if *c == client && *i == id));
        let Some(key) = self.key(client, id) else { return };
        self.send_to_server(key, Item::Close);
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.client_gone = true;
        }
    }

    fn application_hears(&mut self, client: usize, event: Event) {
        match event {
            Event::Status(change) => {
                self.oracle.status(client, change.status);
                match change.reason {
                    Some(LossReason::ServerDisconnect) => {
                        self.plan_soon(Step::ConnectAgain(client), self.scenario.action_every);
                    }
                    None if change.status == ConnectionStatus::Disconnected => {
                        self.oracle.fail_because(format!("client {client}: disconnected without a reason"));
                    }
                    _ => {}
                }
            }
            Event::Received(received) => {
                match received.payload.arg(0) {
                    Ok(number) => self.oracle.received(&(client, received.namespace.detach()), number),
                    Err(error) => self.oracle.fail_because(format!("client {client}: {error}")),
                }
                if let (Some(reply), Some(it)) = (received.reply, self.clients.get_mut(client)) {
                    // The connection may have ended since: then there is nobody to answer.
                    let _ = it.manager.reply(self.now, reply, &received.payload);
                }
            }
            Event::AckResolved { message, result } => {
                let acked = result.ok().map(|payload| payload.arg(0).unwrap_or_default());
                self.oracle.ack_resolved(client, message, acked);
            }
            Event::MessageDropped(dropped) => self.oracle.dropped(client, dropped.message),
            // As an application would that wants its namespaces back.
            Event::Left { namespace, .. } => {
                if let Some(it) = self.clients.get_mut(client).filter(|it| !it.ended) {
                    let _ = it.manager.join(self.now, &namespace);
                }
            }
            _ => {}
        }
    }

    fn pump_session(&mut self, key: Key) {
        while let Some(connection) = self.connections.get_mut(&key) {
            if let Some(output) = connection.session.poll_output() {
                self.server_hears(key, output);
            } else if let Some(message) = connection.session.poll_transmit() {
                connection.session.handle_transmitted(self.now, message.size());
                for frame in message.frames() {
                    self.send_to_client(key, Item::Frame(frame));
                }
            } else {
                break;
            }
        }
        self.plan_session_timeout(key);
        self.forget_ended(key);
    }

    fn server_hears(&mut self, key: Key, output: SessionOutput) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let client = connection.client;
        match output {
            SessionOutput::Connect { slot, namespace, .. } => {
                connection.slots.insert(slot, namespace.detach());
                self.plan_soon(Step::Authorized { key, slot }, Duration::from_secs(3));
            }
            SessionOutput::Event { slot, id, payload, .. } => {
                let Some(namespace) = connection.slots.get(&slot).cloned() else { return };
                let Ok(number) = payload.arg(0) else { return };
                self.oracle.delivered(&(client, namespace.clone()), key, number);
                if let (Some(id), Ok(payload)) = (id, Payload::from_value(&number)) {
                    let message = Message::from_packet(&Packet::Ack { namespace, id, payload });
                    connection.session.send(self.now, slot, message, false);
                }
            }
            SessionOutput::Ack { .. } => self.oracle.report.replies += 1,
            SessionOutput::Left { slot, .. } => {
                connection.slots.remove(&slot);
            }
            // A network that stands still between a text and its attachment.
            SessionOutput::BadInput(BadInput::MissingAttachments) => {}
            SessionOutput::BadInput(input) => self.oracle.fail_because(format!("the client sent {input:?}")),
            SessionOutput::Closed(_) => {
                connection.slots.clear();
                self.send_to_client(key, Item::Close);
            }
            SessionOutput::Frame(_) => {}
        }
    }

    fn authorized(&mut self, key: Key, slot: SlotId) {
        if let Some(connection) = self.connections.get_mut(&key)
            && connection.session.begin_accept(slot)
        {
            connection.session.accept(self.now, slot, &Sid::new(format!("sid-{key}-{slot:?}")));
        }
        self.pump_session(key);
    }

    // ---- agenda ----

    fn plan(&mut self, at: Timestamp, step: Step) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), step);
    }

    /// At a random time within twice the mean.
    fn plan_soon(&mut self, step: Step, mean: Duration) {
        let delay = self.random_up_to(mean.saturating_mul(2));
        self.plan(self.now + delay, step);
    }

    fn plan_client_timeout(&mut self, client: usize) {
        let Some(it) = self.clients.get_mut(client) else { return };
        if let Some(at) = it.manager.poll_timeout()
            && it.timeout_at.is_none_or(|planned| at < planned)
        {
            it.timeout_at = Some(at);
            self.plan(at.max(self.now), Step::ClientTimeout(client));
        }
    }

    fn plan_session_timeout(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if let Some(at) = connection.session.poll_timeout()
            && connection.timeout_at.is_none_or(|planned| at < planned)
        {
            connection.timeout_at = Some(at);
            self.plan(at.max(self.now), Step::SessionTimeout(key));
        }
    }

    fn forget_ended(&mut self, key: Key) {
        let ended = |it: &Connection| it.client_gone && it.session.is_closed();
        if self.connections.get(&key).is_some_and(ended) {
            self.lose_uplink(key);
            self.connections.remove(&key);
        }
    }

    fn random_up_to(&mut self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.rng.random_range(0..=nanos))
    }

    fn key(&self, client: usize, id: ConnectionId) -> Option<Key> {
        self.connections.iter().find(|(_, it)| it.client == client && it.id == id).map(|(&key, _)| key)
    }

    // ---- end ----

    /// The network is good from now on, and every application wants to be connected.
    fn heal(&mut self) {
        for connection in self.connections.values_mut() {
            connection.stalled_until = self.now;
        }
        for client in 0..self.clients.len() {
            if let Some(it) = self.clients.get_mut(client) {
                it.background = false;
                it.manager.enter_foreground(self.now);
                it.manager.network_changed(self.now, true);
            }
            self.connect(client);
        }
    }

    fn is_at_rest(&self) -> bool {
        let at_rest = |(index, client): (usize, &Client)| client.is_at_rest() && self.oracle.waits(index) == 0;
        self.clients.iter().enumerate().all(at_rest)
            && self.connections.values().all(|connection| !connection.cut && !connection.to_server.has_frames())
    }

    fn end_clients(&mut self) {
        for client in 0..self.clients.len() {
            if let Some(it) = self.clients.get_mut(client) {
                it.ended = true;
            }
            self.with_manager(client, |manager, now| manager.disconnect(now));
        }
    }

    fn check_ended(&self) -> Result<(), Violation> {
        if let Some(connection) = self.connections.values().next() {
            return Err(self.violation(format!("a session outlives its client: {connection:?}")));
        }
        match self.clients.iter().find(|client| client.manager.poll_timeout().is_some()) {
            Some(client) => {
                Err(self.violation(format!("a timer after disconnecting: {:?}", client.manager.poll_timeout())))
            }
            None => self.check(),
        }
    }

    fn check(&self) -> Result<(), Violation> {
        self.oracle.broken().map_or(Ok(()), |what| Err(self.violation(what.to_owned())))
    }

    fn violation(&self, what: String) -> Violation {
        Violation { seed: self.seed, at: self.now, what }
    }
}

/// An item that will not arrive: if it is an event, the oracle may stop waiting for it.
fn lose(oracle: &mut Oracle, client: usize, item: &Item) {
    if let Item::Frame(frame) = item
        && let Some((namespace, number)) = numbered_event(frame)
    {
        oracle.lost_in_flight(&(client, namespace), number);
    }
}
