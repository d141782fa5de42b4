//! What has been emitted and has not ended, for applications to look at.

use bytestring::ByteString;

use super::Manager;
use crate::{
    manager::{command::Delivery, ids::MessageId},
    socketio::{Namespace, Payload},
    time::Timestamp,
};

/// A message that waits in the offline queue, or a durable one that has not ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueuedMessage<'a> {
    /// Names the emit.
    pub message: MessageId,
    /// Where it goes.
    pub namespace: &'a Namespace,
    /// Its name.
    pub event: &'a ByteString,
    /// Its arguments.
    pub payload: &'a Payload,
    /// Buffered or durable.
    pub delivery: Delivery,
    /// Whether it is accepted: a durable one that is not waits for the store.
    pub is_accepted: bool,
    /// Whether a connection may have got it.
    pub is_sent: bool,
    /// What it counts against [`OutboxConfig::max_bytes`](crate::manager::OutboxConfig::max_bytes) or
    /// [`DurableConfig::max_bytes`](crate::manager::DurableConfig::max_bytes).
    pub bytes: usize,
    /// When it is dropped.
    pub expires_at: Timestamp,
    /// Whether it asks for an acknowledgement.
    pub awaits_ack: bool,
}

impl Manager {
    /// The messages in the offline queue, oldest first, and then the durable ones, oldest first.
    pub fn queue(&self) -> impl Iterator<Item = QueuedMessage<'_>> {
        let durable = self.durable.iter().map(|(message, entry)| QueuedMessage {
            message,
            namespace: &entry.key.namespace,
            event: &entry.event,
            payload: &entry.payload,
            delivery: Delivery::Durable,
            is_accepted: entry.is_accepted(),
            is_sent: entry.is_written,
            bytes: entry.bytes(),
            expires_at: entry.expires_at,
            awaits_ack: true,
        });
        let waiting = self.outbox.iter().map(|(message, waiting)| QueuedMessage {
            message,
            namespace: &waiting.namespace,
            event: &waiting.event,
            payload: &waiting.payload,
            delivery: Delivery::Buffered,
            is_accepted: true,
            is_sent: false,
            bytes: waiting.bytes(),
            expires_at: waiting.expires_at,
            awaits_ack: waiting.awaits_ack,
        });
        waiting.chain(durable)
    }
}
