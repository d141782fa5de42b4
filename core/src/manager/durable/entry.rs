use bytestring::ByteString;

use crate::{
    manager::store::{MessageKey, StoredMessage},
    socketio::{AckId, Payload},
    time::Timestamp,
};

/// What a message costs besides its contents.
const OVERHEAD_BYTES: usize = 128;
/// So many packets may ask for the acknowledgement of one message: the last ones.
const MAX_ACKS: usize = 8;

/// A durable message.
#[derive(Debug)]
pub(in crate::manager) struct Entry {
    pub(in crate::manager) key: MessageKey,
    pub(in crate::manager) event: ByteString,
    pub(in crate::manager) payload: Payload,
    pub(in crate::manager) emitted_at: u64,
    /// In milliseconds since 1970, as the store has it.
    pub(in crate::manager) expires_epoch: u64,
    pub(in crate::manager) expires_at: Timestamp,
    /// Where it stands in its lane: first what was taken over with its key, then what has a key of this owner.
    pub(super) order: (bool, u64),
    pub(super) state: State,
    /// As in [`StoredMessage::sent`].
    pub(super) sent: Option<Option<ByteString>>,
    /// Whether a connection may have got it.
    pub(in crate::manager) is_written: bool,
    /// The packets of the session at hand whose acknowledgement is its own.
    pub(super) acks: Vec<AckId>,
}

/// What a message waits for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::manager) enum State {
    /// The outbox to be opened.
    Unkeyed,
    /// The commit that takes it in.
    Putting,
    /// A connection, or an answer: it is in the store.
    Stored,
    /// The commit of its being sent under this generation.
    Marking(Option<ByteString>),
    /// The commit of its new key.
    Renewing,
    /// The commit of its removal.
    Ending,
}

impl Entry {
    pub(in crate::manager) fn new(stored: StoredMessage, expires_at: Timestamp) -> Self {
        Self { state: State::Unkeyed, ..Self::restored(stored, (true, 0), expires_at) }
    }

    pub(super) fn restored(stored: StoredMessage, order: (bool, u64), expires_at: Timestamp) -> Self {
        let StoredMessage { key, event, payload, emitted_at, expires_at: expires_epoch, sent } = stored;
        let is_written = sent.is_some();
        Self {
            key,
            event,
            payload,
            emitted_at,
            expires_epoch,
            expires_at,
            order,
            state: State::Stored,
            sent,
            is_written,
            acks: Vec::new(),
        }
    }

    /// As the store is to have it.
    pub(super) fn stored(&self) -> StoredMessage {
        StoredMessage {
            key: self.key.clone(),
            event: self.event.clone(),
            payload: self.payload.clone(),
            emitted_at: self.emitted_at,
            expires_at: self.expires_epoch,
            sent: self.sent.clone(),
        }
    }

    pub(in crate::manager) fn bytes(&self) -> usize {
        OVERHEAD_BYTES + self.key.namespace.as_str().len() + self.event.len() + self.payload.size()
    }

    pub(in crate::manager) fn is_ending(&self) -> bool {
        self.state == State::Ending
    }

    /// Whether it is in the store under its key.
    pub(super) fn is_stored(&self) -> bool {
        matches!(self.state, State::Stored | State::Marking(_))
    }

    /// Whether it is accepted.
    pub(in crate::manager) fn is_accepted(&self) -> bool {
        !matches!(self.state, State::Unkeyed | State::Putting)
    }

    /// Notes that a packet asks for its acknowledgement. Gives one that is too long ago.
    pub(super) fn asked(&mut self, id: AckId) -> Option<AckId> {
        self.acks.push(id);
        (self.acks.len() > MAX_ACKS).then(|| self.acks.remove(0))
    }
}
