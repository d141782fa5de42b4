//! Markers taken off events, and how clients are told what has arrived (`docs/protocol.md`, "Uplink").

use std::time::Duration;

use bytestring::ByteString;
use nexus_core::{
    socketio::{
        AckId, Namespace, Payload,
        delivery::{CONTROL_EVENT, Class, Grant, Marker, looks_like_marker},
    },
    time::Timestamp,
};

use super::{BadInput, Message, Output, Session, SlotId, engine::earlier, slots::Slot};

/// The most buffered events that arrive before the client is told so.
const MAX_UNREPORTED: u32 = 32;

/// How long after the first of them it is told at the latest.
const REPORT_AFTER: Duration = Duration::from_millis(100);

/// What was granted to a client in a namespace, and what it has not been told yet.
#[derive(Debug)]
pub(super) struct SlotDelivery {
    grant: Grant,
    /// The highest buffered id that arrived.
    received: u64,
    unreported: u32,
    report_due: Option<Timestamp>,
}

impl SlotDelivery {
    pub(super) fn new(grant: Grant) -> Self {
        Self { grant, received: 0, unreported: 0, report_due: None }
    }

    /// Whether the namespace's events may carry markers.
    fn takes_markers(&self) -> bool {
        self.grant.buffered.is_some() || self.grant.durable.is_some()
    }

    fn is_allowed(&self, marker: &Marker, id: Option<AckId>) -> bool {
        match marker.class {
            Class::Buffered => self.grant.buffered.is_some() && marker.instance.is_none(),
            Class::Durable => self.grant.durable.is_some() && id.is_some(),
        }
    }

    fn take_report(&mut self, namespace: &Namespace) -> Option<Message> {
        self.report_due.take()?;
        self.unreported = 0;
        let received = Payload::try_from(&*format!(r#"[{{"b":{}}}]"#, self.received)).ok()?;
        Some(Message::from_event(namespace, None, CONTROL_EVENT, &received))
    }
}

impl Slot {
    /// An event as the application is to see it.
    pub(super) fn event(&self, id: Option<AckId>, name: ByteString, mut payload: Payload) -> Result<Output, BadInput> {
        let slot = self.id;
        let Some(delivery) = self.delivery.as_deref() else {
            return Ok(Output::Event { slot, id, name, payload, marker: None });
        };
        if &*name == CONTROL_EVENT {
            return Ok(Output::Control { slot, payload });
        }
        if !delivery.takes_markers() {
            return Ok(Output::Event { slot, id, name, payload, marker: None });
        }
        let last = payload.len().checked_sub(1).and_then(|last| payload.raw_arg(last));
        let mut marker = None;
        if let Some(text) = last.filter(|text| looks_like_marker(text)) {
            marker = Marker::parse(text).ok_or(BadInput::Marker)?;
            payload = payload.split_last().0;
        }
        if marker.as_ref().is_some_and(|marker| !delivery.is_allowed(marker, id)) {
            return Err(BadInput::Marker);
        }
        Ok(Output::Event { slot, id, name, payload, marker })
    }
}

impl Session {
    /// A buffered event with a marker was taken in, or came again; `last` is the highest id so far. The client is told
    /// after 32 of them, or 100 ms after the first.
    pub fn report_received(&mut self, now: Timestamp, slot: SlotId, last: u64) {
        let Some(found) = self.router.as_mut().and_then(|router| router.slot(slot)) else { return };
        let Some(delivery) = &mut found.delivery else { return };
        delivery.received = delivery.received.max(last);
        delivery.unreported += 1;
        delivery.report_due.get_or_insert(now + REPORT_AFTER);
        if delivery.unreported >= MAX_UNREPORTED
            && let Some(message) = delivery.take_report(&found.namespace)
        {
            self.send(now, slot, message, false);
        }
    }

    /// A marker has an id that cannot be: the session ends.
    pub fn handle_broken_marker(&mut self, now: Timestamp) {
        self.break_off(now, BadInput::Marker);
        self.lift(now);
    }

    /// When the next client is to be told what has arrived.
    pub(super) fn next_report(&self) -> Option<Timestamp> {
        let slots = self.router.iter().flat_map(|router| &router.slots);
        slots.fold(None, |next, slot| earlier(next, slot.delivery.as_ref().and_then(|it| it.report_due)))
    }

    pub(super) fn send_due_reports(&mut self, now: Timestamp) {
        let Some(router) = &mut self.router else { return };
        let mut due = Vec::new();
        for slot in &mut router.slots {
            if let Some(delivery) = &mut slot.delivery
                && delivery.report_due.is_some_and(|at| now >= at)
                && let Some(message) = delivery.take_report(&slot.namespace)
            {
                due.push((slot.id, message));
            }
        }
        for (slot, message) in due {
            self.send(now, slot, message, false);
        }
    }
}
