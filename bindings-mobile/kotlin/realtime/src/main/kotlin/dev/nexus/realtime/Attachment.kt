package dev.nexus.realtime

import kotlinx.serialization.KSerializer
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.buildClassSerialDescriptor
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.JsonDecoder
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonEncoder
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.intOrNull

/**
 * Bytes as a property of a `@Serializable` class: they travel as binary data, not as text. Works in arguments of events and
 * acknowledgements, and nowhere else.
 *
 * ```
 * @Serializable data class Photo(val name: String, val image: Attachment)
 * ```
 */
@Serializable(with = AttachmentSerializer::class)
public class Attachment(public val bytes: ByteArray) {
    override fun equals(other: Any?): Boolean = other is Attachment && bytes.contentEquals(other.bytes)

    override fun hashCode(): Int = bytes.contentHashCode()

    override fun toString(): String = "Attachment(${bytes.size} bytes)"
}

/** The bytes that the payload at work has, or gets. Serialization of a payload stays on one thread from start to end. */
private val atWork = ThreadLocal<MutableList<ByteArray>?>()

internal inline fun <T> withAttachments(attachments: MutableList<ByteArray>, block: () -> T): T {
    val outer = exchangeAttachments(attachments)
    try {
        return block()
    } finally {
        exchangeAttachments(outer)
    }
}

internal fun exchangeAttachments(attachments: MutableList<ByteArray>?): MutableList<ByteArray>? {
    val before = atWork.get()
    if (attachments == null) atWork.remove() else atWork.set(attachments)
    return before
}

/** What stands for the bytes in the text (Socket.IO protocol v5, "Sending and receiving data"). */
internal fun placeholder(number: Int): JsonObject =
    JsonObject(mapOf("_placeholder" to JsonPrimitive(true), "num" to JsonPrimitive(number)))

/** The number that a placeholder has; `null`: it is none. */
internal fun JsonElement.placeholderNumber(): Int? {
    if (this !is JsonObject || size != 2) return null
    if ((this["_placeholder"] as? JsonPrimitive)?.booleanOrNull != true) return null
    return (this["num"] as? JsonPrimitive)?.intOrNull
}

internal object AttachmentSerializer : KSerializer<Attachment> {
    override val descriptor: SerialDescriptor = buildClassSerialDescriptor("dev.nexus.realtime.Attachment")

    override fun serialize(encoder: Encoder, value: Attachment) {
        val attachments = atWork.get()
        if (encoder !is JsonEncoder || attachments == null) throw SerializationException("an attachment outside of an event")
        attachments += value.bytes
        encoder.encodeJsonElement(placeholder(attachments.size - 1))
    }

    override fun deserialize(decoder: Decoder): Attachment {
        val attachments = atWork.get()
        if (decoder !is JsonDecoder || attachments == null) throw SerializationException("an attachment outside of an event")
        val number = decoder.decodeJsonElement().placeholderNumber() ?: throw SerializationException("binary data expected")
        return Attachment(attachments.getOrNull(number) ?: throw SerializationException("attachment $number is missing"))
    }
}
