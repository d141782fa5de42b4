//! What the manager asks of the storage in which durable messages outlive the process, and what that reports.
//!
//! A driver with a store answers each [`Output::Store`](super::Output::Store) with one
//! [`Manager::handle_store`](super::Manager::handle_store), in the order of the requests. The manager never waits: a
//! message is accepted when its commit is reported, and nothing of it is transmitted before.

use std::fmt;

use bytestring::ByteString;

use crate::{
    escape::Escaped,
    socketio::{Namespace, Payload, delivery::Position},
};

use super::ids::StoreTicket;

/// Work for the store.
#[derive(Debug)]
pub struct StoreRequest {
    /// Names the request in the answer.
    pub ticket: StoreTicket,
    /// What to do.
    pub operation: StoreOperation,
}

/// What the store is to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreOperation {
    /// Open the outbox of a user on the server of the configuration, closing the one that is open: make an empty one
    /// for this instance, take its lock, and take over every other outbox of this server and user whose owner is gone.
    /// Answer: [`StoreAnswer::Opened`].
    Open {
        /// The user.
        user_id: String,
        /// Names the outbox; new with each request.
        instance: ByteString,
    },
    /// Make all changes or none, and survive a killed process and a power cut from the answer on.
    /// Answer: [`StoreAnswer::Committed`].
    Commit {
        /// In order.
        changes: Vec<StoreChange>,
    },
    /// Let go of the open outbox: another owner may take it over. Answer: [`StoreAnswer::Committed`].
    Close,
}

/// A change of the open outbox.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreChange {
    /// Take a message in; one with this key is replaced.
    Put(StoredMessage),
    /// The message is about to be written to a connection for the first time.
    Sent {
        /// Which.
        key: MessageKey,
        /// As in [`StoredMessage::sent`].
        generation: Option<ByteString>,
    },
    /// Forget a message; one that is not there is no error.
    Remove {
        /// Which.
        key: MessageKey,
    },
    /// Keep the last position in a namespace's inbox that the application has seen.
    Position {
        /// Where.
        namespace: Namespace,
        /// What to keep.
        position: Position,
    },
}

/// Names a durable message for ever: with the user it is the server's key of its outcome.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageKey {
    /// The instance that gave the id.
    pub instance: ByteString,
    /// Where it goes.
    pub namespace: Namespace,
    /// Counts within both.
    pub id: u64,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMessage {
    /// Names it.
    pub key: MessageKey,
    /// The event's name.
    pub event: ByteString,
    /// Its arguments.
    pub payload: Payload,
    /// When it was emitted, in milliseconds since 1970. Messages that are taken over are sent in this order.
    pub emitted_at: u64,
    /// When it expires, in milliseconds since 1970.
    pub expires_at: u64,
    /// Whether it may have been written to a connection, and if so under which generation of the server's ledger;
    /// `Some(None)` is a stock server.
    pub sent: Option<Option<ByteString>>,
}

/// What the store reports.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreEvent {
    /// A request is done.
    Answer {
        /// Which.
        ticket: StoreTicket,
        /// How; an error means that nothing of it was done.
        result: Result<StoreAnswer, StoreError>,
    },
    /// An owner has gone while this outbox was open, and what it left now belongs to it.
    Adopted {
        /// The messages, under their keys of before.
        messages: Vec<StoredMessage>,
    },
}

/// How a request ended well.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreAnswer {
    /// Of [`StoreOperation::Open`].
    Opened(OpenedOutbox),
    /// Of the others.
    Committed,
}

/// What was found when an outbox was opened.
#[derive(Debug, Default)]
pub struct OpenedOutbox {
    /// What former owners have left, under their keys, in any order.
    pub messages: Vec<StoredMessage>,
    /// The last positions in inboxes of this user.
    pub positions: Vec<(Namespace, Position)>,
    /// How many records could not be read. They are set aside, not deleted.
    pub unreadable: u64,
}

/// Why the store could not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    /// What kind of failure.
    pub kind: StoreErrorKind,
    /// What the store knows more, for people.
    pub message: String,
}

impl StoreError {
    /// An error.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, Escaped(&self.message))
    }
}

impl std::error::Error for StoreError {}

/// Kinds of store errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// No space, or no more of the quota.
    Full,
    /// What is there can't be read.
    Corrupt,
    /// Anything else: no permission, a broken disk, storage that the platform denies.
    Unavailable,
}

impl StoreErrorKind {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full => "STORAGE_FULL",
            Self::Corrupt => "STORAGE_CORRUPT",
            Self::Unavailable => "STORAGE_UNAVAILABLE",
        }
    }
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the storage is full",
            Self::Corrupt => "the storage is corrupt",
            Self::Unavailable => "the storage is not available",
        })
    }
}
