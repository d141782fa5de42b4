use std::sync::Arc;

use nexus_core::socketio::Sid;
use smallvec::SmallVec;

/// Whom an event is for, in words that outlive the sockets: rooms, and ids of sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    /// The one socket, whatever else is said.
    only: Option<Sid>,
    /// Rooms, or ids of sockets; everybody where there are none.
    pub(crate) rooms: SmallVec<[Arc<str>; 1]>,
    pub(crate) except: SmallVec<[Arc<str>; 1]>,
    /// The socket that sends.
    without: Option<Sid>,
}

impl Audience {
    /// Everybody in the namespace.
    #[must_use]
    pub fn everybody() -> Self {
        Self::default()
    }

    /// One socket.
    #[must_use]
    pub fn socket(sid: Sid) -> Self {
        Self { only: Some(sid), ..Self::default() }
    }

    /// Adds a room, or the one socket with this id.
    #[must_use]
    pub fn to(mut self, room: Arc<str>) -> Self {
        self.rooms.push(room);
        self
    }

    /// Leaves out a room, or the one socket with this id.
    #[must_use]
    pub fn except(mut self, room: Arc<str>) -> Self {
        self.except.push(room);
        self
    }

    /// Leaves out the socket that sends.
    #[must_use]
    pub fn without(mut self, sid: Sid) -> Self {
        self.without = Some(sid);
        self
    }

    /// Whether a socket in these rooms is meant.
    #[must_use]
    pub fn includes(&self, sid: &Sid, rooms: &[Arc<str>]) -> bool {
        if let Some(only) = &self.only {
            return only == sid;
        }
        let names = |room: &Arc<str>| **room == *sid.as_str() || rooms.contains(room);
        (self.rooms.is_empty() || self.rooms.iter().any(names))
            && !self.except.iter().any(names)
            && self.without.as_ref() != Some(sid)
    }
}
