package dev.nexus.realtime

import dev.nexus.realtime.ffi.InternalException
import kotlin.time.Duration
import dev.nexus.realtime.ffi.RealtimeException as FfiException

/**
 * Why an operation was refused, or did not succeed.
 *
 * @property code stable name, the same on every platform: the README lists all of them
 */
public sealed class RealtimeException(
    public val code: String,
    message: String,
    cause: Throwable? = null,
) : Exception(message, cause) {
    /** An option can't be used. */
    public class Config(code: String, message: String) : RealtimeException(code, message)

    /**
     * A call of [NexusClient.connect] was rejected.
     *
     * @property isFinal whether the client has stopped trying, so that nothing happens before the next `connect`
     * @property requiresSignIn whether the user has to sign in again
     * @property server what the server said, if it did
     */
    public class Connect(
        code: String,
        message: String,
        public val isFinal: Boolean,
        public val requiresSignIn: Boolean,
        public val server: ServerSaid?,
    ) : RealtimeException(code, message)

    /**
     * An emit was refused, or a durable one not accepted: nothing is sent.
     *
     * @property isRetryable whether the same emit may be accepted later
     */
    public class Emit(code: String, message: String, public val isRetryable: Boolean, cause: Throwable? = null) :
        RealtimeException(code, message, cause)

    /**
     * An awaited acknowledgement did not come.
     *
     * @property isUnsent whether the event was certainly never sent, so that sending it again can't repeat its effect
     */
    public class Ack(code: String, message: String, public val isUnsent: Boolean) : RealtimeException(code, message)

    /**
     * A namespace could not be joined, listened to or left.
     *
     * @property server what the server said, if it did
     */
    public class Join(code: String, message: String, public val server: ServerSaid?) : RealtimeException(code, message)

    /** An event could not be acknowledged: it has been already, or its connection is gone. */
    public class Reply(code: String, message: String) : RealtimeException(code, message)

    /** There is no message of that id that is queued or awaits an acknowledgement. */
    public class UnknownMessage : RealtimeException("UNKNOWN_MESSAGE", "neither queued nor awaiting an acknowledgement")

    /** What was waited for did not happen within the wait's own timeout. It may still happen. */
    public class WaitTimedOut : RealtimeException("WAIT_TIMED_OUT", "not in time")

    /** The client is closed. */
    public class Closed : RealtimeException("CLOSED", "the client is closed")

    /**
     * What came is not what was expected. Nothing is lost: the payload is there as it came.
     *
     * @property what the event or acknowledgement, for people: `event NEW_MESSAGE of messaging`
     * @property expected the type that was asked for
     */
    public class Decode(
        public val what: String,
        public val expected: String,
        public val payload: Payload,
        cause: Throwable?,
    ) : RealtimeException("NOT_DECODABLE", "$what is not $expected: ${cause?.message ?: "there is no such argument"}", cause)

    /** The native part failed in a way that it never should. The client is of no use any more. */
    public class Panicked(message: String, cause: Throwable) : RealtimeException("PANICKED", message, cause)
}

/**
 * What the server said when it refused something.
 *
 * @property text its message. Show it as text
 * @property data what it said besides, as JSON
 * @property retryAfter how long it wishes to be left alone
 */
public data class ServerSaid(val text: String, val data: String?, val retryAfter: Duration?)

internal fun dev.nexus.realtime.ffi.ServerSaid.toPublic() = ServerSaid(text, data, retryAfterMs?.toDuration())

internal fun FfiException.toPublic(): RealtimeException = when (this) {
    is FfiException.Config -> RealtimeException.Config(code, text)
    is FfiException.Connect -> RealtimeException.Connect(code, text, isFinal, requiresSignIn, server?.toPublic())
    is FfiException.Emit -> RealtimeException.Emit(code, text, isRetryable)
    is FfiException.Ack -> RealtimeException.Ack(code, text, isUnsent)
    is FfiException.Join -> RealtimeException.Join(code, text, server?.toPublic())
    is FfiException.Reply -> RealtimeException.Reply(code, text)
    is FfiException.UnknownMessage -> RealtimeException.UnknownMessage()
    is FfiException.WaitTimedOut -> RealtimeException.WaitTimedOut()
    is FfiException.Closed -> RealtimeException.Closed()
}

/** Runs what crosses the boundary, and throws what the application knows. */
internal inline fun <T> translating(block: () -> T): T = try {
    block()
} catch (error: FfiException) {
    throw error.toPublic()
} catch (error: InternalException) {
    throw RealtimeException.Panicked(error.message ?: "panicked", error)
}
