//! What clients send: events by way of the ledgers, and words of the protocol itself.

use std::sync::Arc;

use nexus_core::{
    ByteString,
    socketio::{
        AckId, Packet as SocketPacket, Payload,
        delivery::{Class, Marker, Position},
    },
};
use nexus_server::{
    delivery::{Arrival, Buffered, Durable, Received, hash_event},
    session::{Message, SlotId},
    store::LedgerKey,
};

use super::server::{Job, Packet, Server};
use crate::world::{Key, World};

impl World<'_> {
    pub(crate) fn arrived(
        &mut self,
        (key, slot): (Key, SlotId),
        id: Option<AckId>,
        name: &ByteString,
        payload: &Payload,
        marker: Option<Marker>,
    ) {
        let Some(socket) = self.server.sockets.get(&(key, slot)) else {
            return self
                .oracle
                .fail_because(format!("session {key}: an event of {slot:?}, which has ended: {payload:?}"));
        };
        let (client, namespace) = (socket.client, socket.namespace.clone());
        let Ok(number) = payload.arg::<u64>(0) else {
            return self.oracle.fail_because(format!("{namespace}: an event without its number: {payload:?}"));
        };
        let Some(marker) = marker else { return self.model.volatile_delivered(client, &namespace, number) };
        let own = socket.instance.clone().unwrap_or_default();
        let instance = marker.instance.clone().unwrap_or(own);
        let ledger = LedgerKey { user: Arc::clone(&socket.user), namespace: namespace.clone(), instance };
        let waiter = id.map(|id| Packet { key, slot, id });
        match (marker.class, waiter) {
            (Class::Buffered, waiter) => {
                self.buffered_arrived(&ledger, &marker, client, number, waiter);
                self.check_ledger(&ledger);
                let last = self.server.buffered.get(&ledger).map_or(0, Buffered::last);
                if let Some(connection) = self.connections.get_mut(&key) {
                    connection.session.report_received(self.now, slot, last);
                    self.to_pump.push(key);
                }
            }
            (Class::Durable, Some(waiter)) => {
                let hash = hash_event(&namespace, name, payload);
                let arrival = Arrival { marker, hash, waiter, job: Job { client, number } };
                let Server { durable, disk, .. } = &mut self.server;
                let lane = durable.entry(ledger.clone()).or_insert_with_key(|ledger| {
                    let mut lane = Durable::new();
                    // Nothing waits in it that could be answered.
                    lane.load(disk.ledgers.get(ledger).cloned().unwrap_or_default());
                    lane
                });
                let replies = lane.receive(arrival);
                self.reply_all(replies);
                self.check_ledger(&ledger);
                self.run_next(&ledger);
            }
            (Class::Durable, None) => self.oracle.fail_because("a durable event without packet id".to_owned()),
        }
    }

    fn buffered_arrived(
        &mut self,
        ledger: &LedgerKey,
        marker: &Marker,
        client: usize,
        number: u64,
        waiter: Option<Packet>,
    ) {
        let Some(known) = self.server.buffered.get_mut(ledger) else { return };
        match known.receive(marker, waiter) {
            Ok(Received::Run) => {
                self.model.buffered_delivered(client, &ledger.namespace, number);
                self.oracle.report.buffered_run += 1;
                // The handler acknowledges at once, with what it was given.
                if let Ok(ack) = Payload::from_value(&number)
                    && let Some(packet) = known.acknowledge(marker.id, &ack)
                {
                    self.acknowledge(&packet, ack);
                }
            }
            Ok(Received::Repeat(answer)) => {
                self.oracle.report.repeats += 1;
                if let Some((packet, ack)) = answer {
                    self.acknowledge(&packet, ack);
                }
            }
            Err(jump) => self.oracle.fail_because(format!("client {client}: {jump}")),
        }
    }

    pub(super) fn acknowledge(&mut self, packet: &Packet, payload: Payload) {
        let Some(socket) = self.server.sockets.get(&(packet.key, packet.slot)) else { return };
        let ack = SocketPacket::Ack { namespace: socket.namespace.clone(), id: packet.id, payload };
        if let Some(connection) = self.connections.get_mut(&packet.key) {
            connection.session.send(self.now, packet.slot, Message::from_packet(&ack), false);
        }
        // The caller may be in the middle of this session's outputs; what is to be written waits for its pump, or this one.
        self.to_pump.push(packet.key);
    }

    /// `$nx` of a client.
    pub(crate) fn control(&mut self, key: Key, slot: SlotId, payload: &Payload) {
        let Some(socket) = self.server.sockets.get(&(key, slot)) else { return };
        let said = payload.arg::<serde_json::Value>(0).ok();
        let position = said.as_ref().and_then(|said| Position::parse(said.get("u")?.as_str()?));
        let Some(position) = position else {
            return self.oracle.fail_because(format!("a client said {said:?}"));
        };
        let inbox = (Arc::clone(&socket.user), socket.namespace.clone());
        if position.generation == self.server.position(1).generation
            && let Some(inbox) = self.server.disk.inboxes.get_mut(&inbox)
        {
            inbox.reported = inbox.reported.max(position.u);
            self.oracle.report.positions += 1;
        }
    }
}
