internal import NexusRealtimeFFI

/// What an application shows of the connection.
public enum ConnectionStatus: String, Sendable, Hashable, CaseIterable {
    /// No connection, and none being sought, unless `reconnecting` follows at once.
    case disconnected
    /// The first connection since `connect` is being sought.
    case connecting
    /// The primary namespace is joined.
    case connected
    /// A connection that was lost is being sought again.
    case reconnecting

    init(_ status: NexusRealtimeFFI.ConnectionStatus) {
        self =
            switch status {
            case .disconnected: .disconnected
            case .connecting: .connecting
            case .connected: .connected
            case .reconnecting: .reconnecting
            }
    }
}

/// A new status.
public struct StatusChange: Sendable, Hashable {
    /// The status from now on.
    public let status: ConnectionStatus
    /// Why, if it is `disconnected` and that is a change.
    public let reason: DisconnectReason?

    init(_ change: NexusRealtimeFFI.StatusChange) {
        status = ConnectionStatus(change.status)
        reason = change.reason.map(DisconnectReason.init)
    }
}

/// Why a connection, or an attempt to get one, ended.
public struct DisconnectReason: Sendable, Hashable {
    /// Stable name, the same on every platform: `io client disconnect`, `ping timeout`, …
    public let code: String
    /// For people.
    public let message: String

    init(_ reason: NexusRealtimeFFI.DisconnectReason) {
        code = reason.code
        message = reason.text
    }
}

/// How well the connection does, from its round trip times and lost probes. Later ones are better.
public enum ConnectionQuality: String, Sendable, Hashable, CaseIterable {
    /// Not connected.
    case offline
    /// Slow or lossy enough that people notice.
    case poor
    /// Usable.
    case fair
    /// Normal for a distant server.
    case good
    /// Normal for a near server.
    case excellent

    init(_ quality: NexusRealtimeFFI.Quality) {
        self =
            switch quality {
            case .offline: .offline
            case .poor: .poor
            case .fair: .fair
            case .good: .good
            case .excellent: .excellent
            }
    }
}
