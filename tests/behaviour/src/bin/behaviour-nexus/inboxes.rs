//! What is kept for users who are away, as `docs/protocol.md` has it under "Inbox".

use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use nexus_core::socketio::{
    Namespace as Name,
    delivery::{Position, Request},
};
use nexus_server::{
    ConnectRequest, Namespace, Payload, Socket,
    store::{After, Inbox, NewEntry, Store, Write},
};

use crate::Failure;

pub(crate) struct Inboxes {
    store: Store,
}

impl Inboxes {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Sends an event to a user, or keeps it for when the user comes.
    pub(crate) async fn send(&self, to: &Namespace, user: &str, event: &str, payload: Payload) -> Result<(), Failure> {
        let entry = NewEntry { event: Arc::from(event), payload: payload.clone() };
        let (write, appended) = self.store.append(inbox(user, to.name())?, entry);
        let (target, event) = (to.to(&room(user)), event.to_owned());
        let send: After = Box::new(move || {
            if let Some(position) = appended.position() {
                let _nobody_is_there = target.position(position.clone()).emit_payload(&event, &payload);
            }
        });
        Ok(self.store.write(vec![write], vec![send]).await?)
    }

    /// How much past a client's position is lost. Where nobody knows, a gap must not pass in silence.
    pub(crate) async fn lost(&self, user: &str, request: &ConnectRequest) -> u64 {
        let Some(asked) = Request::of_auth(request.handshake().auth_json()) else { return 0 };
        let Ok(inbox) = inbox(user, request.namespace()) else { return 0 };
        self.store.read_inbox(&inbox, asked.position.as_ref()).await.map_or(1, |read| read.lost)
    }

    /// A client has dispatched everything up to this position.
    pub(crate) fn report(&self, socket: &Socket, position: &Position) {
        let Ok(inbox) = inbox(socket.user().unwrap_or_default(), socket.namespace()) else { return };
        let Some(write) = self.store.report(inbox, position) else { return };
        let store = self.store.clone();
        tokio::spawn(async move { store.write(vec![write], Vec::new()).await });
    }

    /// Sends a socket what its user has missed, and from then on what comes. A session that goes on has missed nothing.
    pub(crate) fn welcome(&self, socket: &Socket) {
        let user = socket.user().unwrap_or_default().to_owned();
        let room = room(&user);
        if socket.rooms().iter().any(|known| **known == *room) {
            return;
        }
        let Ok(inbox) = inbox(&user, socket.namespace()) else { return };
        let position = Request::of_auth(socket.handshake().auth_json()).and_then(|request| request.position);
        let found = Arc::new(OnceLock::new());
        let (store, told) = (self.store.clone(), Arc::clone(&found));
        let read: Write = Box::new(move |db| {
            async move {
                // Nobody else sets it: a write runs once.
                let _ = told.set(store.read_inbox_in(db, &inbox, position.as_ref()).await?);
                Ok(())
            }
            .boxed()
        });
        let (socket, store) = (socket.clone(), self.store.clone());
        // In the task that writes: nothing can come between what was kept and what comes.
        let send: After = Box::new(move || {
            for entry in found.get().map(|read| read.entries.as_slice()).unwrap_or_default() {
                let _gone = socket.position(entry.position.clone()).emit_payload(&entry.event, &entry.payload);
            }
            socket.join(&room);
        });
        tokio::spawn(async move { store.write(vec![read], vec![send]).await });
    }
}

fn inbox(user: &str, namespace: &str) -> Result<Inbox, Failure> {
    Ok(Inbox { user: Arc::from(user), namespace: Name::try_new(namespace)? })
}

fn room(user: &str) -> String {
    format!("user:{user}")
}
