use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
};

use nexus_core::{
    manager::{ConnectionStatus, MessageId},
    socketio::Namespace,
    time::Timestamp,
};

use crate::Report;

/// An invariant that a run broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The seed that shows it again, if the run had one.
    pub seed: Option<u64>,
    /// When, in virtual time.
    pub at: Timestamp,
    /// What happened that must not.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seed {
            Some(seed) => write!(f, "seed {seed} at {:?}: {}", self.at, self.what),
            None => write!(f, "at {:?}: {}", self.at, self.what),
        }
    }
}

impl Error for Violation {}

/// A client's lane: events of one namespace in one direction.
pub(crate) type Lane = (usize, Namespace);

/// A number that an event carries, counted per lane.
pub(crate) type Number = u64;

/// The model against which a run is judged. It knows what applications said and saw, and nothing of
/// managers and sessions.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) report: Report,
    uplink: BTreeMap<Lane, Uplink>,
    downlink: BTreeMap<Lane, Downlink>,
    waiting: BTreeSet<(usize, MessageId)>,
    messages: BTreeMap<(usize, MessageId), (Namespace, Number)>,
    statuses: BTreeMap<usize, ConnectionStatus>,
    broken: Option<String>,
}

#[derive(Debug, Default)]
struct Uplink {
    last_emitted: Number,
    /// By connection: what a dead connection still carries may arrive behind what its successor does.
    last_delivered: BTreeMap<u64, Number>,
    /// Accepted, and nothing has become of it yet.
    open: BTreeSet<Number>,
    /// Its connection broke while it was on its way, but the copy that left may still have arrived.
    dropped: BTreeSet<Number>,
}

#[derive(Debug, Default)]
struct Downlink {
    last_sent: Number,
    last_received: Number,
}

impl Oracle {
    /// The first invariant that was broken.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    pub(crate) fn note(&mut self, kind: u8, number: u64) {
        // FNV-1a, which is enough to tell two runs apart.
        for byte in number.to_le_bytes().into_iter().chain([kind]) {
            self.report.digest = (self.report.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn fail(&mut self, what: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(what);
    }

    // ---- client to server ----

    pub(crate) fn next_number(&mut self, lane: &Lane) -> Number {
        self.uplink.entry(lane.clone()).or_default().last_emitted + 1
    }

    /// The manager accepted the event with the lane's next number.
    pub(crate) fn accepted(&mut self, lane: &Lane, message: MessageId, awaits_ack: bool) {
        let (client, namespace) = lane;
        let uplink = self.uplink.entry(lane.clone()).or_default();
        uplink.last_emitted += 1;
        uplink.open.insert(uplink.last_emitted);
        self.messages.insert((*client, message), (namespace.clone(), uplink.last_emitted));
        if awaits_ack {
            self.waiting.insert((*client, message));
        }
        self.report.emitted += 1;
    }

    /// The manager said at once that a volatile event was not sent.
    pub(crate) fn volatile_dropped(&mut self, lane: &Lane) {
        let uplink = self.uplink.entry(lane.clone()).or_default();
        uplink.open.remove(&uplink.last_emitted);
        uplink.dropped.insert(uplink.last_emitted);
        self.report.volatile_dropped += 1;
    }

    pub(crate) fn delivered(&mut self, lane: &Lane, connection: u64, number: Number) {
        self.note(1, number);
        let uplink = self.uplink.entry(lane.clone()).or_default();
        let last = uplink.last_delivered.insert(connection, number).unwrap_or_default();
        let was_dropped = uplink.dropped.contains(&number);
        let was_open = uplink.open.remove(&number);
        self.report.delivered += 1;
        if number <= last {
            self.fail(|| format!("{lane:?}: event {number} reached the server after {last}"));
        } else if was_dropped {
            self.fail(|| format!("{lane:?}: event {number} was reported as dropped, and reached the server"));
        } else if !was_open {
            self.fail(|| format!("{lane:?}: event {number} reached the server, but was not under way"));
        }
    }

    /// The event was on a connection that broke.
    pub(crate) fn lost_in_flight(&mut self, lane: &Lane, number: Number) {
        self.note(2, number);
        if self.uplink.entry(lane.clone()).or_default().open.remove(&number) {
            self.report.lost_in_flight += 1;
        }
    }

    /// The manager reported that it will not send the event.
    pub(crate) fn dropped(&mut self, client: usize, message: MessageId) {
        self.note(3, message.as_u64());
        self.report.dropped += 1;
        let Some((namespace, number)) = self.messages.get(&(client, message)).cloned() else {
            self.fail(|| format!("client {client}: message {message} was dropped, but never accepted"));
            return;
        };
        let uplink = self.uplink.entry((client, namespace.clone())).or_default();
        if !uplink.open.remove(&number) || !uplink.dropped.insert(number) {
            self.fail(|| format!("client {client}{namespace}: event {number} was dropped after its end"));
        }
    }

    /// The wait for an acknowledgement ended; with the number it carried if it came.
    pub(crate) fn ack_resolved(&mut self, client: usize, message: MessageId, acked: Option<Number>) {
        self.note(4, message.as_u64());
        if !self.waiting.remove(&(client, message)) {
            self.fail(|| format!("client {client}: the wait of message {message} ended twice, or never began"));
        }
        match acked {
            None => self.report.unacked += 1,
            Some(number) => {
                self.report.acked += 1;
                let expected = self.messages.get(&(client, message)).map(|(_, number)| *number);
                if expected != Some(number) {
                    self.fail(|| format!("client {client}: message {message} got the ack of event {number}"));
                }
            }
        }
    }

    // ---- server to client ----

    pub(crate) fn sent_down(&mut self, lane: &Lane) -> Number {
        let downlink = self.downlink.entry(lane.clone()).or_default();
        downlink.last_sent += 1;
        downlink.last_sent
    }

    pub(crate) fn received(&mut self, lane: &Lane, number: Number) {
        self.note(5, number);
        self.report.received += 1;
        let downlink = self.downlink.entry(lane.clone()).or_default();
        let (last, sent) = (downlink.last_received, downlink.last_sent);
        downlink.last_received = number;
        if number <= last || number > sent {
            self.fail(|| format!("{lane:?}: event {number} reached the client after {last}, of {sent} sent"));
        }
    }

    // ---- status and end ----

    pub(crate) fn status(&mut self, client: usize, status: ConnectionStatus) {
        use ConnectionStatus::{Connected, Connecting, Disconnected, Reconnecting};
        self.note(6, client as u64);
        let before = self.statuses.insert(client, status).unwrap_or(Disconnected);
        let allowed = match before {
            Disconnected => matches!(status, Connecting | Reconnecting),
            Connecting | Reconnecting => matches!(status, Connected | Disconnected),
            Connected => matches!(status, Disconnected),
        };
        if !allowed {
            self.fail(|| format!("client {client}: status went from {before:?} to {status:?}"));
        }
    }

    /// Another process begins, disconnected.
    pub(crate) fn client_crashed(&mut self, client: usize) {
        self.statuses.remove(&client);
    }

    pub(crate) fn waits(&self, client: usize) -> usize {
        self.waiting.iter().filter(|(waiting, _)| *waiting == client).count()
    }

    /// Everything came to rest: what is open now was lost in silence.
    pub(crate) fn check_rest(&mut self) {
        let open = self.uplink.iter().find_map(|(lane, uplink)| Some((lane.clone(), *uplink.open.first()?)));
        if let Some((lane, number)) = open {
            self.fail(|| format!("{lane:?}: event {number} was accepted, and nothing became of it"));
        }
        if let Some((client, message)) = self.waiting.first().copied() {
            self.fail(|| format!("client {client}: the wait of message {message} never ended"));
        }
    }

    pub(crate) fn fail_because(&mut self, what: String) {
        self.fail(|| what);
    }
}
