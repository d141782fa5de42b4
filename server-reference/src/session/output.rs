use std::fmt;

use bytestring::ByteString;
use nexus_core::{
    engineio::{self, Frame},
    socketio::{self, AckId, Namespace, Payload, delivery::Marker},
};

/// One namespace's place in a session: unlike the namespace's name, never used twice in a session,
/// so that what was meant for a place that is gone reaches nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub(super) u32);

/// What became of a message handed to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It will be transmitted, or the session will end.
    Queued,
    /// It was volatile, and could not be transmitted at once.
    Dropped,
    /// The session, or the namespace in it, is over.
    Closed,
    /// The send queue is full: the session is now over.
    Overflow,
}

/// When the POST that a session took may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// At once.
    Done,
    /// When the session is over: the client's `close` waits for a poll that it may have overtaken.
    WhenClosed,
}

/// What a [`Session`](super::Session) asks of its driver, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A message of a raw Engine.IO session.
    Frame(Frame),
    /// The client wants to join a namespace: answer with
    /// [`begin_accept`](super::Session::begin_accept) and [`accept`](super::Session::accept), or
    /// [`refuse`](super::Session::refuse).
    Connect {
        /// The place that the namespace will have.
        slot: SlotId,
        /// The namespace.
        namespace: Namespace,
        /// The client's auth object, as JSON text.
        auth: Option<ByteString>,
    },
    /// An event for a joined namespace.
    Event {
        /// The namespace's place.
        slot: SlotId,
        /// Set if the client wants an acknowledgement.
        id: Option<AckId>,
        /// The event's name.
        name: ByteString,
        /// Its arguments.
        payload: Payload,
        /// The id that a ledger is to know it by, where that was [granted](super::ConnectData::grant). It is not
        /// among the arguments.
        marker: Option<Marker>,
    },
    /// The client says something of the protocol itself, where something was granted: `$nx`.
    Control {
        /// The namespace's place.
        slot: SlotId,
        /// The event's arguments.
        payload: Payload,
    },
    /// The client acknowledges an event.
    Ack {
        /// The namespace's place.
        slot: SlotId,
        /// The acknowledged event.
        id: AckId,
        /// The acknowledgement's arguments.
        payload: Payload,
    },
    /// A namespace that was accepted is left; nothing more comes from its place.
    Left {
        /// The namespace's place.
        slot: SlotId,
        /// Why it ended.
        reason: DisconnectReason,
    },
    /// The client broke a rule: to be counted and logged.
    BadInput(BadInput),
    /// The session is over; the last output.
    Closed(DisconnectReason),
}

/// How a socket, or a whole session, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The client left the namespace.
    ClientDisconnect,
    /// The server made the client leave the namespace.
    ServerDisconnect,
    /// The client has resumed its session on another connection.
    Superseded,
    /// The server closed the whole connection.
    ServerClose,
    /// The server is shutting down.
    ShuttingDown,
    /// No pong came in time.
    PingTimeout,
    /// The client closed the connection, or the network did.
    TransportClose,
    /// The transport failed, or the client broke its rules.
    TransportError,
    /// The client sent what is no valid packet, or no packet that it may send.
    ParseError,
    /// The client joined no namespace in time.
    ConnectTimeout,
    /// The client did not take what was sent to it, and its send queue is full.
    SlowConsumer,
}

impl DisconnectReason {
    /// The reason in the words of the Socket.IO server, where it has the reason.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientDisconnect => "client namespace disconnect",
            Self::ServerDisconnect => "server namespace disconnect",
            Self::Superseded => "resumed elsewhere",
            Self::ServerClose => "forced server close",
            Self::ShuttingDown => "server shutting down",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
            Self::ConnectTimeout => "connect timeout",
            Self::SlowConsumer => "slow consumer",
        }
    }
}

impl DisconnectReason {
    /// Whether the session may be resumed: its connection was lost, and nobody ended it.
    pub(crate) fn is_recoverable(self) -> bool {
        match self {
            Self::TransportClose | Self::TransportError | Self::ParseError | Self::PingTimeout | Self::SlowConsumer => {
                true
            }
            Self::ClientDisconnect
            | Self::ServerDisconnect
            | Self::Superseded
            | Self::ServerClose
            | Self::ShuttingDown
            | Self::ConnectTimeout => false,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an HTTP request of a session is refused, with the numbers that Engine.IO gives to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// 0: no such transport.
    UnknownTransport,
    /// 1: no such session, or it is over.
    UnknownSession,
    /// 2: a handshake is a GET.
    BadHandshakeMethod,
    /// 3: anything else that is wrong.
    BadRequest,
    /// 4: the origin may not.
    Forbidden,
    /// 5: a protocol other than Engine.IO v4.
    UnsupportedVersion,
}

impl Refusal {
    /// The number in the body of the response.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::UnknownTransport => 0,
            Self::UnknownSession => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden => 4,
            Self::UnsupportedVersion => 5,
        }
    }

    /// The text in the body of the response.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSession => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }
}

/// A rule that a client broke, with what is known about it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum BadInput {
    /// Not an Engine.IO packet or payload.
    EngineIo(engineio::DecodeError),
    /// Not a Socket.IO packet.
    SocketIo(socketio::DecodeError),
    /// An Engine.IO packet that a client may not send, or not now.
    UnexpectedPacket,
    /// A second GET while one is pending, or a second POST.
    OverlappingRequest,
    /// A packet for a namespace that is not joined.
    NotJoined,
    /// CONNECT for a namespace that is joined, or being joined.
    SecondConnect,
    /// CONNECT beyond the cap on namespaces.
    TooManyNamespaces,
    /// Attachments that did not arrive in time.
    MissingAttachments,
    /// An upgrade that broke its rules or took too long.
    BadUpgrade,
    /// A marker that cannot be read, that was not granted, or whose id cannot be.
    Marker,
}

/// The kinds of [`BadInput`] and of what is refused outside a session, as counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BadInputKind {
    /// A request without a valid transport, session, method or version.
    HttpRequest,
    /// An origin that may not.
    Origin,
    /// A body over the cap.
    BodyTooLarge,
    /// A body that came too slowly.
    BodyTimeout,
    /// More sessions than allowed, in all or from one address.
    TooManySessions,
    /// WebSocket frames against RFC 6455 or over a cap.
    WebSocket,
    /// Not an Engine.IO packet or payload.
    EngineIo,
    /// Not a Socket.IO packet.
    SocketIo,
    /// An Engine.IO packet that a client may not send, or not now.
    UnexpectedPacket,
    /// A second GET or POST of one session at a time.
    OverlappingRequest,
    /// A packet for a namespace that is not joined.
    NotJoined,
    /// CONNECT for a namespace that is joined, or being joined.
    SecondConnect,
    /// CONNECT beyond the cap on namespaces.
    TooManyNamespaces,
    /// CONNECT for a namespace that does not exist.
    UnknownNamespace,
    /// Attachments that did not arrive in time.
    MissingAttachments,
    /// An upgrade that broke its rules or took too long.
    BadUpgrade,
    /// An acknowledgement that nobody waits for.
    UnknownAck,
    /// A client that does not read what is sent to it.
    SlowConsumer,
    /// A marker that cannot be read, that was not granted, or whose id cannot be.
    Marker,
    /// A `$nx` that is unknown.
    UnknownControl,
}

impl BadInputKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 20] = [
        Self::HttpRequest,
        Self::Origin,
        Self::BodyTooLarge,
        Self::BodyTimeout,
        Self::TooManySessions,
        Self::WebSocket,
        Self::EngineIo,
        Self::SocketIo,
        Self::UnexpectedPacket,
        Self::OverlappingRequest,
        Self::NotJoined,
        Self::SecondConnect,
        Self::TooManyNamespaces,
        Self::UnknownNamespace,
        Self::MissingAttachments,
        Self::BadUpgrade,
        Self::UnknownAck,
        Self::SlowConsumer,
        Self::Marker,
        Self::UnknownControl,
    ];

    /// A name for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpRequest => "http_request",
            Self::Origin => "origin",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::TooManySessions => "too_many_sessions",
            Self::WebSocket => "websocket",
            Self::EngineIo => "engineio",
            Self::SocketIo => "socketio",
            Self::UnexpectedPacket => "unexpected_packet",
            Self::OverlappingRequest => "overlapping_request",
            Self::NotJoined => "not_joined",
            Self::SecondConnect => "second_connect",
            Self::TooManyNamespaces => "too_many_namespaces",
            Self::UnknownNamespace => "unknown_namespace",
            Self::MissingAttachments => "missing_attachments",
            Self::BadUpgrade => "bad_upgrade",
            Self::UnknownAck => "unknown_ack",
            Self::SlowConsumer => "slow_consumer",
            Self::Marker => "marker",
            Self::UnknownControl => "unknown_control",
        }
    }
}

impl BadInput {
    /// The kind to count it under.
    #[must_use]
    pub fn kind(&self) -> BadInputKind {
        match self {
            Self::EngineIo(_) => BadInputKind::EngineIo,
            Self::SocketIo(_) => BadInputKind::SocketIo,
            Self::UnexpectedPacket => BadInputKind::UnexpectedPacket,
            Self::OverlappingRequest => BadInputKind::OverlappingRequest,
            Self::NotJoined => BadInputKind::NotJoined,
            Self::SecondConnect => BadInputKind::SecondConnect,
            Self::TooManyNamespaces => BadInputKind::TooManyNamespaces,
            Self::MissingAttachments => BadInputKind::MissingAttachments,
            Self::BadUpgrade => BadInputKind::BadUpgrade,
            Self::Marker => BadInputKind::Marker,
        }
    }
}
