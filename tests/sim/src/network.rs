//! The network: delays, stalls and cuts, and what they lose.

use std::{sync::Arc, time::Duration};

use nexus_core::{
    engineio::{Frame, Sid},
    manager::{ConnectionId, TransportEvent},
};
use nexus_server::session::DisconnectReason;

use crate::{
    connection::{Connection, Item, awaits_attachments, numbered_event},
    coverage::Fault,
    oracle::Oracle,
    world::{Key, Step, World},
};

impl World<'_> {
    pub(crate) fn open(&mut self, client: usize, id: ConnectionId) {
        if self.server.is_down {
            return self.plan(self.now, Step::Refused { client, id });
        }
        self.last_key += 1;
        let key = self.last_key;
        let connection = Connection::new(client, id, self.now, Arc::clone(&self.session_config));
        let open = connection.session.open_packet(Sid::new(format!("engine-{key}")));
        self.connections.insert(key, connection);
        self.oracle.report.connections += 1;
        self.send_to_client(key, Item::Frame(open));
        // Some platforms have no pings.
        let can_ping = client.is_multiple_of(2);
        self.tell_client(client, id, TransportEvent::Opened { can_ping });
        self.pump_session(key);
        self.plan_next("next action of the server", self.scenario.action_every, Step::ServerActs(key));
    }

    pub(crate) fn fault(&mut self, client: usize) {
        if !self.active {
            return;
        }
        if self.is_nexus() {
            self.nexus_fault(client);
        }
        for key in self.open_connections(client) {
            match self.choices.below("fault", 5) {
                0 => {}
                1 | 2 => {
                    self.met(Fault::Cut, client);
                    self.cut(key);
                }
                _ => {
                    self.met(Fault::Stall, client);
                    self.oracle.report.stalls += 1;
                    let length = self.duration("stall", self.scenario.max_stall);
                    if let Some(connection) = self.connections.get_mut(&key) {
                        connection.stalled_until = self.now + length;
                    }
                }
            }
        }
        self.plan_next("next fault", self.fault_every(), Step::Fault(client));
    }

    /// Loses what is on its way; the ends learn it later, each in its time.
    pub(crate) fn cut(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.cut = true;
        connection.to_client.lose().for_each(drop);
        self.oracle.report.cuts += 1;
        self.lose_uplink(key);
        self.plan_within("client learns", Duration::from_secs(4), Step::ClientLearns(key));
        self.plan_within("server learns", Duration::from_secs(60), Step::ServerLearns(key));
    }

    pub(crate) fn send_to_server(&mut self, key: Key, item: Item) {
        let delay = self.duration("delay", self.scenario.max_delay);
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if connection.cut || connection.session.is_closed() {
            lose(&mut self.oracle, connection.client, &item);
        } else {
            let arrival = connection.to_server.push(self.now, delay, item);
            self.plan(arrival, Step::ToServer(key));
        }
    }

    pub(crate) fn send_to_client(&mut self, key: Key, item: Item) {
        let delay = self.duration("delay", self.scenario.max_delay);
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if !connection.cut && !connection.client_gone {
            let arrival = connection.to_client.push(self.now, delay, item);
            self.plan(arrival, Step::ToClient(key));
        }
    }

    /// The network has taken a message once it has arrived.
    pub(crate) fn written_by_then(&mut self, key: Key, bytes: usize) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if !connection.cut {
            let arrival = connection.to_client.push(self.now, Duration::ZERO, Item::Written(bytes));
            self.plan(arrival, Step::ToClient(key));
        }
    }

    pub(crate) fn arrive_at_server(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if connection.stalled_until > self.now {
            let until = connection.stalled_until;
            return self.plan(until, Step::ToServer(key));
        }
        let (client, id) = (connection.client, connection.id);
        let item = connection.to_server.pop(self.now);
        if self.habits.has_small_buffers && matches!(item, Some(Item::Frame(_))) && !connection.client_gone {
            self.tell_client(client, id, TransportEvent::Flushed { frames: 1 });
        }
        let Some(connection) = self.connections.get_mut(&key) else { return };
        match item {
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
            Some(Item::Written(_)) | None => {}
        }
        self.pump_session(key);
    }

    /// An event for a namespace that the server has ended meanwhile reaches nobody, by protocol.
    pub(crate) fn lose_if_ended(&mut self, key: Key, frame: &Frame) {
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
    pub(crate) fn lose_uplink(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        for item in connection.to_server.lose() {
            lose(&mut self.oracle, connection.client, &item);
        }
        if let Some((namespace, number)) = connection.incomplete.take() {
            self.oracle.lost_in_flight(&(connection.client, namespace), number);
        }
    }

    pub(crate) fn arrive_at_client(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if connection.stalled_until > self.now {
            let until = connection.stalled_until;
            return self.plan(until, Step::ToClient(key));
        }
        let (client, id) = (connection.client, connection.id);
        let item = connection.to_client.pop(self.now);
        if let Some(Item::Written(bytes)) = item {
            connection.session.handle_transmitted(self.now, bytes);
            return self.pump_session(key);
        }
        match item.filter(|_| !connection.client_gone) {
            Some(Item::Frame(frame)) => self.tell_client(client, id, TransportEvent::Frame(frame)),
            Some(Item::Ping(nonce)) => self.tell_client(client, id, TransportEvent::Pong { nonce }),
            Some(Item::Close) => {
                connection.client_gone = true;
                self.lose_uplink(key);
                self.tell_client(client, id, TransportEvent::Closed { code: Some(1000), text: "".into() });
            }
            Some(Item::Written(_)) | None => {}
        }
        self.forget_ended(key);
    }
}

/// An item that will not arrive: if it is an event, the oracle may stop waiting for it.
pub(crate) fn lose(oracle: &mut Oracle, client: usize, item: &Item) {
    if let Item::Frame(frame) = item
        && let Some((namespace, number)) = numbered_event(frame)
    {
        oracle.lost_in_flight(&(client, namespace), number);
    }
}
