package dev.nexus.realtime

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import java.io.File
import kotlin.time.Duration
import dev.nexus.realtime.ffi.ClientOptions as FfiOptions
import dev.nexus.realtime.ffi.Overflow as FfiOverflow
import dev.nexus.realtime.ffi.ReconnectOptions as FfiReconnect

/**
 * Options of a client. All but [url] may be left out (`null`), and have their default then. Values out of bounds are brought
 * within them.
 *
 * @property url address of the server: `https://example.com`, without a path
 * @property path path at which the server mounts Socket.IO. Default: `/socket.io/`
 * @property query further query parameters of the connection. Not for tokens: servers and proxies log addresses
 * @property headers further HTTP headers of the connection
 * @property primaryNamespace the namespace that carries the connection. Default: `realtime`
 * @property auth sent with the joining of each namespace besides `token` and `userId`
 * @property recovery whether a session that a lost connection ended is resumed where the server offers it. Default: `true`
 * @property deduplicate whether an event is dropped that says itself that it came before, on servers that do not number
 *   events. Default: `true`
 * @property rejoinAfterServerDisconnect whether a namespace that the server ended is joined again unasked. Default: `false`
 * @property openTimeout opening of the transport and the handshake. 100 ms to 5 min. Default: 20 s
 * @property authenticationTimeout the server's answer to the joining of a namespace. 100 ms to 5 min. Default: 15 s
 * @property tokenTimeout the token provider's answer. 100 ms to 5 min. Default: 15 s
 * @property connectTimeout when `connect` is rejected for want of a connection; the client keeps trying. 100 ms to 1 h.
 *   Default: 45 s
 * @property ackTimeout how long an acknowledgement is awaited, from the emit on. 1 ms to 1 d. Default: 10 s
 * @property backgroundGrace how long the connection is kept in the background. Up to 1 d. Default: 20 s
 * @property verifyTimeout time for a sign of life when the connection is checked. 100 ms to 1 min. Default: 5 s
 * @property probeInterval time between measurements of the round trip at quality good. 1 s to 1 h. Default: 10 s
 * @property reconnect when and how often a lost connection is sought again
 * @property queue the offline queue
 * @property durable durable messages
 * @property storeDirectory folder of the durable messages, made if it is missing; clients and processes may share it. On Android
 *   one below `context.noBackupFilesDir`. Default: none, and durable emits are refused with `NO_DURABLE_STORE`
 * @property namespacePriority namespaces whose waiting messages go out first, the highest number before others. Those not named
 *   have 0
 * @property eventBuffer items that may wait in one flow or subscription. At least 1. Default: 1,024
 * @property listenerPatience how long the client stops reading for a flow that is behind before that one misses events
 *   ([Event.missed]). Default: 1 s
 * @property onlyRootsPem certificates in PEM form, which `https` servers are trusted by, and by no others. Default: what the
 *   platform trusts. On Android it has to be given: `onAndroid` of the Android module does
 * @property json how values become JSON, and back. Default: unknown keys are ignored
 * @property onListenerError takes what handlers of [NexusClient.on] throw; it stops no other. Default: the stack trace goes to
 *   the standard error
 */
public data class NexusOptions(
    val url: String,
    val path: String? = null,
    val query: Map<String, String> = emptyMap(),
    val headers: Map<String, String> = emptyMap(),
    val primaryNamespace: String? = null,
    val auth: Map<String, JsonElement> = emptyMap(),
    val recovery: Boolean? = null,
    val deduplicate: Boolean? = null,
    val rejoinAfterServerDisconnect: Boolean? = null,
    val openTimeout: Duration? = null,
    val authenticationTimeout: Duration? = null,
    val tokenTimeout: Duration? = null,
    val connectTimeout: Duration? = null,
    val ackTimeout: Duration? = null,
    val backgroundGrace: Duration? = null,
    val verifyTimeout: Duration? = null,
    val probeInterval: Duration? = null,
    val reconnect: ReconnectOptions = ReconnectOptions(),
    val queue: QueueOptions = QueueOptions(),
    val durable: DurableOptions = DurableOptions(),
    val storeDirectory: File? = null,
    val namespacePriority: Map<String, Int> = emptyMap(),
    val eventBuffer: Int? = null,
    val listenerPatience: Duration? = null,
    val onlyRootsPem: String? = null,
    val json: Json = DefaultJson,
    val onListenerError: (Throwable) -> Unit = { it.printStackTrace() },
)

/**
 * When and how often a lost connection is sought again. The delay grows from attempt to attempt.
 *
 * @property initialDelay 10 ms to [maxDelay]. Default: 1 s
 * @property maxDelay 10 ms to 1 h. Default: 30 s
 * @property factor 1 to 10. Default: 2
 * @property jitter random part of each delay. 0 to 1. Default: 0.5
 * @property maxAttempts failed attempts in a row after which the client stops. Default: it never does
 * @property maxAuthAttempts how often in a row fresh tokens may be refused. At least 1. Default: 3
 */
public data class ReconnectOptions(
    val initialDelay: Duration? = null,
    val maxDelay: Duration? = null,
    val factor: Double? = null,
    val jitter: Double? = null,
    val maxAttempts: Int? = null,
    val maxAuthAttempts: Int? = null,
)

/**
 * Messages that wait in memory while there is no connection.
 *
 * @property maxMessages how many. 0: none. Default: 1,000
 * @property maxBytes their size. Default: 16 MiB
 * @property ttl how long one may wait if the emit does not say. 1 ms to 30 d. Default: a day
 * @property overflow what a full queue does. Default: [Overflow.REJECT_NEW]
 */
public data class QueueOptions(
    val maxMessages: Int? = null,
    val maxBytes: Long? = null,
    val ttl: Duration? = null,
    val overflow: Overflow? = null,
)

/** What a full queue does with a new message. */
public enum class Overflow {
    /** Refuses it with `QUEUE_FULL`. */
    REJECT_NEW,

    /** Drops the oldest, and tells each ([Notice.MessageDropped]). */
    DROP_OLDEST,
}

/**
 * Messages that are kept on disk until the server has them.
 *
 * @property maxMessages how many that have not ended. Default: 10,000
 * @property maxBytes their size. Default: 64 MiB
 * @property ttl how long one is tried if the emit does not say. 1 ms to 30 d. Default: a day
 */
public data class DurableOptions(val maxMessages: Int? = null, val maxBytes: Long? = null, val ttl: Duration? = null)

internal fun NexusOptions.toFfi() = FfiOptions(
    url = url,
    path = path,
    query = query,
    headers = headers,
    primaryNamespace = primaryNamespace,
    auth = auth.mapValues { (_, value) -> value.toString() },
    recovery = recovery,
    deduplicate = deduplicate,
    rejoinAfterServerDisconnect = rejoinAfterServerDisconnect,
    openTimeoutMs = openTimeout?.toMillis(),
    authenticationTimeoutMs = authenticationTimeout?.toMillis(),
    tokenTimeoutMs = tokenTimeout?.toMillis(),
    connectTimeoutMs = connectTimeout?.toMillis(),
    ackTimeoutMs = ackTimeout?.toMillis(),
    backgroundGraceMs = backgroundGrace?.toMillis(),
    verifyTimeoutMs = verifyTimeout?.toMillis(),
    probeIntervalMs = probeInterval?.toMillis(),
    reconnect = reconnect.toFfi(),
    queueMessages = queue.maxMessages?.toULongAtLeastZero(),
    queueBytes = queue.maxBytes?.coerceAtLeast(0)?.toULong(),
    queueTtlMs = queue.ttl?.toMillis(),
    queueOverflow = when (queue.overflow) {
        null -> null
        Overflow.REJECT_NEW -> FfiOverflow.REJECT_NEW
        Overflow.DROP_OLDEST -> FfiOverflow.DROP_OLDEST
    },
    namespacePriority = namespacePriority,
    storeDirectory = storeDirectory?.path,
    durableMessages = durable.maxMessages?.toULongAtLeastZero(),
    durableBytes = durable.maxBytes?.coerceAtLeast(0)?.toULong(),
    durableTtlMs = durable.ttl?.toMillis(),
    eventBuffer = eventBuffer?.toULongAtLeastZero(),
    listenerPatienceMs = listenerPatience?.toMillis(),
    onlyRootsPem = onlyRootsPem,
)

private fun ReconnectOptions.toFfi() = FfiReconnect(
    initialDelayMs = initialDelay?.toMillis(),
    maxDelayMs = maxDelay?.toMillis(),
    factor = factor,
    jitter = jitter,
    maxAttempts = maxAttempts?.coerceAtLeast(0)?.toUInt(),
    maxAuthAttempts = maxAuthAttempts?.coerceAtLeast(0)?.toUInt(),
)

private fun Int.toULongAtLeastZero() = coerceAtLeast(0).toULong()
