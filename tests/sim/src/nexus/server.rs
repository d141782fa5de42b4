use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use nexus_core::{
    ByteString,
    socketio::{
        AckId, Namespace, Payload, Sid,
        delivery::{Grant, Position},
    },
};
use nexus_server::{
    delivery::{Buffered, Durable, Log, RecoveryConfig},
    session::SlotId,
    store::{LedgerKey, LedgerState},
};

use crate::world::Key;

/// How many events an inbox keeps. Few, so that a run overflows it.
pub(crate) const INBOX: usize = 12;

/// One process of the server, and its disk.
#[derive(Debug)]
pub(crate) struct Server {
    /// What its logs keep.
    recovery: RecoveryConfig,
    /// Counts its processes: what is made anew with each carries the number in its name.
    pub(crate) life: u64,
    /// It has ended, and not come again yet: nobody listens.
    pub(crate) is_down: bool,
    pub(crate) logs: BTreeMap<Namespace, Log<()>>,
    pub(crate) buffered: BTreeMap<LedgerKey, Buffered<Packet>>,
    pub(crate) durable: BTreeMap<LedgerKey, Durable<Packet, Job>>,
    pub(crate) sockets: BTreeMap<(Key, SlotId), Socket>,
    /// Auth objects of those who wait to be let in.
    pub(crate) joining: BTreeMap<(Key, SlotId), ByteString>,
    pub(crate) next_sid: u64,
    pub(crate) disk: Disk,
}

/// What outlives the process.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Counts how often it was lost.
    pub(crate) generation: u64,
    /// By client, the first of its tokens that has not expired.
    pub(crate) valid_from: BTreeMap<usize, u64>,
    pub(crate) ledgers: BTreeMap<LedgerKey, LedgerState>,
    pub(crate) inboxes: BTreeMap<(Arc<str>, Namespace), Inbox>,
}

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    pub(crate) entries: VecDeque<(u64, Payload)>,
    pub(crate) last: u64,
    /// The highest that a client of the user has reported.
    pub(crate) reported: u64,
}

/// A client in a namespace.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) client: usize,
    pub(crate) namespace: Namespace,
    pub(crate) user: Arc<str>,
    pub(crate) pid: ByteString,
    pub(crate) sid: Sid,
    pub(crate) rooms: Vec<Arc<str>>,
    pub(crate) start: u64,
    pub(crate) instance: Option<ByteString>,
}

/// A packet that asked for an acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packet {
    pub(crate) key: Key,
    pub(crate) slot: SlotId,
    pub(crate) id: AckId,
}

/// A durable event that is to run.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) client: usize,
    pub(crate) number: u64,
}

impl Server {
    pub(crate) fn new(recovery: RecoveryConfig) -> Self {
        Self {
            recovery,
            life: 1,
            is_down: false,
            logs: BTreeMap::new(),
            buffered: BTreeMap::new(),
            durable: BTreeMap::new(),
            sockets: BTreeMap::new(),
            joining: BTreeMap::new(),
            next_sid: 0,
            disk: Disk { generation: 1, ..Disk::default() },
        }
    }

    /// The process ends: what was in memory is gone.
    pub(crate) fn crash(&mut self, loses_disk: bool) {
        let mut disk = std::mem::take(&mut self.disk);
        if loses_disk {
            disk = Disk { generation: disk.generation + 1, valid_from: disk.valid_from, ..Disk::default() };
        }
        let (life, next_sid) = (self.life + 1, self.next_sid);
        *self = Self { life, is_down: true, next_sid, disk, ..Self::new(self.recovery.clone()) };
    }

    pub(crate) fn log(&mut self, namespace: &Namespace) -> &mut Log<()> {
        let (life, config) = (self.life, &self.recovery);
        self.logs.entry(namespace.clone()).or_insert_with(|| Log::new(format!("e{life}").into(), config.clone()))
    }

    /// What every client is granted that asks.
    pub(crate) fn grant(&self, lost: u64) -> Grant {
        Grant {
            buffered: Some(format!("b{}", self.life).into()),
            durable: Some(format!("d{}", self.disk.generation).into()),
            lost,
        }
    }

    pub(crate) fn position(&self, u: u64) -> Position {
        Position { generation: format!("g{}", self.disk.generation).into(), u }
    }

    /// What the inbox has past a position, and how much past it is gone.
    pub(crate) fn inbox_past(
        &self,
        user: &Arc<str>,
        namespace: &Namespace,
        position: Option<&Position>,
    ) -> (Vec<(u64, Payload)>, u64) {
        let Some(inbox) = self.disk.inboxes.get(&(Arc::clone(user), namespace.clone())) else { return (Vec::new(), 0) };
        let ours = position.filter(|position| position.generation == self.position(1).generation);
        let past = match (ours, position) {
            (Some(ours), _) => ours.u,
            // Of an inbox that is lost: nothing of this one has been seen.
            (None, Some(_)) => 0,
            (None, None) => inbox.reported,
        };
        let first = inbox.entries.front().map_or(inbox.last + 1, |(u, _)| *u);
        let entries = inbox.entries.iter().filter(|(u, _)| *u > past).cloned().collect();
        (entries, first.saturating_sub(past + 1))
    }
}
