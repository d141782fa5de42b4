use nexus_core::{
    driver::{
        AckFailed, BuildError, Closed, ConnectFailed, EmitFailed, JoinFailed, ListenFailed, NotAccepted, ReplyFailed,
    },
    manager::{
        AckError, CancelError, ConfigError, ConnectCallError, ConnectError, EmitError, JoinError, JoinFailure,
        LeaveError, LeaveReason, ReplyError, ServerError,
    },
    socketio::{EncodeError, InvalidNamespace},
};
use thiserror::Error;

/// What the server said when it refused something.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ServerSaid {
    /// Its message. Show it as text.
    pub text: String,
    /// What it said besides, as JSON.
    pub data: Option<String>,
    /// How long it wishes to be left alone, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// Why an operation was refused, or did not succeed. `code` is stable, and the same on every platform; `text` is for
/// people.
#[derive(Clone, Debug, PartialEq, Eq, Error, uniffi::Error)]
pub enum RealtimeError {
    /// An option can't be used.
    #[error("{text} ({code})")]
    Config {
        /// Stable name.
        code: String,
        /// For people.
        text: String,
    },
    /// A call of `connect` was rejected.
    #[error("{text} ({code})")]
    Connect {
        /// Stable name.
        code: String,
        /// For people.
        text: String,
        /// Whether the client has stopped trying, so that nothing happens before the next `connect`.
        is_final: bool,
        /// Whether the user has to sign in again.
        requires_sign_in: bool,
        /// What the server said, if it did.
        server: Option<ServerSaid>,
    },
    /// An emit was refused, or a durable one not accepted: nothing is sent.
    #[error("{text} ({code})")]
    Emit {
        /// Stable name.
        code: String,
        /// For people.
        text: String,
        /// Whether the same emit may be accepted later.
        is_retryable: bool,
    },
    /// An awaited acknowledgement did not come.
    #[error("{text} ({code})")]
    Ack {
        /// Stable name.
        code: String,
        /// For people.
        text: String,
        /// Whether the event was certainly never sent, so that sending it again can't repeat its effect.
        is_unsent: bool,
    },
    /// A namespace could not be joined, listened to or left.
    #[error("{text} ({code})")]
    Join {
        /// Stable name.
        code: String,
        /// For people.
        text: String,
        /// What the server said, if it did.
        server: Option<ServerSaid>,
    },
    /// An event could not be acknowledged.
    #[error("{text} ({code})")]
    Reply {
        /// Stable name.
        code: String,
        /// For people.
        text: String,
    },
    /// A message could not be cancelled: it is neither queued nor awaiting an acknowledgement.
    #[error("neither queued nor awaiting an acknowledgement (UNKNOWN_MESSAGE)")]
    UnknownMessage,
    /// What was waited for did not happen within the wait's own timeout. It may still happen.
    #[error("not in time (WAIT_TIMED_OUT)")]
    WaitTimedOut,
    /// The client is closed.
    #[error("the client is closed (CLOSED)")]
    Closed,
}

impl RealtimeError {
    pub(crate) fn config(code: &str, text: impl ToString) -> Self {
        Self::Config { code: code.to_owned(), text: text.to_string() }
    }

    fn connect(code: &str, text: impl ToString, is_final: bool, requires_sign_in: bool) -> Self {
        Self::Connect { code: code.to_owned(), text: text.to_string(), is_final, requires_sign_in, server: None }
    }

    fn emit(code: &str, text: impl ToString, is_retryable: bool) -> Self {
        Self::Emit { code: code.to_owned(), text: text.to_string(), is_retryable }
    }

    fn join(code: &str, text: impl ToString, server: Option<ServerSaid>) -> Self {
        Self::Join { code: code.to_owned(), text: text.to_string(), server }
    }

    fn reply(code: &str, text: impl ToString) -> Self {
        Self::Reply { code: code.to_owned(), text: text.to_string() }
    }
}

const INVALID_NAMESPACE: &str = "INVALID_NAMESPACE";
const NOT_ENCODABLE: &str = "NOT_ENCODABLE";

impl From<&ServerError> for ServerSaid {
    fn from(error: &ServerError) -> Self {
        Self {
            text: error.message.clone(),
            data: error.data.as_ref().map(ToString::to_string),
            retry_after_ms: error.retry_after.map(millis),
        }
    }
}

/// Whole milliseconds; more than fit are the most that do.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<Closed> for RealtimeError {
    fn from(_closed: Closed) -> Self {
        Self::Closed
    }
}

impl From<BuildError> for RealtimeError {
    fn from(error: BuildError) -> Self {
        Self::config("NO_RUNTIME", error)
    }
}

impl From<ConfigError> for RealtimeError {
    fn from(error: ConfigError) -> Self {
        Self::config(error.code(), error)
    }
}

impl From<ConnectFailed> for RealtimeError {
    fn from(error: ConnectFailed) -> Self {
        match error {
            ConnectFailed::Refused(error) => error.into(),
            ConnectFailed::NotConnected(error) => error.into(),
            ConnectFailed::Closed(closed) => closed.into(),
            other => Self::connect("UNKNOWN", other, true, false),
        }
    }
}

/// The client does what it did before.
impl From<ConnectCallError> for RealtimeError {
    fn from(error: ConnectCallError) -> Self {
        Self::connect(error.code(), error, false, false)
    }
}

impl From<ConnectError> for RealtimeError {
    fn from(error: ConnectError) -> Self {
        let mut failed = Self::connect(error.code(), &error, error.is_final(), error.requires_sign_in());
        if let (Self::Connect { server, .. }, ConnectError::AuthRejected(said) | ConnectError::NamespaceRefused(said)) =
            (&mut failed, &error)
        {
            *server = Some(said.into());
        }
        failed
    }
}

impl From<EmitFailed> for RealtimeError {
    fn from(error: EmitFailed) -> Self {
        match error {
            EmitFailed::Namespace(error) => Self::emit(INVALID_NAMESPACE, error, false),
            EmitFailed::Encode(error) => error.into(),
            EmitFailed::Refused(error) => error.into(),
            EmitFailed::Closed(closed) => closed.into(),
            other => Self::emit("UNKNOWN", other, false),
        }
    }
}

impl From<EmitError> for RealtimeError {
    fn from(error: EmitError) -> Self {
        Self::emit(error.code(), &error, error.is_retryable())
    }
}

/// Of an emit: replies have an error of their own.
impl From<EncodeError> for RealtimeError {
    fn from(error: EncodeError) -> Self {
        Self::emit(NOT_ENCODABLE, error, false)
    }
}

/// Of an emit: joins and listeners have [`RealtimeError::Join`].
impl From<InvalidNamespace> for RealtimeError {
    fn from(error: InvalidNamespace) -> Self {
        Self::emit(INVALID_NAMESPACE, error, false)
    }
}

impl From<AckFailed> for RealtimeError {
    fn from(error: AckFailed) -> Self {
        match error {
            AckFailed::Emit(error) => error.into(),
            AckFailed::Unacknowledged(error) => error.into(),
            AckFailed::Closed(closed) => closed.into(),
            other => Self::Ack { code: "UNKNOWN".to_owned(), text: other.to_string(), is_unsent: false },
        }
    }
}

impl From<AckError> for RealtimeError {
    fn from(error: AckError) -> Self {
        Self::Ack { code: error.code().to_owned(), text: error.to_string(), is_unsent: error.is_unsent() }
    }
}

impl From<NotAccepted> for RealtimeError {
    fn from(error: NotAccepted) -> Self {
        match error {
            NotAccepted::Rejected { code } => {
                Self::emit(&code, "the durable message was not accepted", &*code == "QUEUE_FULL")
            }
            NotAccepted::Cancelled => Self::emit("CANCELLED", "cancelled before it was accepted", false),
            NotAccepted::Expired => Self::emit("EXPIRED", "its time to live passed before it was accepted", false),
            NotAccepted::Closed(closed) => closed.into(),
            other => Self::emit("UNKNOWN", other, false),
        }
    }
}

impl From<JoinFailed> for RealtimeError {
    fn from(error: JoinFailed) -> Self {
        match error {
            JoinFailed::Namespace(error) => Self::join(INVALID_NAMESPACE, error, None),
            JoinFailed::Refused(error) => error.into(),
            JoinFailed::Failed(error) => error.into(),
            JoinFailed::Left(LeaveReason::ClientLeft) => Self::join("LEFT", "left before it was joined", None),
            JoinFailed::Closed(closed) => closed.into(),
            other => Self::join("LEFT", other, None),
        }
    }
}

impl From<JoinError> for RealtimeError {
    fn from(error: JoinError) -> Self {
        Self::join(error.code(), &error, None)
    }
}

impl From<JoinFailure> for RealtimeError {
    fn from(error: JoinFailure) -> Self {
        let server = if let JoinFailure::Refused(said) = &error { Some(said.into()) } else { None };
        Self::join(error.code(), &error, server)
    }
}

impl From<ListenFailed> for RealtimeError {
    fn from(error: ListenFailed) -> Self {
        match error {
            ListenFailed::Namespace(error) => Self::join(INVALID_NAMESPACE, error, None),
            ListenFailed::Join(error) => error.into(),
            ListenFailed::Closed(closed) => closed.into(),
            other => Self::join("UNKNOWN", other, None),
        }
    }
}

impl From<LeaveError> for RealtimeError {
    fn from(error: LeaveError) -> Self {
        Self::join(error.code(), &error, None)
    }
}

impl From<ReplyFailed> for RealtimeError {
    fn from(error: ReplyFailed) -> Self {
        match error {
            ReplyFailed::NotAsked => Self::reply("NOT_ASKED", error),
            ReplyFailed::Encode(error) => Self::of_reply(&error),
            ReplyFailed::Refused(error) => error.into(),
            ReplyFailed::Closed(closed) => closed.into(),
            other => Self::reply("UNKNOWN", other),
        }
    }
}

impl From<ReplyError> for RealtimeError {
    fn from(error: ReplyError) -> Self {
        Self::reply(error.code(), &error)
    }
}

impl From<CancelError> for RealtimeError {
    fn from(_error: CancelError) -> Self {
        Self::UnknownMessage
    }
}

impl RealtimeError {
    /// The arguments of an acknowledgement can't be sent.
    pub(crate) fn of_reply(error: &EncodeError) -> Self {
        Self::reply(NOT_ENCODABLE, error)
    }
}
