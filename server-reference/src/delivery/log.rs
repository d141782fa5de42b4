use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use nexus_core::{
    ByteString,
    socketio::{
        Sid,
        delivery::{Offset, Position},
    },
    time::Timestamp,
};

use super::{Audience, RecoveryConfig};
use crate::session::Message;

/// The events that a namespace has sent, as far as they are kept, and the sessions that may be resumed
/// (`docs/protocol.md`, "Downlink"). A sans-IO machine.
///
/// Who owns it takes a place, appends and hands the event to its receivers under one lock, and resumes sessions under the
/// same lock: a session that is resumed then gets each event once, by replay or live.
///
/// `D` is what the application attached to the session's socket.
#[derive(Debug)]
pub struct Log<D> {
    config: RecoveryConfig,
    incarnation: ByteString,
    /// The place of the newest event that was ever appended.
    last: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    parked: BTreeMap<ByteString, Parked<D>>,
    /// By the order in which they were parked, which is that of their ends.
    order: BTreeMap<u64, ByteString>,
    parkings: u64,
}

#[derive(Debug)]
struct Entry {
    audience: Audience,
    message: Message,
    at: Timestamp,
}

#[derive(Debug)]
struct Parked<D> {
    session: SessionState<D>,
    at: Timestamp,
    order: u64,
}

/// What a session is resumed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState<D> {
    /// What the client resumes it with: a secret.
    pub pid: ByteString,
    /// The socket's id.
    pub sid: Sid,
    /// Who may resume it; where there is no user, whoever knows the `pid`.
    pub user: Option<Arc<str>>,
    /// The rooms that the socket was in when it was lost.
    pub rooms: Vec<Arc<str>>,
    /// The place at which the log stood when the session began.
    pub start: u64,
    /// What the application attached.
    pub data: D,
}

/// A session that goes on.
#[derive(Debug)]
pub struct Resumed<D> {
    /// What it was.
    pub session: SessionState<D>,
    /// What it missed, in order.
    pub replay: Vec<Message>,
}

/// Why a session is not resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NotResumed {
    /// There is no such session, or no longer.
    Unknown,
    /// It belongs to another user.
    WrongUser,
    /// What the client sent is no offset of this server.
    Malformed,
    /// The offset is of another life of the log.
    AnotherLog,
    /// The log never came as far as the offset.
    Future,
    /// The log no longer reaches back to the offset.
    TooOld,
}

impl NotResumed {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::WrongUser, Self::Malformed, Self::AnotherLog, Self::Future, Self::TooOld];

    /// A name for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::WrongUser => "wrong_user",
            Self::Malformed => "malformed",
            Self::AnotherLog => "another_log",
            Self::Future => "future",
            Self::TooOld => "too_old",
        }
    }
}

impl fmt::Display for NotResumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<D> Log<D> {
    /// An empty log. `incarnation` names this life of it: 1 to 32 characters of base64url, random, never used twice.
    #[must_use]
    pub fn new(incarnation: ByteString, config: RecoveryConfig) -> Self {
        Self {
            config,
            incarnation,
            last: 0,
            entries: VecDeque::new(),
            bytes: 0,
            parked: BTreeMap::new(),
            order: BTreeMap::new(),
            parkings: 0,
        }
    }

    // ---- getters ----

    /// The place of the newest event; 0 where there was none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// How many events it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of the events that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many sessions may be resumed.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    // ---- sending ----

    /// What the next event to be [appended](Self::append) is to carry, with its place in the inbox of the user that it is
    /// for, if it has one.
    #[must_use]
    pub fn next_offset(&self, position: Option<Position>) -> Offset {
        Offset { incarnation: self.incarnation.clone(), n: self.last + 1, is_volatile: false, position }
    }

    /// What a volatile event is to carry, which is not appended.
    #[must_use]
    pub fn volatile_offset(&self) -> Offset {
        Offset { incarnation: self.incarnation.clone(), n: self.last, is_volatile: true, position: None }
    }

    /// Takes an event that carries the [next offset](Self::next_offset). The oldest events go where there is no more room.
    pub fn append(&mut self, now: Timestamp, audience: Audience, message: Message) {
        let entry = Entry { audience, message, at: now };
        self.last += 1;
        self.bytes += entry.size();
        self.entries.push_back(entry);
        self.trim(now);
    }

    // ---- sessions ----

    /// Keeps a session that lost its connection for whoever resumes it. Returns those that go because their time is over,
    /// or there is no more room.
    #[must_use = "to drop what the application attached is the application's code"]
    pub fn park(&mut self, now: Timestamp, session: SessionState<D>) -> Vec<SessionState<D>> {
        self.parkings += 1;
        let (pid, order) = (session.pid.clone(), self.parkings);
        let before = self.forget(&pid);
        self.order.insert(order, pid.clone());
        self.parked.insert(pid, Parked { session, at: now, order });
        let mut gone = self.expire(now);
        gone.extend(before);
        gone
    }

    /// Forgets a session that is over, and returns it.
    pub fn forget(&mut self, pid: &str) -> Option<SessionState<D>> {
        let parked = self.parked.remove(pid)?;
        self.order.remove(&parked.order);
        Some(parked.session)
    }

    /// Whether the session may still be resumed, by the right user with the right offset.
    #[must_use]
    pub fn is_parked(&self, pid: &str) -> bool {
        self.parked.contains_key(pid)
    }

    /// Takes a session out, and what it missed: the events behind the higher of its start and `offset` that were for a
    /// room in which it was when it was lost. `user` is who the client has proven to be.
    ///
    /// # Errors
    /// Why not. The session stays for one who may.
    pub fn resume(
        &mut self,
        now: Timestamp,
        pid: &str,
        user: Option<&str>,
        offset: Option<&Offset>,
    ) -> Result<Resumed<D>, NotResumed> {
        self.trim(now);
        let parked = self.parked.get(pid).filter(|parked| !self.is_over(parked, now)).ok_or(NotResumed::Unknown)?;
        let session = &parked.session;
        if session.user.as_deref() != user {
            return Err(NotResumed::WrongUser);
        }
        let from = self.place(session.start, offset)?;
        let session = self.forget(pid).ok_or(NotResumed::Unknown)?;
        let past = usize::try_from(from - self.floor()).unwrap_or(usize::MAX);
        let missed =
            self.entries.iter().skip(past).filter(|entry| entry.audience.includes(&session.sid, &session.rooms));
        let replay = missed.map(|entry| entry.message.clone()).collect();
        Ok(Resumed { session, replay })
    }

    /// Behind which place the replay begins for a session that began at `start`, and whose client has seen `offset`.
    ///
    /// # Errors
    /// Why there can be none.
    pub fn place(&self, start: u64, offset: Option<&Offset>) -> Result<u64, NotResumed> {
        let mut from = start;
        if let Some(offset) = offset {
            if offset.incarnation != self.incarnation {
                return Err(NotResumed::AnotherLog);
            }
            if offset.n > self.last {
                return Err(NotResumed::Future);
            }
            from = from.max(offset.n);
        }
        if from < self.floor() { Err(NotResumed::TooOld) } else { Ok(from) }
    }

    /// Lets go what is too old. Returns the sessions among it.
    #[must_use = "to drop what the application attached is the application's code"]
    pub fn expire(&mut self, now: Timestamp) -> Vec<SessionState<D>> {
        self.trim(now);
        let mut gone = Vec::new();
        while let Some((_, pid)) = self.order.first_key_value()
            && (self.parked.len() > self.config.max_sessions
                || self.parked.get(pid).is_none_or(|parked| self.is_over(parked, now)))
            && let Some((_, pid)) = self.order.pop_first()
        {
            gone.extend(self.parked.remove(&pid).map(|parked| parked.session));
        }
        gone
    }

    /// Lets go the events that are too old, and those that are too many.
    fn trim(&mut self, now: Timestamp) {
        let config = &self.config;
        while let Some(entry) = self.entries.front()
            && (self.entries.len() > config.max_events
                || self.bytes > config.max_bytes
                || now.saturating_since(entry.at) > config.max_age)
        {
            self.bytes -= entry.size();
            self.entries.pop_front();
        }
    }

    fn is_over(&self, parked: &Parked<D>, now: Timestamp) -> bool {
        now.saturating_since(parked.at) > self.config.window
    }

    /// The place behind which all events are still here.
    fn floor(&self) -> u64 {
        self.last - u64::try_from(self.entries.len()).unwrap_or(self.last)
    }
}

impl Entry {
    fn size(&self) -> usize {
        size_of::<Self>() + self.message.size()
    }
}

#[cfg(test)]
mod tests;
