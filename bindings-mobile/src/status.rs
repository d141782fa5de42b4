use nexus_core::manager;

/// What an application shows of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ConnectionStatus {
    /// No connection, and none being sought, unless `Reconnecting` follows at once.
    Disconnected,
    /// The first connection since `connect` is being sought.
    Connecting,
    /// The primary namespace is joined.
    Connected,
    /// A connection that was lost is being sought again.
    Reconnecting,
}

impl From<manager::ConnectionStatus> for ConnectionStatus {
    fn from(status: manager::ConnectionStatus) -> Self {
        match status {
            manager::ConnectionStatus::Disconnected => Self::Disconnected,
            manager::ConnectionStatus::Connecting => Self::Connecting,
            manager::ConnectionStatus::Connected => Self::Connected,
            manager::ConnectionStatus::Reconnecting => Self::Reconnecting,
        }
    }
}

/// Why a connection, or an attempt to get one, ended.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DisconnectReason {
    /// Stable name, the same on every platform: `io client disconnect`, `ping timeout`, …
    pub code: String,
    /// For people.
    pub text: String,
}

impl From<&manager::DisconnectReason> for DisconnectReason {
    fn from(reason: &manager::DisconnectReason) -> Self {
        Self { code: reason.as_str().to_owned(), text: reason.to_string() }
    }
}

/// A new status.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StatusChange {
    /// The status from now on.
    pub status: ConnectionStatus,
    /// Present if it is `Disconnected`, and that is a change.
    pub reason: Option<DisconnectReason>,
}

impl From<manager::StatusChange> for StatusChange {
    fn from(change: manager::StatusChange) -> Self {
        Self { status: change.status.into(), reason: change.reason.as_ref().map(Into::into) }
    }
}

/// How well the connection does, from its round trip times and lost probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Quality {
    /// Not connected.
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

impl From<manager::Quality> for Quality {
    fn from(quality: manager::Quality) -> Self {
        match quality {
            manager::Quality::Offline => Self::Offline,
            manager::Quality::Poor => Self::Poor,
            manager::Quality::Fair => Self::Fair,
            manager::Quality::Good => Self::Good,
            manager::Quality::Excellent => Self::Excellent,
        }
    }
}
