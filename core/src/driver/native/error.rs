use thiserror::Error;

use crate::{
    manager::{AckError, ConnectCallError, ConnectError, EmitError, JoinError, JoinFailure, LeaveReason, ReplyError},
    socketio::{EncodeError, InvalidNamespace},
};

/// The client was closed, or its runtime has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the client is closed")]
pub struct Closed;

/// Why a client could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A client lives on a tokio runtime, and there is none here: call from within one, or name it with
    /// [`ClientBuilder::runtime`](super::ClientBuilder::runtime).
    #[error("there is no tokio runtime here")]
    NoRuntime,
    /// The system gave no randomness for the delays between attempts.
    #[error("the system gave no random numbers: {0}")]
    NoRandomness(String),
}

/// Why `connect` did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectFailed {
    /// The arguments can't be used.
    #[error(transparent)]
    Refused(#[from] ConnectCallError),
    /// There is no connection, or not in time.
    #[error(transparent)]
    NotConnected(#[from] ConnectError),
    /// The client was closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl ConnectFailed {
    /// Whether the client has stopped trying, so that nothing happens before the next `connect`.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::NotConnected(error) => error.is_final(),
            Self::Refused(_) | Self::Closed(_) => true,
        }
    }

    /// Whether the user has to sign in again.
    #[must_use]
    pub fn requires_sign_in(&self) -> bool {
        matches!(self, Self::NotConnected(error) if error.requires_sign_in())
    }
}

/// Why an emit was refused. A refused emit leaves no trace.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmitFailed {
    /// The name can't be a namespace's.
    #[error(transparent)]
    Namespace(#[from] InvalidNamespace),
    /// The data can't be written as JSON.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The manager does not take it.
    #[error(transparent)]
    Refused(#[from] EmitError),
    /// The client was closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl EmitFailed {
    /// Whether the same emit may be accepted later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Refused(error) if error.is_retryable())
    }
}

/// Why there is no acknowledgement.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AckFailed {
    /// The emit was refused: nothing was sent.
    #[error(transparent)]
    Emit(#[from] EmitFailed),
    /// It was accepted, and not acknowledged.
    #[error(transparent)]
    Unacknowledged(#[from] AckError),
    /// The client was closed. The server may have handled the event.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl AckFailed {
    /// Whether the event was certainly never sent, so that sending it again can't repeat its effect.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Emit(_) => true,
            Self::Unacknowledged(error) => error.is_unsent(),
            Self::Closed(_) => false,
        }
    }
}

/// Why a durable message was not accepted. It is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotAccepted {
    /// The store, or a bound of what it may hold, is against it.
    #[error("rejected: {code}")]
    Rejected {
        /// As in [`DeliveryStatus::Rejected`](crate::manager::DeliveryStatus::Rejected).
        code: crate::ByteString,
    },
    /// It was cancelled before.
    #[error("cancelled")]
    Cancelled,
    /// Its time to live passed before.
    #[error("expired")]
    Expired,
    /// The client was closed, and the store had not said in time.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why a namespace is not joined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinFailed {
    /// The name can't be a namespace's.
    #[error(transparent)]
    Namespace(#[from] InvalidNamespace),
    /// The manager does not take it.
    #[error(transparent)]
    Refused(#[from] JoinError),
    /// The server refused, or did not answer.
    #[error(transparent)]
    Failed(#[from] JoinFailure),
    /// It was left before it was joined.
    #[error("left: {0:?}")]
    Left(LeaveReason),
    /// The client was closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why there is no listener.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListenFailed {
    /// The name can't be a namespace's.
    #[error(transparent)]
    Namespace(#[from] InvalidNamespace),
    /// The namespace can't be joined.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The client was closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why an event was not acknowledged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplyFailed {
    /// The server did not ask for an acknowledgement.
    #[error("no acknowledgement was asked for")]
    NotAsked,
    /// The data can't be written as JSON.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The manager does not take it.
    #[error(transparent)]
    Refused(#[from] ReplyError),
    /// The client was closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}
