//! What of a namespace outlives its connection (`docs/protocol.md`, "Downlink").

use std::mem;

use bytestring::ByteString;

use super::{
    event::Continuity,
    namespaces::Namespaces,
    seen::{Identity, Seen},
    wire::ConnectAnswer,
};
use crate::{
    json,
    socketio::{
        AckId, Namespace, Payload,
        delivery::{Offset, Position, looks_like_stock_offset},
    },
    sorted::SortedMap,
};

/// After so many events at the latest a position is reported.
const REPORT_EVENTS: u32 = 32;
/// The longest offset that is remembered, in bytes.
const MAX_OFFSET: usize = 256;

/// An event as it came, with what a host says of arguments that it keeps.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) id: Option<AckId>,
    pub(super) event: ByteString,
    pub(super) payload: Payload,
    /// The JSON text of the last argument.
    pub(super) last: Option<ByteString>,
    pub(super) unique: Option<ByteString>,
}

impl Incoming {
    fn bytes(&self) -> usize {
        self.event.len() + self.payload.size()
    }

    /// The JSON text of the last argument, if it can be read.
    fn last(&self) -> Option<&str> {
        match self.payload.host() {
            Some(_) => self.last.as_deref(),
            None => self.payload.raw_arg(self.payload.len().checked_sub(1)?),
        }
    }

    /// Takes off the last argument, which was the protocol's.
    fn strip(&mut self) {
        let payload = mem::take(&mut self.payload);
        self.payload = match payload.host() {
            Some(args) => Payload::from_host(args.without_last()),
            None => payload.split_last().0,
        };
    }

    fn identity(&self) -> Option<Identity> {
        match self.payload.host() {
            Some(_) => self.unique.as_deref().map(|unique| Identity::of_unique(&self.event, unique)),
            None => Identity::of(&self.event, &self.payload),
        }
    }
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Dispatch,
    /// It was dispatched before.
    Repeat,
    /// It lacks the offset that the server promised.
    NoOffset,
}

/// What to do with an event that came before the answer to CONNECT.
#[derive(Debug)]
pub(super) enum Held {
    Yes,
    /// No session was to be resumed, so there is nothing to send.
    Unasked,
    TooMany,
}

/// How events are judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Milliseconds since 1970.
    pub(super) wall_clock: Option<u64>,
    pub(super) deduplicate: bool,
    /// How many identities are remembered in each namespace.
    pub(super) remembered: usize,
}

/// What a CONNECT says of the session before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resumption {
    pub(super) pid: Option<ByteString>,
    pub(super) offset: Option<ByteString>,
    pub(super) position: Option<Position>,
}

/// What an answer to CONNECT makes of it.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) continuity: Continuity,
    /// What came before the answer, and is to be dispatched now.
    pub(super) early: Vec<Incoming>,
    /// So many events came before the answer for nothing.
    pub(super) discarded: usize,
}

/// The sessions of a user, present and past, in the order of their namespaces.
#[derive(Debug)]
pub(super) struct Sessions {
    entries: SortedMap<Namespace, Session>,
    /// Twice the namespaces that may be wanted: what was left is remembered as far as there is room.
    limit: usize,
}

#[derive(Debug, Default)]
struct Session {
    /// It was joined before, and has not been given up by the application since.
    was_joined: bool,
    pid: Option<ByteString>,
    place: Option<Place>,
    /// What stands behind its events now.
    trailer: Trailer,
    /// The last position dispatched. It belongs to the user, not to the session.
    position: Option<Position>,
    /// The last position that the server was told.
    reported: Option<Position>,
    /// The last position that the store was given.
    stored: Option<Position>,
    /// Events with a position since the last report.
    unreported: u32,
    /// What came before the answer to a CONNECT with a pid.
    early: Option<Early>,
    /// Counts the times that it was joined.
    joinings: u64,
    seen: Seen,
}

/// Where a session stands.
#[derive(Debug)]
enum Place {
    /// In the log of a server that negotiated.
    Log { incarnation: ByteString, n: u64 },
    /// A stock server's offset, which `is_certain` if it looks like one. Once one did, other texts count for nothing.
    Stock { offset: ByteString, is_certain: bool },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trailer {
    /// Nothing, and the server keeps no log.
    #[default]
    Nothing,
    /// The same, of a server that numbers no events.
    Unnumbered,
    /// An offset, always.
    Offset,
    /// A stock server's offset, most of the time.
    StockOffset,
}

#[derive(Debug, Default)]
struct Early {
    events: Vec<Incoming>,
    bytes: usize,
}

impl Sessions {
    pub(super) fn new(namespaces: usize) -> Self {
        Self { entries: SortedMap::new(), limit: namespaces.saturating_mul(2) }
    }

    /// How many identities of events are remembered.
    pub(super) fn remembered(&self) -> usize {
        self.entries.values().map(|session| session.seen.len()).sum()
    }

    /// How many identities are remembered for the namespace that has most.
    pub(super) fn most_remembered(&self) -> usize {
        self.entries.values().map(|session| session.seen.len()).max().unwrap_or(0)
    }

    /// The most events, and bytes of them, that came before the answer of one namespace.
    pub(super) fn early(&self) -> (usize, usize) {
        let early = self.entries.values().filter_map(|session| session.early.as_ref());
        early.fold((0, 0), |(events, bytes), early| (events.max(early.events.len()), bytes.max(early.bytes)))
    }

    /// A namespace that is wanted is asked for: what to say of the session before.
    pub(super) fn asked(&mut self, namespace: &Namespace, recovery: bool, wanted: &Namespaces) -> Resumption {
        if !self.entries.contains_key(namespace) && self.entries.len() >= self.limit {
            let unwanted = self.entries.iter().map(|(name, _)| name).find(|name| wanted.get(name).is_none()).cloned();
            unwanted.map(|unwanted| self.entries.remove(&unwanted));
        }
        let session = self.entries.or_default(namespace.detach());
        let pid = session.pid.clone().filter(|_| recovery);
        session.early = pid.is_some().then(Early::default);
        session.reported.clone_from(&session.position);
        session.unreported = 0;
        let offset = session.place.as_ref().filter(|_| pid.is_some()).map(Place::text);
        Resumption { pid, offset, position: session.position.clone() }
    }

    /// Keeps an event that came before the answer.
    pub(super) fn hold(&mut self, namespace: &Namespace, incoming: Incoming, max: (usize, usize)) -> Held {
        let Some(early) = self.entries.get_mut(namespace).and_then(|session| session.early.as_mut()) else {
            return Held::Unasked;
        };
        early.bytes = early.bytes.saturating_add(incoming.bytes());
        if early.events.len() >= max.0 || early.bytes > max.1 {
            return Held::TooMany;
        }
        early.events.push(incoming);
        Held::Yes
    }

    /// The server's answer to CONNECT.
    pub(super) fn joined(&mut self, namespace: &Namespace, answer: &ConnectAnswer) -> Resumed {
        let session = self.entries.or_default(namespace.detach());
        let ConnectAnswer { pid, grant, .. } = answer;
        let early = session.early.take();
        let is_recovered = early.is_some() && pid.is_some() && *pid == session.pid;
        let early = early.unwrap_or_default().events;
        let lost = grant.as_ref().map_or(0, |grant| grant.lost);
        let continuity = match session.was_joined {
            _ if is_recovered => Continuity::Recovered,
            // What a former process had may be lost as well.
            was_joined if was_joined || lost > 0 => {
                Continuity::Gap { inbox_complete: grant.is_some() && session.reported.is_some() && lost == 0, lost }
            }
            _ => Continuity::First,
        };
        if !is_recovered {
            session.place = None;
        }
        session.pid.clone_from(pid);
        session.was_joined = true;
        session.joinings += 1;
        session.trailer = match (grant, pid) {
            (Some(_), Some(_)) => Trailer::Offset,
            (Some(_), None) => Trailer::Nothing,
            (None, Some(_)) => Trailer::StockOffset,
            (None, None) => Trailer::Unnumbered,
        };
        if is_recovered {
            return Resumed { continuity, early, discarded: 0 };
        }
        Resumed { continuity, discarded: early.len(), early: Vec::new() }
    }

    /// There is no answer to wait for any more. Gives how many events came before it.
    pub(super) fn unanswered(&mut self, namespace: &Namespace) -> usize {
        self.entries.get_mut(namespace).map_or(0, Session::discard)
    }

    /// The same for all namespaces: the connection is gone.
    pub(super) fn connection_ended(&mut self) -> usize {
        self.entries.values_mut().map(Session::discard).sum()
    }

    /// The session is over, by the server's word or the application's.
    pub(super) fn end(&mut self, namespace: &Namespace, by_application: bool) {
        if let Some(session) = self.entries.get_mut(namespace) {
            session.end(by_application);
        }
    }

    pub(super) fn end_all(&mut self, by_application: bool) {
        for session in self.entries.values_mut() {
            session.end(by_application);
        }
    }

    /// Whether the server is to keep the session for a while.
    pub(super) fn is_resumable(&self, namespace: &Namespace) -> bool {
        self.entries.get(namespace).is_some_and(|session| session.pid.is_some())
    }

    /// Another user: nothing of this one stays.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Takes over positions that an earlier process stored, where there is none yet.
    pub(super) fn restore(&mut self, positions: Vec<(Namespace, Position)>) {
        for (namespace, position) in positions {
            if self.entries.contains_key(&namespace) || self.entries.len() < self.limit {
                let session = self.entries.or_default(namespace);
                session.position.get_or_insert_with(|| position.clone());
                session.stored = Some(position);
            }
        }
    }

    /// Judges an event of a namespace that is joined, and takes off what is the protocol's.
    pub(super) fn receive(&mut self, namespace: &Namespace, incoming: &mut Incoming, rules: Rules) -> Verdict {
        match self.entries.get_mut(namespace) {
            Some(session) => session.receive(incoming, rules),
            None => Verdict::Dispatch,
        }
    }

    /// Whether a position waits to be reported, and whether it can wait no longer.
    pub(super) fn is_unreported(&self, namespace: &Namespace) -> Option<bool> {
        let session = self.entries.get(namespace).filter(|session| session.is_unreported())?;
        Some(session.unreported >= REPORT_EVENTS)
    }

    /// The positions that the store was not given, once each.
    pub(super) fn unstored(&mut self) -> Vec<(Namespace, Position)> {
        let changed = self.entries.iter_mut().filter(|(_, session)| session.position != session.stored);
        changed
            .filter_map(|(namespace, session)| {
                session.stored.clone_from(&session.position);
                Some((namespace.clone(), session.position.clone()?))
            })
            .collect()
    }

    /// The position to report now, if the server does not know it.
    pub(super) fn report(&mut self, namespace: &Namespace) -> Option<Position> {
        let session = self.entries.get_mut(namespace).filter(|session| session.is_unreported())?;
        session.unreported = 0;
        session.reported.clone_from(&session.position);
        session.reported.clone()
    }
}

impl Session {
    fn discard(&mut self) -> usize {
        self.early.take().map_or(0, |early| early.events.len())
    }

    /// An answer that is awaited is awaited still.
    fn end(&mut self, by_application: bool) {
        self.pid = None;
        self.place = None;
        self.was_joined &= !by_application;
    }

    fn is_unreported(&self) -> bool {
        self.position != self.reported
    }

    fn receive(&mut self, incoming: &mut Incoming, rules: Rules) -> Verdict {
        // What asks for an acknowledgement is not recovered, and has to be answered each time.
        if incoming.id.is_some() || self.trailer == Trailer::Nothing {
            return Verdict::Dispatch;
        }
        if self.trailer == Trailer::Offset {
            let Some(offset) = incoming.last().and_then(json::string).and_then(|text| Offset::parse(&text)) else {
                return Verdict::NoOffset;
            };
            incoming.strip();
            return if self.moves(offset) { Verdict::Dispatch } else { Verdict::Repeat };
        }
        if self.trailer == Trailer::StockOffset && self.takes_stock_offset(incoming, rules.wall_clock) {
            incoming.strip();
        }
        let identity = rules.deduplicate.then(|| incoming.identity()).flatten();
        match identity.map(|identity| self.seen.is_repeat(identity, self.joinings, rules.remembered)) {
            Some(true) => Verdict::Repeat,
            Some(false) | None => Verdict::Dispatch,
        }
    }

    /// Goes on to a place, unless that, or one behind it, was dispatched before.
    ///
    /// An inbox is sent with the place at which the log stands, so an event that has a position is judged by that alone.
    fn moves(&mut self, offset: Offset) -> bool {
        let Offset { incarnation, n, is_volatile, position } = offset;
        if is_volatile {
            return true;
        }
        let is_ahead = match &mut self.place {
            Some(Place::Log { incarnation: last_incarnation, n: last }) if *last_incarnation == incarnation => {
                let is_ahead = n > *last;
                *last = n.max(*last);
                is_ahead
            }
            place => {
                *place = Some(Place::Log { incarnation, n });
                true
            }
        };
        let Some(position) = position else { return is_ahead };
        let is_known = |last: &Position| last.generation == position.generation && position.u <= last.u;
        if self.position.as_ref().is_some_and(is_known) {
            return false;
        }
        self.position = Some(position);
        self.unreported = self.unreported.saturating_add(1);
        true
    }

    /// Remembers a last string as the offset. Whether it looks like one, and so is not the application's.
    fn takes_stock_offset(&mut self, incoming: &Incoming, wall_clock: Option<u64>) -> bool {
        let Some(text) = incoming.last().and_then(json::string).filter(|text| text.len() <= MAX_OFFSET) else {
            return false;
        };
        let is_certain = wall_clock.is_some_and(|now| looks_like_stock_offset(&text, now));
        if is_certain || !matches!(self.place, Some(Place::Stock { is_certain: true, .. })) {
            self.place = Some(Place::Stock { offset: text.as_ref().into(), is_certain });
        }
        is_certain
    }
}

impl Place {
    fn text(&self) -> ByteString {
        match self {
            Self::Log { incarnation, n } => format!("{incarnation}.{n}").into(),
            Self::Stock { offset, .. } => offset.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socketio::{Sid, delivery::Grant};

    fn ns(index: usize) -> Namespace {
        Namespace::try_new(&index.to_string()).unwrap()
    }

    fn position(u: u64) -> Position {
        Position { generation: "g".into(), u }
    }

    fn answer(pid: &str) -> ConnectAnswer {
        ConnectAnswer { sid: Sid::new("s"), pid: Some(pid.into()), grant: None }
    }

    #[test]
    fn what_was_left_makes_room_and_what_is_wanted_stays() {
        const LIMIT: usize = 3;
        let mut wanted = Namespaces::new(ns(0), LIMIT);
        let mut sessions = Sessions::new(LIMIT);
        for index in 0..100 {
            wanted.want(&ns(index)).unwrap();
            sessions.asked(&ns(index), true, &wanted);
            sessions.joined(&ns(index), &answer("p"));
            if index > 0 {
                wanted.remove(&ns(index));
            }
            assert!(sessions.entries.len() <= 2 * LIMIT, "{}", sessions.entries.len());
        }
        assert_eq!(sessions.asked(&ns(0), true, &wanted).pid, Some("p".into()));
        assert_eq!(sessions.asked(&ns(99), true, &wanted).pid, Some("p".into()), "as far as there is room");
        assert_eq!(sessions.asked(&ns(1), true, &wanted).pid, None);
    }

    #[test]
    fn stored_positions_are_taken_over_as_far_as_there_is_room() {
        let wanted = Namespaces::new(ns(0), 2);
        let mut sessions = Sessions::new(2);
        sessions.restore((0..100).map(|index| (ns(index), position(7))).collect());
        assert_eq!(sessions.entries.len(), 4);
        assert_eq!(sessions.asked(&ns(3), true, &wanted).position, Some(position(7)));
        sessions.restore(vec![(ns(3), position(5))]);
        assert_eq!(sessions.asked(&ns(3), true, &wanted).position, Some(position(7)), "this process knows better");
        assert_eq!(sessions.asked(&ns(5), true, &wanted).position, None);
    }

    #[test]
    fn what_a_former_process_missed_is_a_gap_as_well() {
        let wanted = Namespaces::new(ns(0), 2);
        let mut sessions = Sessions::new(2);
        sessions.restore(vec![(ns(0), position(7))]);
        sessions.asked(&ns(0), true, &wanted);
        let grant = Grant { lost: 4, ..Grant::default() };
        let resumed = sessions.joined(&ns(0), &ConnectAnswer { grant: Some(grant), ..answer("p") });
        assert_eq!(resumed.continuity, Continuity::Gap { inbox_complete: false, lost: 4 });
        assert!(sessions.report(&ns(0)).is_none(), "the server was told in CONNECT");
    }
}
