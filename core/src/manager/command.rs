use std::fmt;
use std::time::Duration;

use bytestring::ByteString;

use super::ids::{ConnectTicket, MessageId, ReplyId, TokenRequest};
use crate::socketio::{Namespace, Payload};

/// What the application wants. Each has a method of its own on [`Manager`](super::Manager), where it is described.
#[derive(Debug)]
#[non_exhaustive]
pub enum Command {
    /// See [`Manager::connect`](super::Manager::connect).
    Connect {
        /// Who the user is; sent as `userId`.
        user_id: String,
        /// How the user proves it; sent as `token`.
        credentials: Credentials,
    },
    /// See [`Manager::disconnect`](super::Manager::disconnect).
    Disconnect,
    /// See [`Manager::join`](super::Manager::join).
    Join {
        /// What to join.
        namespace: Namespace,
    },
    /// See [`Manager::leave`](super::Manager::leave).
    Leave {
        /// What to leave.
        namespace: Namespace,
    },
    /// See [`Manager::emit`](super::Manager::emit).
    Emit(Emit),
    /// See [`Manager::reply`](super::Manager::reply).
    Reply {
        /// From the received event.
        reply: ReplyId,
        /// The arguments of the acknowledgement.
        payload: Payload,
    },
    /// See [`Manager::cancel`](super::Manager::cancel).
    Cancel {
        /// What to cancel.
        message: MessageId,
    },
    /// See [`Manager::provide_token`](super::Manager::provide_token).
    ProvideToken {
        /// Which request this answers.
        request: TokenRequest,
        /// The token, or why there is none.
        token: Result<Token, TokenFailure>,
    },
    /// See [`Manager::network_changed`](super::Manager::network_changed).
    NetworkChanged {
        /// Whether the system believes that there is a network.
        reachable: bool,
    },
    /// See [`Manager::enter_background`](super::Manager::enter_background).
    EnterBackground,
    /// See [`Manager::suspend`](super::Manager::suspend).
    Suspend,
    /// See [`Manager::enter_foreground`](super::Manager::enter_foreground).
    EnterForeground,
    /// See [`Manager::woke`](super::Manager::woke).
    Woke,
}

/// What a command gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Receipt {
    /// There is nothing to say.
    Done,
    /// Of `connect`.
    Connect(ConnectTicket),
    /// Of `join`.
    Join(JoinProgress),
    /// Of an emit.
    Emitted(Emitted),
    /// Of a cancellation.
    Cancelled(Cancelled),
}

/// An access token. Its text never shows in logs: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(ByteString);

impl Token {
    /// Takes the text of the token.
    pub fn new(text: impl Into<ByteString>) -> Self {
        Self(text.into())
    }

    /// The text of the token. Not for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.0.len())
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Where tokens come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// This one, for all connections. When the server refuses it, the manager stops.
    Token(Token),
    /// The application is asked with [`Output::NeedToken`](super::Output::NeedToken) for each connection, and for a fresh
    /// token when the server refuses the one that there is, also to a namespace that is joined much later.
    Provider,
}

/// A token provider's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFailure {
    /// What went wrong, for people.
    pub message: String,
    /// Whether asking again is pointless (signed out, say). If so, the manager stops; else it asks again with the
    /// next attempt. While connected either ends the joining of the namespaces that needed the token, and nothing else.
    pub is_final: bool,
}

/// How much care is taken of an emit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// Dropped when it can't be written now.
    Volatile,
    /// Kept in memory, in order, while it can't be written; where the server grants it, until the server has it.
    #[default]
    Buffered,
    /// Kept in the store before it is accepted, and sent until it is acknowledged, by a later process if need be.
    Durable,
}

/// An event to send.
#[derive(Clone, Debug)]
pub struct Emit {
    /// Joined lazily.
    pub namespace: Namespace,
    /// Any name that is not [reserved](crate::socketio::RESERVED_EVENTS).
    pub event: ByteString,
    /// The arguments.
    pub payload: Payload,
    /// How much care is taken of it. Default: buffered.
    pub delivery: Delivery,
    /// How long it may wait in the offline queue. Default: [`OutboxConfig::ttl`](super::OutboxConfig::ttl).
    pub ttl: Option<Duration>,
    /// Asks for an acknowledgement, within this time from the emit; `Some(None)` is within
    /// [`Config::ack_timeout`](super::Config::ack_timeout). Default: none is asked for.
    pub ack: Option<Option<Duration>>,
}

impl Emit {
    /// A buffered event without acknowledgement.
    pub fn new(namespace: Namespace, event: impl Into<ByteString>, payload: Payload) -> Self {
        Self { namespace, event: event.into(), payload, delivery: Delivery::default(), ttl: None, ack: None }
    }

    /// Keeps the event in the store until it is acknowledged. How far it is comes as
    /// [`Event::Delivery`](super::Event::Delivery), its acknowledgement too: `ack` has no meaning for it.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.delivery = Delivery::Durable;
        self
    }

    /// Drops the event when it can't be written now.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.delivery = Delivery::Volatile;
        self
    }

    /// Bounds the time in the offline queue.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Asks for an acknowledgement within [`Config::ack_timeout`](super::Config::ack_timeout).
    #[must_use]
    pub fn with_ack(mut self) -> Self {
        self.ack = Some(None);
        self
    }

    /// Asks for an acknowledgement within the given time from now.
    #[must_use]
    pub fn with_ack_timeout(mut self, timeout: Duration) -> Self {
        self.ack = Some(Some(timeout));
        self
    }
}

/// How far a join is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinProgress {
    /// The namespace is joined already.
    Joined,
    /// It will be joined with the connection: [`Event::Joined`](super::Event::Joined) or
    /// [`Event::JoinFailed`](super::Event::JoinFailed) follows.
    Pending,
}

/// What became of an emit so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// Names the emit in [`Event::AckResolved`](super::Event::AckResolved),
    /// [`Event::MessageDropped`](super::Event::MessageDropped) and [`Command::Cancel`].
    pub message: MessageId,
    /// Where it is now.
    pub outcome: EmitOutcome,
}

/// Where an emit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmitOutcome {
    /// Handed to the transport.
    Transmitted,
    /// In the offline queue.
    Queued,
    /// It was volatile and could not be written.
    Dropped,
    /// It is durable, and accepted when [`Event::Delivery`](super::Event::Delivery) says that it is persisted.
    Pending,
}

/// What a cancellation stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancelled {
    /// It was taken from the queue: the server will not see it.
    Unsent,
    /// It had been sent: only the wait for the acknowledgement ended.
    Wait,
}
