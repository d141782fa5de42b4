use std::{collections::VecDeque, mem, time::Duration};

use bytestring::ByteString;

use crate::{
    manager::{
        event::DeliveryStatus,
        ids::{MessageId, StoreTicket},
        store::StoreChange,
    },
    socketio::Namespace,
    time::Timestamp,
};

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LAST_DELAY: Duration = Duration::from_secs(30);

/// Changes that belong together, and what follows when they are committed.
#[derive(Debug)]
pub(in crate::manager) struct Step {
    pub(in crate::manager) changes: Vec<StoreChange>,
    pub(in crate::manager) effect: Effect,
}

/// What a commit has done.
#[derive(Debug)]
pub(in crate::manager) enum Effect {
    /// The message is accepted. Alone among all it is given up when the commit fails.
    Put(MessageId),
    /// It may be written under this generation.
    Sent(MessageId, Option<ByteString>),
    /// It has its new key.
    Renewed(MessageId),
    /// It has ended.
    Ended(MessageId, DeliveryStatus),
    /// A position of this namespace is kept.
    Position(Namespace),
}

impl Step {
    fn is_put(&self) -> bool {
        matches!(self.effect, Effect::Put(_))
    }
}

/// What the store has been asked for, and not answered.
#[derive(Debug)]
pub(in crate::manager) enum Work {
    Open(ByteString),
    Commit(Vec<Step>),
}

/// How the store stands to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outbox {
    /// There is no user.
    Unwanted,
    /// It is to be opened once the changes of the user before are through.
    Wanted,
    Opening,
    Open,
}

/// What is due for the store.
#[derive(Debug)]
pub(in crate::manager) enum Due {
    Open,
    Commit(Vec<StoreChange>),
}

/// The order in which the store gets its work: one request at a time, with all changes that have gathered meanwhile.
///
/// There are a few changes for each message at most, so the caps of the messages bound them.
#[derive(Debug)]
pub(in crate::manager) struct Commits {
    outbox: Outbox,
    outstanding: Option<(StoreTicket, Work)>,
    pending: VecDeque<Step>,
    /// What a failed commit left undone. No change of a message that is stored overtakes these.
    retrying: Vec<Step>,
    /// What goes out next.
    taken: Vec<Step>,
    failures: u32,
    retry_at: Option<Timestamp>,
}

impl Commits {
    pub(in crate::manager) fn new() -> Self {
        Self {
            outbox: Outbox::Unwanted,
            outstanding: None,
            pending: VecDeque::new(),
            retrying: Vec::new(),
            taken: Vec::new(),
            failures: 0,
            retry_at: None,
        }
    }

    pub(in crate::manager) fn push(&mut self, step: Step) {
        if let Effect::Position(namespace) = &step.effect {
            // The last one counts.
            self.pending.retain(|other| !matches!(&other.effect, Effect::Position(before) if before == namespace));
        }
        self.pending.push_back(step);
    }

    /// Takes back a message that no commit has begun to take in. False if there is none.
    pub(in crate::manager) fn withdraw(&mut self, message: MessageId) -> bool {
        let before = self.pending.len();
        self.pending.retain(|step| !matches!(step.effect, Effect::Put(other) if other == message));
        self.pending.len() < before
    }

    /// What is gathered, being done, or to be done again.
    pub(in crate::manager) fn len(&self) -> usize {
        let asked = match &self.outstanding {
            Some((_, Work::Commit(steps))) => steps.len(),
            Some((_, Work::Open(_))) | None => 0,
        };
        self.pending.len() + self.retrying.len() + self.taken.len() + asked
    }

    pub(in crate::manager) fn is_open(&self) -> bool {
        self.outbox == Outbox::Open
    }

    /// Another user's outbox is wanted. What is gathered for the one before is committed first, once.
    pub(in crate::manager) fn want_open(&mut self) {
        self.outbox = Outbox::Wanted;
        let retrying = mem::take(&mut self.retrying);
        for step in retrying.into_iter().rev() {
            self.pending.push_front(step);
        }
        self.pending.retain(|step| !matches!(step.effect, Effect::Sent(..)));
        self.failures = 0;
        self.retry_at = None;
    }

    /// What to ask the store for now. [`begin`](Self::begin) has to follow.
    pub(in crate::manager) fn due(&mut self, now: Timestamp) -> Option<Due> {
        if self.outstanding.is_some() {
            return None;
        }
        let is_waiting = self.retry_at.is_some_and(|at| now < at);
        self.taken = match self.outbox {
            Outbox::Wanted if self.pending.is_empty() => return (!is_waiting).then_some(Due::Open),
            Outbox::Open | Outbox::Wanted if self.retrying.is_empty() => self.pending.drain(..).collect(),
            Outbox::Open if !is_waiting => mem::take(&mut self.retrying),
            Outbox::Open => {
                let (puts, others) = mem::take(&mut self.pending).into_iter().partition(Step::is_put);
                self.pending = others;
                Vec::from_iter::<VecDeque<_>>(puts)
            }
            Outbox::Unwanted | Outbox::Wanted | Outbox::Opening => return None,
        };
        let changes: Vec<_> = self.taken.iter().flat_map(|step| step.changes.iter().cloned()).collect();
        (!changes.is_empty()).then_some(Due::Commit(changes))
    }

    /// The store was asked for what was due.
    pub(in crate::manager) fn begin_commit(&mut self, ticket: StoreTicket) {
        self.outstanding = Some((ticket, Work::Commit(mem::take(&mut self.taken))));
    }

    pub(in crate::manager) fn begin_open(&mut self, ticket: StoreTicket, instance: ByteString) {
        self.outbox = Outbox::Opening;
        self.retry_at = None;
        self.outstanding = Some((ticket, Work::Open(instance)));
    }

    /// The work that the store reports on; `None` if it was not asked for.
    pub(in crate::manager) fn finish(&mut self, ticket: StoreTicket) -> Option<Work> {
        self.outstanding.take_if(|(asked, _)| *asked == ticket).map(|(_, work)| work)
    }

    /// The outbox is open, if it is still wanted.
    pub(in crate::manager) fn opened(&mut self) -> bool {
        let is_wanted = self.outbox == Outbox::Opening;
        if is_wanted {
            self.outbox = Outbox::Open;
            self.succeeded();
        }
        is_wanted
    }

    /// The outbox could not be opened: it is tried again. False if it is not wanted any more.
    pub(in crate::manager) fn open_failed(&mut self, now: Timestamp) -> bool {
        let is_wanted = self.outbox == Outbox::Opening;
        if is_wanted {
            self.outbox = Outbox::Wanted;
            self.back_off(now);
        }
        is_wanted
    }

    pub(in crate::manager) fn succeeded(&mut self) {
        self.failures = 0;
        self.retry_at = None;
    }

    /// A commit failed: what can't be given up is tried again. Gives the rest.
    pub(in crate::manager) fn commit_failed(&mut self, steps: Vec<Step>, now: Timestamp) -> Vec<Step> {
        let (lost, again): (Vec<_>, Vec<_>) = steps.into_iter().partition(Step::is_put);
        if self.outbox != Outbox::Open {
            // Its outbox is closed.
            return lost.into_iter().chain(again).collect();
        }
        if !again.is_empty() {
            self.retrying.splice(0..0, again);
            self.back_off(now);
        }
        lost
    }

    fn back_off(&mut self, now: Timestamp) {
        let delay = FIRST_DELAY.saturating_mul(1 << self.failures.min(5)).min(LAST_DELAY);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + delay);
    }

    pub(in crate::manager) fn next_due(&self) -> Option<Timestamp> {
        self.retry_at.filter(|_| self.outstanding.is_none())
    }
}
