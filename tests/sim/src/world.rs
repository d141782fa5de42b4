use std::{collections::BTreeMap, sync::Arc, time::Duration};

use nexus_core::{
    manager::{ConnectionId, Manager, TokenRequest, TransportEvent, TransportFailure, TransportFailureKind},
    socketio::Limits,
    time::Timestamp,
};
use nexus_server::session::{DisconnectReason, SessionConfig, SlotId};

use crate::{
    Report, Scenario, Violation,
    choices::Choices,
    client::Client,
    connection::Connection,
    coverage::{Fault, State},
    habits::Habits,
    nexus::{Commit, NexusOracle, Server},
    oracle::Oracle,
    scenario::Peer,
};

/// Names a connection in a run.
pub(crate) type Key = u64;

/// What is to happen at some time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
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
    /// A client's disk is done with a request.
    Stored(usize),
    ClientStarts(usize),
    /// The application of a client has a token.
    Token {
        client: usize,
        request: TokenRequest,
    },
    /// The server's disk is done with a commit, by its place in the list.
    ServerCommits(usize),
    ServerStarts,
    /// An application emits more than may be under way.
    Flood(usize),
    /// And is cut off.
    FloodIsCut(usize),
}

/// Everything that exists in a run, and the agenda that drives it.
pub(crate) struct World<'a> {
    pub(crate) choices: &'a mut Choices,
    pub(crate) scenario: &'a Scenario,
    pub(crate) now: Timestamp,
    pub(crate) agenda: BTreeMap<(Timestamp, u64), Step>,
    pub(crate) planned: u64,
    pub(crate) steps: u64,
    pub(crate) clients: Vec<Client>,
    pub(crate) connections: BTreeMap<Key, Connection>,
    pub(crate) last_key: Key,
    pub(crate) session_config: Arc<SessionConfig>,
    pub(crate) oracle: Oracle,
    /// Faults and actions happen.
    pub(crate) active: bool,
    /// Where the peer is a Nexus server: it, what is on its way to its disk, and what must hold.
    pub(crate) server: Server,
    pub(crate) commits: Vec<Commit>,
    pub(crate) model: NexusOracle,
    /// Sessions to which something was given to send.
    pub(crate) to_pump: Vec<Key>,
    /// What the clocks outside are ahead of this one, in milliseconds.
    pub(crate) wall_ahead: u64,
    pub(crate) habits: Habits,
}

/// More steps than any run needs: one that has them turns in circles.
const MAX_STEPS: u64 = 5_000_000;

impl<'a> World<'a> {
    pub(crate) fn new(choices: &'a mut Choices, scenario: &'a Scenario) -> Self {
        let heartbeat = Duration::from_millis(2_000 + choices.below("ping interval", 23_000));
        let mut session_config = SessionConfig {
            ping_interval: heartbeat,
            ping_timeout: Duration::from_millis(1_500 + choices.below("ping timeout", 18_500)),
            max_payload: 100_000,
            max_packets: 64,
            upgrades: false,
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
            settle_time: Duration::from_millis(25),
            attachment_timeout: Duration::from_secs(20),
            max_namespaces: 16,
            send_queue_bytes: 1 << 20,
            decoder: Limits::default(),
        };
        let habits = Habits::choose(choices, scenario.peer);
        habits.tune_session(&mut session_config);
        let recovery = habits.recovery();
        let namespaces = scenario.namespaces.clamp(1, 8);
        let mut client =
            |index| Client::new(index, choices.below("client", u64::MAX), namespaces, scenario.peer, &habits);
        let clients: Vec<Client> = (0..scenario.clients).map(&mut client).collect();
        let model = NexusOracle::new(clients.iter().map(|client| client.user.clone()));
        Self {
            choices,
            scenario,
            now: Timestamp::from_millis(1),
            agenda: BTreeMap::new(),
            planned: 0,
            steps: 0,
            clients,
            connections: BTreeMap::new(),
            last_key: 0,
            session_config: Arc::new(session_config),
            oracle: Oracle::default(),
            active: true,
            server: Server::new(recovery),
            commits: Vec::new(),
            model,
            to_pump: Vec::new(),
            wall_ahead: 1_800_000_000_000,
            habits,
        }
    }

    pub(crate) fn met(&mut self, fault: Fault, client: usize) {
        if let Some(it) = self.clients.get(client) {
            self.oracle.report.coverage.count(fault, State::of(it.manager.status(), !it.store.is_idle()));
        }
    }

    /// Mean time between two faults of a client.
    pub(crate) fn fault_every(&self) -> Duration {
        self.scenario.fault_every * self.habits.calm
    }

    pub(crate) fn is_nexus(&self) -> bool {
        self.scenario.peer == Peer::Nexus
    }

    /// What time it is outside, in milliseconds since 1970.
    pub(crate) fn wall_clock(&self) -> u64 {
        self.wall_ahead + self.now.as_millis()
    }

    pub(crate) fn run(mut self) -> Result<Report, Violation> {
        for client in 0..self.clients.len() {
            self.connect(client);
            self.plan_next("next action", self.scenario.action_every, Step::Act(client));
            self.plan_next("next fault", self.fault_every(), Step::Fault(client));
        }
        if self.habits.flood.is_some() {
            self.plan(self.now + self.scenario.active / 3, Step::Flood(0));
        }
        self.run_until(self.now + self.scenario.active, |_| false)?;

        self.active = false;
        self.heal();
        let deadline = self.now + self.scenario.drain;
        self.run_until(deadline, Self::is_at_rest)?;
        if !self.is_at_rest() {
            if let Some(missing) = self.model.missing() {
                return Err(self.violation(missing));
            }
            let states: Vec<_> = self.clients.iter().map(|client| client.manager.stats()).collect();
            return Err(self.violation(format!("not at rest after all faults had stopped: {states:?}")));
        }
        if self.is_nexus() {
            self.model.check_rest();
        } else {
            self.oracle.check_rest();
        }
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
            self.pump_waiting();
            self.check()?;
        }
        Ok(())
    }

    fn carry_out(&mut self, step: Step) {
        self.oracle.note(0, self.now.as_nanos());
        let now = self.now;
        self.choices.trace(|| format!("{now:?} {step:?}"));
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
            Step::Stored(client) => self.stored(client),
            Step::ClientStarts(client) => self.start_client(client),
            Step::Token { client, request } => self.provide_token(client, request),
            Step::ServerCommits(commit) => self.server_commits(commit),
            Step::ServerStarts => self.server.is_down = false,
            Step::Flood(client) => self.flood(client),
            Step::FloodIsCut(client) => {
                for key in self.open_connections(client) {
                    self.cut(key);
                }
                self.with_manager(client, |manager, now| manager.network_changed(now, false));
            }
        }
    }

    /// Lets go what was given to sessions meanwhile.
    pub(crate) fn pump_waiting(&mut self) {
        while let Some(key) = self.to_pump.pop() {
            self.pump_session(key);
        }
    }

    // ---- agenda ----

    pub(crate) fn plan(&mut self, at: Timestamp, step: Step) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), step);
    }

    /// Some time later, at the latest after `longest`.
    pub(crate) fn plan_within(&mut self, about: &'static str, longest: Duration, step: Step) {
        let delay = self.duration(about, longest);
        self.plan(self.now + delay, step);
    }

    /// What happens again and again: at the earliest after half the mean.
    pub(crate) fn plan_next(&mut self, about: &'static str, mean: Duration, step: Step) {
        let delay = mean / 2 + self.duration(about, mean);
        self.plan(self.now + delay, step);
    }

    pub(crate) fn plan_client_timeout(&mut self, client: usize) {
        let Some(it) = self.clients.get_mut(client) else { return };
        if let Some(at) = it.manager.poll_timeout()
            && it.timeout_at.is_none_or(|planned| at < planned)
        {
            it.timeout_at = Some(at);
            self.plan(at.max(self.now), Step::ClientTimeout(client));
        }
    }

    pub(crate) fn plan_session_timeout(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if let Some(at) = connection.session.poll_timeout()
            && connection.timeout_at.is_none_or(|planned| at < planned)
        {
            connection.timeout_at = Some(at);
            self.plan(at.max(self.now), Step::SessionTimeout(key));
        }
    }

    pub(crate) fn forget_ended(&mut self, key: Key) {
        let ended = |it: &Connection| it.client_gone && it.session.is_closed();
        if self.connections.get(&key).is_some_and(ended) {
            self.lose_uplink(key);
            self.connections.remove(&key);
        }
    }

    /// Up to `longest`, in whole microseconds.
    pub(crate) fn duration(&mut self, about: &'static str, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.choices.below(about, micros.saturating_add(1)))
    }

    pub(crate) fn key(&self, client: usize, id: ConnectionId) -> Option<Key> {
        self.connections.iter().find(|(_, it)| it.client == client && it.id == id).map(|(&key, _)| key)
    }

    pub(crate) fn open_connections(&self, client: usize) -> Vec<Key> {
        self.connections.iter().filter(|(_, it)| it.client == client && !it.cut).map(|(&key, _)| key).collect()
    }

    // ---- end ----

    /// The network is good from now on, and every application wants to be connected.
    fn heal(&mut self) {
        self.server.is_down = false;
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
        let at_rest = |(index, client): (usize, &Client)| {
            client.is_at_rest() && self.oracle.waits(index) == 0 && self.model.waits(index) == 0
        };
        self.clients.iter().enumerate().all(at_rest)
            && (!self.is_nexus() || self.model.missing().is_none())
            && self.connections.values().all(|it| !it.cut && !it.to_server.has_frames() && !it.to_client.has_frames())
    }

    fn end_clients(&mut self) {
        for client in 0..self.clients.len() {
            if let Some(it) = self.clients.get_mut(client) {
                it.ended = true;
            }
            self.with_manager(client, Manager::disconnect);
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
        let broken = self.oracle.broken().or(self.model.broken());
        broken.map_or(Ok(()), |what| Err(self.violation(what.to_owned())))
    }

    fn violation(&self, what: String) -> Violation {
        Violation { seed: None, at: self.now, what }
    }
}
