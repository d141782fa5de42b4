//! How full every buffer of both sides is, after each step: none beyond its cap, and each at its cap now and then.

use std::fmt;

use nexus_core::{
    manager::Config,
    socketio::{Namespace, delivery::Class},
};
use nexus_server::{delivery::RecoveryConfig, store::LedgerKey};

use crate::{
    coverage::named,
    nexus::INBOX,
    scenario::Planted,
    world::{Key, World},
};

named! {
    /// What may not grow without a bound.
    Buffer {
        Queue = "offline queue",
        BufferedBytes = "bytes of buffered messages",
        Kept = "buffered messages kept until the server has them",
        Durable = "durable messages",
        DurableBytes = "bytes of durable messages",
        Outbox = "messages on the client's disk",
        StoreRequests = "requests to the client's disk",
        StoreSteps = "changes that wait for the client's disk",
        PendingAcks = "awaited acknowledgements",
        PendingReplies = "events that may be answered",
        Early = "events before the answer to CONNECT",
        EarlyBytes = "bytes before the answer to CONNECT",
        Remembered = "remembered identities",
        Unsent = "bytes that the client's transport has not taken",
        SendQueue = "send queue",
        Log = "log",
        LogBytes = "bytes of the log",
        Parked = "sessions that may be resumed",
        Answers = "acknowledgements of buffered events",
        AnswerBytes = "bytes of acknowledgements of buffered events",
        Outcomes = "outcomes of durable events",
        Lane = "durable events that wait to run",
        StoredOutcomes = "outcomes on the server's disk",
        Inbox = "inbox",
    }
}

const BUFFERS: usize = Buffer::ALL.len();

/// How often each buffer was seen at its cap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buffers([u64; BUFFERS]);

/// What a buffer holds, and what it may.
struct Level {
    buffer: Buffer,
    holds: usize,
    cap: usize,
    /// From here on it counts as full.
    full: usize,
}

impl Level {
    fn count(buffer: Buffer, holds: usize, cap: usize) -> Self {
        Self { buffer, holds, cap, full: cap }
    }

    /// Full is where what costs least has no room.
    fn bytes(buffer: Buffer, holds: usize, cap: usize, least: usize) -> Self {
        Self { buffer, holds, cap, full: cap.saturating_sub(least - 1) }
    }
}

impl Buffers {
    pub(crate) fn add(&mut self, other: &Self) {
        for (own, others) in self.0.iter_mut().zip(&other.0) {
            *own += others;
        }
    }

    /// Every buffer, with how often it was at its cap.
    pub fn cells(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Buffer::ALL.iter().zip(self.0).map(|((_, name), count)| (*name, count))
    }
}

impl World<'_> {
    fn check_level(&mut self, whose: fmt::Arguments<'_>, level: &Level) {
        let Level { buffer, holds, cap, full } = *level;
        let name = Buffer::ALL.get(buffer as usize).map_or("", |(_, name)| name);
        let cap = if self.scenario.planted == Some(Planted::Overfull(name)) { full / 2 } else { cap };
        if holds > cap {
            self.oracle.fail_because(format!("{whose}: {name}: {holds}, and at most {cap} are allowed"));
        } else if holds >= full
            && let Some(count) = self.oracle.report.buffers.0.get_mut(buffer as usize)
        {
            *count += 1;
        }
    }

    /// After everything that was done with a client.
    pub(crate) fn check_client_buffers(&mut self, client: usize) {
        let Some(it) = self.clients.get(client) else { return };
        let levels = it.manager.levels();
        let Config { outbox, durable, limits, .. } = it.manager.config();
        // Each is put, noted as sent, and removed; each namespace has a position, on its way to the disk or behind one that is.
        let steps = 3 * levels.durable_messages + 2 * it.namespaces.len();
        let checked = [
            Level::count(Buffer::Queue, levels.queued_messages, outbox.max_messages),
            // One message alone is written, and kept, however full the queue is: none of these is larger.
            Level {
                full: outbox.max_bytes,
                ..Level::count(Buffer::BufferedBytes, levels.buffered_bytes, outbox.max_bytes + 128)
            },
            Level::count(Buffer::Kept, levels.kept_messages, window(Class::Buffered)),
            Level::count(Buffer::Durable, levels.durable_messages, durable.max_messages),
            Level::bytes(Buffer::DurableBytes, levels.durable_bytes, durable.max_bytes, 140),
            Level::count(Buffer::Outbox, it.store.len(), durable.max_messages),
            Level::count(Buffer::StoreRequests, it.store.requests(), 1),
            Level { full: 1, ..Level::count(Buffer::StoreSteps, levels.store_steps, steps) },
            Level::count(Buffer::PendingAcks, levels.pending_acks, limits.pending_acks),
            Level::count(Buffer::PendingReplies, levels.pending_replies, limits.pending_replies),
            Level::count(Buffer::Early, levels.early_events, limits.early_events),
            Level::bytes(Buffer::EarlyBytes, levels.early_bytes, limits.early_bytes, 20),
            Level::count(Buffer::Remembered, levels.remembered_events, limits.remembered_events),
            // Emits wait long before; what may not wait is all that comes on top.
            Level {
                full: limits.unsent_bytes,
                ..Level::count(Buffer::Unsent, levels.unsent_bytes, limits.unsent_hard_bytes)
            },
        ];
        for level in checked {
            self.check_level(format_args!("client {client}"), &level);
        }
    }

    /// After everything that was done with a session.
    pub(crate) fn check_session_buffers(&mut self, key: Key) {
        let Some(connection) = self.connections.get(&key) else { return };
        // A replay is bounded by the log, and sent whatever waits; so is a ping.
        let cap = self.session_config.send_queue_bytes + connection.replayed + 4;
        let level = Level::bytes(Buffer::SendQueue, connection.session.queued_bytes(), cap, 40);
        self.check_level(format_args!("session {key}"), &level);
    }

    pub(crate) fn check_log(&mut self, namespace: &Namespace) {
        let RecoveryConfig { max_events, max_bytes, max_sessions, .. } = self.habits.recovery();
        let Some(log) = self.server.logs.get(namespace) else { return };
        let checked = [
            Level::count(Buffer::Log, log.len(), max_events),
            Level::bytes(Buffer::LogBytes, log.bytes(), max_bytes, 200),
            Level::count(Buffer::Parked, log.parked(), max_sessions),
        ];
        for level in checked {
            self.check_level(format_args!("server{namespace}"), &level);
        }
        let inboxes = self.server.disk.inboxes.iter().filter(|((_, of), _)| of == namespace);
        let fullest = inboxes.map(|(_, inbox)| inbox.entries.len()).max().unwrap_or(0);
        self.check_level(format_args!("server{namespace}"), &Level::count(Buffer::Inbox, fullest, INBOX));
    }

    pub(crate) fn check_ledger(&mut self, ledger: &LedgerKey) {
        let mut checked = Vec::with_capacity(5);
        if let Some(known) = self.server.buffered.get(ledger) {
            let (answers, bytes) = known.kept();
            checked.push(Level::count(Buffer::Answers, answers, window(Class::Buffered)));
            checked.push(Level::bytes(Buffer::AnswerBytes, bytes, self.habits.ack_bytes(), 4));
        }
        if let Some(lane) = self.server.durable.get(ledger) {
            let (outcomes, waiting) = lane.kept();
            let window = window(Class::Durable);
            checked.push(Level::count(Buffer::Outcomes, outcomes, window));
            // One of the window runs.
            checked.push(Level { full: window - 1, ..Level::count(Buffer::Lane, waiting, window) });
        }
        if let Some(stored) = self.server.disk.ledgers.get(ledger) {
            checked.push(Level::count(Buffer::StoredOutcomes, stored.outcomes.len(), window(Class::Durable)));
        }
        for level in checked {
            self.check_level(format_args!("server"), &level);
        }
    }
}

/// So many ids of a class may be under way.
pub(crate) fn window(class: Class) -> usize {
    usize::try_from(class.window()).unwrap_or(usize::MAX)
}
