use thiserror::Error;

use crate::json::{self, Fault};

/// Frames that are not a Socket.IO packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Socket.IO: {rule} (at byte {offset})")]
pub struct DecodeError {
    /// The rule of the protocol that the bytes break.
    pub rule: Rule,
    /// Where they break it, counted from the start of the packet's text (the message's content,
    /// without the Engine.IO type).
    pub offset: usize,
}

/// The rules of Socket.IO v5 that bytes can break, and the limits that this codec adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rule {
    /// A packet starts with its type.
    #[error("the packet type must be one of 0 to 6")]
    UnknownPacketType,
    /// BINARY_EVENT and BINARY_ACK say how many attachments follow.
    #[error("a binary packet must say its number of attachments, ended by '-'")]
    InvalidAttachmentCount,
    /// More attachments than [`Limits::max_attachments`](super::Limits::max_attachments).
    #[error("more attachments than allowed")]
    TooManyAttachments,
    /// A namespace has at most 256 bytes and no control characters.
    #[error("the namespace is too long or has a control character")]
    InvalidNamespace,
    /// Ack ids are whole numbers up to 2^53 - 1.
    #[error("the ack id must be a whole number of at most 2^53 - 1")]
    InvalidAckId,
    /// An ACK names the event it answers.
    #[error("an ACK must have an ack id")]
    MissingAckId,
    /// The data of a packet is JSON.
    #[error("the data is not valid JSON")]
    InvalidJson,
    /// The JSON ends before its value does.
    #[error("the JSON text ends early")]
    TruncatedJson,
    /// Nothing follows the JSON value.
    #[error("there is something behind the JSON value")]
    TrailingData,
    /// Deeper than [`Limits::max_depth`](super::Limits::max_depth).
    #[error("the JSON is nested deeper than allowed")]
    TooDeep,
    /// The auth data of CONNECT is an object.
    #[error("the data of CONNECT must be an object")]
    ConnectDataNotObject,
    /// DISCONNECT carries nothing.
    #[error("DISCONNECT must not carry data")]
    DisconnectWithData,
    /// The data of CONNECT_ERROR is an object or a string.
    #[error("the data of CONNECT_ERROR must be an object or a string")]
    InvalidConnectError,
    /// The data of EVENT and ACK is an array.
    #[error("the data of an event or ack must be an array")]
    NotAnArray,
    /// An event's array starts with its name.
    #[error("an event must start with its name, a string or number")]
    InvalidEventName,
    /// Some names belong to the client and server themselves: [`RESERVED_EVENTS`](super::RESERVED_EVENTS).
    #[error("the event name is reserved")]
    ReservedEventName,
    /// More arguments than [`Limits::max_args`](super::Limits::max_args).
    #[error("more arguments than allowed")]
    TooManyArgs,
    /// A placeholder refers to an attachment of the packet.
    #[error("a placeholder refers to an attachment that the packet does not have")]
    PlaceholderOutOfRange,
    /// Text arrived before all attachments had.
    #[error("text arrived where an attachment was due")]
    AttachmentExpected,
    /// A binary frame arrived, but no packet waits for one.
    #[error("an attachment arrived that no packet announced")]
    AttachmentUnexpected,
    /// Larger than [`Limits::max_packet_bytes`](super::Limits::max_packet_bytes).
    #[error("the packet with its attachments is larger than allowed")]
    PacketTooLarge,
}

impl Rule {
    pub(super) fn at(self, offset: usize) -> DecodeError {
        DecodeError { rule: self, offset }
    }
}

impl From<serde_json::Error> for EncodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

impl From<json::Error> for DecodeError {
    fn from(error: json::Error) -> Self {
        let rule = match error.fault {
            Fault::Invalid => Rule::InvalidJson,
            Fault::Truncated => Rule::TruncatedJson,
            Fault::Trailing => Rule::TrailingData,
            Fault::TooDeep => Rule::TooDeep,
            Fault::TooManyElements => Rule::TooManyArgs,
            Fault::PlaceholderOutOfRange => Rule::PlaceholderOutOfRange,
            Fault::TooLong => Rule::PacketTooLarge,
        };
        rule.at(error.offset)
    }
}

/// Why values cannot become the arguments of an event.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value does not fit JSON (a map with keys that are no strings, an error of its own). What serde_json says.
    #[error("the arguments cannot be written as JSON: {0}")]
    Json(String),
    /// A list of arguments must serialise to a JSON array.
    #[error("a list of arguments must be a tuple, slice or array")]
    NotAList,
    /// The text is not the JSON array that it should be.
    #[error("the arguments are not valid: {0}")]
    Invalid(#[from] DecodeError),
    /// Text of 4 GiB or more.
    #[error("the arguments are too large")]
    TooLarge,
}

/// Why an argument is not what the caller asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArgError {
    /// There are fewer arguments.
    #[error("there is no argument {index}: the event has {len}")]
    Missing {
        /// The argument asked for, counted from 0.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// It is of another type.
    #[error("argument {index} is not of the type asked for: {source}")]
    Type {
        /// The argument asked for, counted from 0.
        index: usize,
        /// What did not fit.
        source: serde_json::Error,
    },
    /// The arguments together are of another type.
    #[error("the arguments are not of the types asked for: {0}")]
    Types(serde_json::Error),
}

/// A name that cannot be a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a namespace has at most 256 bytes, no comma and no control characters")]
pub struct InvalidNamespace;
