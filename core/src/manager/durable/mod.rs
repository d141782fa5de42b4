//! Durable messages: what the store holds, mirrored in memory, in the order in which it is sent
//! (`docs/protocol.md`, "Durable").

mod commits;
mod entry;
mod lane;

pub(super) use commits::{Commits, Due, Effect, Step, Work};
pub(super) use entry::{Entry, State};
use lane::Lane;
pub(super) use lane::{Session, Write};

use bytestring::ByteString;

use super::{
    config::DurableConfig,
    ids::{InstanceSource, MessageId},
    outbox::Full,
    store::{MessageKey, StoreChange, StoredMessage},
};
use crate::{
    socketio::{AckId, Namespace},
    sorted::{SortedMap, SortedSet, sort_by},
    time::Timestamp,
};

/// Of so many namespaces the last id is remembered.
const COUNTED_NAMESPACES: usize = 1024;

/// The durable messages of one user.
#[derive(Debug)]
pub(super) struct Durable {
    config: DurableConfig,
    /// Of the open outbox.
    instance: Option<ByteString>,
    entries: SortedMap<MessageId, Entry>,
    /// Only namespaces with messages that have a key.
    lanes: SortedMap<Namespace, Lane>,
    /// Of the namespaces that are joined.
    sessions: SortedMap<Namespace, Session>,
    /// Wait for the outbox to open.
    unkeyed: SortedSet<MessageId>,
    expiry: SortedSet<(Timestamp, MessageId)>,
    by_ack: SortedMap<AckId, MessageId>,
    counts: SortedMap<Namespace, Count>,
    /// No id up to this one is given out any more.
    spent: u64,
    orders: u64,
    bytes: usize,
    /// No deadline counts before this time.
    held_until: Timestamp,
}

/// The ids that are given out in one namespace.
#[derive(Debug)]
struct Count {
    instance: ByteString,
    last: u64,
}

/// How a message that ends stands to the store.
#[derive(Debug)]
pub(super) enum Ending {
    /// It was never in it, and is gone.
    Unstored,
    /// It has to be removed.
    Stored(MessageKey),
}

impl Durable {
    pub(super) fn new(config: DurableConfig) -> Self {
        Self {
            config,
            instance: None,
            entries: SortedMap::new(),
            lanes: SortedMap::new(),
            sessions: SortedMap::new(),
            unkeyed: SortedSet::default(),
            expiry: SortedSet::default(),
            by_ack: SortedMap::new(),
            counts: SortedMap::new(),
            spent: 0,
            orders: 0,
            bytes: 0,
            held_until: Timestamp::ZERO,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, message: MessageId) -> Option<&Entry> {
        self.entries.get(&message)
    }

    /// Those that have not ended, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MessageId, &Entry)> {
        let alive = self.entries.iter().filter(|(_, entry)| !entry.is_ending());
        alive.map(|(message, entry)| (*message, entry))
    }

    /// Takes a new message in, which waits for its key.
    pub(super) fn push(&mut self, message: MessageId, entry: Entry) -> Result<(), Full> {
        let bytes = self.bytes.saturating_add(entry.bytes());
        if self.entries.len() >= self.config.max_messages || bytes > self.config.max_bytes {
            return Err(Full);
        }
        self.unkeyed.insert(message);
        self.insert(message, entry);
        Ok(())
    }

    fn insert(&mut self, message: MessageId, entry: Entry) {
        self.bytes += entry.bytes();
        self.expiry.insert((entry.expires_at, message));
        self.entries.insert(message, entry);
    }

    /// The outbox is open.
    pub(super) fn open(&mut self, instance: ByteString) {
        self.counts.clear();
        self.spent = 0;
        self.instance = Some(instance);
    }

    /// Gives the next message that waits for it its key. The change is to be committed.
    pub(super) fn give_key(&mut self) -> Option<Step> {
        let instance = self.instance.clone()?;
        let message = *self.unkeyed.first()?;
        self.unkeyed.remove(&message);
        let namespace = self.entries.get(&message)?.key.namespace.clone();
        let key = self.next_key(&namespace, instance);
        let order = self.next_order(true);
        let entry = self.entries.get_mut(&message)?;
        entry.key = key;
        entry.order = order;
        entry.state = State::Putting;
        let put = StoreChange::Put(entry.stored());
        self.lanes.or_default(namespace).insert(order, message);
        Some(Step { changes: vec![put], effect: Effect::Put(message) })
    }

    fn next_key(&mut self, namespace: &Namespace, instance: ByteString) -> MessageKey {
        if !self.counts.contains_key(namespace) && self.counts.len() >= COUNTED_NAMESPACES {
            let last = self.counts.values().map(|count| count.last).max();
            self.spent = self.spent.max(last.unwrap_or(0));
            self.counts.clear();
        }
        let spent = self.spent;
        if !self.counts.contains_key(namespace) {
            self.counts.insert(namespace.clone(), Count { instance: instance.clone(), last: spent });
        }
        let (instance, id) = match self.counts.get_mut(namespace) {
            Some(count) => {
                count.last += 1;
                (count.instance.clone(), count.last)
            }
            None => (instance, spent + 1),
        };
        MessageKey { instance, namespace: namespace.clone(), id }
    }

    fn next_order(&mut self, is_own: bool) -> (bool, u64) {
        self.orders += 1;
        (is_own, self.orders)
    }

    /// The keys that are in use, in their order.
    pub(super) fn keys(&self) -> Vec<MessageKey> {
        let mut keys: Vec<_> = self.entries.values().map(|entry| entry.key.clone()).collect();
        sort_by(&mut keys, Ord::cmp);
        keys
    }

    /// Takes over a message of a former owner. One that was sent keeps its key; another gets one of this instance, and the
    /// change is to be committed.
    pub(super) fn restore(&mut self, message: MessageId, stored: StoredMessage, expires_at: Timestamp) -> Option<Step> {
        let instance = self.instance.clone()?;
        let is_sent = stored.sent.is_some();
        let namespace = stored.key.namespace.clone();
        let old = stored.key.clone();
        let order = self.next_order(!is_sent);
        let mut entry = Entry::restored(stored, order, expires_at);
        let mut step = None;
        if !is_sent {
            entry.key = self.next_key(&namespace, instance);
            entry.state = State::Renewing;
            let changes = vec![StoreChange::Remove { key: old }, StoreChange::Put(entry.stored())];
            step = Some(Step { changes, effect: Effect::Renewed(message) });
        }
        self.insert(message, entry);
        self.lanes.or_default(namespace).insert(order, message);
        step
    }

    /// Gives a message whose id belongs to another one a new key, and with it those of its namespace that have never been
    /// written. The changes are to be committed together.
    pub(super) fn renew(&mut self, message: MessageId, instances: &mut InstanceSource) -> Vec<Step> {
        let Some((namespace, first)) =
            self.entries.get(&message).map(|entry| (entry.key.namespace.clone(), entry.order))
        else {
            return Vec::new();
        };
        let instance = instances.next();
        self.counts.insert(namespace.clone(), Count { instance: instance.clone(), last: 0 });
        let Some(lane) = self.lanes.get_mut(&namespace) else { return Vec::new() };
        lane.rewind(first);
        let messages: Vec<_> = lane.from(first).collect();
        let mut steps = Vec::new();
        for other in messages {
            let is_renewable =
                |entry: &Entry| entry.is_stored() && (other == message || !entry.is_written && entry.order.0);
            if !self.entries.get(&other).is_some_and(is_renewable) {
                continue;
            }
            let key = self.next_key(&namespace, instance.clone());
            let Some(entry) = self.entries.get_mut(&other) else { continue };
            let old = std::mem::replace(&mut entry.key, key);
            entry.state = State::Renewing;
            entry.sent = None;
            entry.is_written = false;
            for id in std::mem::take(&mut entry.acks) {
                self.by_ack.remove(&id);
            }
            let changes = vec![StoreChange::Remove { key: old }, StoreChange::Put(entry.stored())];
            steps.push(Step { changes, effect: Effect::Renewed(other) });
        }
        steps
    }

    /// Ends a message. `None` if it is unknown, or has ended.
    pub(super) fn end(&mut self, message: MessageId, commits: &mut Commits) -> Option<Ending> {
        let entry = self.entries.get_mut(&message).filter(|entry| !entry.is_ending())?;
        let is_unstored = match entry.state {
            State::Unkeyed => true,
            State::Putting => commits.withdraw(message),
            _ => false,
        };
        if is_unstored {
            self.remove(message);
            return Some(Ending::Unstored);
        }
        self.expiry.remove(&(entry.expires_at, message));
        self.bytes -= entry.bytes();
        for id in std::mem::take(&mut entry.acks) {
            self.by_ack.remove(&id);
        }
        entry.state = State::Ending;
        // Nobody asks for it any more, and it may be large.
        entry.payload = crate::socketio::Payload::empty();
        Some(Ending::Stored(entry.key.clone()))
    }

    /// Forgets a message. Its lane goes on behind it.
    pub(super) fn remove(&mut self, message: MessageId) {
        let Some(entry) = self.entries.remove(&message) else { return };
        self.unkeyed.remove(&message);
        if !entry.is_ending() {
            self.expiry.remove(&(entry.expires_at, message));
            self.bytes -= entry.bytes();
        }
        for id in &entry.acks {
            self.by_ack.remove(id);
        }
        if let Some(lane) = self.lanes.get_mut(&entry.key.namespace) {
            lane.remove(entry.order);
            if lane.is_empty() {
                self.lanes.remove(&entry.key.namespace);
            }
        }
    }

    /// The first whose time is over.
    pub(super) fn first_expired(&self, now: Timestamp) -> Option<MessageId> {
        self.expiry.first().filter(|(at, _)| *at <= now).map(|(_, message)| *message)
    }

    /// Whether there is more than the caps allow, by what former owners left.
    pub(super) fn is_over(&self) -> bool {
        self.entries.len() > self.config.max_messages || self.bytes > self.config.max_bytes
    }

    /// Those that are not in the store, oldest first.
    pub(super) fn unaccepted(&self) -> Vec<MessageId> {
        self.entries.iter().filter(|(_, entry)| !entry.is_accepted()).map(|(message, _)| *message).collect()
    }

    // What commits have done.

    /// It is accepted. False if it has ended meanwhile.
    pub(super) fn put(&mut self, message: MessageId) -> bool {
        self.change(message, |entry| matches!(entry.state, State::Putting), |_| {})
    }

    pub(super) fn renewed(&mut self, message: MessageId) {
        self.change(message, |entry| matches!(entry.state, State::Renewing), |_| {});
    }

    /// It may be written under this generation.
    pub(super) fn marked(&mut self, message: MessageId, generation: &Option<ByteString>) {
        let is_it = |entry: &Entry| matches!(&entry.state, State::Marking(asked) if asked == generation);
        if !self.change(message, is_it, |entry| entry.sent = Some(generation.clone())) {
            return;
        }
        let Some(entry) = self.entries.get(&message) else { return };
        let session = self.sessions.get(&entry.key.namespace);
        if session.is_some_and(|session| entry.sent.as_ref() != Some(&session.generation))
            && let Some(lane) = self.lanes.get_mut(&entry.key.namespace)
        {
            // It has to be marked anew.
            lane.rewind(entry.order);
        }
    }

    fn change(&mut self, message: MessageId, is_it: impl Fn(&Entry) -> bool, apply: impl FnOnce(&mut Entry)) -> bool {
        let Some(entry) = self.entries.get_mut(&message).filter(|entry| is_it(entry)) else { return false };
        entry.state = State::Stored;
        apply(entry);
        true
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let lanes = self.lanes.values().filter_map(Lane::next_due);
        let expiry = self.expiry.first().map(|(at, _)| *at);
        lanes.map(|at| at.max(self.held_until)).chain(expiry).min()
    }

    /// Lets no answer be overdue before this time.
    pub(super) fn hold(&mut self, until: Timestamp) {
        self.held_until = self.held_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_unused_however_many_namespaces_are_counted() {
        let mut durable = Durable::new(DurableConfig::default());
        durable.open("A".into());
        let name = |index: usize| Namespace::try_new(&index.to_string()).unwrap();
        for _ in 0..3 {
            durable.next_key(&name(0), "A".into());
        }
        for index in 1..COUNTED_NAMESPACES {
            assert_eq!(durable.next_key(&name(index), "A".into()).id, 1);
        }
        assert_eq!(durable.counts.len(), COUNTED_NAMESPACES);
        assert_eq!(durable.next_key(&name(COUNTED_NAMESPACES), "A".into()).id, 4, "what was forgotten is spent");
        assert_eq!(durable.next_key(&name(0), "A".into()).id, 4);
        assert!(durable.counts.len() <= COUNTED_NAMESPACES);
    }
}
