use bytestring::ByteString;

use super::{
    config::{OutboxConfig, Overflow},
    ids::MessageId,
};
use crate::{
    socketio::{Namespace, Payload},
    sorted::{SortedMap, SortedSet},
    time::Timestamp,
};

/// What a message costs besides its contents.
const OVERHEAD_BYTES: usize = 64;

/// A message that waits to be written.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) namespace: Namespace,
    pub(super) event: ByteString,
    pub(super) payload: Payload,
    pub(super) expires_at: Timestamp,
    pub(super) awaits_ack: bool,
}

impl Waiting {
    pub(super) fn bytes(&self) -> usize {
        OVERHEAD_BYTES + self.namespace.as_str().len() + self.event.len() + self.payload.size()
    }
}

/// A queue that is full and rejects.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The offline queue. Message ids increase, so their order is the order of the emits.
#[derive(Debug)]
pub(super) struct Outbox {
    config: OutboxConfig,
    messages: SortedMap<MessageId, Waiting>,
    /// Only namespaces for which something waits.
    lanes: SortedMap<Namespace, SortedSet<MessageId>>,
    expiry: SortedSet<(Timestamp, MessageId)>,
    bytes: usize,
}

impl Outbox {
    pub(super) fn new(config: OutboxConfig) -> Self {
        Self { config, messages: SortedMap::new(), lanes: SortedMap::new(), expiry: SortedSet::default(), bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MessageId, &Waiting)> {
        self.messages.iter().map(|(message, waiting)| (*message, waiting))
    }

    /// Namespaces for which something waits, each with its oldest message.
    pub(super) fn heads(&self) -> impl Iterator<Item = (&Namespace, MessageId)> {
        self.lanes.iter().filter_map(|(namespace, lane)| Some((namespace, *lane.first()?)))
    }

    /// Whether anything waits for a namespace.
    pub(super) fn has(&self, namespace: &Namespace) -> bool {
        self.lanes.contains_key(namespace)
    }

    /// Whether there is room for so many bytes more, with those kept elsewhere.
    pub(super) fn has_room(&self, bytes: usize, kept: usize) -> bool {
        self.bytes.saturating_add(kept).saturating_add(bytes) <= self.config.max_bytes
    }

    /// Takes a message in, and gives those that had to make room for it, oldest first. Counts the bytes kept elsewhere.
    pub(super) fn push(
        &mut self,
        message: MessageId,
        waiting: Waiting,
        kept: usize,
    ) -> Result<Vec<(MessageId, Waiting)>, Full> {
        let bytes = waiting.bytes();
        if self.config.max_messages == 0 || bytes.saturating_add(kept) > self.config.max_bytes {
            return Err(Full);
        }
        let mut overflowed = Vec::new();
        while self.messages.len() >= self.config.max_messages || !self.has_room(bytes, kept) {
            match self.config.overflow {
                Overflow::RejectNew => return Err(Full),
                Overflow::DropOldest => overflowed.extend(self.pop_oldest()),
            }
        }
        self.bytes += bytes;
        self.lanes.or_default(waiting.namespace.clone()).insert(message);
        self.expiry.insert((waiting.expires_at, message));
        self.messages.insert(message, waiting);
        Ok(overflowed)
    }

    pub(super) fn remove(&mut self, message: MessageId) -> Option<Waiting> {
        let waiting = self.messages.remove(&message)?;
        self.bytes -= waiting.bytes();
        self.expiry.remove(&(waiting.expires_at, message));
        if let Some(lane) = self.lanes.get_mut(&waiting.namespace) {
            lane.remove(&message);
            if lane.is_empty() {
                self.lanes.remove(&waiting.namespace);
            }
        }
        Some(waiting)
    }

    pub(super) fn pop_expired(&mut self, now: Timestamp) -> Option<(MessageId, Waiting)> {
        let (_, message) = self.expiry.first().filter(|(at, _)| *at <= now).copied()?;
        self.remove(message).map(|waiting| (message, waiting))
    }

    pub(super) fn pop_of(&mut self, namespace: &Namespace) -> Option<(MessageId, Waiting)> {
        let message = *self.lanes.get(namespace)?.first()?;
        self.remove(message).map(|waiting| (message, waiting))
    }

    pub(super) fn pop_oldest(&mut self) -> Option<(MessageId, Waiting)> {
        let message = *self.messages.first()?.0;
        self.remove(message).map(|waiting| (message, waiting))
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiry.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(max_messages: usize, max_bytes: usize, overflow: Overflow) -> Outbox {
        Outbox::new(OutboxConfig { max_messages, max_bytes, overflow, ..OutboxConfig::default() })
    }

    fn waiting(namespace: &str, expires_at: u64) -> Waiting {
        Waiting {
            namespace: Namespace::try_new(namespace).unwrap(),
            event: "e".into(),
            payload: Payload::empty(),
            expires_at: Timestamp::from_millis(expires_at),
            awaits_ack: false,
        }
    }

    fn id(id: u64) -> MessageId {
        MessageId::from_u64(id)
    }

    fn ids(messages: &[(MessageId, Waiting)]) -> Vec<u64> {
        messages.iter().map(|(message, _)| message.as_u64()).collect()
    }

    #[test]
    fn rejecting_keeps_what_was_accepted() {
        let mut outbox = outbox(2, 10_000, Overflow::RejectNew);
        assert!(outbox.push(id(1), waiting("a", 9), 0).unwrap().is_empty());
        assert!(outbox.push(id(2), waiting("b", 9), 0).unwrap().is_empty());
        assert_eq!(outbox.push(id(3), waiting("a", 9), 0).err(), Some(Full));
        assert_eq!(outbox.len(), 2);
    }

    #[test]
    fn dropping_makes_room_for_messages_and_bytes() {
        let mut outbox = outbox(2, 10_000, Overflow::DropOldest);
        for message in 1..=3 {
            let dropped = outbox.push(id(message), waiting("a", 9), 0).unwrap();
            assert_eq!(ids(&dropped), if message == 3 { vec![1] } else { vec![] });
        }
        let size = waiting("a", 9).bytes();
        let mut outbox = super::tests::outbox(100, 3 * size, Overflow::DropOldest);
        for message in 1..=3 {
            outbox.push(id(message), waiting("a", 9), 0).unwrap();
        }
        assert_eq!(outbox.bytes(), 3 * size);
        let dropped = outbox.push(id(4), waiting("ab", 9), 0).unwrap();
        assert_eq!(ids(&dropped), [1, 2]);
        assert!(outbox.bytes() <= 3 * size);
    }

    #[test]
    fn a_message_larger_than_the_queue_drops_no_other() {
        let size = waiting("a", 9).bytes();
        let mut outbox = outbox(10, size, Overflow::DropOldest);
        outbox.push(id(1), waiting("a", 9), 0).unwrap();
        assert_eq!(outbox.push(id(2), waiting("aa", 9), 0).err(), Some(Full));
        assert_eq!(outbox.len(), 1);
        let mut none = super::tests::outbox(0, 1000, Overflow::DropOldest);
        assert_eq!(none.push(id(1), waiting("a", 9), 0).err(), Some(Full));
    }

    #[test]
    fn expiry_lanes_and_bytes_follow_every_removal() {
        let mut outbox = outbox(10, 10_000, Overflow::RejectNew);
        outbox.push(id(1), waiting("a", 30), 0).unwrap();
        outbox.push(id(2), waiting("b", 10), 0).unwrap();
        outbox.push(id(3), waiting("a", 20), 0).unwrap();
        assert_eq!(outbox.next_expiry(), Some(Timestamp::from_millis(10)));
        assert!(outbox.pop_expired(Timestamp::from_millis(9)).is_none());
        assert_eq!(outbox.pop_expired(Timestamp::from_millis(25)).unwrap().0, id(2));
        assert_eq!(outbox.pop_expired(Timestamp::from_millis(25)).unwrap().0, id(3));
        let heads: Vec<_> = outbox.heads().map(|(namespace, head)| (namespace.name().to_owned(), head)).collect();
        assert_eq!(heads, [("a".to_owned(), id(1))]);
        assert_eq!(outbox.pop_of(&Namespace::try_new("a").unwrap()).unwrap().0, id(1));
        assert_eq!((outbox.len(), outbox.bytes(), outbox.next_expiry()), (0, 0, None));
        assert_eq!(outbox.heads().count(), 0);
    }
}
