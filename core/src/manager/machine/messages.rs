//! Events and acknowledgements, both ways.

use std::cmp::Reverse;

use bytestring::ByteString;

use super::Manager;
use crate::{
    engineio::{self, Frame},
    manager::{
        acks::Replyable,
        command::{Cancelled, Delivery, Emit, EmitOutcome, Emitted},
        config::{DAY, MAX_TTL},
        error::{AckError, CancelError, EmitError, JoinError, ReplyError},
        event::{DropReason, DroppedMessage, Event, Output, ReceivedEvent},
        ids::{MessageId, ReplyId},
        namespaces::Membership,
        outbox::Waiting,
        resume::Incoming,
    },
    socketio::{
        AckId, HostArgs, Namespace, Packet, Payload, RESERVED_EVENTS, delivery::CONTROL_EVENT, encode_event_with_into,
    },
};

const MILLISECOND: std::time::Duration = std::time::Duration::from_millis(1);

/// A frame larger than the limit.
pub(super) struct TooLarge {
    pub(super) size: u64,
    pub(super) limit: u64,
}

impl Manager {
    pub(super) fn on_emit(&mut self, emit: Emit) -> Result<Emitted, EmitError> {
        let result = self.try_emit(emit);
        self.counters.emits_refused += u64::from(result.is_err());
        result
    }

    fn try_emit(&mut self, emit: Emit) -> Result<Emitted, EmitError> {
        let Emit { namespace, event, payload, delivery, ttl, ack } = emit;
        self.check(&event, &payload)?;
        if delivery == Delivery::Durable && !self.config.has_store {
            return Err(EmitError::NoDurableStore);
        }
        if ack.is_some() && delivery != Delivery::Durable && self.acks.len() >= self.config.limits.pending_acks {
            return Err(EmitError::TooManyPendingAcks);
        }
        let membership = self.namespaces.want(&namespace).map_err(|_| JoinError::TooManyNamespaces)?;
        // One that is being left is wanted again.
        if let Membership::NeedAnswer { then_leave, .. } | Membership::NeedLateAnswer { then_leave } = membership {
            *then_leave = false;
        }
        self.join_now(&namespace);

        let message = MessageId::from_u64(self.ids.messages.next());
        if delivery == Delivery::Durable {
            return self.emit_durable(message, namespace, event, payload, ttl);
        }
        let ttl = ttl.unwrap_or(self.config.outbox.ttl).clamp(MILLISECOND, MAX_TTL);
        let waiting = Waiting { namespace, event, payload, expires_at: self.now + ttl, awaits_ack: ack.is_some() };
        let namespace = &waiting.namespace;
        let is_writable = match delivery {
            Delivery::Volatile => self.can_write() && self.namespaces.is_joined(namespace),
            _ => self.may_write(namespace, waiting.bytes()),
        };
        if !is_writable && delivery == Delivery::Volatile {
            if ack.is_some() {
                return Err(EmitError::NotWritable);
            }
            self.counters.volatile_dropped += 1;
            return Ok(Emitted { message, outcome: EmitOutcome::Dropped });
        }
        if let Some(timeout) = ack {
            let timeout = timeout.unwrap_or(self.config.ack_timeout).clamp(MILLISECOND, DAY);
            self.acks.insert(message, namespace.clone(), self.now + timeout);
        }
        if is_writable {
            let written = match delivery {
                Delivery::Volatile => {
                    let tail = self.guard(namespace, &waiting.payload);
                    let id = self.acks.mark_sent(message, self.now);
                    self.write_event(id, namespace, &waiting.event, &waiting.payload, &tail)
                }
                _ => self.write_buffered(message, waiting).map_err(|(_, error)| error),
            };
            return match written {
                Ok(()) => Ok(Emitted { message, outcome: EmitOutcome::Transmitted }),
                Err(TooLarge { size, limit }) => {
                    self.acks.remove(message);
                    Err(EmitError::TooLarge { size, limit })
                }
            };
        }
        let Ok(overflowed) = self.outbox.push(message, waiting, self.kept.bytes()) else {
            self.acks.remove(message);
            return Err(EmitError::QueueFull);
        };
        for (oldest, waiting) in overflowed {
            self.drop_message(oldest, &waiting, DropReason::Overflow);
        }
        Ok(Emitted { message, outcome: EmitOutcome::Queued })
    }

    /// What can be said of an emit without encoding it.
    fn check(&self, event: &str, payload: &Payload) -> Result<(), EmitError> {
        if self.user.is_none() {
            return Err(EmitError::NoUser);
        }
        if RESERVED_EVENTS.contains(&event) || event == CONTROL_EVENT {
            return Err(EmitError::ReservedEvent(event.to_owned()));
        }
        if payload.attachments().len() > self.config.limits.attachments {
            return Err(EmitError::TooManyAttachments);
        }
        let text = payload.host().map_or(payload.raw_args().len(), HostArgs::size) + event.len();
        self.check_frames(text, payload).map_err(|TooLarge { size, limit }| EmitError::TooLarge { size, limit })
    }

    pub(super) fn on_cancel(&mut self, message: MessageId) -> Result<Cancelled, CancelError> {
        if let Some(waiting) = self.outbox.remove(message) {
            self.drop_message(message, &waiting, DropReason::Cancelled);
            return Ok(Cancelled::Unsent);
        }
        if let Some(cancelled) = self.cancel_durable(message) {
            return Ok(cancelled);
        }
        self.acks.remove(message).ok_or(CancelError::Unknown)?;
        self.kept.stop_waiting(message);
        self.tell(Event::AckResolved { message, result: Err(AckError::Cancelled { sent: true }) });
        Ok(Cancelled::Wait)
    }

    pub(super) fn on_reply(&mut self, reply: ReplyId, payload: &Payload) -> Result<(), ReplyError> {
        let Replyable { namespace, id } = self.replies.get(reply).ok_or(ReplyError::Gone)?.clone();
        if payload.attachments().len() > self.config.limits.attachments {
            return Err(ReplyError::TooManyAttachments);
        }
        let packet = Packet::Ack { namespace, id, payload: payload.clone() };
        let text = packet_text(&packet);
        self.check_frames(frame_size(text.len(), payload.host()), payload)
            .map_err(|TooLarge { size, limit }| ReplyError::TooLarge { size, limit })?;
        self.replies.remove(reply);
        self.transmit_message(text, payload, ByteString::new());
        Ok(())
    }

    pub(super) fn on_event(&mut self, namespace: &Namespace, mut incoming: Incoming) {
        if !self.namespaces.is_joined(namespace) {
            return self.on_early_event(namespace, incoming);
        }
        if incoming.event == CONTROL_EVENT && self.namespaces.grant(namespace).is_some() {
            return self.on_control(namespace, &incoming.payload);
        }
        self.counters.events_in += 1;
        if !self.admit(namespace, &mut incoming) {
            return;
        }
        let Incoming { id, event, payload, .. } = incoming;
        let reply = id.map(|id| {
            let reply = ReplyId::from_u64(self.ids.replies.next());
            let replyable = Replyable { namespace: namespace.detach(), id };
            let evicted = self.replies.insert(reply, replyable, self.config.limits.pending_replies);
            self.counters.replies_evicted += u64::from(evicted);
            reply
        });
        self.tell(Event::Received(ReceivedEvent { namespace: namespace.clone(), event, payload, reply }));
        self.dispatched(namespace);
    }

    pub(super) fn on_ack(&mut self, namespace: &Namespace, id: AckId, payload: Payload, last: Option<ByteString>) {
        let Some(payload) = self.on_durable_ack(namespace, id, payload, last) else { return };
        let Some((message, awaited)) = self.acks.acknowledge(namespace, id) else {
            self.counters.acks_unknown += 1;
            return;
        };
        self.counters.acks_received += 1;
        self.kept.acknowledged(message);
        if let Some(sent) = awaited.sent
            && self.link().is_some_and(|link| !link.can_ping)
        {
            self.sample(sent.at);
        }
        self.tell(Event::AckResolved { message, result: Ok(payload) });
        // A window may have opened.
        self.flush();
    }

    /// Writes what is kept from before and what waits, oldest first, as far as transport and windows take it.
    pub(super) fn flush(&mut self) {
        self.expire_queued();
        self.flush_durable();
        while self.can_write() {
            let is_joined = |namespace: &Namespace| self.namespaces.is_joined(namespace);
            let again = self.kept.unwritten().filter(|(namespace, _)| is_joined(namespace));
            let first =
                self.outbox.heads().filter(|(namespace, _)| is_joined(namespace) && self.kept.may_be_ready(namespace));
            let first = first.map(|(namespace, message)| (message, namespace, false));
            let waiting = again.map(|(namespace, message)| (message, namespace, true)).chain(first);
            let next = waiting.min_by_key(|(message, namespace, _)| (Reverse(self.priority(namespace)), *message));
            let Some((message, namespace, is_again)) = next else { return };
            if is_again {
                let namespace = namespace.clone();
                self.rewrite(&namespace);
                continue;
            }
            let namespace = namespace.clone();
            if !self.is_kept_ready(&namespace) {
                return;
            }
            let Some(waiting) = self.outbox.remove(message) else { return };
            if let Err((waiting, _)) = self.write_buffered(message, waiting) {
                self.drop_message(message, &waiting, DropReason::TooLarge);
            }
        }
    }

    pub(super) fn priority(&self, namespace: &Namespace) -> i32 {
        let named = self.config.namespace_priority.iter().find(|(name, _)| name == namespace);
        named.map_or(0, |(_, priority)| *priority)
    }

    pub(super) fn expire_queued(&mut self) {
        while let Some((message, waiting)) = self.outbox.pop_expired(self.now) {
            self.drop_message(message, &waiting, DropReason::Expired);
        }
    }

    pub(super) fn expire_acks(&mut self) {
        while let Some((message, awaited)) = self.acks.pop_expired(self.now) {
            self.counters.acks_timed_out += 1;
            let sent = awaited.sent.is_some();
            self.kept.stop_waiting(message);
            if let Some(waiting) = self.outbox.remove(message) {
                self.drop_message(message, &waiting, DropReason::AckTimedOut);
            }
            self.tell(Event::AckResolved { message, result: Err(AckError::TimedOut { sent }) });
        }
    }

    /// A message has left the queue unsent. Says so, and ends the wait for its acknowledgement if there is one still.
    pub(super) fn drop_message(&mut self, message: MessageId, waiting: &Waiting, reason: DropReason) {
        self.counters.messages_dropped += 1;
        self.tell(Event::MessageDropped(DroppedMessage {
            message,
            namespace: waiting.namespace.clone(),
            event: waiting.event.clone(),
            reason,
        }));
        if self.acks.remove(message).is_some() {
            let error = match reason {
                DropReason::Cancelled => AckError::Cancelled { sent: false },
                other => AckError::NotSent(other),
            };
            self.tell(Event::AckResolved { message, result: Err(error) });
        }
    }

    pub(super) fn can_write(&self) -> bool {
        let limit = self.config.limits.unsent_bytes;
        self.link().is_some_and(|link| link.is_ready() && link.unsent_bytes() < limit)
    }

    /// Writes an event with one more argument behind its own, if that is not empty. The caller ends the wait for an
    /// acknowledgement if this fails.
    pub(super) fn write_event(
        &mut self,
        id: Option<AckId>,
        namespace: &Namespace,
        event: &str,
        payload: &Payload,
        more: &str,
    ) -> Result<(), TooLarge> {
        let mut text = String::from(engineio::Packet::MESSAGE_PREFIX);
        encode_event_with_into(&mut text, namespace, id, event, payload, more);
        let tail = match payload.host() {
            Some(_) if !more.is_empty() => ByteString::from(format!(",{more}")),
            _ => ByteString::new(),
        };
        self.check_frames(frame_size(text.len() + tail.len(), payload.host()), payload)?;
        self.counters.events_out += 1;
        self.transmit_message(text, payload, tail);
        Ok(())
    }

    /// Whether the text, of so many bytes, and each attachment may be sent.
    fn check_frames(&self, text: usize, payload: &Payload) -> Result<(), TooLarge> {
        let size = payload.attachments().iter().map(bytes::Bytes::len).fold(text, usize::max) as u64;
        let limit = self.frame_limit();
        if size > limit { Err(TooLarge { size, limit }) } else { Ok(()) }
    }

    /// Sends a packet without attachments.
    pub(super) fn transmit_packet(&mut self, packet: &Packet) {
        self.transmit(Frame::from(packet_text(packet)));
    }

    fn transmit_message(&mut self, text: String, payload: &Payload, tail: ByteString) {
        self.transmit_with(Frame::from(text), payload.host().cloned(), tail);
        for attachment in payload.attachments() {
            self.transmit(Frame::Binary(attachment.clone()));
        }
    }

    pub(super) fn transmit(&mut self, frame: Frame) {
        self.transmit_with(frame, None, ByteString::new());
    }

    fn transmit_with(&mut self, frame: Frame, args: Option<HostArgs>, tail: ByteString) {
        let bytes = frame_size(frame.len() + tail.len(), args.as_ref());
        let Some(link) = self.link_mut() else { return };
        link.sent(bytes);
        let connection = link.connection;
        self.counters.frames_out += 1;
        self.counters.bytes_out += bytes as u64;
        self.outputs.push_back(Output::Transmit { connection, frame, args, tail });
    }
}

/// Bytes of a frame with the arguments that the host puts behind it.
pub(super) fn frame_size(frame: usize, args: Option<&HostArgs>) -> usize {
    frame + args.map_or(0, HostArgs::size)
}

fn packet_text(packet: &Packet) -> String {
    let mut text = String::from(engineio::Packet::MESSAGE_PREFIX);
    packet.encode_into(&mut text);
    text
}
