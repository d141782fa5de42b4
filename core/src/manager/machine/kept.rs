//! Buffered events that the server deduplicates (`docs/protocol.md`, "Uplink").

use bytestring::ByteString;

use super::{Manager, messages::TooLarge};
use crate::{
    json,
    manager::{
        acks::Acks,
        error::AckError,
        event::{DropReason, DroppedMessage, Event},
        ids::MessageId,
        kept::{NotSent, Unknown},
        outbox::Waiting,
    },
    socketio::{
        HostArgs, Namespace, Payload,
        delivery::{EMPTY_MARKER, looks_like_marker},
    },
};

impl Manager {
    /// The server has answered the CONNECT of a namespace: what is kept is written again, or ends.
    pub(super) fn kept_joined(&mut self, namespace: &Namespace) {
        let grant = self.namespaces.grant(namespace);
        let unknown = self.kept.joined(namespace, grant, &mut self.instances);
        self.drop_unknown(unknown);
        self.durable_joined(namespace);
    }

    /// Says of messages, and of their acknowledgements, that nobody knows.
    pub(super) fn drop_unknown(&mut self, unknown: Unknown) {
        for (message, waiting) in unknown {
            self.counters.messages_unknown += 1;
            self.tell(Event::MessageDropped(DroppedMessage {
                message,
                namespace: waiting.namespace,
                event: waiting.event,
                reason: DropReason::Unknown,
            }));
            if self.acks.remove(message).is_some() {
                self.tell(Event::AckResolved { message, result: Err(AckError::Unknown) });
            }
        }
    }

    /// A session is over, or all are: what was sent and is not kept gets no acknowledgement.
    pub(super) fn end_sent_acks(&mut self, namespace: Option<&Namespace>) {
        self.durable.left(namespace);
        let Self { acks, kept, .. } = self;
        for message in Acks::take_sent(acks, namespace, |message| kept.contains(message)) {
            self.tell(Event::AckResolved { message, result: Err(AckError::Disconnected) });
        }
    }

    /// Whether a new buffered event of this size may be written to a namespace now. What the server has, and what only
    /// waits for its acknowledgement, makes room.
    pub(super) fn may_write(&mut self, namespace: &Namespace, bytes: usize) -> bool {
        if !self.can_write() || !self.namespaces.is_joined(namespace) || self.outbox.has(namespace) {
            return false;
        }
        if !self.kept.is_granted(namespace) {
            return true;
        }
        while self.kept.bytes() > 0 && !self.outbox.has_room(bytes, self.kept.bytes()) {
            if !self.kept.release(None) {
                return false;
            }
        }
        self.is_kept_ready(namespace)
    }

    /// Whether new events may be written to a joined namespace.
    pub(super) fn is_kept_ready(&mut self, namespace: &Namespace) -> bool {
        self.kept.is_ready(namespace) || (self.kept.release(Some(namespace)) && self.kept.is_ready(namespace))
    }

    /// Writes a buffered event for the first time, and keeps it where the server deduplicates.
    pub(super) fn write_buffered(
        &mut self,
        message: MessageId,
        waiting: Waiting,
    ) -> Result<(), (Box<Waiting>, TooLarge)> {
        let marker = self.kept.next_marker(&waiting.namespace);
        let tail = match &marker {
            Some(marker) => marker.encode().into(),
            None => self.guard(&waiting.namespace, &waiting.payload),
        };
        let id = self.acks.mark_sent(message, self.now);
        if let Err(error) = self.write_event(id, &waiting.namespace, &waiting.event, &waiting.payload, &tail) {
            return Err((Box::new(waiting), error));
        }
        if marker.is_some() {
            self.kept.push(message, waiting);
        }
        Ok(())
    }

    /// Writes the next kept event of a namespace again.
    pub(super) fn rewrite(&mut self, namespace: &Namespace) {
        let Some((message, waiting, marker)) = self.kept.rewrite(namespace) else { return };
        let (event, payload, marker) = (waiting.event.clone(), waiting.payload.clone(), marker.encode());
        let id = self.acks.mark_sent(message, self.now);
        if self.write_event(id, namespace, &event, &payload, &marker).is_ok() {
            self.counters.events_repeated += 1;
        } else {
            // The ledger takes no id after this one.
            let unknown = self.kept.abandon(namespace, &mut self.instances);
            self.drop_unknown(unknown);
        }
    }

    /// What has to stand behind the arguments of an event without marker, so that the server takes none for one.
    pub(super) fn guard(&self, namespace: &Namespace, payload: &Payload) -> ByteString {
        let strips =
            self.namespaces.grant(namespace).is_some_and(|grant| grant.buffered.is_some() || grant.durable.is_some());
        let last = payload.len().checked_sub(1).and_then(|last| payload.raw_arg(last));
        let is_like_marker =
            last.is_some_and(looks_like_marker) || payload.host().is_some_and(HostArgs::may_end_in_marker);
        if strips && is_like_marker { ByteString::from_static(EMPTY_MARKER) } else { ByteString::new() }
    }

    /// The event of the protocol itself, on a namespace where something was granted.
    pub(super) fn on_control(&mut self, namespace: &Namespace, payload: &Payload) {
        const RULE: &str = "delivery: an event of the protocol that can't be understood";
        let Some([confirmed]) = payload.raw_arg(0).and_then(|control| json::fields(control, ["b"])) else {
            return self.protocol_broken(RULE.to_owned());
        };
        let Some(confirmed) = confirmed else { return };
        let Some(confirmed) = json::whole(confirmed) else { return self.protocol_broken(RULE.to_owned()) };
        match self.kept.confirm(namespace, confirmed) {
            // The window may have opened.
            Ok(()) => self.flush(),
            Err(NotSent) => self.protocol_broken("delivery: a confirmation of what was not sent".to_owned()),
        }
    }
}
