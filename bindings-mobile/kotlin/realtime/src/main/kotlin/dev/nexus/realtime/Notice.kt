package dev.nexus.realtime

import kotlinx.serialization.json.Json
import kotlin.time.Duration
import dev.nexus.realtime.ffi.Continuity as FfiContinuity
import dev.nexus.realtime.ffi.DropReason as FfiDropReason
import dev.nexus.realtime.ffi.LeaveReason as FfiLeaveReason
import dev.nexus.realtime.ffi.Notice as FfiNotice

/** What befalls the connection beside its status and quality. */
public sealed interface Notice {
    /** A namespace is joined, for the first time or again, as session [sid] of the server. */
    public data class Joined(val namespace: String, val sid: String, val continuity: Continuity) : Notice

    /** A namespace could not be joined; never the primary one. It is tried again with the next connection. */
    public data class JoinFailed(val namespace: String, val error: RealtimeException.Join) : Notice

    /** A joined namespace ended. */
    public data class Left(val namespace: String, val reason: LeaveReason) : Notice

    /** [failedAttempts] attempts in a row have failed, or a connection was lost, and the next attempt is after [delay]. */
    public data class RetryScheduled(val failedAttempts: Int, val delay: Duration, val reason: DisconnectReason) : Notice

    /** A message left the offline queue without being sent. */
    public data class MessageDropped(val id: Long, val namespace: String, val event: String, val reason: DropReason) : Notice

    /** A durable message is further, one that nobody follows too. */
    public data class Delivery(val id: Long, val status: DeliveryStatus) : Notice

    /**
     * Durable messages that a former process, or another client of this one, has left are this client's now.
     *
     * @property ids in the order in which they are sent
     * @property unreadable records that could not be read. Their files are set aside
     */
    public data class Restored(val ids: List<Long>, val unreadable: Long) : Notice

    /** The store failed. What was not accepted because of it is told one by one. */
    public data class StoreFailed(val code: String, val text: String) : Notice
}

/** What a joining says of the time since the namespace was joined before. */
public sealed interface Continuity {
    /** It had not been joined before for this user, or the application has left it, or disconnected, since. */
    public data object First : Continuity

    /** The server recovered the session: nothing was missed. */
    public data object Recovered : Continuity

    /**
     * Events may have been missed.
     *
     * @property inboxComplete whether what is addressed to the user is complete all the same, from the inbox
     * @property lost so many events were in the inbox, and are lost
     */
    public data class Gap(val inboxComplete: Boolean, val lost: Long) : Continuity
}

/** How a joined namespace ended. */
public enum class LeaveReason {
    /** The application left it. */
    CLIENT_LEFT,

    /** The server ended it. */
    SERVER_DISCONNECT,

    /** The connection ended. */
    CONNECTION_LOST,
}

/** Why a queued message was not sent. */
public enum class DropReason {
    /** Its time to live passed. */
    EXPIRED,

    /** A newer message took its place in a full queue. */
    OVERFLOW,

    /** It was cancelled. */
    CANCELLED,

    /** The timeout of its acknowledgement passed. */
    ACK_TIMED_OUT,

    /** It is larger than the server, known by now, takes. */
    TOO_LARGE,

    /** Its namespace was left. */
    NAMESPACE_LEFT,

    /** Another user connected. */
    USER_CHANGED,

    /** It was sent, and the server may or may not have it. */
    UNKNOWN,
}

internal fun FfiNotice.toPublic(json: Json): Notice = when (this) {
    is FfiNotice.Joined -> Notice.Joined(namespace, sid, continuity.toPublic())
    is FfiNotice.JoinFailed -> Notice.JoinFailed(namespace, RealtimeException.Join(code, text, server?.toPublic()))
    is FfiNotice.Left -> Notice.Left(namespace, reason.toPublic())
    is FfiNotice.RetryScheduled ->
        Notice.RetryScheduled(failedAttempts.toInt(), delayMs.toDuration(), reason.toPublic())
    is FfiNotice.MessageDropped -> Notice.MessageDropped(message.toLong(), namespace, event, reason.toPublic())
    is FfiNotice.Delivery -> Notice.Delivery(message.toLong(), status.toPublic(json, "message $message"))
    is FfiNotice.Restored -> Notice.Restored(messages.map { it.toLong() }, unreadable.toCount())
    is FfiNotice.StoreFailed -> Notice.StoreFailed(code, text)
}

private fun FfiContinuity.toPublic() = when (this) {
    is FfiContinuity.First -> Continuity.First
    is FfiContinuity.Recovered -> Continuity.Recovered
    is FfiContinuity.Gap -> Continuity.Gap(inboxComplete, lost.toCount())
}

private fun FfiLeaveReason.toPublic() = when (this) {
    FfiLeaveReason.CLIENT_LEFT -> LeaveReason.CLIENT_LEFT
    FfiLeaveReason.SERVER_DISCONNECT -> LeaveReason.SERVER_DISCONNECT
    FfiLeaveReason.CONNECTION_LOST -> LeaveReason.CONNECTION_LOST
}

private fun FfiDropReason.toPublic() = when (this) {
    FfiDropReason.EXPIRED -> DropReason.EXPIRED
    FfiDropReason.OVERFLOW -> DropReason.OVERFLOW
    FfiDropReason.CANCELLED -> DropReason.CANCELLED
    FfiDropReason.ACK_TIMED_OUT -> DropReason.ACK_TIMED_OUT
    FfiDropReason.TOO_LARGE -> DropReason.TOO_LARGE
    FfiDropReason.NAMESPACE_LEFT -> DropReason.NAMESPACE_LEFT
    FfiDropReason.USER_CHANGED -> DropReason.USER_CHANGED
    FfiDropReason.UNKNOWN -> DropReason.UNKNOWN
}
