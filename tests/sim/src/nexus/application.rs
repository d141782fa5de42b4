//! What the application of a client does, and what it is told, where the server grants delivery.

use std::time::Duration;

use nexus_core::{
    Bytes,
    manager::{Delivery, DeliveryStatus, DropReason, Emit, EmitOutcome, Event, MessageId},
    socketio::{Payload, delivery::Class},
};

use crate::{
    buffers::window,
    world::{Step, World},
};

impl World<'_> {
    pub(crate) fn nexus_emit(&mut self, client: usize) {
        let Some(it) = self.clients.get_mut(client) else { return };
        let index = self.choices.below("namespace", it.namespaces.len() as u64);
        let Some(namespace) = it.namespaces.get(index as usize).cloned() else { return };
        let delivery = match self.choices.below("class", 10) {
            0..5 => Delivery::Durable,
            5..9 => Delivery::Buffered,
            _ => Delivery::Volatile,
        };
        let number = self.model.next_number(client, &namespace, delivery);
        let payload = match self.choices.below("argument", 8) {
            7 => Payload::from_args(&(number, Bytes::from_static(&[0, 255, 128]))),
            6 => Payload::try_from(&*format!(r#"[{number},{{"$m":{{"id":1,"lo":1}}}}]"#)).map_err(Into::into),
            _ => Payload::from_args(&(number, "padding")),
        };
        let Ok(payload) = payload else { return };
        let mut emit = Emit::new(namespace.clone(), "up", payload);
        emit.delivery = delivery;
        let awaits_ack = delivery == Delivery::Buffered && self.choices.percent("with ack", 33);
        if awaits_ack {
            emit = emit.with_ack_timeout(Duration::from_millis(100 + self.choices.below("ack timeout", 14_900)));
        }
        if self.choices.percent("short time to live", 10) {
            emit = emit.ttl(Duration::from_millis(1 + self.choices.below("time to live", 10_000)));
        }
        match it.manager.emit(self.now, emit) {
            Ok(emitted) if emitted.outcome == EmitOutcome::Dropped => self.oracle.report.volatile_dropped += 1,
            Ok(emitted) => {
                self.oracle.report.emitted += 1;
                self.model.emitted(client, &namespace, delivery, number, emitted.message, awaits_ack);
                if self.choices.percent("cancelled", 3)
                    && let Some(it) = self.clients.get_mut(client)
                {
                    // It may have ended at once.
                    let _ = it.manager.cancel(self.now, emitted.message);
                }
            }
            // Full, or not possible now: nothing was taken.
            Err(_) => self.oracle.report.emits_refused += 1,
        }
        self.pump_client(client);
    }

    /// Emits more than may be under way at once, to a server that does not answer for a while.
    pub(crate) fn flood(&mut self, client: usize) {
        let Some(delivery) = self.habits.flood.filter(|_| self.is_nexus() && self.active) else { return };
        let Some(it) = self.clients.get_mut(client) else { return };
        let Some(namespace) = it.namespaces.first().cloned() else { return };
        let keys = self.open_connections(client);
        let Some(it) = self.clients.get_mut(client).filter(|it| it.manager.is_joined(&namespace) && !keys.is_empty())
        else {
            return self.plan(self.now + Duration::from_millis(500), Step::Flood(client));
        };
        self.oracle.report.floods += 1;
        let class = if delivery == Delivery::Durable { Class::Durable } else { Class::Buffered };
        if delivery == Delivery::Buffered {
            for key in &keys {
                if let Some(connection) = self.connections.get_mut(key) {
                    connection.stalled_until = self.now + Duration::from_secs(2);
                }
            }
        }
        for _ in 0..window(class) + 40 {
            let number = self.model.next_number(client, &namespace, delivery);
            let Ok(payload) = Payload::from_args(&(number, "flood")) else { return };
            let mut emit = Emit::new(namespace.clone(), "up", payload);
            emit.delivery = delivery;
            let awaits_ack = delivery == Delivery::Buffered;
            if awaits_ack {
                emit = emit.with_ack_timeout(Duration::from_secs(10));
            }
            match it.manager.emit(self.now, emit) {
                Ok(emitted) => {
                    self.oracle.report.emitted += 1;
                    self.model.emitted(client, &namespace, delivery, number, emitted.message, awaits_ack);
                }
                Err(_) => self.oracle.report.emits_refused += 1,
            }
        }
        self.pump_client(client);
        if delivery == Delivery::Durable {
            // They run while nobody hears how they end.
            self.plan(self.now + Duration::from_secs(3), Step::FloodIsCut(client));
        }
    }

    pub(crate) fn nexus_hears(&mut self, client: usize, event: Event) {
        match event {
            Event::Received(received) => {
                let Ok(number) = received.payload.arg::<u64>(0) else {
                    return self.oracle.fail_because(format!("client {client}: an event without its number"));
                };
                if received.payload.len() != 2 {
                    let what =
                        format!("client {client}: arguments too many or too few: {}", received.payload.raw_args());
                    return self.oracle.fail_because(what);
                }
                let namespace = received.namespace.detach();
                if let Some(reply) = received.reply {
                    self.model.asked(client, &namespace, number);
                    // Some applications never answer some.
                    let answers = !self.habits.has_small_buffers || number.is_multiple_of(3);
                    if let Some(it) = self.clients.get_mut(client).filter(|_| answers) {
                        // The connection may have ended since: then there is nobody to answer.
                        let _ = it.manager.reply(self.now, reply, &received.payload);
                    }
                    return;
                }
                let user = received.payload.arg::<Option<String>>(1).ok().flatten();
                self.oracle.report.received += 1;
                self.model.received(client, &namespace, number, user.as_deref());
            }
            Event::Joined { namespace, sid, continuity } => {
                self.model.heard_joined(client, &namespace, &sid, continuity);
            }
            Event::AckResolved { message, result } => {
                let acked = result.ok().map(|payload| payload.arg(0).unwrap_or_default());
                self.model.ack_resolved(client, message, acked);
            }
            Event::MessageDropped(dropped) => {
                self.oracle.report.dropped += 1;
                self.oracle.report.unknown += u64::from(dropped.reason == DropReason::Unknown);
                self.model.dropped(client, dropped.message, dropped.reason);
            }
            Event::Delivery { message, status } => {
                self.count(&status);
                self.model.delivery(client, message, &status);
            }
            Event::Restored { messages, .. } => {
                self.oracle.report.restored += messages.len() as u64;
                self.restored(client, &messages);
            }
            Event::RetryScheduled { failed_attempts, delay, .. } => self.model.retry(failed_attempts, delay),
            _ => {}
        }
    }

    fn restored(&mut self, client: usize, messages: &[MessageId]) {
        let Some(it) = self.clients.get(client) else { return };
        let mut left = it.store.numbers();
        for message in messages {
            let queued = it.manager.queue().find(|queued| queued.message == *message);
            let Some(queued) = queued else {
                self.model.restored_ended(client, *message);
                continue;
            };
            let Ok(number) = queued.payload.arg::<u64>(0) else { continue };
            left.remove(&(queued.namespace.clone(), number));
            self.model.restored(client, queued.namespace, number, *message);
        }
        // Those that are not in the queue have ended in the moment in which they were found.
        for (namespace, number) in left {
            self.model.ended_when_found(client, &namespace, number);
        }
    }

    fn count(&mut self, status: &DeliveryStatus) {
        let report = &mut self.oracle.report;
        let figure = match status {
            DeliveryStatus::Persisted => &mut report.persisted,
            DeliveryStatus::Acked(_) => &mut report.durable_acked,
            DeliveryStatus::Expired { .. } => &mut report.durable_expired,
            DeliveryStatus::Rejected { .. } => &mut report.durable_rejected,
            DeliveryStatus::Cancelled { .. } => &mut report.durable_cancelled,
            DeliveryStatus::Unknown => &mut report.durable_unknown,
            _ => return,
        };
        *figure += 1;
    }
}
