use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::FutureExt;
use nexus_core::{
    ByteString,
    socketio::{
        Namespace as Name, Sid,
        delivery::{Grant, Request},
    },
};
use parking_lot::Mutex;

use super::{
    ConnectError, ConnectRequest, Handshake, Namespaces, Socket, SocketInner,
    delivery::SocketDelivery,
    dispatch::EventQueue,
    handshake::Decided,
    namespace::NamespaceInner,
    recovery::{Claim, Claimed, Gone},
};
use crate::{
    engine::{Connection, random_id},
    session::{BadInputKind, ConnectData, DisconnectReason, Message, SlotId},
};

/// A client asks to join a namespace.
pub(crate) fn handle(
    connection: &Arc<Connection>,
    namespaces: &Namespaces,
    slot: SlotId,
    name: &Name,
    auth: Option<ByteString>,
) {
    let Some(namespace) = namespaces.named(name) else {
        connection.engine.metrics.count_bad_input(BadInputKind::UnknownNamespace);
        refuse(connection, slot, &ConnectError::new("Invalid namespace"));
        return;
    };
    let handshake = Handshake::new(auth, Arc::clone(&connection.request));
    let authorize = namespace.authorize.read().clone();
    match authorize {
        None => accept(connection, namespace, slot, handshake, Decided::default()),
        Some(authorize) => {
            let request = ConnectRequest::new(namespace.name.clone(), handshake.clone());
            let connection = Arc::clone(connection);
            let engine = Arc::clone(&connection.engine);
            engine.tasks.spawn(async move {
                let deciding = AssertUnwindSafe(async { authorize(request.clone()).await }).catch_unwind();
                let decided = tokio::time::timeout(connection.engine.config.connect_timeout, deciding).await;
                match decided {
                    Ok(Ok(Ok(()))) => accept(&connection, namespace, slot, handshake, request.take_decided()),
                    Ok(Ok(Err(error))) => refuse(&connection, slot, &error),
                    Ok(Err(_)) => {
                        connection.engine.metrics.handler_panics.increment();
                        tracing::error!(namespace = %namespace.name, "authorize panicked");
                        refuse(&connection, slot, &failure("Internal error"));
                    }
                    Err(_) => refuse(&connection, slot, &failure("Authorization timed out")),
                }
            });
        }
    }
}

/// The server failed, which says nothing about the client's token: one that understands tries the same again.
fn failure(message: &str) -> ConnectError {
    ConnectError::new(message).with_raw_data(r#"{"retryAfterMs":1000}"#)
}

fn refuse(connection: &Connection, slot: SlotId, error: &ConnectError) {
    connection.with(|session, now| session.refuse(now, slot, error.to_json()));
}

/// Registers the socket, lets the application register its handlers, then tells the client.
fn accept(
    connection: &Arc<Connection>,
    namespace: Arc<NamespaceInner>,
    slot: SlotId,
    handshake: Handshake,
    decided: Decided,
) {
    let lost = decided.lost;
    let Some((socket, replay)) = admit(connection, namespace, slot, handshake, decided) else { return };
    let shared = &socket.namespace.shared;
    shared.metrics.sockets_joined.increment();
    let callbacks = socket.namespace.on_connection.read().clone();
    for callback in callbacks {
        let socket = Socket::new(Arc::clone(&socket));
        if catch_unwind(AssertUnwindSafe(|| callback(socket))).is_err() {
            shared.metrics.handler_panics.increment();
            tracing::error!(sid = %connection.sid, "on_connection panicked");
        }
    }
    // A session that goes on has lost nothing.
    let lost = if socket.recovered { 0 } else { lost };
    let grant = granted(&socket, lost);
    let data = ConnectData { sid: socket.id.clone(), pid: socket.pid.clone(), grant };
    connection.with(|session, now| session.accept_with(now, slot, &data, replay));
    socket.open_queue();
}

/// What the client is told that it has, if it asked. Where events end in offsets, one that asked takes them off, and has to
/// know, even if nothing else is granted.
fn granted(socket: &SocketInner, lost: u64) -> Option<Grant> {
    if let Some(delivery) = &socket.delivery {
        return Some(Grant { lost, ..delivery.grant.clone() });
    }
    socket.pid.as_ref()?;
    Request::of_auth(socket.handshake.auth_json()).map(|_| Grant { lost, ..Grant::default() })
}

/// Makes the client's socket a member: with a session of before, where it has one, and what that missed. Nothing where the
/// client is gone.
fn admit(
    connection: &Arc<Connection>,
    namespace: Arc<NamespaceInner>,
    slot: SlotId,
    handshake: Handshake,
    decided: Decided,
) -> Option<(Arc<SocketInner>, Vec<Message>)> {
    let shared = Arc::clone(&namespace.shared);
    let (now, metrics) = (shared.now(), &shared.metrics);
    let granting = namespace.delivery.read().clone();
    let delivery = granting
        .zip(decided.user.as_ref())
        .and_then(|(granting, user)| SocketDelivery::negotiate(granting, connection, user, handshake.auth_json()));
    let recovers = namespace.recovers();
    let claim = if recovers { Claim::read(&handshake) } else { None };
    let (sid, pid) = (Sid::new(random_id()), recovers.then(|| ByteString::from(random_id())));
    // What comes off under the lock, to be dropped without it.
    let mut gone = Gone::new();

    let locked = Arc::clone(&namespace);
    let mut members = locked.members.lock();
    let claimed = claim.map(|claim| members.claim(now, &claim, decided.user.as_deref(), metrics));
    let (resumed, refused, superseded) = match claimed {
        None => {
            gone.extend(members.expire(now, metrics));
            (None, None, None)
        }
        Some(Claimed { outcome, superseded, gone: expired }) => {
            gone.extend(expired);
            let (resumed, refused) =
                outcome.map_or_else(|reason| (None, Some(reason)), |resumed| (Some(resumed), None));
            (resumed, refused, superseded)
        }
    };
    let (beginning, replay) = resumed.unwrap_or_else(|| (members.fresh(sid, shared.next_key(), pid), Vec::new()));
    let (data, data_of_before) = match decided.data {
        Some(data) => (Some(data), beginning.data),
        None => (beginning.data, None),
    };
    let socket = Arc::new(SocketInner {
        id: beginning.sid,
        key: beginning.key,
        namespace,
        connection: Arc::clone(connection),
        slot,
        handshake,
        data,
        user: decided.user,
        delivery,
        pid: beginning.pid,
        start: beginning.start,
        recovered: beginning.recovered,
        ended: AtomicBool::new(false),
        handlers: Mutex::default(),
        queue: Mutex::new(EventQueue::closed()),
        acks: Mutex::default(),
        rooms: Mutex::default(),
        ordered: AtomicBool::new(false),
        connected: AtomicBool::new(true),
    });
    members.insert(&socket);
    for room in &beginning.rooms {
        members.join(room, &socket);
    }
    // Under the lock: what is sent to a member from now on waits for it.
    let accepted = connection.begin_accept(slot, &socket);
    if !accepted {
        // A session that was resumed for a client that is gone waits for the next attempt.
        gone.extend(members.leave_namespace(now, &socket, socket.recovered));
    }
    drop(members);
    if let (Some(delivery), false) = (&socket.delivery, accepted) {
        delivery.release();
    }
    drop((gone, data_of_before));

    if let Some(holder) = superseded {
        holder.connected.store(false, Ordering::Release);
        holder.connection.end(holder.slot, DisconnectReason::Superseded);
    }
    if let Some(reason) = refused {
        metrics.count_not_recovered(reason);
        tracing::debug!(namespace = %socket.namespace.name, %reason, "session not resumed");
    } else if socket.recovered && accepted {
        metrics.sessions_recovered.increment();
    }
    accepted.then_some((socket, replay))
}
