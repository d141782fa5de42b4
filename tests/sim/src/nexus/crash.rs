//! The ends of processes, at any moment and at each moment at which something is persisted.

use std::time::Duration;

use nexus_core::manager::{ConnectionId, TokenRequest, TransportEvent};
use nexus_server::session::DisconnectReason;

use crate::{
    coverage::Fault,
    world::{Key, Step, World},
};

/// What names no connection of a living manager.
const NOBODY: ConnectionId = ConnectionId::from_u64(u64::MAX);

impl World<'_> {
    /// The server's process ends, and comes again after a while; now and then without its disk.
    pub(crate) fn crash_server(&mut self) {
        let loses_disk = self.choices.percent("the disk of the server is lost", 4);
        for client in 0..self.clients.len() {
            self.met(Fault::ServerCrash, client);
        }
        self.oracle.report.server_crashes += 1;
        self.oracle.report.disks_lost += u64::from(loses_disk);
        self.server.crash(loses_disk);
        self.model.server_crashed(loses_disk);
        let keys: Vec<Key> = self.connections.keys().copied().collect();
        for key in keys {
            let Some(connection) = self.connections.get_mut(&key) else { continue };
            connection.cut = true;
            connection.to_client.lose().for_each(drop);
            connection.to_server.lose().for_each(drop);
            connection.session.handle_transport_closed(self.now, DisconnectReason::TransportError);
            self.pump_session(key);
            self.plan_within("client learns", Duration::from_secs(4), Step::ClientLearns(key));
        }
        // Long enough now and then for every client to reach its longest delay.
        let longest = if self.choices.percent("long absence", 15) { 300 } else { 8 };
        self.plan_within("server starts", Duration::from_secs(longest), Step::ServerStarts);
    }

    /// What can happen besides the network's faults.
    pub(crate) fn nexus_fault(&mut self, client: usize) {
        match self.choices.below("fault beyond the network", 12) {
            6 if self.habits.has_rooms => self.revoke(client),
            7 => self.crash_client(client),
            8 => self.crash_server(),
            9 => self.hostile_frame(client),
            10 => {
                // Forwards only: a clock that was set back keeps messages for longer, which nobody promised not to.
                self.met(Fault::ClockJump, client);
                self.oracle.report.clock_jumps += 1;
                self.wall_ahead += self.choices.below("clock jump", 3_600_000);
                let wall = self.wall_clock();
                self.with_manager(client, |manager, now| manager.set_wall_clock(now, wall));
            }
            11 => {
                self.met(Fault::TokenExpiry, client);
                let valid_from = self.clients.get(client).map_or(0, |it| it.token + 1);
                self.server.disk.valid_from.insert(client, valid_from);
                self.model.revoked(client, valid_from);
            }
            _ => {}
        }
    }

    /// A client's process ends: what its store has not committed is gone.
    pub(crate) fn crash_client(&mut self, client: usize) {
        self.met(Fault::ClientCrash, client);
        self.oracle.report.client_crashes += 1;
        self.model.client_crashed(client);
        self.oracle.client_crashed(client);
        for connection in self.connections.values_mut().filter(|it| it.client == client && it.id != NOBODY) {
            connection.id = NOBODY;
            connection.client_gone = true;
            // What the kernel still had to send may arrive.
        }
        let keys = self.connections.iter().filter(|(_, it)| it.client == client && it.client_gone).map(|(&key, _)| key);
        for key in keys.collect::<Vec<_>>() {
            self.plan_within("server learns", Duration::from_secs(60), Step::ServerLearns(key));
        }
        self.agenda.retain(|_, step| match step {
            Step::Opened { client: of, .. } | Step::Refused { client: of, .. } => *of != client,
            Step::ClientTimeout(of) | Step::Stored(of) | Step::ConnectAgain(of) | Step::Token { client: of, .. } => {
                *of != client
            }
            _ => true,
        });
        let seed = self.choices.below("client", u64::MAX);
        let (now, wall) = (self.now, self.wall_clock());
        if let Some(it) = self.clients.get_mut(client) {
            it.restart(seed, now, wall);
        }
        self.plan_within("client starts", Duration::from_secs(20), Step::ClientStarts(client));
    }

    pub(crate) fn provide_token(&mut self, client: usize, request: TokenRequest) {
        if let Some(it) = self.clients.get_mut(client) {
            // Nobody may wait for it any more.
            let _ = it.manager.provide_token(self.now, request, Ok(it.token()));
        }
        self.pump_client(client);
    }

    pub(crate) fn start_client(&mut self, client: usize) {
        if self.clients.get(client).is_some_and(|it| !it.ended) {
            self.connect(client);
        }
    }

    /// The disk of a client is done with its oldest request, or its process ends at that moment.
    pub(crate) fn stored(&mut self, client: usize) {
        let fate = if self.active { self.choices.below("commit of the client", 100) } else { 0 };
        let now = self.now;
        match fate {
            93..97 => self.met(Fault::DiskFailure, client),
            97 | 98 => self.met(Fault::CrashAtCommit, client),
            _ => {}
        }
        let Some(it) = self.clients.get_mut(client) else { return };
        match fate {
            93..97 => {
                self.oracle.report.client_commits_failed += 1;
                if let Some(answer) = it.store.carry_out(true) {
                    it.manager.handle_store(now, answer);
                }
            }
            97 => return self.crash_client(client),
            98 => {
                let before = it.store.numbers();
                it.store.carry_out(false);
                // Nobody was told of these ends, and nobody will be.
                let after = it.store.numbers();
                for (namespace, number) in before.difference(&after) {
                    self.model.ended_when_found(client, namespace, *number);
                }
                return self.crash_client(client);
            }
            _ => {
                if let Some(answer) = it.store.carry_out(false) {
                    it.manager.handle_store(now, answer);
                }
            }
        }
        if self.clients.get(client).is_some_and(|it| !it.store.is_idle()) {
            self.plan_store(client);
        }
        self.pump_client(client);
    }

    pub(crate) fn plan_store(&mut self, client: usize) {
        self.plan_within("client's disk", Duration::from_millis(300), Step::Stored(client));
    }

    /// Something comes to either side that no peer sends. It is ignored, or ends the connection, and does no more harm.
    pub(crate) fn hostile_frame(&mut self, client: usize) {
        const TO_CLIENT: [&str; 4] = [
            "garbage",
            "42/realtime,[\"$nx\",{\"b\":9007199254740992}]",
            "43/realtime,99999999[1,{\"$m\":{\"ok\":1}}]",
            "45/realtime,1-[\"down\",{\"_placeholder\":true,\"num\":1}]",
        ];
        const TO_SERVER: [&str; 4] = [
            "garbage",
            "42/unknown,[\"up\",1]",
            "42/realtime,[\"up\",1,{\"$m\":{\"id\":0,\"lo\":1}}]",
            "42/realtime,7[\"up\",1,{\"$m\":{\"id\":300,\"lo\":1,\"d\":1}}]",
        ];
        let open = self.connections.iter().find(|(_, it)| it.client == client && !it.cut && !it.client_gone);
        let Some((&key, connection)) = open else { return };
        let id = connection.id;
        self.met(Fault::HostileFrame, client);
        let chosen = self.choices.below("hostile frame", (TO_CLIENT.len() + TO_SERVER.len()) as u64) as usize;
        self.oracle.report.hostile_frames += 1;
        if let Some(frame) = TO_CLIENT.get(chosen) {
            self.tell_client(client, id, TransportEvent::Frame((*frame).into()));
        } else if let (Some(frame), Some(connection)) =
            (TO_SERVER.get(chosen - TO_CLIENT.len()), self.connections.get_mut(&key))
        {
            connection.is_hostile = true;
            connection.session.handle_frame(self.now, (*frame).into());
            self.pump_session(key);
        }
    }
}
