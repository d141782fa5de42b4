//! What comes down: sessions that are resumed, repeats that are dropped, positions that are reported
//! (`docs/protocol.md`, "Downlink").

use std::time::Duration;

use super::Manager;
use crate::{
    engineio,
    manager::{
        durable::{Effect, Step},
        event::{Continuity, Event},
        namespaces::Membership,
        resume::{Held, Incoming, Resumed, Rules, Verdict},
        store::StoreChange,
        timers::Timer,
        wire::ConnectAnswer,
    },
    mutation::{Mutation, is_taken_out},
    socketio::{Namespace, Payload, delivery::CONTROL_EVENT, encode_event_into},
};

/// A position is reported at most so often, unless many events have come.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

impl Manager {
    /// The server has accepted a CONNECT: tells of it, and hands out what it sent before that to make the session whole.
    pub(super) fn became_joined(&mut self, namespace: &Namespace, mut answer: ConnectAnswer) {
        // What nobody asked for grants nothing.
        answer.grant = answer.grant.filter(|_| self.config.negotiate);
        let Resumed { continuity, mut early, discarded } = self.sessions.joined(namespace, &answer);
        if is_taken_out(Mutation::OrderedDispatch) {
            early.reverse();
        }
        self.counters.discarded_before_connect += discarded as u64;
        self.counters.recovered += u64::from(continuity == Continuity::Recovered);
        self.counters.gaps += u64::from(matches!(continuity, Continuity::Gap { .. }));
        let ConnectAnswer { sid, grant, .. } = answer;
        if let Some(membership) = self.namespaces.get_mut(namespace) {
            *membership = Membership::Joined { sid: sid.clone(), grant };
        }
        self.namespaces.forget_proof(namespace);
        if let Some(link) = self.link_mut() {
            link.forget_left(namespace);
        }
        self.tell(Event::Joined { namespace: namespace.detach(), sid, continuity });
        // Before what follows can say what the server has of it.
        self.kept_joined(namespace);
        for incoming in early {
            // One of them may end the connection.
            if self.namespaces.is_joined(namespace) {
                self.on_event(namespace, incoming);
            }
        }
    }

    /// An event came for a namespace that is not joined.
    pub(super) fn on_early_event(&mut self, namespace: &Namespace, incoming: Incoming) {
        let limits = &self.config.limits;
        match self.sessions.hold(namespace, incoming, (limits.early_events, limits.early_bytes)) {
            Held::Yes => {}
            Held::Unasked if self.link().is_some_and(|link| link.was_left(namespace)) => {
                self.counters.events_after_leave += 1;
            }
            Held::Unasked => self.protocol_broken("Socket.IO: an event of a namespace that is not joined".to_owned()),
            Held::TooMany => self.protocol_broken("delivery: too many events before the answer to CONNECT".to_owned()),
        }
    }

    /// Whether an event of a joined namespace is to be dispatched: what was before is dropped, and what lacks its offset
    /// breaks the protocol.
    pub(super) fn admit(&mut self, namespace: &Namespace, incoming: &mut Incoming) -> bool {
        let rules = Rules {
            wall_clock: self.wall_clock_now(),
            deduplicate: self.config.deduplicate,
            remembered: self.config.limits.remembered_events,
        };
        match self.sessions.receive(namespace, incoming, rules) {
            Verdict::Dispatch => true,
            Verdict::Repeat if is_taken_out(Mutation::Deduplication) => true,
            Verdict::Repeat => {
                self.counters.duplicates_dropped += 1;
                false
            }
            Verdict::NoOffset => {
                self.protocol_broken("delivery: an event without offset".to_owned());
                false
            }
        }
    }

    /// An event was dispatched: its position is to be reported soon, or now.
    pub(super) fn dispatched(&mut self, namespace: &Namespace) {
        match self.sessions.is_unreported(namespace) {
            Some(true) => self.report_position(namespace),
            Some(false) if !self.timers.is_set(Timer::Report) => {
                self.timers.set(Timer::Report, self.now + REPORT_INTERVAL);
            }
            Some(false) | None => {}
        }
    }

    /// Reports what the server does not know of the namespaces that are joined.
    pub(super) fn report_positions(&mut self) {
        self.timers.cancel(Timer::Report);
        let joined: Vec<_> = self.namespaces.joined().cloned().collect();
        for namespace in joined {
            self.report_position(&namespace);
        }
    }

    pub(super) fn report_position(&mut self, namespace: &Namespace) {
        if self.namespaces.grant(namespace).is_none() {
            return;
        }
        let Some(position) = self.sessions.report(namespace) else { return };
        // A position has no character that JSON escapes.
        let Ok(payload) = Payload::from_json(format!(r#"[{{"u":"{position}"}}]"#).into(), Vec::new()) else { return };
        let mut text = String::from(engineio::Packet::MESSAGE_PREFIX);
        encode_event_into(&mut text, namespace, None, CONTROL_EVENT, &payload);
        self.transmit(engineio::Frame::from(text));
        self.store_positions();
    }

    /// Has the store keep the positions for the next process: with each report, and when a connection ends.
    pub(super) fn store_positions(&mut self) {
        if !self.commits.is_open() {
            return;
        }
        for (namespace, position) in self.sessions.unstored() {
            let effect = Effect::Position(namespace.clone());
            self.commits.push(Step { changes: vec![StoreChange::Position { namespace, position }], effect });
        }
    }

    /// The session of a namespace is over. The next one is told as a gap, unless the application wanted it so.
    pub(super) fn end_session(&mut self, namespace: &Namespace, by_application: bool) {
        self.sessions.end(namespace, by_application);
    }

    /// There is no answer to a CONNECT to wait for any more.
    pub(super) fn unanswered(&mut self, namespace: &Namespace) {
        self.counters.discarded_before_connect += self.sessions.unanswered(namespace) as u64;
    }

    /// All sessions are over.
    pub(super) fn end_sessions(&mut self, by_application: bool) {
        self.sessions.end_all(by_application);
    }
}
