//! The drivers of both machines: they carry out what the machines say.

use std::time::Duration;

use nexus_core::{
    engineio::Frame,
    manager::{ConnectionId, Output, TokenReason, TransportEvent},
    socketio::{Packet, Payload, Sid},
};
use nexus_server::session::{BadInput, Message, Output as SessionOutput, SlotId};

use crate::{
    connection::Item,
    network::lose,
    scenario::Peer,
    world::{Key, Step, World},
};

impl World<'_> {
    pub(crate) fn tell_client(&mut self, client: usize, id: ConnectionId, event: TransportEvent) {
        if let Some(it) = self.clients.get_mut(client) {
            it.manager.handle_transport(self.now, id, event);
        }
        self.pump_client(client);
    }

    pub(crate) fn pump_client(&mut self, client: usize) {
        while let Some(output) = self.clients.get_mut(client).and_then(|it| it.manager.poll_output()) {
            self.choices.trace(|| format!("    client {client}: {output:?}"));
            match output {
                Output::Connect { connection: id, .. } => {
                    let refused = self.active && self.choices.percent("refused", self.scenario.refused_percent);
                    let refused = refused || self.server.is_down;
                    let step = if refused { Step::Refused { client, id } } else { Step::Opened { client, id } };
                    self.plan_within("opening", self.scenario.max_delay * 2, step);
                }
                Output::Transmit { connection: id, frame, .. } => self.transmit(client, id, frame),
                Output::Ping { connection: id, nonce } => {
                    if let Some(key) = self.key(client, id) {
                        self.send_to_server(key, Item::Ping(nonce));
                    }
                }
                Output::Close { connection: id } => self.close_from_client(client, id),
                Output::Event(event) => self.application_hears(client, event),
                Output::NeedToken { request, reason } if self.scenario.peer == Peer::Nexus => {
                    if let Some(it) = self.clients.get_mut(client).filter(|_| reason == TokenReason::Rejected) {
                        it.token += 1;
                    }
                    self.plan_within("token", Duration::from_secs(2), Step::Token { client, request });
                }
                Output::NeedToken { .. } => self.oracle.fail_because("a token was asked for twice".to_owned()),
                Output::Store(request) => {
                    if let Some(it) = self.clients.get_mut(client) {
                        let is_idle = it.store.is_idle();
                        it.store.ask(request);
                        if is_idle {
                            self.plan_store(client);
                        }
                    }
                }
                _ => {}
            }
        }
        self.plan_client_timeout(client);
        self.check_client_buffers(client);
    }

    pub(crate) fn transmit(&mut self, client: usize, id: ConnectionId, frame: Frame) {
        match self.key(client, id) {
            Some(key) => self.send_to_server(key, Item::Frame(frame)),
            None => lose(&mut self.oracle, client, &Item::Frame(frame)),
        }
        if self.habits.has_small_buffers {
            // The network has taken it once it has arrived.
            return;
        }
        if let Some(it) = self.clients.get_mut(client) {
            it.manager.handle_transport(self.now, id, TransportEvent::Flushed { frames: 1 });
        }
    }

    pub(crate) fn close_from_client(&mut self, client: usize, id: ConnectionId) {
        // An attempt that is given up before it opened.
        self.agenda.retain(|_, step| !matches!(step, Step::Opened { client: c, id: i } | Step::Refused { client: c, id: i } if *c == client && *i == id));
        let Some(key) = self.key(client, id) else { return };
        self.send_to_server(key, Item::Close);
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.client_gone = true;
        }
    }

    pub(crate) fn pump_session(&mut self, key: Key) {
        while let Some(connection) = self.connections.get_mut(&key) {
            if let Some(output) = connection.session.poll_output() {
                self.choices.trace(|| format!("    session {key}: {output:?}"));
                self.server_hears(key, output);
            } else if let Some(message) = connection.session.poll_transmit() {
                if !self.habits.has_small_buffers {
                    connection.session.handle_transmitted(self.now, message.size());
                }
                for frame in message.frames() {
                    self.choices.trace(|| format!("    session {key}: {frame:?}"));
                    self.send_to_client(key, Item::Frame(frame));
                }
                if self.habits.has_small_buffers {
                    self.written_by_then(key, message.size());
                }
            } else {
                break;
            }
        }
        self.check_session_buffers(key);
        self.plan_session_timeout(key);
        self.forget_ended(key);
    }

    pub(crate) fn server_hears(&mut self, key: Key, output: SessionOutput) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let client = connection.client;
        match output {
            SessionOutput::Connect { slot, namespace, auth } => {
                if let Some(auth) = auth.filter(|_| self.scenario.peer == Peer::Nexus) {
                    self.server.joining.insert((key, slot), auth);
                }
                connection.slots.insert(slot, namespace.detach());
                self.plan_within("authorizing", Duration::from_secs(6), Step::Authorized { key, slot });
            }
            SessionOutput::Event { slot, id, name, payload, marker } if self.scenario.peer == Peer::Nexus => {
                self.arrived((key, slot), id, &name, &payload, marker);
            }
            SessionOutput::Control { slot, payload } => self.control(key, slot, &payload),
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
            SessionOutput::Left { slot, reason } => {
                connection.slots.remove(&slot);
                self.left(key, slot, reason);
            }
            // A network that stands still between a text and its attachment.
            SessionOutput::BadInput(BadInput::MissingAttachments) => {}
            SessionOutput::BadInput(_) if connection.is_hostile => {}
            SessionOutput::BadInput(input) => self.oracle.fail_because(format!("the client sent {input:?}")),
            SessionOutput::Closed(_) => {
                connection.slots.clear();
                if let Some((namespace, number)) = connection.incomplete.take() {
                    self.oracle.lost_in_flight(&(client, namespace), number);
                }
                self.send_to_client(key, Item::Close);
            }
            SessionOutput::Frame(_) => {}
        }
    }

    pub(crate) fn authorized(&mut self, key: Key, slot: SlotId) {
        if let Some(connection) = self.connections.get_mut(&key) {
            let unknown = connection.slots.get(&slot).is_some_and(|namespace| namespace.name().contains('~'));
            // Some servers take every namespace.
            if unknown && !key.is_multiple_of(3) {
                connection.session.refuse(self.now, slot, r#"{"message":"Invalid namespace"}"#.into());
            } else if self.scenario.peer == Peer::Nexus && !unknown {
                self.admit(key, slot);
            } else if connection.session.begin_accept(slot) {
                connection.session.accept(self.now, slot, &Sid::new(format!("sid-{key}-{slot:?}")));
            }
        }
        self.pump_session(key);
    }
}
