use bytestring::ByteString;

use super::{
    ids::{InstanceSource, MessageId},
    outbox::Waiting,
};
use crate::{
    mutation::{Mutation, is_taken_out},
    socketio::{
        Namespace,
        delivery::{Class, Grant, Marker},
    },
    sorted::{SortedMap, sort_by},
};

/// Messages that ended without anybody knowing whether the server has them.
pub(super) type Unknown = Vec<(MessageId, Waiting)>;

/// The server acknowledged what it was not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotSent;

/// The buffered messages that were written with a marker, and are kept until the server has them
/// (`docs/protocol.md`, "Buffered").
///
/// A message is kept until the server has confirmed it, and as long as its acknowledgement is awaited: after a loss the
/// repeat of it brings the acknowledgement that was lost.
#[derive(Debug)]
pub(super) struct Kept {
    /// Of the user.
    instance: ByteString,
    /// Namespaces have been left under this instance: their ids must not start anew.
    is_spent: bool,
    /// The instance has named an outbox.
    is_named: bool,
    lanes: SortedMap<Namespace, Lane>,
    len: usize,
    bytes: usize,
}

/// What is kept for one namespace: only for those that are wanted.
#[derive(Debug)]
struct Lane {
    /// Under which the namespace was asked for last.
    instance: ByteString,
    /// Under which it was asked for in the session at hand.
    asked: ByteString,
    /// Of the ledger in which the ids count.
    generation: Option<ByteString>,
    /// Whether the session at hand granted that ledger.
    is_granted: bool,
    /// The id that was given last.
    last: u64,
    /// The server has all ids up to this one.
    confirmed: u64,
    /// No id from this one on has been written in the session at hand.
    unwritten: u64,
    messages: SortedMap<(u64, MessageId), Waiting>,
}

impl Lane {
    fn new(instance: ByteString) -> Self {
        Self {
            asked: instance.clone(),
            instance,
            generation: None,
            is_granted: false,
            last: 0,
            confirmed: 0,
            unwritten: 1,
            messages: SortedMap::new(),
        }
    }

    fn lowest(&self) -> u64 {
        self.messages.first().map_or(self.last + 1, |((id, _), _)| *id)
    }

    /// What is to be written again next.
    fn next_unwritten(&self) -> Option<(u64, MessageId)> {
        self.messages.first_from(|(id, _)| id.cmp(&self.unwritten)).map(|(key, _)| *key)
    }

    /// Ids and messages increase together.
    fn id_of(&self, message: MessageId) -> Option<u64> {
        let ((id, found), _) = self.messages.first_from(|(_, other)| other.cmp(&message))?;
        (*found == message).then_some(*id)
    }

    /// Whether the oldest waits for its acknowledgement only.
    fn is_releasable(&self) -> bool {
        self.messages.first().is_some_and(|((id, _), _)| *id <= self.confirmed)
    }

    fn is_window_open(&self) -> bool {
        self.last + 1 < self.lowest() + Class::Buffered.window()
    }
}

impl Kept {
    pub(super) fn new(instance: ByteString) -> Self {
        Self { instance, is_spent: false, is_named: false, lanes: SortedMap::new(), len: 0, bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many are kept for the namespace that has most.
    pub(super) fn most(&self) -> usize {
        self.lanes.values().map(|lane| lane.messages.len()).max().unwrap_or(0)
    }

    /// The instance under which a namespace is asked for.
    pub(super) fn instance(&mut self, namespace: &Namespace, instances: &mut InstanceSource) -> ByteString {
        if let Some(lane) = self.lanes.get_mut(namespace) {
            lane.asked = lane.instance.clone();
            return lane.asked.clone();
        }
        let instance = if self.is_spent { instances.next() } else { self.instance.clone() };
        self.lanes.insert(namespace.clone(), Lane::new(instance.clone()));
        instance
    }

    /// The user's instance as the name of an outbox, which has to be new: given once.
    pub(super) fn take_name(&mut self) -> Option<ByteString> {
        let is_new = !std::mem::replace(&mut self.is_named, true);
        is_new.then(|| self.instance.clone())
    }

    /// The instance under which a namespace was asked for last.
    pub(super) fn asked(&self, namespace: &Namespace) -> Option<&ByteString> {
        self.lanes.get(namespace).map(|lane| &lane.asked)
    }

    /// The server's answer to CONNECT. Gives what it can't be asked for any more.
    pub(super) fn joined(
        &mut self,
        namespace: &Namespace,
        grant: Option<&Grant>,
        instances: &mut InstanceSource,
    ) -> Unknown {
        let Some(lane) = self.lanes.get_mut(namespace) else { return Unknown::new() };
        let granted = grant.and_then(|grant| grant.buffered.clone());
        lane.is_granted = granted.is_some();
        if granted.is_some() && (granted == lane.generation || is_taken_out(Mutation::GenerationCheck)) {
            lane.generation = granted;
            lane.unwritten = lane.lowest();
            return Unknown::new();
        }
        if granted.is_none() {
            return self.abandon(namespace, instances);
        }
        // Another ledger knows none of the ids.
        let unknown = Self::drained(lane, &mut self.len, &mut self.bytes);
        *lane = Lane { generation: granted, is_granted: true, ..Lane::new(lane.instance.clone()) };
        unknown
    }

    /// Gives up what is kept for a namespace. The server may lack some of it, so its ids start anew with another instance.
    pub(super) fn abandon(&mut self, namespace: &Namespace, instances: &mut InstanceSource) -> Unknown {
        let Some(lane) = self.lanes.get_mut(namespace) else { return Unknown::new() };
        lane.is_granted = false;
        let unknown = Self::drained(lane, &mut self.len, &mut self.bytes);
        if !unknown.is_empty() {
            *lane = Lane { asked: lane.asked.clone(), ..Lane::new(instances.next()) };
        }
        unknown
    }

    /// As [`abandon`](Self::abandon), for all namespaces. Oldest first.
    pub(super) fn abandon_all(&mut self, instances: &mut InstanceSource) -> Unknown {
        let namespaces: Vec<_> = self.lanes.iter().map(|(namespace, _)| namespace.clone()).collect();
        let mut unknown: Unknown = namespaces.iter().flat_map(|namespace| self.abandon(namespace, instances)).collect();
        sort_by(&mut unknown, |one, other| one.0.cmp(&other.0));
        unknown
    }

    /// The namespace is not wanted any more.
    pub(super) fn forget(&mut self, namespace: &Namespace) -> Unknown {
        let Some(mut lane) = self.lanes.remove(namespace) else { return Unknown::new() };
        self.is_spent = true;
        Self::drained(&mut lane, &mut self.len, &mut self.bytes)
    }

    fn drained(lane: &mut Lane, len: &mut usize, bytes: &mut usize) -> Unknown {
        let messages = std::mem::take(&mut lane.messages).into_entries();
        let unknown: Unknown = messages.map(|((_, message), waiting)| (message, waiting)).collect();
        *len -= unknown.len();
        *bytes -= unknown.iter().map(|(_, waiting)| waiting.bytes()).sum::<usize>();
        unknown
    }

    /// Whether the session at hand deduplicates the buffered events of a namespace.
    pub(super) fn is_granted(&self, namespace: &Namespace) -> bool {
        self.lanes.get(namespace).is_some_and(|lane| lane.is_granted)
    }

    /// Whether a new event may be written to a namespace: all that is kept was written in this session, and the window
    /// has room.
    pub(super) fn is_ready(&self, namespace: &Namespace) -> bool {
        self.lanes
            .get(namespace)
            .is_none_or(|lane| !lane.is_granted || (lane.next_unwritten().is_none() && lane.is_window_open()))
    }

    /// As [`is_ready`](Self::is_ready), or once the oldest is [released](Self::release).
    pub(super) fn may_be_ready(&self, namespace: &Namespace) -> bool {
        self.is_ready(namespace)
            || self.lanes.get(namespace).is_some_and(|lane| lane.next_unwritten().is_none() && lane.is_releasable())
    }

    /// What is to be written again, the next of each namespace.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = (&Namespace, MessageId)> {
        let granted = self.lanes.iter().filter(|(_, lane)| lane.is_granted);
        granted.filter_map(|(namespace, lane)| Some((namespace, lane.next_unwritten()?.1)))
    }

    /// The next to be written again, with its marker. Gives it once.
    pub(super) fn rewrite(&mut self, namespace: &Namespace) -> Option<(MessageId, &Waiting, Marker)> {
        let lane = self.lanes.get_mut(namespace)?;
        let (id, message) = lane.next_unwritten()?;
        lane.unwritten = id + 1;
        let marker = Marker { id, lowest: lane.lowest(), class: Class::Buffered, instance: None };
        Some((message, lane.messages.get(&(id, message))?, marker))
    }

    /// The marker of the next new event, if the session at hand wants one.
    pub(super) fn next_marker(&self, namespace: &Namespace) -> Option<Marker> {
        let lane = self.lanes.get(namespace).filter(|lane| lane.is_granted)?;
        Some(Marker { id: lane.last + 1, lowest: lane.lowest(), class: Class::Buffered, instance: None })
    }

    /// Keeps what was written with that marker.
    pub(super) fn push(&mut self, message: MessageId, waiting: Waiting) {
        let Some(lane) = self.lanes.get_mut(&waiting.namespace) else { return };
        lane.last += 1;
        lane.unwritten = lane.last + 1;
        self.len += 1;
        self.bytes += waiting.bytes();
        lane.messages.insert((lane.last, message), waiting);
    }

    /// The server has all ids up to this one.
    pub(super) fn confirm(&mut self, namespace: &Namespace, id: u64) -> Result<(), NotSent> {
        let lane = self.lanes.get_mut(namespace).filter(|lane| lane.is_granted).ok_or(NotSent)?;
        if id > lane.last {
            return Err(NotSent);
        }
        if id <= lane.confirmed {
            return Ok(());
        }
        lane.confirmed = id;
        let (len, bytes) = (&mut self.len, &mut self.bytes);
        lane.messages.retain(|(other, _), waiting| {
            let stays = *other > id || waiting.awaits_ack;
            if !stays {
                *len -= 1;
                *bytes -= waiting.bytes();
            }
            stays
        });
        Ok(())
    }

    /// Its own acknowledgement came: the server has it.
    pub(super) fn acknowledged(&mut self, message: MessageId) {
        self.take(message, |_, _| true);
    }

    /// Nobody waits for its acknowledgement any more.
    pub(super) fn stop_waiting(&mut self, message: MessageId) {
        self.take(message, |id, confirmed| id <= confirmed);
    }

    /// Whether it will be written again after a loss.
    pub(super) fn contains(&self, message: MessageId) -> bool {
        self.lanes.values().any(|lane| lane.id_of(message).is_some())
    }

    /// Forgets the oldest that the server has, and that waits only for its acknowledgement, in a namespace or in all.
    /// False if there is none.
    pub(super) fn release(&mut self, namespace: Option<&Namespace>) -> bool {
        let lanes = self.lanes.iter().filter(|(name, _)| namespace.is_none_or(|wanted| *name == wanted));
        let oldest = lanes.filter_map(|(_, lane)| {
            let ((_, message), _) = lane.messages.first()?;
            lane.is_releasable().then_some(*message)
        });
        let Some(message) = oldest.min() else { return false };
        self.acknowledged(message);
        true
    }

    /// Takes a message out if this says so of its id and of the id up to which the server has all.
    fn take(&mut self, message: MessageId, takes: impl Fn(u64, u64) -> bool) {
        for lane in self.lanes.values_mut() {
            let Some(id) = lane.id_of(message) else { continue };
            if takes(id, lane.confirmed) {
                if let Some(waiting) = lane.messages.remove(&(id, message)) {
                    self.len -= 1;
                    self.bytes -= waiting.bytes();
                }
            } else if let Some(waiting) = lane.messages.get_mut(&(id, message)) {
                waiting.awaits_ack = false;
            }
            return;
        }
    }
}
