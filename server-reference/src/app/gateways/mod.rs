//! The namespaces: who may join them, and what their events do. Gateways hold no state and send through rooms.

mod answer;
mod messaging;
mod presence;
mod realtime;

use std::{future::ready, sync::Arc};

pub(super) use presence::Announcer;

use super::{Settings, UserId, auth::Verifier, events::namespace};
use crate::{ConnectError, ConnectRequest, DeliveryConfig, Io, Namespace, Socket, delivery::RecoveryConfig};

/// Puts all gateways on a server. Where everybody is told who is here, what tells them is returned.
pub(super) fn install(io: &Io, verifier: &Arc<Verifier>, settings: &Settings) -> Option<Arc<Announcer>> {
    let realtime = guarded(io, namespace::REALTIME, verifier);
    let notifications = guarded(io, namespace::NOTIFICATIONS, verifier);
    let messaging = guarded(io, namespace::MESSAGING, verifier);
    let announcer = settings.demo.then(|| Arc::new(Announcer::new(realtime.clone(), settings.presence_grace)));
    let hall = Hall { announcer };
    realtime::install(&realtime, &hall);
    plain(&notifications, &hall);
    messaging::install(&messaging, &hall, settings.mirror_messages.then_some(&realtime));
    hall.announcer
}

/// A namespace that lets in who has a token, and lets them come back to what they missed.
fn guarded(io: &Io, name: &str, verifier: &Arc<Verifier>) -> Namespace {
    let namespace = io.of(name);
    let verifier = Arc::clone(verifier);
    namespace.recovery(RecoveryConfig::default());
    namespace.delivery(DeliveryConfig::default());
    namespace.authorize(move |request| ready(admit(&verifier, &request)));
    namespace
}

fn admit(verifier: &Verifier, request: &ConnectRequest) -> Result<(), ConnectError> {
    match verifier.authenticate(request) {
        Ok(user) => {
            request.set_user(user.as_str());
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
}

impl Hall {
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
