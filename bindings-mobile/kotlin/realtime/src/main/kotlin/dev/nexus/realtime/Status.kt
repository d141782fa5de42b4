package dev.nexus.realtime

import dev.nexus.realtime.ffi.ConnectionStatus as FfiStatus
import dev.nexus.realtime.ffi.DisconnectReason as FfiReason
import dev.nexus.realtime.ffi.Quality as FfiQuality
import dev.nexus.realtime.ffi.StatusChange as FfiChange

/** What an application shows of the connection. Every loss tells [DISCONNECTED], and [RECONNECTING] in the same breath. */
public enum class ConnectionStatus {
    /** No connection, and none being sought, unless [RECONNECTING] follows at once. */
    DISCONNECTED,

    /** The first connection since `connect` is being sought. */
    CONNECTING,

    /** The primary namespace is joined. */
    CONNECTED,

    /** A connection that was lost is being sought again. */
    RECONNECTING,
}

/** How well the connection does, from its round trip times and lost probes. */
public enum class ConnectionQuality {
    /** Not connected. */
    OFFLINE,

    /** Slow or lossy enough that people notice. */
    POOR,

    /** Usable. */
    FAIR,

    /** Normal for a distant server. */
    GOOD,

    /** Normal for a near server. */
    EXCELLENT,
}

/**
 * How a connection, or an attempt to get one, ended.
 *
 * @property code stable name, the same on every platform: `io client disconnect`, `ping timeout`, …
 * @property text for people. Parts of it may come from the server
 */
public data class DisconnectReason(val code: String, val text: String)

/**
 * A new status.
 *
 * @property status the status from now on
 * @property reason present if it is [ConnectionStatus.DISCONNECTED], and that is a change
 */
public data class StatusChange(val status: ConnectionStatus, val reason: DisconnectReason?)

internal fun FfiStatus.toPublic() = when (this) {
    FfiStatus.DISCONNECTED -> ConnectionStatus.DISCONNECTED
    FfiStatus.CONNECTING -> ConnectionStatus.CONNECTING
    FfiStatus.CONNECTED -> ConnectionStatus.CONNECTED
    FfiStatus.RECONNECTING -> ConnectionStatus.RECONNECTING
}

internal fun FfiQuality.toPublic() = when (this) {
    FfiQuality.OFFLINE -> ConnectionQuality.OFFLINE
    FfiQuality.POOR -> ConnectionQuality.POOR
    FfiQuality.FAIR -> ConnectionQuality.FAIR
    FfiQuality.GOOD -> ConnectionQuality.GOOD
    FfiQuality.EXCELLENT -> ConnectionQuality.EXCELLENT
}

internal fun FfiReason.toPublic() = DisconnectReason(code, text)

internal fun FfiChange.toPublic() = StatusChange(status.toPublic(), reason?.toPublic())
