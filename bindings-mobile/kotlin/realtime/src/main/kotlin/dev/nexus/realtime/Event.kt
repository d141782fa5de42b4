package dev.nexus.realtime

import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.Json
import kotlinx.serialization.serializer
import dev.nexus.realtime.ffi.Event as FfiEvent
import dev.nexus.realtime.ffi.Reply as FfiReply

/**
 * An event from the server.
 *
 * @property namespace where it came
 * @property name its name
 * @property payload its arguments
 * @property missed how many events this flow or subscription was too slow for, just before this one
 */
public class Event internal constructor(
    public val namespace: String,
    public val name: String,
    public val payload: Payload,
    public val missed: Long,
    private val answer: FfiReply?,
    private val json: Json,
) {
    /** Whether the server asks for an acknowledgement. */
    public val wantsReply: Boolean get() = answer != null

    /**
     * The first argument: `event.decode<Message>()`.
     *
     * @throws RealtimeException.Decode if it is something else
     */
    public inline fun <reified T> decode(): T = payload.decode()

    /**
     * Acknowledges with these arguments. Of several who do, the first one counts.
     *
     * @throws RealtimeException.Reply when it is acknowledged already (`GONE`), the connection is another by now (`GONE`), none
     *   was asked for (`NOT_ASKED`), or the arguments can't be sent
     * @throws RealtimeException.Closed
     */
    public fun reply(payload: Payload = Payload.EMPTY) {
        val answer = answer ?: throw RealtimeException.Reply("NOT_ASKED", "the server asks for no acknowledgement")
        translating { answer.send(payload.toFfi()) }
    }

    /** Acknowledges with one value. */
    public inline fun <reified T> reply(value: T): Unit = reply(serializer<T>(), value)

    @PublishedApi
    internal fun <T> reply(serializer: KSerializer<T>, value: T): Unit = reply(args(json) { add(serializer, value) })

    override fun toString(): String = "$namespace/$name$payload"
}

internal fun FfiEvent.toPublic(json: Json) =
    Event(namespace, name, payload.toPublic(json, "event $name of $namespace"), missed.toCount(), reply, json)
