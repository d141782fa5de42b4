package dev.nexus.realtime

import kotlin.time.Duration
import dev.nexus.realtime.ffi.QueuedMessage as FfiQueued
import dev.nexus.realtime.ffi.Stats as FfiStats

/**
 * Figures of a client: levels as of now, and counts since it was made.
 *
 * @property smoothedLatency smoothed round trip time, if there was a sample
 * @property averageLatency mean over the window of samples
 * @property p95Latency 95th percentile over the window of samples
 * @property queuedMessages messages in the offline queue; [queuedBytes] their size
 * @property keptMessages buffered messages that were sent, and are kept until the server has them; [keptBytes] their size
 * @property durableMessages durable messages that have not ended; [durableBytes] their size
 * @property pendingAcks acknowledgements that are awaited
 * @property pendingReplies received events that may still be acknowledged
 * @property rememberedEvents identities of received events that are remembered to tell repeats
 * @property namespaces namespaces that are wanted, the primary one included
 * @property joinedNamespaces namespaces that are joined now
 * @property failedAttempts failed attempts in a row
 * @property listeners flows and subscriptions that are open, the two of the client itself (status and quality) included
 * @property waitingItems items that wait for them
 * @property missedItems items that they were too slow for
 * @property counters counts by name: `connects`, `events_in`, `bytes_out`, … as the core calls them
 */
public data class Stats(
    val status: ConnectionStatus,
    val quality: ConnectionQuality,
    val smoothedLatency: Duration?,
    val averageLatency: Duration?,
    val p95Latency: Duration?,
    val queuedMessages: Long,
    val queuedBytes: Long,
    val keptMessages: Long,
    val keptBytes: Long,
    val durableMessages: Long,
    val durableBytes: Long,
    val pendingAcks: Long,
    val pendingReplies: Long,
    val rememberedEvents: Long,
    val namespaces: Long,
    val joinedNamespaces: Long,
    val failedAttempts: Int,
    val listeners: Long,
    val waitingItems: Long,
    val missedItems: Long,
    val counters: Map<String, Long>,
)

/**
 * A message in the offline queue.
 *
 * @property id names it: see [NexusClient.cancel]
 * @property bytes what it counts against the queue's bound
 * @property expiresIn from now until it is dropped
 * @property awaitsAck whether it asks for an acknowledgement
 */
public data class QueuedMessage(
    val id: Long,
    val namespace: String,
    val event: String,
    val payload: Payload,
    val bytes: Long,
    val expiresIn: Duration,
    val awaitsAck: Boolean,
)

internal fun FfiStats.toPublic() = Stats(
    status = status.toPublic(),
    quality = quality.toPublic(),
    smoothedLatency = smoothedLatencyMs?.toDuration(),
    averageLatency = averageLatencyMs?.toDuration(),
    p95Latency = p95LatencyMs?.toDuration(),
    queuedMessages = queuedMessages.toCount(),
    queuedBytes = queuedBytes.toCount(),
    keptMessages = keptMessages.toCount(),
    keptBytes = keptBytes.toCount(),
    durableMessages = durableMessages.toCount(),
    durableBytes = durableBytes.toCount(),
    pendingAcks = pendingAcks.toCount(),
    pendingReplies = pendingReplies.toCount(),
    rememberedEvents = rememberedEvents.toCount(),
    namespaces = namespaces.toCount(),
    joinedNamespaces = joinedNamespaces.toCount(),
    failedAttempts = failedAttempts.toInt(),
    listeners = listeners.toCount(),
    waitingItems = waitingItems.toCount(),
    missedItems = missedItems.toCount(),
    counters = counters.mapValues { (_, count) -> count.toCount() },
)

internal fun FfiQueued.toPublic(json: kotlinx.serialization.json.Json) = QueuedMessage(
    id = message.toLong(),
    namespace = namespace,
    event = event,
    payload = payload.toPublic(json, "event $event of $namespace"),
    bytes = bytes.toCount(),
    expiresIn = expiresInMs.toDuration(),
    awaitsAck = awaitsAck,
)
