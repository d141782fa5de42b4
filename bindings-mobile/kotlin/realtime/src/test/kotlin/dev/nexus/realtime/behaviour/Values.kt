package dev.nexus.realtime.behaviour

import dev.nexus.realtime.Payload
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonArray
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonPrimitive

private fun pattern(length: Int) = ByteArray(length) { (31 * it + 7).toByte() }

/** `{"$bytes": N}` as bytes. */
internal fun payload(args: JsonArray): Payload {
    val attachments = mutableListOf<ByteArray>()
    fun replaced(value: JsonElement): JsonElement = when (value) {
        is JsonArray -> JsonArray(value.map(::replaced))
        is JsonObject -> when (val length = value["\$bytes"]) {
            null -> JsonObject(value.mapValues { (_, inner) -> replaced(inner) })
            else -> {
                attachments += pattern(length.jsonPrimitive.int)
                JsonObject(mapOf("_placeholder" to JsonPrimitive(true), "num" to JsonPrimitive(attachments.size - 1)))
            }
        }
        is JsonPrimitive -> value
    }
    val text = replaced(args).jsonArray
    return Payload(text, attachments)
}

/** Bytes as `{"$bytes": N}`, if they are what that stands for. */
internal fun values(payload: Payload): JsonArray {
    fun replaced(value: JsonElement): JsonElement {
        payload.bytes(value)?.let { bytes ->
            val name = if (bytes.contentEquals(pattern(bytes.size))) "\$bytes" else "other bytes"
            return JsonObject(mapOf(name to JsonPrimitive(bytes.size)))
        }
        return when (value) {
            is JsonArray -> JsonArray(value.map(::replaced))
            is JsonObject -> JsonObject(value.mapValues { (_, inner) -> replaced(inner) })
            is JsonPrimitive -> value
        }
    }
    return JsonArray(payload.args.map(::replaced))
}

/** Equal as JSON values are: 1 is 1.0. */
internal fun same(a: JsonElement, b: JsonElement): Boolean = when {
    a is JsonArray && b is JsonArray -> a.size == b.size && a.indices.all { same(a[it], b[it]) }
    a is JsonObject && b is JsonObject -> a.keys == b.keys && a.all { (key, value) -> same(value, b.getValue(key)) }
    a is JsonNull || b is JsonNull -> a is JsonNull && b is JsonNull
    a is JsonPrimitive && b is JsonPrimitive -> when {
        a.isString || b.isString -> a.isString == b.isString && a.content == b.content
        else -> a.content == b.content ||
            a.content.toBigDecimalOrNull().let { it != null && b.content.toBigDecimalOrNull()?.compareTo(it) == 0 }
    }
    else -> false
}

/** `[0, 3]` as `[[0], [1], [2]]`. */
internal fun range(bounds: JsonElement): JsonArray = buildJsonArray {
    for (number in numbers(bounds)) add(JsonArray(listOf(JsonPrimitive(number))))
}

internal fun numbers(bounds: JsonElement): IntRange {
    val (from, until) = bounds.jsonArray.map { it.jsonPrimitive.int }
    return from until until
}
