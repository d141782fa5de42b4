//! The service for inboxes: what is kept for users who are away, and up to where their clients have it.
//!
//! Everything that is sent from an inbox is sent in the task that writes, after the commit: a user's clients get the entries
//! in the order of their positions, and one that joins gets each of them once, from the inbox or live.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::FutureExt;
use nexus_core::socketio::{
    Namespace as Name,
    delivery::{Position, Request},
};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::UserId;
use crate::{
    Payload, Socket,
    store::{After, Appended, Inbox, InboxRead, NewEntry, Store, StoreError, Write},
};

/// The most users and namespaces whose reports wait to be written. What a client reports beyond that it reports again.
const MAX_REPORTS: usize = 10_000;
/// How long reports are gathered.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The most reports in one transaction.
const REPORTS_AT_ONCE: usize = 256;
/// The most clients that are sent their inboxes at a time: what clients send goes on meanwhile.
const MAX_CATCHING_UP: usize = 64;
/// The longest pause before a client's inbox is read again where it could not be read.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// All inboxes. They are of the storage; what is here is only on its way there.
pub(super) struct Inboxes {
    store: Store,
    reports: Mutex<BTreeMap<Inbox, Position>>,
    catching_up: Semaphore,
}

impl Inboxes {
    pub(super) fn new(store: Store) -> Self {
        Self { store, reports: Mutex::default(), catching_up: Semaphore::new(MAX_CATCHING_UP) }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// A write that appends an event, and its position once it has run.
    pub(super) fn append(&self, user: &UserId, namespace: &Name, event: &str, payload: &Payload) -> (Write, Appended) {
        let entry = NewEntry { event: Arc::from(event), payload: payload.clone() };
        self.store.append(inbox(user.as_str(), namespace), entry)
    }

    /// So many events past the position of a client that joins are lost.
    pub(super) async fn lost(&self, user: &UserId, namespace: &Name, auth: &str) -> u64 {
        let Some(request) = Request::of_auth(auth) else { return 0 };
        match self.store.read_inbox(&inbox(user.as_str(), namespace), request.position.as_ref()).await {
            Ok(read) => read.lost,
            Err(error) => {
                // Nobody knows, and a gap must not pass in silence.
                tracing::warn!(%error, "an inbox could not be read");
                1
            }
        }
    }

    /// Sends a socket what its user's inbox has, and puts it into the room to which what comes later goes. Returns at once; as
    /// long as the storage can't be read it is tried again until the socket has left.
    pub(super) fn catch_up(self: &Arc<Self>, socket: Socket, user: Arc<UserId>) {
        let inboxes = Arc::clone(self);
        tokio::spawn(async move {
            let mut pause = Duration::ZERO;
            while socket.is_connected() {
                match inboxes.try_catch_up(&socket, &user).await {
                    Ok(()) => return,
                    Err(error) => {
                        pause = (pause * 2).clamp(error.retry_after(), MAX_PAUSE);
                        tracing::warn!(%error, %user, "an inbox could not be sent; it is tried again");
                        tokio::time::sleep(pause).await;
                    }
                }
            }
        });
    }

    async fn try_catch_up(&self, socket: &Socket, user: &Arc<UserId>) -> Result<(), StoreError> {
        // It is never closed.
        let _permit = self.catching_up.acquire().await.map_err(|_| StoreError::Full)?;
        let Ok(namespace) = Name::try_new(socket.namespace()) else { return Ok(()) };
        let inbox = inbox(user.as_str(), &namespace);
        let position = Request::of_auth(socket.handshake().auth_json()).and_then(|request| request.position);
        let found = Arc::new(OnceLock::new());
        let (store, told) = (self.store.clone(), Arc::clone(&found));
        let read: Write = Box::new(move |connection| {
            async move {
                // Nobody else sets it: a write runs once.
                let _ = told.set(store.read_inbox_in(connection, &inbox, position.as_ref()).await?);
                Ok(())
            }
            .boxed()
        });
        let (socket, user) = (socket.clone(), Arc::clone(user));
        let send: After = Box::new(move || {
            // The session that goes on from here, or the next one, is sent it instead.
            if !socket.is_connected() {
                return;
            }
            if let Some(read) = found.get() {
                send_entries(&socket, read);
            }
            socket.join(&user.inbox_room());
        });
        self.store.write(vec![read], vec![send]).await
    }

    /// A client has dispatched everything up to this position. The highest one of a user's clients counts.
    pub(super) fn report(&self, user: &str, namespace: &str, position: Position) {
        let Ok(namespace) = Name::try_new(namespace) else { return };
        let key = inbox(user, &namespace);
        let mut reports = self.reports.lock();
        let is_full = reports.len() >= MAX_REPORTS;
        match reports.get_mut(&key) {
            Some(known) if known.generation == position.generation && known.u >= position.u => {}
            Some(known) => *known = position,
            None if is_full => tracing::debug!("too many reports wait; the client reports again"),
            None => drop(reports.insert(key, position)),
        }
    }

    /// Writes reports now and then. Runs until it is dropped.
    pub(super) async fn run(&self) {
        let mut interval = tokio::time::interval(REPORT_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.write_reports().await;
        }
    }

    /// Writes what was reported. What could not be written is reported again.
    pub(super) async fn write_reports(&self) {
        let reports = std::mem::take(&mut *self.reports.lock());
        let mut writes = reports.into_iter().filter_map(|(inbox, position)| self.store.report(inbox, &position));
        loop {
            let some: Vec<Write> = writes.by_ref().take(REPORTS_AT_ONCE).collect();
            if some.is_empty() {
                return;
            }
            if let Err(error) = self.store.write(some, Vec::new()).await {
                tracing::warn!(%error, "reports of clients could not be written");
                return;
            }
        }
    }
}

fn inbox(user: &str, namespace: &Name) -> Inbox {
    Inbox { user: Arc::from(user), namespace: namespace.clone() }
}

fn send_entries(socket: &Socket, read: &InboxRead) {
    for entry in &read.entries {
        let sent = socket.position(entry.position.clone()).emit_payload(&entry.event, &entry.payload);
        if let Err(error) = sent {
            tracing::debug!(socket = socket.id(), %error, "the inbox was not sent to its end");
            return;
        }
    }
}
