//! What the applications at both ends do, and what they are told.

use std::time::Duration;

use nexus_core::{
    Bytes,
    manager::{ConnectionStatus, DisconnectReason, Emit, EmitOutcome, Event, Manager},
    socketio::{AckId, Payload},
    time::Timestamp,
};
use nexus_server::session::Message;

use crate::{
    coverage::Fault,
    scenario::Peer,
    world::{Key, Step, World},
};

impl World<'_> {
    pub(crate) fn connect(&mut self, client: usize) {
        if let Some(it) = self.clients.get_mut(client) {
            let connected = it.manager.connect(self.now, it.user.clone(), it.credentials());
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

    pub(crate) fn act(&mut self, client: usize) {
        if !self.active {
            return;
        }
        match self.choices.below("action", 100) {
            0 => {}
            1..92 if self.is_nexus() => self.nexus_emit(client),
            1..92 => self.emit(client),
            92..94 => self.change_visibility(client),
            94..96 => {
                let reachable = !self.choices.percent("unreachable", 30);
                self.with_manager(client, |manager, now| manager.network_changed(now, reachable));
            }
            _ => {
                self.met(Fault::Sleep, client);
                self.with_manager(client, Manager::woke);
            }
        }
        self.plan_next("next action", self.scenario.action_every, Step::Act(client));
    }

    pub(crate) fn with_manager(&mut self, client: usize, act: impl FnOnce(&mut Manager, Timestamp)) {
        if let Some(it) = self.clients.get_mut(client) {
            act(&mut it.manager, self.now);
        }
        self.pump_client(client);
    }

    pub(crate) fn change_visibility(&mut self, client: usize) {
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

    pub(crate) fn emit(&mut self, client: usize) {
        let Some(it) = self.clients.get_mut(client) else { return };
        let index = self.choices.below("namespace", it.namespaces.len() as u64);
        let Some(namespace) = it.namespaces.get(index as usize).cloned() else { return };
        let lane = (client, namespace.clone());
        let number = self.oracle.next_number(&lane);
        let payload = if self.choices.percent("binary", 14) {
            Payload::from_args(&(number, Bytes::from_static(&[0, 255, 128])))
        } else {
            Payload::from_args(&(number, "padding"))
        };
        let Ok(payload) = payload else { return };
        let mut emit = Emit::new(namespace, "up", payload);
        let awaits_ack = self.choices.percent("with ack", 33);
        if awaits_ack {
            emit = emit.with_ack_timeout(Duration::from_millis(100 + self.choices.below("ack timeout", 14_900)));
        } else if self.choices.percent("volatile", 10) {
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

    pub(crate) fn server_acts(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key).filter(|it| !it.session.is_closed()) else { return };
        if !self.active {
            return;
        }
        if connection.slots.is_empty() {
            if self.habits.is_busy {
                self.plan_next("next action of the server", self.scenario.action_every, Step::ServerActs(key));
            }
            return;
        }
        let index = self.choices.below("namespace of the server", connection.slots.len() as u64);
        let Some((&slot, namespace)) = connection.slots.iter().nth(index as usize) else { return };
        let namespace = namespace.clone();
        match self.choices.below("action of the server", 40) {
            0 => {}
            choice @ 1..39 if self.scenario.peer == Peer::Nexus => self.server_publishes(key, slot, choice),
            39 => {
                self.oracle.report.server_disconnects += 1;
                connection.session.end(self.now, slot);
            }
            choice if self.scenario.peer == Peer::Stock => {
                let number = self.oracle.sent_down(&(connection.client, namespace.clone()));
                let id = choice.is_multiple_of(4).then(|| {
                    connection.next_ack += 1;
                    AckId(connection.next_ack)
                });
                // What has an identity is remembered by the client.
                let payload = if self.habits.has_small_buffers {
                    Payload::from_value(&serde_json::json!({ "uniqueId": number }))
                } else {
                    Payload::from_value(&number)
                };
                if let Ok(payload) = payload {
                    let message = Message::from_event(&namespace, id, "down", &payload);
                    connection.session.send(self.now, slot, message, choice.is_multiple_of(5));
                }
            }
            _ => {}
        }
        self.pump_session(key);
        self.plan_next("next action of the server", self.scenario.action_every, Step::ServerActs(key));
    }

    pub(crate) fn application_hears(&mut self, client: usize, event: Event) {
        match event {
            // What both kinds of peer have in common.
            event if self.is_nexus() && !matches!(event, Event::Status(_) | Event::Left { .. }) => {
                self.nexus_hears(client, event);
            }
            Event::Status(change) => {
                self.oracle.status(client, change.status);
                match change.reason {
                    Some(DisconnectReason::ServerDisconnect | DisconnectReason::AuthRejected(_)) => {
                        self.plan_next("connecting again", self.scenario.action_every, Step::ConnectAgain(client));
                    }
                    None if change.status == ConnectionStatus::Disconnected => {
                        self.oracle.fail_because(format!("client {client}: disconnected without a reason"));
                    }
                    _ => {}
                }
            }
            Event::Received(received) => {
                let first = received.payload.arg::<serde_json::Value>(0);
                match first.map(|first| first.get("uniqueId").unwrap_or(&first).as_u64().unwrap_or_default()) {
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
}
