use super::ids::{MessageId, ReplyId};
use crate::{
    socketio::{AckId, Namespace},
    sorted::{SortedMap, SortedSet},
    time::Timestamp,
};

/// An acknowledgement that is awaited.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) namespace: Namespace,
    deadline: Timestamp,
    pub(super) sent: Option<Sent>,
}

/// When and as what an event with acknowledgement was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    id: AckId,
    pub(super) at: Timestamp,
}

/// The acknowledgements that are awaited, each until it is taken out once.
///
/// Ids on the wire are never used twice, so that a late acknowledgement of an earlier session is not taken for one of
/// the present.
#[derive(Debug, Default)]
pub(super) struct Acks {
    awaited: SortedMap<MessageId, Awaited>,
    by_wire_id: SortedMap<AckId, MessageId>,
    deadlines: SortedSet<(Timestamp, MessageId)>,
    last_id: u64,
    /// No deadline counts before this time.
    held_until: Timestamp,
}

impl Acks {
    pub(super) fn len(&self) -> usize {
        self.awaited.len()
    }

    pub(super) fn insert(&mut self, message: MessageId, namespace: Namespace, deadline: Timestamp) {
        self.deadlines.insert((deadline, message));
        self.awaited.insert(message, Awaited { namespace, deadline, sent: None });
    }

    /// The id with which the event goes out now, if its acknowledgement is awaited.
    pub(super) fn mark_sent(&mut self, message: MessageId, now: Timestamp) -> Option<AckId> {
        let awaited = self.awaited.get_mut(&message)?;
        if let Some(before) = awaited.sent {
            self.by_wire_id.remove(&before.id);
        }
        let id = next(&mut self.last_id);
        awaited.sent = Some(Sent { id, at: now });
        self.by_wire_id.insert(id, message);
        Some(id)
    }

    /// An id for an event whose acknowledgement is awaited elsewhere.
    pub(super) fn next_wire_id(&mut self) -> AckId {
        next(&mut self.last_id)
    }

    /// Takes out what the server acknowledged.
    pub(super) fn acknowledge(&mut self, namespace: &Namespace, id: AckId) -> Option<(MessageId, Awaited)> {
        let message = *self.by_wire_id.get(&id)?;
        self.awaited.get(&message).filter(|awaited| awaited.namespace == *namespace)?;
        self.remove(message).map(|awaited| (message, awaited))
    }

    pub(super) fn remove(&mut self, message: MessageId) -> Option<Awaited> {
        let awaited = self.awaited.remove(&message)?;
        self.deadlines.remove(&(awaited.deadline, message));
        if let Some(sent) = awaited.sent {
            self.by_wire_id.remove(&sent.id);
        }
        Some(awaited)
    }

    /// Takes out, oldest first, those whose event was sent and is not kept to be sent again, in one namespace or in all.
    pub(super) fn take_sent(
        &mut self,
        namespace: Option<&Namespace>,
        is_kept: impl Fn(MessageId) -> bool,
    ) -> Vec<MessageId> {
        let messages: Vec<_> = self
            .by_wire_id
            .values()
            .filter(|message| {
                let awaited = self.awaited.get(message);
                let is_there =
                    awaited.is_some_and(|awaited| namespace.is_none_or(|wanted| awaited.namespace == *wanted));
                is_there && !is_kept(**message)
            })
            .copied()
            .collect();
        for message in &messages {
            self.remove(*message);
        }
        messages
    }

    pub(super) fn pop_expired(&mut self, now: Timestamp) -> Option<(MessageId, Awaited)> {
        if now < self.held_until {
            return None;
        }
        let (_, message) = self.deadlines.first().filter(|(at, _)| *at <= now).copied()?;
        self.remove(message).map(|awaited| (message, awaited))
    }

    /// Lets no deadline count before this time.
    pub(super) fn hold(&mut self, until: Timestamp) {
        self.held_until = self.held_until.max(until);
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| (*at).max(self.held_until))
    }
}

fn next(last_id: &mut u64) -> AckId {
    let id = AckId(*last_id % AckId::MAX);
    *last_id += 1;
    id
}

/// Received events that may be acknowledged.
#[derive(Debug, Default)]
pub(super) struct Replies(SortedMap<ReplyId, Replyable>);

/// Where an acknowledgement goes.
#[derive(Clone, Debug)]
pub(super) struct Replyable {
    pub(super) namespace: Namespace,
    pub(super) id: AckId,
}

impl Replies {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes one in; true if the oldest had to make room.
    pub(super) fn insert(&mut self, reply: ReplyId, replyable: Replyable, limit: usize) -> bool {
        self.0.insert(reply, replyable);
        self.0.len() > limit && self.0.pop_first().is_some()
    }

    pub(super) fn get(&self, reply: ReplyId) -> Option<&Replyable> {
        self.0.get(&reply)
    }

    pub(super) fn remove(&mut self, reply: ReplyId) {
        self.0.remove(&reply);
    }

    pub(super) fn remove_of(&mut self, namespace: &Namespace) {
        self.0.retain(|_, replyable| replyable.namespace != *namespace);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u64) -> MessageId {
        MessageId::from_u64(id)
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_acknowledgement_counts_once_and_only_in_its_namespace() {
        let (a, b) = (Namespace::try_new("a").unwrap(), Namespace::try_new("b").unwrap());
        let mut acks = Acks::default();
        acks.insert(id(1), a.clone(), at(10));
        assert!(acks.acknowledge(&a, AckId(0)).is_none(), "not sent yet");
        let wire = acks.mark_sent(id(1), at(1)).unwrap();
        assert!(acks.acknowledge(&b, wire).is_none());
        assert_eq!(acks.acknowledge(&a, wire).unwrap().0, id(1));
        assert!(acks.acknowledge(&a, wire).is_none());
        assert_eq!((acks.len(), acks.next_deadline()), (0, None));
    }

    #[test]
    fn a_loss_takes_what_was_sent_and_leaves_the_rest() {
        let (a, b) = (Namespace::try_new("a").unwrap(), Namespace::try_new("b").unwrap());
        let mut acks = Acks::default();
        for (message, namespace) in [(1, &a), (2, &b), (3, &a)] {
            acks.insert(id(message), namespace.clone(), at(10));
        }
        acks.mark_sent(id(1), at(1));
        acks.mark_sent(id(2), at(1));
        assert_eq!(acks.take_sent(Some(&b), |_| false), [id(2)]);
        assert!(acks.take_sent(None, |message| message == id(1)).is_empty());
        assert_eq!(acks.take_sent(None, |_| false), [id(1)]);
        assert_eq!(acks.len(), 1);
    }

    #[test]
    fn deadlines_wait_while_they_are_held() {
        let mut acks = Acks::default();
        acks.insert(id(1), Namespace::root(), at(10));
        acks.hold(at(50));
        assert_eq!(acks.next_deadline(), Some(at(50)));
        assert!(acks.pop_expired(at(49)).is_none());
        assert_eq!(acks.pop_expired(at(50)).unwrap().0, id(1));
    }

    #[test]
    fn the_oldest_reply_makes_room() {
        let mut replies = Replies::default();
        let replyable = Replyable { namespace: Namespace::root(), id: AckId(0) };
        for reply in 1..=3 {
            let evicted = replies.insert(ReplyId::from_u64(reply), replyable.clone(), 2);
            assert_eq!(evicted, reply == 3);
        }
        assert_eq!(replies.len(), 2);
        assert!(replies.get(ReplyId::from_u64(1)).is_none());
    }
}
