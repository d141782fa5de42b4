#![expect(clippy::disallowed_types, reason = "looked up by name; their order never shows")]

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use nexus_core::socketio::Sid;
use smallvec::SmallVec;

use super::{SocketInner, recovery::Recovery};
use crate::delivery::Audience;

/// The sockets of a namespace and its rooms.
#[derive(Default)]
pub(super) struct Members {
    /// By the order in which they joined, which is the order of a broadcast.
    sockets: BTreeMap<u64, Arc<SocketInner>>,
    ids: HashMap<Sid, u64>,
    rooms: HashMap<Arc<str>, BTreeMap<u64, Arc<SocketInner>>>,
    /// Where sessions may be resumed.
    pub(super) recovery: Option<Box<Recovery>>,
}

/// Whom something is for.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    pub(super) audience: Audience,
    /// The key of the socket that sends.
    pub(super) without: Option<u64>,
}

impl Members {
    pub(super) fn add(&mut self, socket: Arc<SocketInner>) {
        self.ids.insert(socket.id.clone(), socket.key);
        self.sockets.insert(socket.key, socket);
    }

    /// Takes a member out, and returns the rooms that it was in.
    pub(super) fn remove(&mut self, socket: &SocketInner) -> SmallVec<[Arc<str>; 1]> {
        self.ids.remove(&socket.id);
        self.sockets.remove(&socket.key);
        let rooms = std::mem::take(&mut *socket.rooms.lock());
        for room in &rooms {
            self.leave_room(room, socket.key);
        }
        rooms
    }

    /// Whether this very socket is a member: one that resumes its session has the same id and key.
    pub(super) fn contains(&self, socket: &SocketInner) -> bool {
        self.sockets.get(&socket.key).is_some_and(|known| std::ptr::eq(&raw const **known, socket))
    }

    pub(super) fn member(&self, key: u64) -> Option<&Arc<SocketInner>> {
        self.sockets.get(&key)
    }

    /// Returns whether that is new. A socket that has left its namespace joins nothing.
    pub(super) fn join(&mut self, room: &str, socket: &Arc<SocketInner>) -> bool {
        if !self.contains(socket) {
            return false;
        }
        let name = match self.rooms.get_key_value(room) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(room),
        };
        let members = self.rooms.entry(Arc::clone(&name)).or_default();
        let new = members.insert(socket.key, Arc::clone(socket)).is_none();
        if new {
            socket.rooms.lock().push(name);
        }
        new
    }

    pub(super) fn leave(&mut self, room: &str, socket: &SocketInner) {
        if !self.contains(socket) {
            return;
        }
        socket.rooms.lock().retain(|known| &**known != room);
        self.leave_room(room, socket.key);
    }

    fn leave_room(&mut self, room: &str, key: u64) {
        if let Some(members) = self.rooms.get_mut(room) {
            members.remove(&key);
            if members.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    pub(super) fn socket(&self, id: &str) -> Option<&Arc<SocketInner>> {
        self.sockets.get(self.ids.get(id)?)
    }

    /// Calls `visit` once for each socket that is meant, in the order in which they joined.
    pub(super) fn for_each(&self, target: &Target, mut visit: impl FnMut(&Arc<SocketInner>)) {
        let mut visit = |key: &u64, socket: &Arc<SocketInner>| {
            if Some(*key) != target.without && !self.is_excepted(target, socket) {
                visit(socket);
            }
        };
        match target.audience.rooms.as_slice() {
            [] => self.sockets.iter().for_each(|(key, socket)| visit(key, socket)),
            [room] => match self.rooms.get(room) {
                Some(members) => members.iter().for_each(|(key, socket)| visit(key, socket)),
                None => {
                    if let Some(socket) = self.socket(room) {
                        visit(&socket.key, socket);
                    }
                }
            },
            rooms => {
                let mut union = BTreeMap::new();
                for room in rooms {
                    union.extend(self.rooms.get(room).into_iter().flatten().map(|(key, socket)| (*key, socket)));
                    union.extend(self.socket(room).map(|socket| (socket.key, socket)));
                }
                union.iter().for_each(|(key, socket)| visit(key, socket));
            }
        }
    }

    fn is_excepted(&self, target: &Target, socket: &SocketInner) -> bool {
        target.audience.except.iter().any(|room| {
            self.rooms.get(room).is_some_and(|members| members.contains_key(&socket.key))
                || **room == *socket.id.as_str()
        })
    }
}
