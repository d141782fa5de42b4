use std::fmt;

use bytestring::ByteString;

use super::error::ServerError;
use super::event::TransportFailure;
use crate::escape::Escaped;

/// What an application shows of the connection.
///
/// ```text
/// disconnected -> connecting -> connected -> disconnected -> reconnecting -> connected
/// ```
/// Every loss reports [`Disconnected`](Self::Disconnected) with its reason before
/// [`Reconnecting`](Self::Reconnecting), in the same breath. `Connecting` and `Reconnecting` last over all attempts,
/// and may end in `Disconnected`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConnectionStatus {
    /// No connection, and none being sought, unless `Reconnecting` follows at once.
    #[default]
    Disconnected,
    /// The first connection since `connect` is being sought.
    Connecting,
    /// The primary namespace is joined.
    Connected,
    /// A connection that was lost is being sought again.
    Reconnecting,
}

impl ConnectionStatus {
    /// The name that listeners of every platform get: `"connected"` and so on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
        }
    }
}

impl fmt::Display for ConnectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A new status and, for [`ConnectionStatus::Disconnected`], why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// The status from now on.
    pub status: ConnectionStatus,
    /// Present exactly when the status is `Disconnected`.
    pub reason: Option<DisconnectReason>,
}

/// How a connection, or an attempt to get one, ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The application called `disconnect`.
    ClientDisconnect,
    /// The application connected as another user.
    UserChanged,
    /// The server ended the primary namespace.
    ServerDisconnect,
    /// The server, or something on the way, closed the transport. The code is that of the WebSocket close frame.
    TransportClosed {
        /// Close code (RFC 6455, section 7.4), if a close frame came.
        code: Option<u16>,
        /// Text of the close frame, empty if there was none. Comes from the peer: show it escaped.
        text: ByteString,
    },
    /// The transport could not be opened, or broke.
    TransportFailed(TransportFailure),
    /// The transport or the Engine.IO handshake took longer than [`Config::open_timeout`](super::Config::open_timeout).
    OpenTimeout,
    /// The server did not answer the joining of the primary namespace within
    /// [`Config::authentication_timeout`](super::Config::authentication_timeout).
    AuthenticationTimeout,
    /// The server refused the token, and there is no other.
    AuthRejected(ServerError),
    /// The server refused the primary namespace for a reason that a new token does not change, or for now.
    NamespaceRefused(ServerError),
    /// The token provider gave none.
    TokenUnavailable(String),
    /// No heartbeat of the server came within its interval and timeout.
    PingTimeout,
    /// The transport did not answer when it was checked, after a change of network or after sleep.
    Unresponsive,
    /// The transport took so little that more than [`Limits::unsent_hard_bytes`](super::Limits::unsent_hard_bytes) piled up.
    SlowTransport,
    /// The peer broke the protocol. The text says which rule.
    ProtocolError(String),
    /// The application went to the background and its grace is over.
    Background,
    /// [`ReconnectPolicy::max_attempts`](super::ReconnectPolicy::max_attempts) failed attempts in a row.
    AttemptsExhausted,
}

impl DisconnectReason {
    /// A short stable name; where stock Socket.IO clients have a name for it, that one.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ClientDisconnect => "io client disconnect",
            Self::UserChanged => "user changed",
            Self::ServerDisconnect => "io server disconnect",
            Self::TransportClosed { .. } => "transport close",
            Self::TransportFailed(_) => "transport error",
            Self::OpenTimeout => "open timeout",
            Self::AuthenticationTimeout => "authentication timeout",
            Self::AuthRejected(_) => "authentication rejected",
            Self::NamespaceRefused(_) => "namespace refused",
            Self::TokenUnavailable(_) => "token unavailable",
            Self::PingTimeout => "ping timeout",
            Self::Unresponsive => "unresponsive",
            Self::SlowTransport => "slow transport",
            Self::ProtocolError(_) => "parse error",
            Self::Background => "background",
            Self::AttemptsExhausted => "attempts exhausted",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::TransportClosed { code: Some(code), .. } => write!(f, " (code {code})"),
            Self::TransportFailed(failure) => write!(f, ": {failure}"),
            Self::AuthRejected(error) | Self::NamespaceRefused(error) => write!(f, ": {error}"),
            Self::TokenUnavailable(text) | Self::ProtocolError(text) => write!(f, ": {}", Escaped(text)),
            _ => Ok(()),
        }
    }
}

/// How well the connection does, from its round trip times and lost probes.
///
/// Ordered from worst to best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// Not connected.
    #[default]
    Offline,
    /// Slow or lossy enough that people notice.
    Poor,
    /// Usable.
    Fair,
    /// Normal for a distant server.
    Good,
    /// Normal for a near server.
    Excellent,
}

impl Quality {
    /// The name that listeners of every platform get: `"good"` and so on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Poor => "poor",
            Self::Fair => "fair",
            Self::Good => "good",
            Self::Excellent => "excellent",
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
