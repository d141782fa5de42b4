use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;

use super::{HostArgs, Namespace, Payload};

/// Event names that the client and server use themselves; no packet may carry them.
pub const RESERVED_EVENTS: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Relates an ACK to the event that asked for it. Counted by the sender of the event, per
/// connection and namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AckId(pub u64);

impl AckId {
    /// The largest id that every peer can represent: 2^53 - 1.
    pub const MAX: u64 = (1 << 53) - 1;
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One Socket.IO packet (protocol v5, "Packet types").
///
/// The seven types of the wire are five here: an event or ack whose [`Payload`] has attachments is
/// written as BINARY_EVENT or BINARY_ACK.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    /// `0`: the client joins a namespace, or the server says that it did.
    Connect {
        /// The namespace.
        namespace: Namespace,
        /// A JSON object as text: the client's auth data, or the server's `sid`.
        data: Option<ByteString>,
    },
    /// `1`: the sender leaves the namespace.
    Disconnect {
        /// The namespace.
        namespace: Namespace,
    },
    /// `2`, or `5` with attachments: an event.
    Event {
        /// The namespace.
        namespace: Namespace,
        /// Present where the sender wants an ACK.
        id: Option<AckId>,
        /// The name of the event, unescaped.
        name: ByteString,
        /// The arguments behind the name.
        payload: Payload,
    },
    /// `3`, or `6` with attachments: the answer to an event that had an id.
    Ack {
        /// The namespace.
        namespace: Namespace,
        /// The id of that event.
        id: AckId,
        /// The arguments of the answer.
        payload: Payload,
    },
    /// `4`: the server refuses to let the client join.
    ConnectError {
        /// The namespace.
        namespace: Namespace,
        /// JSON text: an object with a `message`, or a string; `null` where there was nothing.
        data: ByteString,
    },
}

impl Packet {
    /// The same event or ack, with arguments that the host has in place of none. No other packet has arguments.
    pub(crate) fn with_host_args(self, args: HostArgs) -> Option<Self> {
        match self {
            Self::Event { namespace, id, name, payload } if payload.is_empty() => {
                Some(Self::Event { namespace, id, name, payload: Payload::from_host(args) })
            }
            Self::Ack { namespace, id, payload } if payload.is_empty() => {
                Some(Self::Ack { namespace, id, payload: Payload::from_host(args) })
            }
            _ => None,
        }
    }

    /// The namespace of the packet.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        match self {
            Self::Connect { namespace, .. }
            | Self::Disconnect { namespace }
            | Self::Event { namespace, .. }
            | Self::Ack { namespace, .. }
            | Self::ConnectError { namespace, .. } => namespace,
        }
    }

    /// The binary frames that follow the text.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        match self {
            Self::Event { payload, .. } | Self::Ack { payload, .. } => payload.attachments(),
            Self::Connect { .. } | Self::Disconnect { .. } | Self::ConnectError { .. } => &[],
        }
    }
}
