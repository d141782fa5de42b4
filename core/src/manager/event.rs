use std::fmt;
use std::time::Duration;

use bytestring::ByteString;

use super::error::{AckError, ConnectError, JoinFailure};
use super::ids::{ConnectTicket, ConnectionId, MessageId, ReplyId, TokenRequest};
use super::status::{Quality, StatusChange};
use super::store::{StoreError, StoreRequest};
use crate::engineio::Frame;
use crate::escape::Escaped;
use crate::socketio::{HostArgs, Namespace, Payload, Sid};

/// What a driver reports of a transport.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TransportEvent {
    /// The WebSocket is open.
    Opened {
        /// Whether the driver can send WebSocket pings ([`Output::Ping`]). A browser can't.
        can_ping: bool,
    },
    /// A frame came.
    Frame(Frame),
    /// An event or ack came whose arguments the host has read, and keeps.
    HostFrame {
        /// The text frame without arguments: `42/chat,7["message"]`, or `43/chat,7[]`.
        head: ByteString,
        /// The arguments.
        args: HostArgs,
        /// The JSON text of the last argument, if that is a string or may be a marker
        /// ([`looks_like_marker`](crate::socketio::delivery::looks_like_marker)): [`HostArgs::without_last`] takes it off.
        last: Option<ByteString>,
        /// What tells the event from others of its name, for [`Config::deduplicate`](super::Config::deduplicate): the JSON
        /// text of the first argument's `uniqueId`, if that is a string or a number; or, if it has such an `id`, `#` and a
        /// hash of all arguments.
        unique: Option<ByteString>,
    },
    /// The answer to [`Output::Ping`] came, with its nonce.
    Pong {
        /// As in the ping.
        nonce: u64,
    },
    /// The transport has taken this many frames of [`Output::Transmit`] more, in their order: they wait in no buffer of
    /// the driver. The manager hands out events only while less than
    /// [`Limits::unsent_bytes`](super::Limits::unsent_bytes) wait there, so a driver that never says this comes to a halt.
    Flushed {
        /// How many.
        frames: usize,
    },
    /// The transport was closed by the peer or on the way. Nothing follows.
    Closed {
        /// Code of the close frame, if one came.
        code: Option<u16>,
        /// Text of the close frame.
        text: ByteString,
    },
    /// The transport could not be opened, or broke. Nothing follows.
    Failed(TransportFailure),
}

/// How a transport failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportFailure {
    /// What kind of failure.
    pub kind: TransportFailureKind,
    /// What the driver knows more, for people.
    pub message: String,
    /// The server's wish (HTTP `Retry-After`) for how long to stay away.
    pub retry_after: Option<Duration>,
}

impl TransportFailure {
    /// A failure without a wish of the server.
    pub fn new(kind: TransportFailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, Escaped(&self.message))
    }
}

/// Kinds of transport failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportFailureKind {
    /// The host's name could not be resolved.
    Resolve,
    /// No TCP connection.
    Connect,
    /// No trust, or no agreement on encryption.
    Tls,
    /// The server answered the WebSocket request with another status.
    Http {
        /// The status.
        status: u16,
    },
    /// The peer broke the WebSocket protocol.
    WebSocket,
    /// The open transport broke.
    Io,
    /// The platform does not say (browsers).
    Unknown,
}

impl fmt::Display for TransportFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve => f.write_str("name resolution failed"),
            Self::Connect => f.write_str("no connection"),
            Self::Tls => f.write_str("TLS failed"),
            Self::Http { status } => write!(f, "HTTP status {status}"),
            Self::WebSocket => f.write_str("WebSocket protocol broken"),
            Self::Io => f.write_str("connection broken"),
            Self::Unknown => f.write_str("transport failed"),
        }
    }
}

/// What a driver has to do, in the order given.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Open a transport and report [`TransportEvent::Opened`] or [`TransportEvent::Failed`]. There is at most one
    /// transport at a time, apart from those that are closing.
    Connect {
        /// Names the transport from now on.
        connection: ConnectionId,
        /// Where and how. Redirects are not to be followed to another host: the token would go there.
        request: TransportRequest,
    },
    /// Send a frame. A write error is [`TransportEvent::Failed`].
    Transmit {
        /// On which transport.
        connection: ConnectionId,
        /// What.
        frame: Frame,
        /// What the host has to append to the text, with a `]` behind it: arguments that it keeps.
        args: Option<HostArgs>,
        /// What it has to append between these and the `]`: nothing, or a comma and one more argument.
        tail: ByteString,
    },
    /// Send a WebSocket ping whose payload is the nonce, and report its [`TransportEvent::Pong`].
    Ping {
        /// On which transport.
        connection: ConnectionId,
        /// Eight bytes, in any byte order that the driver uses both ways.
        nonce: u64,
    },
    /// Send what was given before, as far as that takes no longer than a second or so, and close. Also ends the opening
    /// of a transport. Whatever is still reported of the transport is ignored.
    Close {
        /// Which transport.
        connection: ConnectionId,
    },
    /// Ask the application's token provider, and answer with [`Command::ProvideToken`](super::Command::ProvideToken). An
    /// earlier question that is not answered yet needs no answer any more.
    NeedToken {
        /// Names the question.
        request: TokenRequest,
        /// Why it is asked.
        reason: TokenReason,
    },
    /// Have the store do something, and report it with [`Manager::handle_store`](super::Manager::handle_store). Comes
    /// only if [`Config::has_store`](super::Config::has_store).
    Store(StoreRequest),
    /// Tell the application.
    Event(Event),
}

/// Why a token is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenReason {
    /// A connection is being made. A token that is still good will do.
    Connecting,
    /// The server refused the last one: the same again ends in [`ConnectError::AuthRejected`], or, while connected, in
    /// [`JoinFailure::Refused`].
    Rejected,
}

/// How to open a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportRequest {
    /// `ws://` or `wss://` address, with the query of Engine.IO.
    pub url: String,
    /// Additional HTTP headers. Browsers can't send them.
    pub headers: Vec<(String, String)>,
    /// How large an incoming frame may be, in bytes.
    pub max_frame_bytes: usize,
}

/// What the application is told.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The status changed.
    Status(StatusChange),
    /// The quality changed.
    Quality(Quality),
    /// A call of `connect` is resolved. Comes once per ticket, after the status that it belongs to.
    ConnectResolved {
        /// Which call.
        ticket: ConnectTicket,
        /// How.
        result: Result<(), ConnectError>,
    },
    /// An attempt failed or a connection was lost, and the next attempt is after this delay.
    RetryScheduled {
        /// How many attempts have failed in a row.
        failed_attempts: u32,
        /// From now until the next.
        delay: Duration,
        /// How the last ended.
        reason: super::DisconnectReason,
    },
    /// A namespace is joined, for the first time or again.
    Joined {
        /// Which.
        namespace: Namespace,
        /// The id of the session on the server.
        sid: Sid,
        /// Whether events can have been missed since it was joined before.
        continuity: Continuity,
    },
    /// A namespace could not be joined.
    JoinFailed {
        /// Which; never the primary namespace.
        namespace: Namespace,
        /// Why.
        error: JoinFailure,
    },
    /// A joined namespace ended. The loss of a connection ends all; those wanted are joined again with the next one.
    Left {
        /// Which.
        namespace: Namespace,
        /// Why.
        reason: LeaveReason,
    },
    /// An event came.
    Received(ReceivedEvent),
    /// The wait for an acknowledgement ended. Comes once per emit that asked for one.
    AckResolved {
        /// Which emit.
        message: MessageId,
        /// The arguments of the acknowledgement, or how it ended without.
        result: Result<Payload, AckError>,
    },
    /// A message left the offline queue without being sent, or is not kept any more though the server may lack it
    /// ([`DropReason::Unknown`]).
    MessageDropped(DroppedMessage),
    /// A durable message is further.
    Delivery {
        /// Which emit. Messages of an earlier process have new ids, told by [`Event::Restored`] first.
        message: MessageId,
        /// How far.
        status: DeliveryStatus,
    },
    /// Durable messages that an earlier owner of the outbox left are in the queue now.
    Restored {
        /// Which, in their order.
        messages: Vec<MessageId>,
        /// How many records of the store could not be read.
        unreadable: u64,
    },
    /// The store failed. Durable emits that were not accepted because of it are told one by one.
    StoreFailed(StoreError),
}

/// How far a durable message is. The last six end it: exactly one of them comes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DeliveryStatus {
    /// It waits for the store.
    Queued,
    /// It is accepted: it survives the process from now on.
    Persisted,
    /// It was handed to a transport, for the first time or again.
    Sent,
    /// The server has it, for good. With the arguments of its acknowledgement.
    Acked(Payload),
    /// Its time to live passed. If `sent`, the server may have it.
    Expired {
        /// Whether it had been handed to a transport.
        sent: bool,
    },
    /// It was refused for good, by the server, or by the store before it was accepted.
    Rejected {
        /// The server's code, or [`StoreErrorKind::code`](super::StoreErrorKind::code), `TOO_LARGE`, `QUEUE_FULL`.
        code: ByteString,
        /// What the server said besides.
        payload: Payload,
    },
    /// It was cancelled. If `sent`, the server may have it.
    Cancelled {
        /// Whether it had been handed to a transport.
        sent: bool,
    },
    /// The server may or may not have it, and nobody can tell: its ledger is another than the one that it was sent to.
    Unknown,
}

impl DeliveryStatus {
    /// Whether nothing follows.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Queued | Self::Persisted | Self::Sent)
    }

    /// A short stable name for programs, the same on every platform.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Persisted => "persisted",
            Self::Sent => "sent",
            Self::Acked(_) => "acked",
            Self::Expired { .. } => "expired",
            Self::Rejected { .. } => "rejected",
            Self::Cancelled { .. } => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// What a joining says of the time since the namespace was joined before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Continuity {
    /// It had not been joined before for this user, or the application has left it, or disconnected, since.
    First,
    /// The server recovered the session: nothing was missed.
    Recovered,
    /// Events may have been missed.
    Gap {
        /// Whether what is addressed to the user is complete all the same, from the inbox.
        inbox_complete: bool,
        /// So many events were in the inbox, and are lost.
        lost: u64,
    },
}

/// An event from the server.
#[derive(Clone, Debug)]
pub struct ReceivedEvent {
    /// Where it came.
    pub namespace: Namespace,
    /// Its name.
    pub event: ByteString,
    /// Its arguments.
    pub payload: Payload,
    /// Present if the server asked for an acknowledgement.
    pub reply: Option<ReplyId>,
}

/// A message that was accepted, but not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedMessage {
    /// Which emit.
    pub message: MessageId,
    /// Where it should have gone.
    pub namespace: Namespace,
    /// Its name.
    pub event: ByteString,
    /// Why it was not sent.
    pub reason: DropReason,
}

/// Why a queued message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// Its time to live passed.
    Expired,
    /// A newer message took its place in a full queue.
    Overflow,
    /// [`Command::Cancel`](super::Command::Cancel).
    Cancelled,
    /// The timeout of its acknowledgement passed.
    AckTimedOut,
    /// It is larger than the server, known by now, takes.
    TooLarge,
    /// Its namespace was left.
    NamespaceLeft,
    /// Another user connected.
    UserChanged,
    /// It was sent, and the server may or may not have it: another ledger answers than the one that it was sent to, or the
    /// application gave up the namespace or the connection.
    Unknown,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "expired",
            Self::Overflow => "the queue overflowed",
            Self::Cancelled => "cancelled",
            Self::AckTimedOut => "the acknowledgement timed out",
            Self::TooLarge => "larger than the server takes",
            Self::NamespaceLeft => "its namespace was left",
            Self::UserChanged => "another user connected",
            Self::Unknown => "sent, and nobody knows whether it arrived",
        })
    }
}

/// How a joined namespace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaveReason {
    /// The application left it.
    ClientLeft,
    /// The server ended it. It is not joined again until the application asks, unless
    /// [`Config::rejoin_after_server_disconnect`](super::Config::rejoin_after_server_disconnect).
    ServerDisconnect,
    /// The connection ended.
    ConnectionLost,
}
