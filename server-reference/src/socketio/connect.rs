use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicBool},
};

use futures_util::FutureExt;
use nexus_core::{
    ByteString,
    socketio::{Namespace as Name, Sid},
};
use parking_lot::Mutex;

use super::{
    ConnectError, ConnectRequest, Handshake, Namespaces, Socket, SocketInner, delivery::SocketDelivery,
    dispatch::EventQueue, handshake::Decided, namespace::NamespaceInner,
};
use crate::{
    engine::{Connection, random_id},
    session::{BadInputKind, ConnectData, SlotId},
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
    let shared = Arc::clone(&namespace.shared);
    let granting = namespace.delivery.read().clone();
    let delivery = granting
        .zip(decided.user.as_ref())
        .and_then(|(granting, user)| SocketDelivery::negotiate(granting, connection, user, handshake.auth_json()));
    let socket = Arc::new(SocketInner {
        id: Sid::new(random_id()),
        key: shared.next_key(),
        namespace,
        connection: Arc::clone(connection),
        slot,
        handshake,
        data: decided.data,
        user: decided.user,
        delivery,
        handlers: Mutex::default(),
        queue: Mutex::new(EventQueue::closed()),
        acks: Mutex::default(),
        rooms: Mutex::default(),
        ordered: AtomicBool::new(false),
        connected: AtomicBool::new(true),
    });
    socket.namespace.members.lock().insert(Arc::clone(&socket));
    if !connection.begin_accept(slot, &socket) {
        socket.namespace.members.lock().remove(&socket);
        return;
    }
    shared.metrics.sockets_joined.increment();
    let callbacks = socket.namespace.on_connection.read().clone();
    for callback in callbacks {
        let socket = Socket::new(Arc::clone(&socket));
        if catch_unwind(AssertUnwindSafe(|| callback(socket))).is_err() {
            shared.metrics.handler_panics.increment();
            tracing::error!(sid = %connection.sid, "on_connection panicked");
        }
    }
    let mut data = ConnectData::new(socket.id.clone());
    data.grant = socket.delivery.as_ref().map(|delivery| delivery.grant.clone());
    connection.with(|session, now| session.accept_with(now, slot, &data, Vec::new()));
    socket.open_queue();
}
