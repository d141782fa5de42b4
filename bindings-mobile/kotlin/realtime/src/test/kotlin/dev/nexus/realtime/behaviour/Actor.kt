package dev.nexus.realtime.behaviour

import dev.nexus.realtime.ConnectionStatus
import dev.nexus.realtime.DurableMessage
import dev.nexus.realtime.NexusClient
import dev.nexus.realtime.NexusOptions
import dev.nexus.realtime.DurableOptions
import dev.nexus.realtime.QueueOptions
import dev.nexus.realtime.ReconnectOptions
import dev.nexus.realtime.SignedOutException
import dev.nexus.realtime.Subscription
import dev.nexus.realtime.TokenProvider
import dev.nexus.realtime.TokenReason
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.flow.drop
import kotlinx.coroutines.launch
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import java.io.File
import kotlin.time.Duration.Companion.milliseconds

/** What is recorded, and taken. */
internal class Record<T> {
    private val items = ArrayDeque<T>()

    @Synchronized fun add(item: T) = items.addLast(item)

    @Synchronized fun now(): List<T> = items.toList()

    @Synchronized fun take(): List<T> = items.toList().also { items.clear() }
}

/** A client of a scenario, and what it has seen. */
internal class Actor(scope: CoroutineScope, options: NexusOptions) {
    val client = NexusClient(options)
    val statuses = Record<ConnectionStatus>()
    val asked = Record<TokenReason>()
    val durable = mutableMapOf<String, DurableMessage>()
    private val received = mutableMapOf<Pair<String, String>, Record<JsonArray>>()
    private val listening = mutableMapOf<Pair<String, String>, MutableList<Subscription>>()

    init {
        scope.launch(start = CoroutineStart.UNDISPATCHED) {
            client.statusChanges.drop(1).collect { statuses.add(it.status) }
        }
    }

    fun received(namespace: String, event: String): Record<JsonArray> = received.getOrPut(namespace to event) { Record() }

    fun listen(namespace: String, event: String, reply: JsonElement?) {
        val record = received(namespace, event)
        val subscription = client.on(namespace, event) {
            record.add(values(it.payload))
            if (reply != null && it.wantsReply) it.reply(payload(JsonArray(listOf(reply))))
        }
        listening.getOrPut(namespace to event) { mutableListOf() } += subscription
    }

    fun unlisten(namespace: String, event: String) {
        listening.remove(namespace to event).orEmpty().forEach { it.close() }
    }

    fun provider(tokens: List<JsonElement>): TokenProvider {
        asked.take()
        var next = 0
        return TokenProvider { reason ->
            asked.add(reason)
            val answer = tokens[next]
            if (next < tokens.size - 1) next += 1
            when (answer) {
                is JsonObject -> {
                    answer["final"]?.let { throw SignedOutException(it.jsonPrimitive.content) }
                    error(answer.getValue("fail").jsonPrimitive.content)
                }
                else -> (answer as JsonPrimitive).content
            }
        }
    }
}

/** What a scenario says of options. */
internal fun options(url: String, store: String, options: JsonObject): NexusOptions {
    val known = setOf(
        "connectTimeout", "backgroundGrace", "reconnectDelay", "maxAttempts", "maxAuthAttempts", "queueMessages", "durableMessages", "store",
    )
    check(known.containsAll(options.keys)) { "unknown options: ${options.keys - known}" }
    fun int(name: String) = options[name]?.jsonPrimitive?.int
    fun duration(name: String) = options[name]?.jsonPrimitive?.long?.milliseconds
    val delay = duration("reconnectDelay")
    return NexusOptions(
        url = url,
        connectTimeout = duration("connectTimeout"),
        backgroundGrace = duration("backgroundGrace"),
        reconnect = ReconnectOptions(
            initialDelay = delay ?: 20.milliseconds,
            maxDelay = delay ?: 200.milliseconds,
            jitter = if (delay == null) null else 0.0,
            maxAttempts = int("maxAttempts"),
            maxAuthAttempts = int("maxAuthAttempts"),
        ),
        queue = QueueOptions(maxMessages = int("queueMessages")),
        durable = DurableOptions(maxMessages = int("durableMessages")),
        storeDirectory = if (options["store"]?.jsonPrimitive?.boolean == true) File(store) else null,
    )
}

/** A step that goes on while others are done. */
internal class Started(val step: Step, val result: Deferred<JsonElement>)
