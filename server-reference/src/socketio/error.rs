use nexus_core::{ByteString, socketio::EncodeError};
use serde::Serialize;
use thiserror::Error;

/// The socket has left its namespace, or its connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the socket is disconnected")]
pub struct Disconnected;

/// The event is not durable, or its handlers have returned: what it is to do can't be changed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the event is not durable, or its handlers have returned")]
pub struct NotDurable;

/// Why an event was not sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The name is one that Socket.IO uses itself, such as `connect`; or `$nx` in a namespace with
    /// [`delivery`](crate::Namespace::delivery).
    #[error("the event name {0:?} is reserved")]
    ReservedName(String),
    /// The arguments cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Nobody is there to receive it.
    #[error(transparent)]
    Disconnected(#[from] Disconnected),
}

/// Why an emit that asked for an acknowledgement got none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AckError {
    /// The event was not sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The client did not answer in time. It may have received the event.
    #[error("no acknowledgement came in time")]
    Timeout,
    /// The client disconnected before it answered. It may have received the event.
    #[error("the client disconnected before it acknowledged")]
    Disconnected,
}

/// Why a client may not join a namespace; sent to it as `{"message", "data"}`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ConnectError {
    message: String,
    data: Option<String>,
}

impl ConnectError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds data for the client's program to act on.
    ///
    /// # Errors
    /// When `data` cannot be written as JSON.
    pub fn with_data<T: Serialize + ?Sized>(mut self, data: &T) -> Result<Self, EncodeError> {
        self.data = Some(serde_json::to_string(data)?);
        Ok(self)
    }

    pub(super) fn with_raw_data(mut self, json: &str) -> Self {
        self.data = Some(json.to_owned());
        self
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The JSON text for the client.
    pub(super) fn to_json(&self) -> ByteString {
        let message = serde_json::Value::from(self.message.as_str());
        ByteString::from(match &self.data {
            Some(data) => format!(r#"{{"message":{message},"data":{data}}}"#),
            None => format!(r#"{{"message":{message}}}"#),
        })
    }
}

/// Why a middleware keeps an event from its handlers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct EventRejected {
    reason: String,
}

impl EventRejected {
    /// A rejection for this reason, which is logged. The client is told it where the event is durable, else nothing.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
