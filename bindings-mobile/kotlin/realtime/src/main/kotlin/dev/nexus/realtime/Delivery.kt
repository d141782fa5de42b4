package dev.nexus.realtime

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.serialization.json.Json
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds
import dev.nexus.realtime.ffi.DeliveryStatus as FfiDelivery
import dev.nexus.realtime.ffi.DurableMessage as FfiMessage

/** What became of an emit so far. */
public sealed interface Emitted {
    /** Handed to the transport. */
    public data class Transmitted(val id: Long) : Emitted

    /** In the offline queue. [id] names it: see [NexusClient.cancel]. */
    public data class Queued(val id: Long) : Emitted

    /** It was volatile and could not be written. */
    public data object Dropped : Emitted
}

/** How far a durable message is. Exactly one [Outcome] ends it. */
public sealed interface DeliveryStatus {
    /** It waits for the store. */
    public data object Queued : DeliveryStatus

    /** It is accepted: it survives the process, and a power cut, from now on. */
    public data object Persisted : DeliveryStatus

    /** It was handed to a transport, for the first time or again. */
    public data object Sent : DeliveryStatus

    /** How a durable message ended. */
    public sealed interface Outcome : DeliveryStatus

    /** The server has it, for good. [payload]: the arguments of its acknowledgement. */
    public data class Acked(val payload: Payload) : Outcome

    /** Its time to live passed. If [isSent], the server may have it. */
    public data class Expired(val isSent: Boolean) : Outcome

    /** It was refused for good, by the server, or by the store before it was accepted. [code]: the server's, or the store's. */
    public data class Rejected(val code: String, val payload: Payload) : Outcome

    /** It was cancelled. If [isSent], the server may have it. */
    public data class Cancelled(val isSent: Boolean) : Outcome

    /** The server may or may not have it, and nobody can tell: it has lost its memory of what it was sent. */
    public data object Unknown : Outcome
}

/** A durable message, to follow. Letting go of it cancels nothing. */
public class DurableMessage internal constructor(
    private val client: NexusClient,
    private val message: FfiMessage,
    private val json: Json,
    private val what: String,
) {
    /** Names the message in its client: see [NexusClient.cancel] and [Notice.Delivery]. */
    public val id: Long = message.id().toLong()

    /** How far it is. */
    public val status: DeliveryStatus get() = message.status().toPublic(json, what)

    /** Every status from the first on, repeats left out. Completes after the outcome, or when the client is closed. */
    public val statuses: Flow<DeliveryStatus> = flow {
        var seen = 0u
        while (true) {
            val next = try {
                translating { message.statuses(seen, 1.hours.toMillis()) }
            } catch (_: RealtimeException.WaitTimedOut) {
                continue
            }
            if (next.isEmpty()) return@flow
            seen += next.size.toUInt()
            for (status in next) emit(status.toPublic(json, what))
        }
    }

    /**
     * Waits until the message is accepted: from then on it survives the process and a power cut.
     *
     * @throws RealtimeException.Emit if it is not accepted: `STORAGE_FULL`, `QUEUE_FULL`, …
     * @throws RealtimeException.WaitTimedOut
     * @throws RealtimeException.Closed
     */
    public suspend fun accepted(timeout: Duration = 30.seconds): Unit = translating { message.accepted(timeout.toMillis()) }

    /**
     * Waits until the message has ended, which it has after its time to live at the latest.
     *
     * @throws RealtimeException.WaitTimedOut
     * @throws RealtimeException.Closed the message stays in the store
     */
    public suspend fun outcome(timeout: Duration = Duration.INFINITE): DeliveryStatus.Outcome {
        val outcome = translating { message.outcome(timeout.toMillis()) }.toPublic(json, what)
        return outcome as? DeliveryStatus.Outcome ?: DeliveryStatus.Unknown
    }

    /** Takes it back: it is not sent any more, by later processes neither. `false`: it has ended. See [outcome] for how. */
    public fun cancel(): Boolean = try {
        client.cancel(id)
        true
    } catch (_: RealtimeException.UnknownMessage) {
        false
    }
}

internal fun FfiDelivery.toPublic(json: Json, what: String): DeliveryStatus = when (this) {
    is FfiDelivery.Queued -> DeliveryStatus.Queued
    is FfiDelivery.Persisted -> DeliveryStatus.Persisted
    is FfiDelivery.Sent -> DeliveryStatus.Sent
    is FfiDelivery.Acked -> DeliveryStatus.Acked(payload.toPublic(json, "the acknowledgement of $what"))
    is FfiDelivery.Expired -> DeliveryStatus.Expired(sent)
    is FfiDelivery.Rejected -> DeliveryStatus.Rejected(code, payload.toPublic(json, "the rejection of $what"))
    is FfiDelivery.Cancelled -> DeliveryStatus.Cancelled(sent)
    is FfiDelivery.Unknown -> DeliveryStatus.Unknown
}
