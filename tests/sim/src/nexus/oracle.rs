//! The model of delivery: what applications said and saw, and the rules of `docs/protocol.md` in their simplest form. It
//! knows nothing of managers, sessions, ledgers and logs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use nexus_core::{
    manager::{Continuity, Delivery, DeliveryStatus, DropReason, MessageId},
    socketio::{Namespace, Sid},
};

use super::{downlink::For, server::INBOX};

type Lane = (usize, Namespace, Delivery);

/// What an application knows of one of its emits.
#[derive(Debug, Default)]
struct Emitted {
    /// The client's process in which it was emitted.
    life: u64,
    /// Durable: the store had it. Others: the manager took it.
    accepted: bool,
    /// How it ended, in the process that is named by the number.
    ended: Option<(u64, &'static str)>,
    /// Times that the server's application saw it, or its effect was committed.
    effects: u32,
    /// It never had an effect by what the client was told.
    must_not_run: bool,
    rejected_by_server: bool,
}

#[derive(Debug, Default)]
struct Uplink {
    last_number: u64,
    /// By the client's process for those that are not durable: what a dead one had sent may arrive after its successor's.
    last_effect: BTreeMap<u64, u64>,
    emitted: BTreeMap<u64, Emitted>,
}

/// What one client is to see of one namespace.
#[derive(Debug, Default)]
struct Downlink {
    /// The session that the client knows of.
    heard: Option<Sid>,
    /// For each session that the server has begun: the last number published before.
    begun: BTreeMap<Sid, u64>,
    /// Published for this client since it joined first, and not seen yet.
    pending: BTreeMap<u64, Whom>,
    /// For its user, and not missed if it comes no more.
    optional: BTreeSet<u64>,
    /// Numbers seen in this process, of events for the user.
    seen: BTreeSet<u64>,
    last: u64,
    /// The last one from the inbox that came late.
    last_late: u64,
    volatile_seen: BTreeSet<u64>,
}

/// Whom an event is for, as far as it matters to one that gets it.
#[derive(Debug, PartialEq, Eq)]
enum Whom {
    Everybody,
    User,
    /// Sessions, which may be others than the one that the client has heard of.
    Sockets(BTreeSet<Sid>),
}

impl Downlink {
    /// Whether an event is to come for certain.
    fn is_due(&self, number: u64, whom: &Whom) -> bool {
        !self.is_other(whom) && !self.optional.contains(&number)
    }

    /// Whether it is for other sessions than the one at hand.
    fn is_other(&self, whom: &Whom) -> bool {
        matches!(whom, Whom::Sockets(sids) if self.heard.as_ref().is_none_or(|heard| !sids.contains(heard)))
    }
}

#[derive(Debug, Default)]
struct Published {
    last: u64,
    volatile: BTreeSet<u64>,
    /// By user, everything for that user.
    of_users: BTreeMap<Arc<str>, BTreeSet<u64>>,
    questions: BTreeMap<u64, (usize, bool)>,
    lobby: BTreeSet<Sid>,
    for_lobby: BTreeSet<u64>,
    /// Sessions that the server has ended: the last number before.
    ended: BTreeMap<Sid, u64>,
}

/// What must hold, whatever happens.
#[derive(Debug, Default)]
pub(crate) struct NexusOracle {
    users: Vec<Arc<str>>,
    lives: BTreeMap<usize, u64>,
    uplinks: BTreeMap<Lane, Uplink>,
    downlinks: BTreeMap<(usize, Namespace), Downlink>,
    published: BTreeMap<Namespace, Published>,
    messages: BTreeMap<(usize, MessageId), (Namespace, Delivery, u64)>,
    waiting: BTreeSet<(usize, MessageId)>,
    /// Messages of an earlier process that ended at once.
    nameless: BTreeSet<(usize, MessageId)>,
    /// By client, the first token that was not revoked.
    valid_from: BTreeMap<usize, u64>,
    /// The server has lost its disk at some time.
    ledger_lost: bool,
    capped_delays: Vec<Duration>,
    broken: Option<String>,
}

impl NexusOracle {
    pub(crate) fn new(users: impl IntoIterator<Item = String>) -> Self {
        Self { users: users.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn fail(&mut self, what: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(what);
    }

    fn life(&self, client: usize) -> u64 {
        self.lives.get(&client).copied().unwrap_or_default()
    }

    fn uplink(&mut self, client: usize, namespace: &Namespace, delivery: Delivery) -> &mut Uplink {
        self.uplinks.entry((client, namespace.clone(), delivery)).or_default()
    }

    // ---- processes ----

    pub(crate) fn server_crashed(&mut self, loses_disk: bool) {
        self.ledger_lost |= loses_disk;
        if loses_disk {
            // Inboxes are gone as well: what was in them may never come.
            for downlink in self.downlinks.values_mut() {
                let lost = downlink.pending.iter().filter(|(_, whom)| **whom == Whom::User).map(|(number, _)| *number);
                downlink.optional.extend(lost.collect::<Vec<_>>());
            }
        }
    }

    /// Its application begins anew: it has seen nothing.
    pub(crate) fn client_crashed(&mut self, client: usize) {
        *self.lives.entry(client).or_default() += 1;
        self.downlinks.retain(|(of, _), _| *of != client);
        self.messages.retain(|(of, _), _| *of != client);
        self.waiting.retain(|(of, _)| *of != client);
        self.nameless.retain(|(of, _)| *of != client);
    }

    // ---- client to server ----

    pub(crate) fn next_number(&mut self, client: usize, namespace: &Namespace, delivery: Delivery) -> u64 {
        let uplink = self.uplink(client, namespace, delivery);
        uplink.last_number += 1;
        // The class and the client in the last digits, so that no event can pass for another's.
        uplink.last_number * 100 + client as u64 * 10 + delivery as u64
    }

    pub(crate) fn emitted(
        &mut self,
        client: usize,
        namespace: &Namespace,
        delivery: Delivery,
        number: u64,
        message: MessageId,
        awaits_ack: bool,
    ) {
        let life = self.life(client);
        let accepted = delivery == Delivery::Buffered;
        let emitted = Emitted { life, accepted, ..Emitted::default() };
        self.uplink(client, namespace, delivery).emitted.insert(number, emitted);
        self.messages.insert((client, message), (namespace.clone(), delivery, number));
        if awaits_ack {
            self.waiting.insert((client, message));
        }
    }

    /// The server's application sees a buffered event.
    pub(crate) fn buffered_delivered(&mut self, client: usize, namespace: &Namespace, number: u64) {
        self.ran(client, namespace, Delivery::Buffered, number);
    }

    /// The effect of a durable event is on the server's disk.
    pub(crate) fn effect(&mut self, client: usize, namespace: &Namespace, number: u64) {
        self.ran(client, namespace, Delivery::Durable, number);
    }

    pub(crate) fn rejected_by_server(&mut self, client: usize, namespace: &Namespace, number: u64) {
        if let Some(emitted) = self.uplink(client, namespace, Delivery::Durable).emitted.get_mut(&number) {
            emitted.rejected_by_server = true;
        }
    }

    fn ran(&mut self, client: usize, namespace: &Namespace, delivery: Delivery, number: u64) {
        let uplink = self.uplink(client, namespace, delivery);
        let Some(emitted) = uplink.emitted.get_mut(&number) else {
            return self
                .fail(|| format!("client {client}{namespace}: {delivery:?} {number} ran, and was never emitted"));
        };
        emitted.effects += 1;
        // What was given up after it was sent may still run, and where a dead process had sent it, late.
        // A volatile event that a given-up connection still carries may, too: nothing numbers it.
        let may_be_late = emitted.ended.is_some() || delivery == Delivery::Volatile;
        let lane = if delivery == Delivery::Durable { 0 } else { emitted.life };
        let last = uplink.last_effect.get(&lane).copied().unwrap_or_default();
        uplink.last_effect.insert(lane, last.max(number));
        let (effects, must_not_run) = (emitted.effects, emitted.must_not_run);
        if delivery == Delivery::Durable && !emitted.accepted && emitted.life == self.life(client) {
            return self.fail(|| format!("client {client}{namespace}: {number} ran before it was accepted"));
        }
        if effects > 1 {
            self.fail(|| format!("client {client}{namespace}: {delivery:?} {number} ran twice"));
        } else if must_not_run {
            self.fail(|| {
                format!("client {client}{namespace}: {delivery:?} {number} ran after it was reported as unsent")
            });
        } else if number < last && !may_be_late {
            self.fail(|| format!("client {client}{namespace}: {delivery:?} {number} ran after {last}"));
        }
    }

    pub(crate) fn volatile_delivered(&mut self, client: usize, namespace: &Namespace, number: u64) {
        self.ran(client, namespace, Delivery::Volatile, number);
    }

    pub(crate) fn ack_resolved(&mut self, client: usize, message: MessageId, acked: Option<u64>) {
        if !self.waiting.remove(&(client, message)) {
            self.fail(|| format!("client {client}: the wait of message {message} ended twice, or never began"));
        }
        let expected = self.messages.get(&(client, message)).map(|(_, _, number)| *number);
        if acked.is_some() && acked != expected {
            self.fail(|| format!("client {client}: message {message} got the ack of event {acked:?}"));
        }
    }

    /// A buffered event was dropped by the client.
    pub(crate) fn dropped(&mut self, client: usize, message: MessageId, reason: DropReason) {
        let unknown = reason == DropReason::Unknown;
        self.end(client, message, if unknown { "unknown" } else { "dropped" }, !unknown);
    }

    pub(crate) fn restored(&mut self, client: usize, namespace: &Namespace, number: u64, message: MessageId) {
        let known = (namespace.clone(), Delivery::Durable, number);
        if self.messages.insert((client, message), known).is_some() {
            self.fail(|| format!("client {client}: message id {message} was given twice"));
        }
        // It is in the store, whatever its application heard of it.
        match self.uplink(client, namespace, Delivery::Durable).emitted.get_mut(&number) {
            Some(emitted) => emitted.accepted = true,
            None => self.fail(|| format!("client {client}{namespace}: {number} was restored, and never emitted")),
        }
    }

    /// It ended before anybody could see what it was.
    pub(crate) fn restored_ended(&mut self, client: usize, message: MessageId) {
        self.nameless.insert((client, message));
    }

    pub(crate) fn ended_when_found(&mut self, client: usize, namespace: &Namespace, number: u64) {
        let life = self.life(client);
        if let Some(emitted) = self.uplink(client, namespace, Delivery::Durable).emitted.get_mut(&number) {
            emitted.ended = Some((life, "when it was found"));
        }
    }

    pub(crate) fn delivery(&mut self, client: usize, message: MessageId, status: &DeliveryStatus) {
        if self.nameless.contains(&(client, message)) {
            return;
        }
        let Some((namespace, delivery, number)) = self.messages.get(&(client, message)).cloned() else {
            return self
                .fail(|| format!("client {client}: a status of message {message}, which is unknown: {status:?}"));
        };
        let ledger_lost = self.ledger_lost;
        let Some(emitted) = self.uplink(client, &namespace, delivery).emitted.get_mut(&number) else { return };
        let effects = emitted.effects;
        match status {
            DeliveryStatus::Persisted => emitted.accepted = true,
            DeliveryStatus::Sent if !emitted.accepted => {
                self.fail(|| format!("client {client}{namespace}: {number} was sent before it was accepted"));
            }
            DeliveryStatus::Acked(_) => {
                self.end(client, message, "acked", false);
                if effects == 0 {
                    self.fail(|| format!("client {client}{namespace}: {number} is acked, and has no effect"));
                }
            }
            DeliveryStatus::Expired { sent } => self.end(client, message, "expired", !sent),
            DeliveryStatus::Cancelled { sent } => self.end(client, message, "cancelled", !sent),
            DeliveryStatus::Rejected { .. } => self.end(client, message, "rejected", true),
            DeliveryStatus::Unknown => {
                self.end(client, message, "unknown", false);
                if !ledger_lost {
                    self.fail(|| format!("client {client}{namespace}: {number} is unknown, and no ledger was lost"));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, client: usize, message: MessageId, how: &'static str, must_not_run: bool) {
        let life = self.life(client);
        let Some((namespace, delivery, number)) = self.messages.get(&(client, message)).cloned() else {
            return self.fail(|| format!("client {client}: message {message} ended {how}, and is unknown"));
        };
        let Some(emitted) = self.uplink(client, &namespace, delivery).emitted.get_mut(&number) else { return };
        let before = emitted.ended.replace((life, how));
        emitted.must_not_run |= must_not_run;
        let ran = emitted.effects > 0;
        if let Some((in_life, how_before)) = before
            && in_life == life
        {
            self.fail(|| format!("client {client}{namespace}: {number} ended twice: {how_before}, then {how}"));
        } else if must_not_run && ran {
            self.fail(|| format!("client {client}{namespace}: {delivery:?} {number} ended {how} as unsent, but ran"));
        }
    }

    // ---- server to client ----

    /// Takes the next number of a namespace, for an event that is kept in the log.
    pub(crate) fn published(&mut self, namespace: &Namespace, whom: &For) -> u64 {
        let published = self.published.entry(namespace.clone()).or_default();
        published.last += 1;
        let number = published.last;
        match whom {
            For::User(user) => _ = published.of_users.entry(Arc::clone(user)).or_default().insert(number),
            For::Lobby => _ = published.for_lobby.insert(number),
            For::Everybody | For::Socket(_) => {}
        }
        let lobby = published.lobby.clone();
        let sockets = |downlink: &Downlink, is_meant: &dyn Fn(&Sid) -> bool| {
            let sids: BTreeSet<Sid> = downlink.begun.keys().filter(|sid| is_meant(sid)).cloned().collect();
            (!sids.is_empty()).then_some(Whom::Sockets(sids))
        };
        for ((client, of), downlink) in &mut self.downlinks {
            let user = self.users.get(*client);
            let meant = match whom {
                For::Everybody => Some(Whom::Everybody),
                For::User(wanted) => (user == Some(wanted)).then_some(Whom::User),
                For::Socket(sid) => sockets(downlink, &|begun| begun == sid),
                For::Lobby => sockets(downlink, &|begun| lobby.contains(begun)),
            };
            if let Some(whom) = meant.filter(|_| of == namespace) {
                downlink.pending.insert(number, whom);
            }
        }
        number
    }

    pub(crate) fn published_volatile(&mut self, namespace: &Namespace) -> u64 {
        let published = self.published.entry(namespace.clone()).or_default();
        published.last += 1;
        published.volatile.insert(published.last);
        published.last
    }

    pub(crate) fn question(&mut self, client: usize, namespace: &Namespace) -> u64 {
        let published = self.published.entry(namespace.clone()).or_default();
        published.last += 1;
        published.questions.insert(published.last, (client, false));
        published.last
    }

    pub(crate) fn asked(&mut self, client: usize, namespace: &Namespace, number: u64) {
        self.heard_in_time(client, namespace, number);
        let question = self.published.get_mut(namespace).and_then(|it| it.questions.get_mut(&number));
        if question.is_none_or(|(of, asked)| *of != client || std::mem::replace(asked, true)) {
            self.fail(|| format!("client {client}{namespace}: question {number} came twice, or was another's"));
        }
    }

    // ---- who may hear ----

    /// A socket has entered the lobby, or left it. What it is sent again after a loss goes by the rooms that it was in
    /// then: it may get what was sent to the lobby before it entered, and may not get what was sent before it left.
    pub(crate) fn in_lobby(&mut self, namespace: &Namespace, sid: &Sid, is_in: bool) {
        let published = self.published.entry(namespace.clone()).or_default();
        if is_in {
            published.lobby.insert(sid.clone());
        } else {
            published.lobby.remove(sid);
        }
        let own = self.downlinks.iter_mut().filter(|((_, of), it)| of == namespace && it.begun.contains_key(sid));
        for (_, downlink) in own {
            for number in published.for_lobby.range(downlink.last + 1..) {
                let whom = downlink.pending.entry(*number).or_insert_with(|| Whom::Sockets(BTreeSet::new()));
                if let Whom::Sockets(sids) = whom {
                    sids.insert(sid.clone());
                }
                downlink.optional.insert(*number);
            }
        }
    }

    /// No token of a client before this one is good any more.
    pub(crate) fn revoked(&mut self, client: usize, valid_from: u64) {
        self.valid_from.insert(client, valid_from);
    }

    /// The server lets a client in, or resumes its session.
    pub(crate) fn let_in(&mut self, client: usize, token: u64) {
        if self.valid_from.get(&client).is_some_and(|first| token < *first) {
            self.fail(|| format!("client {client}: let in with token {token}, which was revoked"));
        }
    }

    /// The server has ended a session: it is to get nothing that is published from now on.
    pub(crate) fn session_ended(&mut self, namespace: &Namespace, sid: &Sid) {
        let published = self.published.entry(namespace.clone()).or_default();
        published.ended.insert(sid.clone(), published.last);
    }

    /// Something came to a client: not in a session that had ended before it was published.
    fn heard_in_time(&mut self, client: usize, namespace: &Namespace, number: u64) {
        let heard = self.downlinks.get(&(client, namespace.clone())).and_then(|downlink| downlink.heard.as_ref());
        let ended = heard.zip(self.published.get(namespace)).and_then(|(sid, published)| published.ended.get(sid));
        if let Some(&last) = ended.filter(|last| number > **last) {
            self.fail(|| {
                format!("client {client}{namespace}: got {number} in a session that the server had ended at {last}")
            });
        }
    }

    // ---- sessions ----

    /// The server begins a session, or goes on with one.
    pub(crate) fn joined(&mut self, client: usize, namespace: &Namespace, sid: &Sid, is_resumed: bool) {
        let last = self.published.entry(namespace.clone()).or_default().last;
        let downlink = self.downlinks.entry((client, namespace.clone())).or_default();
        if !is_resumed {
            downlink.begun.insert(sid.clone(), last);
        }
    }

    pub(crate) fn heard_joined(&mut self, client: usize, namespace: &Namespace, sid: &Sid, continuity: Continuity) {
        let Some(downlink) = self.downlinks.get_mut(&(client, namespace.clone())) else {
            return self.fail(|| format!("client {client}{namespace}: joined, and nobody let it in"));
        };
        if downlink.heard.replace(sid.clone()).as_ref() != Some(sid) {
            downlink.last_late = 0;
        }
        let Continuity::Gap { inbox_complete, .. } = continuity else {
            if continuity == Continuity::First {
                downlink.pending.retain(|number, _| downlink.begun.get(sid).is_some_and(|begun| number > begun));
            }
            return;
        };
        let begun = downlink.begun.get(sid).copied().unwrap_or_default();
        downlink.pending.retain(|number, whom| *number > begun || *whom == Whom::User);
        if !inbox_complete {
            let past = downlink.pending.iter().filter(|(number, whom)| **number <= begun && **whom == Whom::User);
            downlink.optional.extend(past.map(|(number, _)| *number).collect::<Vec<_>>());
        }
    }

    pub(crate) fn received(&mut self, client: usize, namespace: &Namespace, number: u64, user: Option<&str>) {
        let own = self.users.get(client).cloned().unwrap_or_default();
        if user.is_some_and(|user| *user != *own) {
            return self.fail(|| format!("client {client}{namespace}: got {number}, which was for {user:?}"));
        }
        self.heard_in_time(client, namespace, number);
        let Some(published) = self.published.get(namespace) else { return };
        let is_volatile = published.volatile.contains(&number);
        let is_for_user = published.of_users.get(&own).is_some_and(|numbers| numbers.contains(&number));
        let Some(downlink) = self.downlinks.get_mut(&(client, namespace.clone())) else {
            return self.fail(|| format!("client {client}{namespace}: got {number}, and has not joined"));
        };
        if is_volatile {
            if !downlink.volatile_seen.insert(number) {
                self.fail(|| format!("client {client}{namespace}: got volatile {number} twice"));
            }
            return;
        }
        if is_for_user && !downlink.seen.insert(number) {
            return self.fail(|| format!("client {client}{namespace}: got {number} twice"));
        }
        // From before the session at hand: of the inbox. A client that learned its position from its disk too late for the
        // session before gets what that one was not sent.
        let begun = downlink.heard.as_ref().and_then(|sid| downlink.begun.get(sid)).copied().unwrap_or_default();
        let is_late = is_for_user && number <= begun && number < downlink.last;
        let last = if is_late { downlink.last_late } else { downlink.last };
        if is_late {
            downlink.last_late = number;
        } else {
            downlink.last = number;
        }
        let pending = downlink.pending.remove(&number);
        let (was_pending, is_other) = (pending.is_some(), pending.as_ref().is_some_and(|whom| downlink.is_other(whom)));
        if is_other {
            return self.fail(|| format!("client {client}{namespace}: got {number}, which was for another session"));
        }
        downlink.optional.remove(&number);
        if number <= last {
            return self.fail(|| format!("client {client}{namespace}: got {number} after {last}"));
        }
        if !was_pending && !is_for_user {
            return self.fail(|| format!("client {client}{namespace}: got {number} twice, or without reason"));
        }
        // What is before it, and is not optional, was missed.
        let before = downlink.pending.range(..number).map(|(before, whom)| (*before, whom));
        let missed = before.filter(|(before, whom)| downlink.is_due(*before, whom)).map(|(before, _)| before).next();
        downlink.pending = downlink.pending.split_off(&number);
        if let Some(missed) = missed {
            self.fail(|| format!("client {client}{namespace}: missed {missed} without a word, and got {number}"));
        }
    }

    // ---- attempts ----

    /// Delays at their longest are spread, so that clients do not come back in step.
    pub(crate) fn retry(&mut self, failed_attempts: u32, delay: Duration) {
        if failed_attempts < 4 {
            return;
        }
        self.capped_delays.push(delay);
        if let [.., a, b, c, d] = self.capped_delays.as_slice()
            && a == b
            && b == c
            && c == d
        {
            self.fail(|| format!("four attempts in a row wait for exactly {delay:?}"));
        }
    }

    // ---- end ----

    pub(crate) fn waits(&self, client: usize) -> usize {
        self.waiting.iter().filter(|(waiting, _)| *waiting == client).count()
    }

    /// An event that some client is still to get.
    pub(crate) fn missing(&self) -> Option<String> {
        self.downlinks.iter().find_map(|((client, namespace), downlink)| {
            // An inbox that overflowed has said so, or will with the next joining.
            let for_user = downlink.pending.values().filter(|whom| **whom == Whom::User).count();
            let (number, _) = downlink.pending.iter().find(|(number, whom)| downlink.is_due(**number, whom))?;
            (for_user <= INBOX).then(|| format!("client {client}{namespace}: {number} never came"))
        })
    }

    /// Everything came to rest.
    pub(crate) fn check_rest(&mut self) {
        let mut found = None;
        for ((client, namespace, delivery), uplink) in &self.uplinks {
            let life = self.lives.get(client).copied().unwrap_or_default();
            for (number, emitted) in &uplink.emitted {
                let ended = emitted.ended.map(|(_, how)| how);
                let is_lost = match delivery {
                    // A process that crashed takes them with it; one that lives says what becomes of them.
                    Delivery::Buffered => emitted.life == life && ended.is_none() && emitted.effects == 0,
                    Delivery::Durable => {
                        emitted.accepted && emitted.effects == 0 && !emitted.rejected_by_server && ended.is_none()
                    }
                    _ => false,
                };
                if is_lost {
                    found.get_or_insert_with(|| {
                        format!(
                            "client {client}{namespace}: {delivery:?} {number} was accepted, and nothing became of it"
                        )
                    });
                }
            }
        }
        if let Some((client, message)) = self.waiting.first() {
            found.get_or_insert_with(|| format!("client {client}: the wait of message {message} never ended"));
        }
        if let Some(found) = found {
            self.fail(|| found);
        }
    }
}
