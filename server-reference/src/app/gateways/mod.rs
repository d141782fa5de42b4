//! The namespaces: who may join them, and what their events do. Gateways hold no state and send through rooms.

mod answer;
mod messaging;
mod post;
mod presence;
mod realtime;

use std::sync::Arc;

use nexus_core::socketio::Namespace as Name;

pub(super) use presence::Announcer;

use super::{Settings, UserId, auth::Verifier, events::namespace, inbox::Inboxes};
use crate::{ConnectError, ConnectRequest, DeliveryConfig, Io, Namespace, Socket, delivery::RecoveryConfig};

/// Puts all gateways on a server. Where everybody is told who is here, what tells them is returned.
pub(super) fn install(
    io: &Io,
    verifier: &Arc<Verifier>,
    inboxes: &Arc<Inboxes>,
    settings: &Settings,
) -> Option<Arc<Announcer>> {
    let guarded = |name| guarded(io, name, verifier, inboxes);
    let realtime = guarded(namespace::REALTIME);
    let notifications = guarded(namespace::NOTIFICATIONS);
    let messaging = guarded(namespace::MESSAGING);
    let announcer = settings.demo.then(|| Arc::new(Announcer::new(realtime.clone(), settings.presence_grace)));
    let hall = Hall { announcer, inboxes: Arc::clone(inboxes) };
    realtime::install(&realtime, &hall);
    plain(&notifications, &hall);
    let mirror = settings.mirror_messages.then_some(&realtime);
    messaging::install(&messaging, &hall, mirror, settings.inject_refusals);
    hall.announcer
}

/// A namespace that lets in who has a token, and grants delivery to who asks for it.
fn guarded(io: &Io, name: &str, verifier: &Arc<Verifier>, inboxes: &Arc<Inboxes>) -> Namespace {
    let namespace = io.of(name);
    namespace.delivery(DeliveryConfig { durable: Some(inboxes.store().clone()), ..DeliveryConfig::default() });
    namespace.recovery(RecoveryConfig::default());
    let reports = Arc::clone(inboxes);
    namespace.on_position(move |socket, position| {
        if let Some(user) = socket.user() {
            reports.report(user, socket.namespace(), position);
        }
    });
    let (verifier, inboxes) = (Arc::clone(verifier), Arc::clone(inboxes));
    namespace.authorize(move |request| {
        let (verifier, inboxes) = (Arc::clone(&verifier), Arc::clone(&inboxes));
        async move { admit(&verifier, &inboxes, &request).await }
    });
    namespace
}

async fn admit(verifier: &Verifier, inboxes: &Inboxes, request: &ConnectRequest) -> Result<(), ConnectError> {
    match verifier.authenticate(request) {
        Ok(user) => {
            request.set_user(user.as_str());
            if let Ok(namespace) = Name::try_new(request.namespace()) {
                request.set_lost(inboxes.lost(&user, &namespace, request.handshake().auth_json()).await);
            }
            request.socket_data(user);
            Ok(())
        }
        Err(error) => {
            let remote = request.handshake().remote_addr();
            tracing::info!(namespace = request.namespace(), ?remote, code = error.code(), "client refused");
            Err(error.into())
        }
    }
}

/// A namespace to which the server sends, and clients don't.
fn plain(namespace: &Namespace, hall: &Hall) {
    let hall = hall.clone();
    namespace.on_connection(move |socket| {
        if hall.welcome(&socket).is_some() {
            answer::refuse_unknown(&socket, &[]);
        }
    });
}

/// Where new sockets of every namespace pass.
#[derive(Clone)]
struct Hall {
    announcer: Option<Arc<Announcer>>,
    inboxes: Arc<Inboxes>,
}

impl Hall {
    /// As [`welcome`](Self::welcome), in a namespace with inboxes: the socket is sent what its user has missed. One that goes
    /// on with a session that had been sent it has missed nothing.
    fn welcome_to_inbox(&self, socket: &Socket) -> Option<Arc<UserId>> {
        let user = self.welcome(socket)?;
        let room = user.inbox_room();
        if !socket.rooms().iter().any(|known| **known == *room) {
            self.inboxes.catch_up(socket.clone(), Arc::clone(&user));
        }
        Some(user)
    }

    /// Puts a new socket into its user's room, and says who that is.
    fn welcome(&self, socket: &Socket) -> Option<Arc<UserId>> {
        let Some(user) = socket.data::<UserId>() else {
            tracing::error!(namespace = socket.namespace(), "a socket without user got past the guard");
            socket.disconnect(true);
            return None;
        };
        socket.join(&user.room());
        let (namespace, id) = (socket.namespace().to_owned(), socket.id().to_owned());
        tracing::info!(%user, namespace, socket = id, "joined");
        let leaving = Arc::clone(&user);
        socket.on_disconnect(move |reason| tracing::info!(user = %leaving, namespace, socket = id, %reason, "left"));
        if let Some(announcer) = &self.announcer {
            announcer.count(socket, &user);
        }
        Some(user)
    }
}
