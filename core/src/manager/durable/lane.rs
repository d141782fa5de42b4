use std::time::Duration;

use bytestring::ByteString;

use super::{Durable, Effect, Entry, State, Step};
use crate::{
    manager::{ids::MessageId, store::StoreChange},
    mutation::{Mutation, is_taken_out},
    socketio::{
        AckId, Namespace, Payload,
        delivery::{Class, Marker},
    },
    sorted::SortedMap,
    time::Timestamp,
};

/// Where a message stands in its lane.
type Order = (bool, u64);

const START: Order = (false, 0);

/// A namespace that is joined.
#[derive(Debug)]
pub(in crate::manager) struct Session {
    /// Of the ledger that it grants.
    pub(in crate::manager) generation: Option<ByteString>,
    /// Under which it was asked for.
    pub(in crate::manager) instance: Option<ByteString>,
}

/// What is to be written.
#[derive(Debug)]
pub(in crate::manager) struct Write {
    pub(in crate::manager) message: MessageId,
    pub(in crate::manager) event: ByteString,
    pub(in crate::manager) payload: Payload,
    pub(in crate::manager) marker: Option<Marker>,
}

/// The messages of one namespace, in the order in which they are sent.
#[derive(Debug, Default)]
pub(super) struct Lane {
    queue: SortedMap<Order, MessageId>,
    /// Nothing from here on has been written in the session at hand.
    cursor: Order,
    /// Nothing from here on is marked for the session at hand.
    marked: Order,
    /// The server asked not to be asked before.
    hold_until: Option<Timestamp>,
    /// When an answer is overdue.
    deadline: Option<Timestamp>,
}

impl Lane {
    pub(super) fn insert(&mut self, order: Order, message: MessageId) {
        self.queue.insert(order, message);
        self.rewind(order);
    }

    pub(super) fn remove(&mut self, order: Order) {
        self.queue.remove(&order);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn from(&self, first: Order) -> impl Iterator<Item = MessageId> {
        self.queue.iter().filter(move |(order, _)| **order >= first).map(|(_, message)| *message)
    }

    /// Writes again from here on.
    pub(super) fn rewind(&mut self, order: Order) {
        self.cursor = self.cursor.min(order);
        self.marked = self.marked.min(order);
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        [self.hold_until, self.deadline].into_iter().flatten().min()
    }

    fn head(&self) -> Option<(Order, MessageId)> {
        self.queue.first().map(|(order, message)| (*order, *message))
    }

    fn at(&self, order: Order) -> Option<(Order, MessageId)> {
        self.queue.first_from(|other| other.cmp(&order)).map(|(order, message)| (*order, *message))
    }
}

fn behind((is_own, order): Order) -> Order {
    (is_own, order + 1)
}

impl Durable {
    /// A namespace is joined. Gives those whose end nobody knows: they were written under another ledger.
    pub(in crate::manager) fn joined(&mut self, namespace: &Namespace, session: Session) -> Vec<MessageId> {
        self.sessions.insert(namespace.clone(), session);
        if let Some(lane) = self.lanes.get_mut(namespace) {
            (lane.cursor, lane.marked, lane.deadline) = (START, START, None);
        }
        self.lost(namespace)
    }

    /// Those of a joined namespace that were written under another ledger than the one it grants.
    pub(in crate::manager) fn lost(&self, namespace: &Namespace) -> Vec<MessageId> {
        let (Some(session), Some(lane)) = (self.sessions.get(namespace), self.lanes.get(namespace)) else {
            return Vec::new();
        };
        let is_lost = |entry: &Entry| {
            let is_other = matches!(&entry.sent, Some(Some(before)) if session.generation.as_ref() != Some(before));
            is_other && entry.is_written && !entry.is_ending() && !is_taken_out(Mutation::GenerationCheck)
        };
        lane.from(START).filter(|message| self.entries.get(message).is_some_and(is_lost)).collect()
    }

    /// The session of a namespace is over, or all are.
    pub(in crate::manager) fn left(&mut self, namespace: Option<&Namespace>) {
        let is_meant = |name: &Namespace| namespace.is_none_or(|wanted| name == wanted);
        self.sessions.retain(|name, _| !is_meant(name));
        for (name, lane) in self.lanes.iter_mut() {
            if is_meant(name) {
                lane.deadline = None;
                for message in lane.queue.values() {
                    let Some(entry) = self.entries.get_mut(message) else { continue };
                    for id in std::mem::take(&mut entry.acks) {
                        self.by_ack.remove(&id);
                    }
                }
            }
        }
    }

    /// The namespaces that are joined and have messages.
    pub(in crate::manager) fn live(&self) -> Vec<Namespace> {
        let live = self.lanes.iter().filter(|(namespace, _)| self.sessions.contains_key(namespace));
        live.map(|(namespace, _)| namespace.clone()).collect()
    }

    /// Whether a message may go out while this is the head of its lane: there is one in flight on stock servers, and
    /// a window of one instance where the server runs them in order.
    fn is_within(session: &Session, head: &Entry, entry: &Entry) -> bool {
        if session.generation.is_none() {
            return head.order == entry.order;
        }
        head.key.instance == entry.key.instance
            && entry.key.id.checked_sub(head.key.id).is_some_and(|ahead| ahead < Class::Durable.window())
    }

    /// What has to be committed before more can be written in a namespace.
    pub(in crate::manager) fn marks(&mut self, namespace: &Namespace) -> Vec<Step> {
        let mut steps = Vec::new();
        let (Some(session), Some(lane)) = (self.sessions.get(namespace), self.lanes.get_mut(namespace)) else {
            return steps;
        };
        let Some((_, head)) = lane.head() else { return steps };
        while let Some((order, message)) = lane.at(lane.marked) {
            let Some((head, entry)) = self.entries.get(&head).zip(self.entries.get(&message)) else { break };
            let is_unmarked = entry.state == State::Stored && entry.sent.as_ref() != Some(&session.generation);
            let is_waiting = matches!(entry.state, State::Putting | State::Renewing | State::Unkeyed);
            if is_waiting || !Self::is_within(session, head, entry) {
                break;
            }
            lane.marked = behind(order);
            if is_unmarked && let Some(entry) = self.entries.get_mut(&message) {
                entry.state = State::Marking(session.generation.clone());
                let change = StoreChange::Sent { key: entry.key.clone(), generation: session.generation.clone() };
                let effect = Effect::Sent(message, session.generation.clone());
                steps.push(Step { changes: vec![change], effect });
            }
        }
        steps
    }

    /// What may be written next in a namespace. Gives it once.
    pub(in crate::manager) fn next_write(&mut self, namespace: &Namespace, now: Timestamp) -> Option<Write> {
        let session = self.sessions.get(namespace)?;
        let lane = self.lanes.get_mut(namespace)?;
        if lane.hold_until.is_some_and(|until| now < until) {
            return None;
        }
        let (_, head) = lane.head()?;
        let (order, message) = lane.at(lane.cursor)?;
        let (head, entry) = self.entries.get(&head).zip(self.entries.get(&message))?;
        if !Self::is_within(session, head, entry) {
            return None;
        }
        // One whose end is being committed holds those behind it, as one that is being taken in does: were the process
        // killed now, it would come again when they have run, and be too late.
        let is_ready = entry.state == State::Stored && entry.sent.as_ref() == Some(&session.generation);
        let is_early = is_taken_out(Mutation::PersistenceBeforeAccept) && entry.state == State::Putting;
        (is_ready || is_early).then(|| {
            lane.cursor = behind(order);
            Self::write(session, head, message, entry)
        })
    }

    fn write(session: &Session, head: &Entry, message: MessageId, entry: &Entry) -> Write {
        let marker = session.generation.is_some().then(|| Marker {
            id: entry.key.id,
            lowest: head.key.id,
            class: Class::Durable,
            instance: (session.instance.as_ref() != Some(&entry.key.instance)).then(|| entry.key.instance.clone()),
        });
        Write { message, event: entry.event.clone(), payload: entry.payload.clone(), marker }
    }

    /// It was written, and this packet asks for its acknowledgement.
    pub(in crate::manager) fn written(&mut self, message: MessageId, id: AckId, deadline: Timestamp) {
        let Some(entry) = self.entries.get_mut(&message) else { return };
        entry.is_written = true;
        if let Some(old) = entry.asked(id) {
            self.by_ack.remove(&old);
        }
        self.by_ack.insert(id, message);
        if let Some(lane) = self.lanes.get_mut(&entry.key.namespace) {
            lane.deadline.get_or_insert(deadline);
        }
    }

    /// The message that a packet's acknowledgement is about, and whether it was written again since then.
    pub(in crate::manager) fn acknowledged(
        &mut self,
        namespace: &Namespace,
        id: AckId,
        deadline: Timestamp,
    ) -> Option<(MessageId, bool)> {
        let message = *self.by_ack.get(&id)?;
        let entry = self.entries.get(&message).filter(|entry| entry.key.namespace == *namespace)?;
        if let Some(lane) = self.lanes.get_mut(namespace) {
            lane.deadline = Some(deadline);
        }
        Some((message, entry.acks.last() != Some(&id)))
    }

    /// The server wants this message, and those behind it, again from that time on.
    pub(in crate::manager) fn retry(&mut self, message: MessageId, at: Timestamp) {
        let Some(entry) = self.entries.get(&message) else { return };
        if let Some(lane) = self.lanes.get_mut(&entry.key.namespace) {
            lane.hold_until = Some(lane.hold_until.map_or(at, |before| before.max(at)));
            lane.cursor = lane.cursor.min(entry.order);
        }
    }

    /// Takes out what is due: lanes that may go on, and the heads of those whose answer is overdue, to be written again.
    pub(in crate::manager) fn pop_due(&mut self, now: Timestamp, timeout: Duration) -> Vec<(Namespace, Write)> {
        let mut overdue = Vec::new();
        if now < self.held_until {
            return overdue;
        }
        for (namespace, lane) in self.lanes.iter_mut() {
            lane.hold_until.take_if(|until| *until <= now);
            if lane.deadline.take_if(|deadline| *deadline <= now).is_none() {
                continue;
            }
            let Some(session) = self.sessions.get(namespace) else { continue };
            let Some((_, message)) = lane.head().filter(|(order, _)| *order < lane.cursor) else { continue };
            lane.deadline = Some(now + timeout);
            let Some(entry) = self.entries.get(&message).filter(|entry| !entry.is_ending()) else { continue };
            if entry.state == State::Stored && lane.hold_until.is_none() {
                overdue.push((namespace.clone(), Self::write(session, entry, message, entry)));
            }
        }
        overdue
    }
}
