use std::fmt;
use std::time::Duration;

use bytestring::ByteString;
use thiserror::Error;

use super::event::DropReason;
use super::status::DisconnectReason;
use crate::escape::Escaped;

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The server's address is not `http://`, `https://`, `ws://` or `wss://` with a host.
    #[error("not a server address (http, https, ws or wss, with a host): \"{}\"", Escaped(.0))]
    InvalidUrl(String),
    /// The server's address has a path. Where the server mounts Socket.IO is [`Config::path`](super::Config::path);
    /// a namespace is named when it is joined.
    #[error("the server's address has a path; set the path of Socket.IO separately, name namespaces when joining")]
    UrlWithPath,
    /// The key belongs to the protocol: `token`, `userId`, `pid`, `offset` or `nx`.
    #[error("the authentication field \"{}\" is reserved", Escaped(.0))]
    ReservedAuthField(String),
    /// The value could not be encoded as JSON.
    #[error("the authentication field \"{}\" can't be encoded: {message}", Escaped(.key))]
    AuthFieldEncoding {
        /// The field.
        key: String,
        /// What the encoder said.
        message: String,
    },
}

impl ConfigError {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl(_) => "INVALID_URL",
            Self::UrlWithPath => "URL_WITH_PATH",
            Self::ReservedAuthField(_) => "RESERVED_AUTH_FIELD",
            Self::AuthFieldEncoding { .. } => "AUTH_FIELD_NOT_ENCODABLE",
        }
    }
}

/// Why `connect` was refused on the spot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectCallError {
    /// The user id is empty or longer than [`Limits::user_id_bytes`](super::Limits::user_id_bytes).
    #[error("the user id is empty or too long")]
    InvalidUserId,
    /// The token is longer than [`Limits::token_bytes`](super::Limits::token_bytes).
    #[error("the token is too long")]
    TokenTooLong,
    /// More than [`Limits::connect_tickets`](super::Limits::connect_tickets) calls of `connect` are unresolved.
    #[error("too many unresolved calls of connect")]
    TooManyCalls,
}

impl ConnectCallError {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidUserId => "INVALID_USER_ID",
            Self::TokenTooLong => "TOKEN_TOO_LONG",
            Self::TooManyCalls => "TOO_MANY_CALLS",
        }
    }
}

/// What the server said when it refused a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The server's message. Show it escaped.
    pub message: String,
    /// The server's `data`, as JSON text.
    pub data: Option<ByteString>,
    /// The server's wish for how long to stay away (`retryAfterMs` in `data`).
    pub retry_after: Option<Duration>,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.message).fmt(f)
    }
}

/// Why a call of `connect` was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server refused the token, and there is no other. The manager has stopped: sign in again.
    #[error("the server refused the token: {0}")]
    AuthRejected(ServerError),
    /// The server did not answer in [`Config::authentication_timeout`](super::Config::authentication_timeout).
    /// The manager keeps trying.
    #[error("authentication timeout")]
    AuthenticationTimeout,
    /// The server refused the primary namespace, not the token. The manager has stopped.
    #[error("the server refused the primary namespace: {0}")]
    NamespaceRefused(ServerError),
    /// The token provider failed for good. The manager has stopped.
    #[error("no token: {0}")]
    TokenUnavailable(String),
    /// No connection within [`Config::connect_timeout`](super::Config::connect_timeout). The manager keeps trying.
    #[error("no connection yet{}", .last.as_ref().map_or_else(String::new, |last| format!(" (last attempt: {last})")))]
    TimedOut {
        /// How the last attempt ended, if one did.
        last: Option<DisconnectReason>,
    },
    /// All attempts that the reconnection policy allows have failed. The manager has stopped.
    #[error("could not connect in {attempts} attempts, the last: {last}")]
    AttemptsExhausted {
        /// How many were made.
        attempts: u32,
        /// How the last one ended.
        last: DisconnectReason,
    },
    /// The server ended the primary namespace before the call was resolved. The manager has stopped.
    #[error("the server ended the connection")]
    ServerDisconnect,
    /// `disconnect` was called, or `connect` for another user.
    #[error("cancelled by a later call")]
    Cancelled,
}

impl ConnectError {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AuthRejected(_) => "AUTH_REJECTED",
            Self::AuthenticationTimeout => "AUTHENTICATION_TIMEOUT",
            Self::NamespaceRefused(_) => "NAMESPACE_REFUSED",
            Self::TokenUnavailable(_) => "TOKEN_UNAVAILABLE",
            Self::TimedOut { .. } => "TIMED_OUT",
            Self::AttemptsExhausted { .. } => "ATTEMPTS_EXHAUSTED",
            Self::ServerDisconnect => "SERVER_DISCONNECT",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether the manager has stopped, so that nothing happens before the next `connect`.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::AuthenticationTimeout | Self::TimedOut { .. })
    }

    /// Whether the user has to sign in again.
    pub const fn requires_sign_in(&self) -> bool {
        matches!(self, Self::AuthRejected(_) | Self::TokenUnavailable(_))
    }
}

/// Why an emit was refused. A refused emit leaves no trace but a counter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// `connect` was never called, so there is nobody on whose behalf to send.
    #[error("connect has not been called")]
    NoUser,
    /// Names like `connect` and `disconnect` belong to the protocol.
    #[error("the event name \"{}\" is reserved", Escaped(.0))]
    ReservedEvent(String),
    /// The event, or one of its attachments, is larger than the server takes or this side sends.
    #[error("{size} bytes are more than the {limit} that may be sent")]
    TooLarge {
        /// Size of the largest frame.
        size: u64,
        /// The lower of the server's `maxPayload` and [`Limits::frame_bytes`](super::Limits::frame_bytes).
        limit: u64,
    },
    /// More attachments than [`Limits::attachments`](super::Limits::attachments).
    #[error("too many attachments")]
    TooManyAttachments,
    /// The offline queue is full and its policy is to reject. Retry when the connection is back.
    #[error("the offline queue is full")]
    QueueFull,
    /// [`Limits::pending_acks`](super::Limits::pending_acks) acknowledgements are being awaited.
    #[error("too many acknowledgements are awaited")]
    TooManyPendingAcks,
    /// A volatile emit with acknowledgement could not be written now.
    #[error("not writable now")]
    NotWritable,
    /// A durable emit, and this client has no store.
    #[error("durable emits need a store: give the client one")]
    NoDurableStore,
    /// The namespace could not be joined lazily.
    #[error(transparent)]
    Join(#[from] JoinError),
}

impl EmitError {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoUser => "NO_USER",
            Self::ReservedEvent(_) => "RESERVED_EVENT",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::TooManyAttachments => "TOO_MANY_ATTACHMENTS",
            Self::QueueFull => "QUEUE_FULL",
            Self::TooManyPendingAcks => "TOO_MANY_PENDING_ACKS",
            Self::NotWritable => "NOT_WRITABLE",
            Self::NoDurableStore => "NO_DURABLE_STORE",
            Self::Join(error) => error.code(),
        }
    }

    /// Whether the same emit may be accepted later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::QueueFull | Self::TooManyPendingAcks | Self::NotWritable)
    }
}

/// How an awaited acknowledgement ended without one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AckError {
    /// No acknowledgement within the timeout. If `sent`, the server may have handled the event.
    #[error("no acknowledgement in time ({})", if *.sent { "sent" } else { "never sent" })]
    TimedOut {
        /// Whether the event had been handed to the transport.
        sent: bool,
    },
    /// The connection was lost after the event was sent: the server may or may not have handled it.
    #[error("disconnected after sending")]
    Disconnected,
    /// The wait was cancelled. If `sent`, the server may have handled the event.
    #[error("cancelled")]
    Cancelled {
        /// Whether the event had been handed to the transport.
        sent: bool,
    },
    /// The event left the offline queue without being sent: the server has not seen it.
    #[error("never sent: {0}")]
    NotSent(DropReason),
    /// The event was sent, and the server may or may not have it: another ledger answers than the one that it was sent to,
    /// or the application gave up the namespace or the connection.
    #[error("sent, and nobody knows whether it arrived")]
    Unknown,
}

impl AckError {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } => "TIMED_OUT",
            Self::Disconnected => "DISCONNECTED",
            Self::Cancelled { .. } => "CANCELLED",
            Self::NotSent(_) => "NOT_SENT",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Whether the event was certainly never sent, so that sending it again can't repeat its effect.
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::TimedOut { sent: false } | Self::Cancelled { sent: false } | Self::NotSent(_))
    }
}

/// Why a join was refused on the spot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// [`Limits::namespaces`](super::Limits::namespaces) are joined already.
    #[error("too many namespaces")]
    TooManyNamespaces,
}

impl JoinError {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooManyNamespaces => "TOO_MANY_NAMESPACES",
        }
    }
}

/// How the joining of a namespace failed. Others are not affected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinFailure {
    /// The server refused; with a token provider, also the fresh tokens of
    /// [`ReconnectPolicy::max_auth_attempts`](super::ReconnectPolicy::max_auth_attempts), or there were none. Tried again
    /// with the next connection, or when asked to join again.
    #[error("refused: {0}")]
    Refused(ServerError),
    /// No answer within [`Config::authentication_timeout`](super::Config::authentication_timeout). A late answer still counts.
    #[error("no answer in time")]
    TimedOut,
}

impl JoinFailure {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "REFUSED",
            Self::TimedOut => "TIMED_OUT",
        }
    }
}

/// Why a namespace could not be left.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LeaveError {
    /// The primary namespace carries the connection: `disconnect` instead.
    #[error("the primary namespace can't be left")]
    Primary,
    /// The namespace was not joined.
    #[error("not joined")]
    NotJoined,
}

impl LeaveError {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::NotJoined => "NOT_JOINED",
        }
    }
}

/// Why an event could not be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// Acknowledged already, or its connection is gone, or more than
    /// [`Limits::pending_replies`](super::Limits::pending_replies) later events await acknowledgement.
    #[error("already acknowledged, or too late")]
    Gone,
    /// The acknowledgement, or one of its attachments, is larger than may be sent. It can be tried with a smaller one.
    #[error("{size} bytes are more than the {limit} that may be sent")]
    TooLarge {
        /// Size of the largest frame.
        size: u64,
        /// The lower of the server's `maxPayload` and [`Limits::frame_bytes`](super::Limits::frame_bytes).
        limit: u64,
    },
    /// More attachments than [`Limits::attachments`](super::Limits::attachments).
    #[error("too many attachments")]
    TooManyAttachments,
}

impl ReplyError {
    /// A short stable name for programs, the same on every platform.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Gone => "GONE",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::TooManyAttachments => "TOO_MANY_ATTACHMENTS",
        }
    }
}

/// Why a message could not be cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CancelError {
    /// It is neither queued nor awaiting an acknowledgement.
    #[error("neither queued nor awaiting an acknowledgement")]
    Unknown,
}

/// Why a token was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenRequestError {
    /// Nobody waits for the answer to that request any more.
    #[error("no longer needed")]
    Stale,
    /// The token is longer than [`Limits::token_bytes`](super::Limits::token_bytes). The request is still open.
    #[error("the token is too long")]
    TooLong,
}

/// The refusal of a [`Command`](super::Command), by kind of command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// Of `connect`.
    #[error(transparent)]
    Connect(#[from] ConnectCallError),
    /// Of an emit.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// Of `join`.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// Of `leave`.
    #[error(transparent)]
    Leave(#[from] LeaveError),
    /// Of an acknowledgement.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// Of a cancellation.
    #[error(transparent)]
    Cancel(#[from] CancelError),
    /// Of a token.
    #[error(transparent)]
    Token(#[from] TokenRequestError),
}
