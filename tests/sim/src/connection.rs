use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use nexus_core::{
    Bytes,
    engineio::{self, Frame},
    manager::ConnectionId,
    socketio::{Decoder, Limits, Namespace, Packet},
    time::Timestamp,
};
use nexus_server::session::{Session, SessionConfig, SlotId};

/// One direction of a connection: what is on its way, first in, first out.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    items: VecDeque<(Timestamp, Item)>,
    last_arrival: Timestamp,
}

/// What travels.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Frame(Frame),
    /// A WebSocket ping or its pong.
    Ping(u64),
    Close,
    /// So many bytes before it are off the sender's hands.
    Written(usize),
}

impl Wire {
    /// Puts an item on its way, behind those before it. Gives its arrival.
    pub(crate) fn push(&mut self, now: Timestamp, delay: Duration, item: Item) -> Timestamp {
        self.last_arrival = self.last_arrival.max(now + delay);
        self.items.push_back((self.last_arrival, item));
        self.last_arrival
    }

    /// The next item, if it has arrived.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Item> {
        self.items.pop_front_if(|(arrival, _)| *arrival <= now).map(|(_, item)| item)
    }

    /// Whether something is on its way that is no ping.
    pub(crate) fn has_frames(&self) -> bool {
        self.items.iter().any(|(_, item)| !matches!(item, Item::Ping(_) | Item::Written(_)))
    }

    /// Everything on its way, gone.
    pub(crate) fn lose(&mut self) -> impl Iterator<Item = Item> {
        std::mem::take(&mut self.items).into_iter().map(|(_, item)| item)
    }
}

/// One WebSocket between a manager and a session, and the session.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: usize,
    pub(crate) id: ConnectionId,
    pub(crate) session: Session,
    pub(crate) to_server: Wire,
    pub(crate) to_client: Wire,
    pub(crate) slots: BTreeMap<SlotId, Namespace>,
    /// The client has been told, or has said, that it is over.
    pub(crate) client_gone: bool,
    /// The network will carry nothing more.
    pub(crate) cut: bool,
    pub(crate) stalled_until: Timestamp,
    pub(crate) timeout_at: Option<Timestamp>,
    pub(crate) next_ack: u64,
    /// Something forged was sent to the session.
    pub(crate) is_hostile: bool,
    /// An event whose text has reached the session, but not its attachments.
    pub(crate) incomplete: Option<(Namespace, u64)>,
    /// Bytes of replays that were sent on it.
    pub(crate) replayed: usize,
}

impl Connection {
    pub(crate) fn new(client: usize, id: ConnectionId, now: Timestamp, config: Arc<SessionConfig>) -> Self {
        Self {
            client,
            id,
            session: Session::new(now, config, true),
            to_server: Wire::default(),
            to_client: Wire::default(),
            slots: BTreeMap::new(),
            client_gone: false,
            cut: false,
            stalled_until: Timestamp::ZERO,
            timeout_at: None,
            next_ack: 0,
            is_hostile: false,
            incomplete: None,
            replayed: 0,
        }
    }
}

/// Whether a frame is a packet whose attachments follow.
pub(crate) fn awaits_attachments(frame: &Frame) -> bool {
    matches!(frame, Frame::Text(text) if text.starts_with("45"))
}

/// The namespace and number of an event in a frame from a client, read as an onlooker would.
pub(crate) fn numbered_event(frame: &Frame) -> Option<(Namespace, u64)> {
    let Ok(engineio::Packet::Message(Frame::Text(text))) = engineio::Packet::decode(frame.clone()) else { return None };
    let mut decoder = Decoder::new(Limits::default());
    let mut packet = decoder.handle_text(&text).ok()?;
    while decoder.is_pending() {
        // The attachments come in frames of their own; the number is in the text.
        packet = decoder.handle_binary(Bytes::new()).ok()?;
    }
    match packet {
        Some(Packet::Event { namespace, payload, .. }) => Some((namespace.detach(), payload.arg(0).ok()?)),
        _ => None,
    }
}
