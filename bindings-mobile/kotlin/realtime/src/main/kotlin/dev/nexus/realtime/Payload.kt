package dev.nexus.realtime

import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.builtins.serializer
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.serializer
import dev.nexus.realtime.ffi.Payload as FfiPayload

/**
 * The arguments of an event or acknowledgement, with the bytes in them beside. Immutable, as long as nobody changes the
 * arrays in it.
 *
 * @property text JSON of the array of arguments. Bytes are placeholders in it: `{"_placeholder":true,"num":0}` is the first
 *   of [attachments]
 * @property attachments the bytes, in the order of their placeholders' numbers
 */
public class Payload internal constructor(
    public val text: String,
    public val attachments: List<ByteArray>,
    private val json: Json,
    private val what: String,
) {
    /** Of text that is the JSON of an array. Whether it is shows when it is sent (`NOT_ENCODABLE`). */
    public constructor(text: String, attachments: List<ByteArray> = emptyList()) :
        this(text, attachments, DefaultJson, "the payload")

    /** Of arguments that are JSON already. */
    public constructor(args: JsonArray, attachments: List<ByteArray> = emptyList()) : this(args.toString(), attachments)

    /**
     * The arguments.
     *
     * @throws RealtimeException.Decode if [text] is no JSON array, which what comes from a server always is
     */
    public val args: JsonArray by lazy(LazyThreadSafetyMode.PUBLICATION) {
        try {
            Json.parseToJsonElement(text) as? JsonArray ?: throw SerializationException("no array")
        } catch (error: SerializationException) {
            throw RealtimeException.Decode(what, "a list of arguments", this, error)
        }
    }

    /** The bytes that an element stands for; `null` if it stands for none. */
    public fun bytes(element: JsonElement): ByteArray? = element.placeholderNumber()?.let(attachments::getOrNull)

    /**
     * One argument, as a type: `payload.decode<Message>()`. An argument that is not there is `null` for types that may be,
     * and `Unit` takes anything.
     *
     * @throws RealtimeException.Decode if it is something else
     */
    public inline fun <reified T> decode(index: Int = 0): T = decode(serializer<T>(), index)

    /** As the other, with a serializer. */
    public fun <T> decode(serializer: KSerializer<T>, index: Int = 0): T {
        @Suppress("UNCHECKED_CAST") // The serializer says that T is Unit.
        if (serializer === Unit.serializer()) return Unit as T
        val expected = serializer.descriptor.serialName
        val element = args.getOrNull(index) ?: JsonNull.takeIf { serializer.descriptor.isNullable }
        if (element == null) throw RealtimeException.Decode(what, expected, this, null)
        return try {
            withAttachments(attachments.toMutableList()) { json.decodeFromJsonElement(serializer, element) }
        } catch (error: IllegalArgumentException) { // what requirements of classes throw; SerializationException is one
            throw RealtimeException.Decode(what, expected, this, error)
        }
    }

    override fun toString(): String = text

    public companion object {
        /** No arguments. */
        public val EMPTY: Payload = Payload("[]")
    }
}

/** Reads over what it does not know, and leaves out what has its default. */
internal val DefaultJson: Json = Json { ignoreUnknownKeys = true }

/**
 * Arguments of an event, one after another.
 *
 * ```
 * client.emit("board", "draw", args { add(stroke); add("red"); add(bytes) })
 * ```
 *
 * @param json how values become JSON
 * @throws RealtimeException.Emit `NOT_ENCODABLE`, if one can't
 */
public inline fun args(json: Json = defaultJson(), build: Arguments.() -> Unit): Payload =
    Arguments(json).apply(build).toPayload()

@PublishedApi
internal fun defaultJson(): Json = DefaultJson

/** Collects arguments: see [args]. */
public class Arguments @PublishedApi internal constructor(private val json: Json) {
    private val elements = mutableListOf<JsonElement>()
    private val attachments = mutableListOf<ByteArray>()

    /** One more. */
    public inline fun <reified T> add(value: T): Unit = add(serializer<T>(), value)

    /** One more, which is binary. */
    public fun add(bytes: ByteArray): Unit = add(AttachmentSerializer, Attachment(bytes))

    /** One more, with a serializer. */
    public fun <T> add(serializer: KSerializer<T>, value: T) {
        elements += try {
            withAttachments(attachments) { json.encodeToJsonElement(serializer, value) }
        } catch (error: IllegalArgumentException) {
            throw RealtimeException.Emit("NOT_ENCODABLE", error.message ?: "can't be JSON", false, error)
        }
    }

    @PublishedApi
    internal fun toPayload(): Payload = Payload(JsonArray(elements).toString(), attachments, json, "the payload")
}

internal fun FfiPayload.toPublic(json: Json, what: String) = Payload(this.json, attachments, json, what)

internal fun Payload.toFfi() = FfiPayload(text, attachments)
