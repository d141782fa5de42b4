//! Who comes: authorized, recovered or new, and told what the inbox has.

use std::sync::Arc;

use nexus_core::{
    ByteString,
    socketio::{
        Namespace, Sid,
        delivery::{Offset, Request},
    },
};
use nexus_server::{
    delivery::{Audience, Buffered, Resumed, SessionState},
    session::{ConnectData, DisconnectReason, Message, SlotId},
    store::LedgerKey,
};
use serde::Deserialize;

use super::server::Socket;
use crate::{
    scenario::Planted,
    world::{Key, World},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    user_id: String,
    token: String,
    pid: Option<String>,
    offset: Option<String>,
}

impl World<'_> {
    /// The server has looked at the token, and answers a CONNECT.
    pub(crate) fn admit(&mut self, key: Key, slot: SlotId) {
        let Some(auth) = self.server.joining.remove(&(key, slot)) else { return };
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let Some(namespace) = connection.slots.get(&slot).cloned() else { return };
        let client = connection.client;
        let Ok(known) = serde_json::from_str::<Auth>(&auth) else {
            return connection.session.refuse(self.now, slot, r#"{"message":"unauthorized"}"#.into());
        };
        let valid_from = self.server.disk.valid_from.get(&client).copied().unwrap_or_default();
        let token = known.token.parse::<u64>().ok();
        let lets_in_all = self.scenario.planted == Some(Planted::RevokedJoins);
        if token.is_none_or(|token| token < valid_from && !lets_in_all) {
            self.oracle.report.tokens_refused += 1;
            return connection.session.refuse(self.now, slot, r#"{"message":"unauthorized"}"#.into());
        }
        if !connection.session.begin_accept(slot) {
            return;
        }
        let user: Arc<str> = known.user_id.into();
        let request = Request::of_auth(&auth);
        self.evict(&user, &namespace, known.pid.as_deref());
        let offset = known.offset.as_deref().map(Offset::parse);
        // It may send again what the client has had: that is for the client to tell.
        let is_generous = self.active && self.choices.percent("repeats from the log", 20);
        let offset = offset.filter(|offset| !is_generous || offset.is_none());
        let resumed = match (&known.pid, offset) {
            // What is no offset of this server is none of its sessions.
            (None, _) | (_, Some(None)) => None,
            (Some(pid), offset) => {
                self.server.log(&namespace).resume(self.now, pid, Some(&user), offset.flatten().as_ref()).ok()
            }
        };
        let is_resumed = resumed.is_some();
        let (session, replay) = match resumed {
            Some(Resumed { session, replay }) => (session, replay),
            None => (self.new_session(&user, &namespace), Vec::new()),
        };
        let instance = request.as_ref().map(|request| request.instance.clone());
        let ack_bytes = self.habits.ack_bytes();
        if let Some(instance) = &instance {
            let ledger =
                LedgerKey { user: Arc::clone(&user), namespace: namespace.clone(), instance: instance.clone() };
            self.server.buffered.entry(ledger).or_insert_with(|| Buffered::new(ack_bytes));
        }
        let position = request.as_ref().and_then(|request| request.position.as_ref());
        let (entries, lost) =
            if is_resumed { (Vec::new(), 0) } else { self.server.inbox_past(&user, &namespace, position) };
        let grant = request.map(|_| self.server.grant(lost));
        self.model.let_in(client, token.unwrap_or_default());
        self.model.joined(client, &namespace, &session.sid, is_resumed);
        self.oracle.report.recovered += u64::from(is_resumed);
        let data = ConnectData { sid: session.sid.clone(), pid: Some(session.pid.clone()), grant };
        let SessionState { pid, sid, rooms, start, .. } = session;
        let socket = Socket { client, namespace: namespace.clone(), user, pid, sid, rooms, start, instance };
        self.server.sockets.insert((key, slot), socket);
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.replayed += replay.iter().map(Message::size).sum::<usize>();
            connection.session.accept_with(self.now, slot, &data, replay);
            for (u, payload) in entries {
                // In the log as well: a session that is resumed before it has got them gets them then.
                let position = self.server.position(u);
                let log = self.server.log(&namespace);
                let message = super::downlink::message(&namespace, &payload, &log.next_offset(Some(position)));
                log.append(self.now, Audience::socket(data.sid.clone()), message.clone());
                connection.session.send(self.now, slot, message, false);
            }
        }
    }

    fn new_session(&mut self, user: &Arc<str>, namespace: &Namespace) -> SessionState<()> {
        self.server.next_sid += 1;
        let name = format!("{}-{}", self.server.life, self.server.next_sid);
        SessionState {
            pid: ByteString::from(format!("p{name}")),
            sid: Sid::new(format!("s{name}")),
            user: Some(Arc::clone(user)),
            rooms: vec![format!("user:{user}").into()],
            start: self.server.log(namespace).last(),
            data: (),
        }
    }

    /// A session that is still live is ended where its user resumes it elsewhere.
    fn evict(&mut self, user: &Arc<str>, namespace: &Namespace, pid: Option<&str>) {
        let live =
            self.server.sockets.iter().find(|(_, socket)| {
                socket.namespace == *namespace && pid == Some(&*socket.pid) && socket.user == *user
            });
        let Some((&(key, slot), _)) = live else { return };
        self.left(key, slot, DisconnectReason::TransportClose);
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.slots.remove(&slot);
            connection.session.end(self.now, slot);
        }
        self.pump_session(key);
    }

    /// A socket is gone; its session is kept for who comes back, unless one of both wanted it to end.
    pub(crate) fn left(&mut self, key: Key, slot: SlotId, reason: DisconnectReason) {
        let Some(socket) = self.server.sockets.remove(&(key, slot)) else { return };
        if reason == DisconnectReason::ServerDisconnect {
            self.model.session_ended(&socket.namespace, &socket.sid);
        }
        if !matches!(reason, DisconnectReason::ClientDisconnect | DisconnectReason::ServerDisconnect) {
            let Socket { namespace, user, pid, sid, rooms, start, .. } = socket;
            let session = SessionState { pid, sid, user: Some(user), rooms, start, data: () };
            let _nothing = self.server.log(&namespace).park(self.now, session);
            self.check_log(&namespace);
        }
    }
}
