#![expect(clippy::disallowed_types, reason = "looked up by pid; their order never shows")]

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use nexus_core::{
    ByteString,
    socketio::{
        Sid,
        delivery::{Offset, Position},
    },
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::Value;

use super::{Disconnected, Handshake, SocketInner, members::Members};
use crate::{
    delivery::{Audience, Log, NotResumed, RecoveryConfig, SessionState},
    engine::Metrics,
    session::{EventDraft, Message, Sent},
};

/// What a namespace keeps so that sessions can be resumed. Under the lock of its members: an event takes its place and goes
/// to all its receivers, or to none yet, as a session that is resumed sees it.
pub(super) struct Recovery {
    log: Log<Kept>,
    /// The keys of the sockets that are there.
    live: HashMap<ByteString, u64>,
    /// What the gauges were last told.
    counted: [usize; 3],
}

/// What a socket has besides its session's state.
pub(super) struct Kept {
    key: u64,
    data: Option<Arc<dyn Any + Send + Sync>>,
}

/// Sessions to be dropped where no lock is held: what the application attached to them is dropped too.
pub(super) type Gone = Vec<SessionState<Kept>>;

/// What a client says of the session that it had.
pub(super) struct Claim {
    pid: Option<String>,
    offset: Result<Option<Offset>, NotResumed>,
}

/// How an event is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    pub(super) volatile: bool,
    /// Where it is in the inbox of the user that it is for.
    pub(super) position: Option<Position>,
}

/// What a new socket starts from.
pub(super) struct Beginning {
    pub(super) sid: Sid,
    pub(super) key: u64,
    /// Where the namespace keeps a log.
    pub(super) pid: Option<ByteString>,
    pub(super) start: u64,
    pub(super) rooms: Vec<Arc<str>>,
    pub(super) data: Option<Arc<dyn Any + Send + Sync>>,
    pub(super) recovered: bool,
}

/// What comes of a claim.
pub(super) struct Claimed {
    pub(super) outcome: Result<(Beginning, Vec<Message>), NotResumed>,
    /// The socket that had the session until now. It is no member any more, and is to be ended.
    pub(super) superseded: Option<Arc<SocketInner>>,
    pub(super) gone: Gone,
}

impl Claim {
    /// What the auth object says, if it says anything of a session before.
    pub(super) fn read(handshake: &Handshake) -> Option<Self> {
        #[derive(Deserialize)]
        struct Auth {
            pid: Option<Value>,
            offset: Option<Value>,
        }

        let Auth { pid, offset } = handshake.auth().ok()?;
        let pid = pid.filter(|pid| !pid.is_null())?;
        let offset = match offset {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Offset::parse(&text).map(Some).ok_or(NotResumed::Malformed),
            Some(_) => Err(NotResumed::Malformed),
        };
        Some(Self { pid: pid.as_str().map(str::to_owned), offset })
    }
}

impl Recovery {
    pub(super) fn new(incarnation: ByteString, config: RecoveryConfig) -> Self {
        Self { log: Log::new(incarnation, config), live: HashMap::new(), counted: [0; 3] }
    }

    /// Tells the gauges what has changed since they were last told.
    fn count(&mut self, metrics: &Metrics) {
        let now = [self.log.len(), self.log.bytes(), self.log.parked()];
        let [events, bytes, parked] = std::mem::replace(&mut self.counted, now);
        metrics.log_events.change(events, self.log.len());
        metrics.log_bytes.change(bytes, self.log.bytes());
        metrics.sessions_parked.change(parked, self.log.parked());
    }
}

impl Members {
    /// Gives an event its place in the log. What is volatile has none.
    pub(super) fn place(
        &mut self,
        now: Timestamp,
        draft: EventDraft,
        audience: Audience,
        manner: &Manner,
        metrics: &Metrics,
    ) -> Message {
        let Some(recovery) = &mut self.recovery else { return draft.finish(None) };
        if manner.volatile {
            return draft.finish(Some(&recovery.log.volatile_offset()));
        }
        let message = draft.finish(Some(&recovery.log.next_offset(manner.position.clone())));
        recovery.log.append(now, audience, message.clone());
        recovery.count(metrics);
        message
    }

    /// Resumes the session that a client claims, of whoever has it.
    pub(super) fn claim(&mut self, now: Timestamp, claim: &Claim, user: Option<&str>, metrics: &Metrics) -> Claimed {
        let mut claimed = Claimed { outcome: Err(NotResumed::Unknown), superseded: None, gone: Gone::new() };
        claimed.outcome = self.take_session(now, claim, user, &mut claimed.superseded, &mut claimed.gone);
        claimed.gone.extend(self.expire(now, metrics));
        claimed
    }

    /// Lets go what is too old. Whoever joins or leaves does so: an idle namespace keeps what it has, within its bounds.
    pub(super) fn expire(&mut self, now: Timestamp, metrics: &Metrics) -> Gone {
        let Some(recovery) = &mut self.recovery else { return Gone::new() };
        let gone = recovery.log.expire(now);
        recovery.count(metrics);
        gone
    }

    fn take_session(
        &mut self,
        now: Timestamp,
        claim: &Claim,
        user: Option<&str>,
        superseded: &mut Option<Arc<SocketInner>>,
        gone: &mut Gone,
    ) -> Result<(Beginning, Vec<Message>), NotResumed> {
        let pid = claim.pid.as_deref().ok_or(NotResumed::Malformed)?;
        let offset = claim.offset.as_ref().map_err(|reason| *reason)?.as_ref();
        let recovery = self.recovery.as_ref().ok_or(NotResumed::Unknown)?;
        if let Some(holder) = recovery.live.get(pid).and_then(|key| self.member(*key)).cloned() {
            if holder.is_ended() {
                return Err(NotResumed::Unknown);
            }
            if holder.user.as_deref() != user {
                return Err(NotResumed::WrongUser);
            }
            recovery.log.place(holder.start, offset)?;
            gone.extend(self.leave_namespace(now, &holder, true));
            *superseded = Some(holder);
        }
        let recovery = self.recovery.as_mut().ok_or(NotResumed::Unknown)?;
        let resumed = recovery.log.resume(now, pid, user, offset)?;
        let SessionState { pid, sid, rooms, start, data: Kept { key, data }, .. } = resumed.session;
        let beginning = Beginning { sid, key, pid: Some(pid), start, rooms, data, recovered: true };
        Ok((beginning, resumed.replay))
    }

    /// Where a fresh session starts from.
    pub(super) fn fresh(&self, sid: Sid, key: u64, pid: Option<ByteString>) -> Beginning {
        let start = self.recovery.as_ref().map_or(0, |recovery| recovery.log.last());
        Beginning { sid, key, pid, start, rooms: Vec::new(), data: None, recovered: false }
    }

    pub(super) fn insert(&mut self, socket: &Arc<SocketInner>) {
        if let (Some(recovery), Some(pid)) = (&mut self.recovery, &socket.pid) {
            recovery.live.insert(pid.clone(), socket.key);
        }
        self.add(Arc::clone(socket));
    }

    /// Takes a socket out, and keeps its session if that may be resumed. Nothing happens where it is out already.
    pub(super) fn leave_namespace(&mut self, now: Timestamp, socket: &SocketInner, recoverable: bool) -> Gone {
        if !self.contains(socket) {
            return Gone::new();
        }
        let rooms = self.remove(socket);
        let (Some(recovery), Some(pid)) = (&mut self.recovery, &socket.pid) else { return Gone::new() };
        recovery.live.remove(pid);
        let gone = if recoverable {
            let session = SessionState {
                pid: pid.clone(),
                sid: socket.id.clone(),
                user: socket.user.clone(),
                rooms: rooms.into_vec(),
                start: socket.start,
                data: Kept { key: socket.key, data: socket.data.clone() },
            };
            recovery.log.park(now, session)
        } else {
            recovery.log.expire(now)
        };
        recovery.count(&socket.namespace.shared.metrics);
        gone
    }
}

impl SocketInner {
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Sends an event to this session, whichever socket has it now. While none has it, the event waits in the log.
    pub(super) fn send_placed(&self, draft: EventDraft, manner: &Manner) -> Result<(), Disconnected> {
        let namespace = &self.namespace;
        let (now, metrics) = (namespace.shared.now(), &namespace.shared.metrics);
        let mut members = namespace.members.lock();
        let holder = members.socket(self.id.as_str()).cloned();
        let reachable = match &holder {
            Some(holder) => !holder.is_ended(),
            None => !manner.volatile && members.keeps(self),
        };
        if !reachable {
            return Err(Disconnected);
        }
        let message = members.place(now, draft, Audience::socket(self.id.clone()), manner, metrics);
        let Some(holder) = holder else { return Ok(()) };
        match holder.connection.send(holder.connection.engine.now(), holder.slot, message, manner.volatile) {
            Sent::Closed if manner.volatile => Err(Disconnected),
            // It is in the log, and the session is about to be kept.
            Sent::Closed | Sent::Overflow | Sent::Queued | Sent::Dropped => Ok(()),
        }
    }
}

impl Members {
    /// Whether the socket's session waits to be resumed.
    fn keeps(&self, socket: &SocketInner) -> bool {
        match (&self.recovery, &socket.pid) {
            (Some(recovery), Some(pid)) => recovery.log.is_parked(pid),
            _ => false,
        }
    }
}
