//! Tells everybody on `/realtime` who is here.

use std::{future::pending, sync::Arc, time::Duration};

use nexus_core::time::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::answer::Failure;
use crate::{
    Event, Namespace, Socket,
    app::{
        UserId, clock,
        events::realtime,
        presence::{Presence, Status},
    },
};

/// The most users in the answer to `presence:list`.
const MAX_LISTED: usize = 500;

/// Drives the service [`Presence`] with the sessions of all namespaces.
///
/// What is told goes out under the service's lock, as do answers about who is here: a client never gets a list that is
/// older than an update that it got before.
pub(in crate::app) struct Announcer {
    realtime: Namespace,
    presence: Mutex<Presence>,
    changed: Notify,
    started: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Update<'a> {
    user_id: &'a UserId,
    status: Status,
    timestamp: u64,
}

#[derive(Serialize)]
struct List<'a> {
    ok: bool,
    users: Vec<Listed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    user_id: &'a UserId,
    status: Status,
    since: u64,
}

impl Announcer {
    pub(super) fn new(realtime: Namespace, grace: Duration) -> Self {
        let presence = Mutex::new(Presence::new(grace));
        Self { realtime, presence, changed: Notify::new(), started: Instant::now() }
    }

    /// Counts a new socket as a session of its user for as long as it lasts.
    pub(super) fn count(self: &Arc<Self>, socket: &Socket, user: &Arc<UserId>) {
        if !self.presence.lock().handle_joined(user, clock::epoch_millis()) {
            tracing::debug!(%user, "too many users to tell of this one");
            return;
        }
        self.changed.notify_one();
        let (announcer, user) = (Arc::clone(self), Arc::clone(user));
        socket.on_disconnect(move |_| {
            announcer.presence.lock().handle_left(&user, announcer.now());
            announcer.changed.notify_one();
        });
    }

    pub(super) fn acknowledge_with_list(&self, event: &Event) -> Result<(), Failure> {
        let presence = self.presence.lock();
        let here = presence.users().take(MAX_LISTED);
        let users = here.map(|(user_id, since)| Listed { user_id, status: Status::Online, since }).collect();
        event.ack(&List { ok: true, users })?;
        Ok(())
    }

    /// Tells who comes and goes. Runs until it is dropped.
    pub(in crate::app) async fn run(&self) {
        loop {
            let next = self.tell();
            let grace_ends = async {
                match next {
                    Some(at) => sleep_until(self.started + at.saturating_since(Timestamp::ZERO)).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = grace_ends => {}
            }
        }
    }

    /// Tells what there is to tell, and when there may be more.
    fn tell(&self) -> Option<Timestamp> {
        let mut presence = self.presence.lock();
        while let Some(change) = presence.poll_change(self.now()) {
            let update = Update { user_id: &change.user, status: change.status, timestamp: clock::epoch_millis() };
            if let Err(error) = self.realtime.emit(realtime::PRESENCE_UPDATE, &update) {
                tracing::error!(%error, "who is here could not be told");
            }
        }
        presence.poll_timeout()
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.started.elapsed()
    }
}
