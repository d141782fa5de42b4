//! Durable messages on the wire (`docs/protocol.md`, "Durable" and "Stock peers").

use bytestring::ByteString;

use super::{Manager, durable::rejected, messages::TooLarge};
use crate::{
    manager::{
        durable::{Session, Write},
        event::{DeliveryStatus, Event},
        ids::MessageId,
    },
    socketio::{AckId, Namespace, Payload, delivery::Outcome},
    sorted::sort_by,
};

impl Manager {
    /// A namespace is joined: what was sent to another ledger has ended.
    pub(super) fn durable_joined(&mut self, namespace: &Namespace) {
        let generation = self.namespaces.grant(namespace).and_then(|grant| grant.durable.clone());
        let session = Session { generation, instance: self.kept.asked(namespace).cloned() };
        for message in self.durable.joined(namespace, session) {
            self.end_durable(message, DeliveryStatus::Unknown);
        }
    }

    /// Writes what may be written, by priority, and has the store note what is to be written next.
    pub(super) fn flush_durable(&mut self) {
        if self.durable.len() == 0 {
            return;
        }
        self.expire_durable();
        let mut live = self.durable.live();
        sort_by(&mut live, |one, other| self.priority(other).cmp(&self.priority(one)));
        for namespace in live {
            for step in self.durable.marks(&namespace) {
                self.commits.push(step);
            }
            while self.can_write() {
                let Some(write) = self.durable.next_write(&namespace, self.now) else { break };
                self.write_durable(&namespace, write);
            }
        }
    }

    fn write_durable(&mut self, namespace: &Namespace, write: Write) {
        let Write { message, event, payload, marker } = write;
        let more = match marker {
            Some(marker) => marker.encode().into(),
            None => self.guard(namespace, &payload),
        };
        let id = self.acks.next_wire_id();
        match self.write_event(Some(id), namespace, &event, &payload, &more) {
            Ok(()) => {
                self.durable.written(message, id, self.now + self.config.ack_timeout);
                self.tell(Event::Delivery { message, status: DeliveryStatus::Sent });
            }
            Err(TooLarge { .. }) => self.end_durable(message, rejected("TOO_LARGE")),
        }
    }

    /// Expires messages, and writes again what was not answered in time.
    pub(super) fn durable_due(&mut self) {
        self.expire_durable();
        for (namespace, write) in self.durable.pop_due(self.now, self.config.ack_timeout) {
            if self.can_write() {
                self.counters.events_repeated += 1;
                self.write_durable(&namespace, write);
            }
        }
        self.flush_durable();
    }

    /// Takes the acknowledgement of a durable message; gives back that of another one.
    pub(super) fn on_durable_ack(
        &mut self,
        namespace: &Namespace,
        id: AckId,
        payload: Payload,
        last: Option<ByteString>,
    ) -> Option<Payload> {
        let deadline = self.now + self.config.ack_timeout;
        let Some((message, is_superseded)) = self.durable.acknowledged(namespace, id, deadline) else {
            return Some(payload);
        };
        self.counters.acks_received += 1;
        let is_granted = self.namespaces.grant(namespace).is_some_and(|grant| grant.durable.is_some());
        let (payload, outcome) = if is_granted {
            let (payload, last) = match payload.host() {
                Some(args) => (Payload::from_host(args.without_last()), last),
                None => payload.split_last(),
            };
            match last.and_then(|last| Outcome::parse(&last)) {
                Some(outcome) => (payload, outcome),
                None => {
                    self.protocol_broken("delivery: an acknowledgement without outcome".to_owned());
                    return None;
                }
            }
        } else {
            (payload, Outcome::Done)
        };
        self.on_outcome(message, outcome, payload, is_superseded);
        self.flush();
        None
    }

    fn on_outcome(&mut self, message: MessageId, outcome: Outcome, payload: Payload, is_superseded: bool) {
        match outcome {
            Outcome::Done => self.end_durable(message, DeliveryStatus::Acked(payload)),
            Outcome::Rejected { code } => self.end_durable(message, DeliveryStatus::Rejected { code, payload }),
            Outcome::Stale => self.end_durable(message, DeliveryStatus::Unknown),
            // It has been written again since then, and that one will be answered.
            Outcome::Retry { .. } | Outcome::Reused if is_superseded => {}
            Outcome::Retry { after, code: _ } => {
                let after = after.min(self.config.reconnect.max_retry_after);
                let jitter = self.backoff.jittered(self.config.reconnect.initial_delay);
                self.durable.retry(message, self.now + after + jitter);
            }
            Outcome::Reused => {
                for step in self.durable.renew(message, &mut self.instances) {
                    self.commits.push(step);
                }
            }
        }
    }
}
