package dev.nexus.realtime.behaviour

import dev.nexus.realtime.DeliveryStatus
import dev.nexus.realtime.Emitted
import dev.nexus.realtime.RealtimeException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** A step, which knows which of its keys were looked at: what was not is a mistake. */
internal class Step(val json: JsonObject) {
    private val seen = mutableSetOf("do", "only", "within", "fails", "as", "client", "ns")

    operator fun get(key: String): JsonElement? = json[key].also { seen += key }

    fun need(key: String): JsonElement = get(key) ?: error("$key is missing")

    fun text(key: String): String = need(key).jsonPrimitive.content

    fun text(key: String, default: String): String = get(key)?.jsonPrimitive?.content ?: default

    fun flag(key: String): Boolean = get(key)?.jsonPrimitive?.boolean ?: false

    val name get() = text("do")
    val namespace get() = text("ns", "messaging")
    val within: Duration get() = (json["within"]?.jsonPrimitive?.long ?: 10_000).milliseconds
    val fails: List<String>?
        get() = when (val codes = json["fails"]) {
            null -> null
            is JsonArray -> codes.map { it.jsonPrimitive.content }
            else -> listOf(codes.jsonPrimitive.content)
        }

    fun expectAllSeen() = check(seen.containsAll(json.keys)) { "unknown keys: ${json.keys - seen}" }
}

/** Carries out the steps of one phase. */
internal class Runner(private val stage: Stage, private val server: Stage.Server, private val kind: String) {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val actors = mutableMapOf<String, Actor>()
    private val started = mutableMapOf<String, Started>()

    suspend fun run(steps: JsonArray) {
        try {
            steps.forEachIndexed { index, step ->
                try {
                    perform(Step(step.jsonObject))
                } catch (error: Throwable) {
                    throw AssertionError("step ${index + 1}, $step: $error", error)
                }
            }
        } finally {
            for (actor in actors.values) runCatching { actor.client.close(10.seconds) }
            scope.cancel()
        }
    }

    private suspend fun perform(step: Step) {
        val only = step.json["only"]?.jsonArray?.map { it.jsonPrimitive.content }
        if (only != null && kind !in only) return
        if (step.name.startsWith("stage.")) {
            return withContext(Dispatchers.IO) { stage.perform(server.id, step.json) }
        }
        val name = step.json["as"]?.jsonPrimitive?.content
        if (name != null) {
            // From here on in the order of the steps: the call is made now, and its end awaited there.
            started[name] = Started(step, scope.async(start = CoroutineStart.UNDISPATCHED) { call(step) })
            return
        }
        withTimeout(step.within + 5.seconds) {
            // What is awaited ends as its step and this one say.
            if (step.name == "await") await(step) else expectEnd(step) { call(step) }
        }
        step.expectAllSeen()
    }

    /** Compares how a call ends with what the step says of it. */
    private suspend fun expectEnd(step: Step, call: suspend () -> JsonElement) {
        val codes = step.fails
        val result = try {
            call()
        } catch (error: RealtimeException) {
            if (codes == null || error.code !in codes) throw error
            return
        } catch (error: CancellationException) {
            if (codes == null || "CANCELLED" !in codes) throw error
            return
        }
        if (codes != null) throw AssertionError("it gave $result and should fail with $codes")
        if (step.name == "ack" || step.name == "await") {
            step["expect"]?.let { if (!same(it, result)) throw AssertionError("it gave $result") }
        }
    }

    private suspend fun call(step: Step): JsonElement {
        if (step.name == "client") {
            val options = options(server.url, server.store, step["options"]?.jsonObject ?: JsonObject(emptyMap()))
            actors[step.text("client", "a")] = Actor(scope, options)
            return JsonNull
        }
        val actor = actors.getOrElse(step.text("client", "a")) { if (step.name == "die") null else error("no such client") }
        return if (actor == null) die() else call(step, actor)
    }

    private suspend fun call(step: Step, actor: Actor): JsonElement {
        val client = actor.client
        when (step.name) {
            "connect" -> {
                val user = step.text("user", "ada")
                val tokens = step["tokens"]?.jsonArray
                when {
                    tokens != null -> client.connect(user, actor.provider(tokens))
                    else -> client.connect(user, step.text("token", "good-$user"))
                }
            }
            "asked" -> actor.asked.expect(step.need("expect").texts(), step.within) { it.name.lowercase() }
            "disconnect" -> client.disconnect()
            "close" -> client.close(step.within)
            "status" -> until(step.within, { client.connectionStatus.value }) { it.name.lowercase() == step.text("expect") }
            "statuses" -> actor.statuses.expect(step.need("expect").texts(), step.within) { it.name.lowercase() }
            "quality" -> step.need("expect").texts().let { expected ->
                until(step.within, { client.connectionQuality.value }) { it.name.lowercase() in expected }
            }
            "background" -> client.enterBackground()
            "foreground" -> client.enterForeground()
            "network" -> client.networkChanged(step.flag("reachable"))
            "join" -> client.join(step.namespace, step.within)
            "leave" -> client.leave(step.namespace)
            "joined" -> until(step.within, { client.isJoined(step.namespace) }) { it == step.flag("expect") }
            "listen" -> actor.listen(step.namespace, step.text("event"), step["reply"])
            "unlisten" -> actor.unlisten(step.namespace, step.text("event"))
            "events" -> expectEvents(step, actor)
            "emit" -> emit(step, actor)
            "emit_many" -> emitMany(step, actor)
            "ack" -> {
                val timeout = step["timeout"]?.jsonPrimitive?.long?.milliseconds
                val args = payload(step["args"]?.jsonArray ?: JsonArray(emptyList()))
                return values(client.emitWithAck(step.namespace, step.text("event"), args, timeout)).firstOrNull() ?: JsonNull
            }
            "cancel_wait" -> started.getValue(step.text("of")).result.cancel()
            "durable" -> {
                val args = payload(step["args"]?.jsonArray ?: JsonArray(emptyList()))
                val message = client.emitDurable(step.namespace, step.text("event"), args)
                step["name"]?.let { actor.durable[it.jsonPrimitive.content] = message }
                message.accepted(step.within)
            }
            "outcome" -> expectOutcome(step, actor)
            "queue" -> until(step.within, { client.stats().let { it.queuedMessages + it.durableMessages } }) {
                it == step.need("expect").jsonPrimitive.long
            }
            "cancel" -> cancel(step, actor)
            "die" -> die()
            else -> error("unknown step")
        }
        return JsonNull
    }

    private suspend fun await(step: Step) {
        val started = started.getValue(step.text("of"))
        expectEnd(step) {
            val result = started.result.await()
            started.step["expect"]?.let { if (!same(it, result)) throw AssertionError("it gave $result") }
            result
        }
        started.step.expectAllSeen()
    }

    private suspend fun expectEvents(step: Step, actor: Actor) {
        val record = actor.received(step.namespace, step.text("event"))
        val expected = step["range"]?.let(::range) ?: step.need("expect").jsonArray
        val may = step["may"]?.jsonArray.orEmpty()
        fun <T : JsonElement> counted(events: List<T>) = events.filter { event -> may.none { same(it, event) } }
        until(step.within, { counted(record.now()).size }) { it >= expected.size }
        val came = JsonArray(counted(record.take()))
        if (!same(came, expected)) throw AssertionError("there came ${came.toString().take(2000)}")
    }

    private fun emit(step: Step, actor: Actor) {
        val args = payload(step["args"]?.jsonArray ?: JsonArray(emptyList()))
        val outcome = when (actor.client.emit(step.namespace, step.text("event"), args, step.flag("volatile"))) {
            is Emitted.Transmitted -> "transmitted"
            is Emitted.Queued -> "queued"
            is Emitted.Dropped -> "dropped"
        }
        step["outcome"]?.let { if (it.jsonPrimitive.content != outcome) throw AssertionError("it was $outcome") }
    }

    private suspend fun emitMany(step: Step, actor: Actor) {
        val isDurable = step.flag("durable")
        for (number in numbers(step.need("range"))) {
            val args = payload(JsonArray(listOf(JsonPrimitive(number))))
            while (true) {
                try {
                    if (isDurable) {
                        actor.client.emitDurable(step.namespace, step.text("event"), args).accepted(step.within)
                    } else {
                        actor.client.emit(step.namespace, step.text("event"), args)
                    }
                    break
                } catch (error: RealtimeException.Emit) {
                    if (error.code != "QUEUE_FULL") throw error
                    delay(1.milliseconds)
                }
            }
        }
    }

    private suspend fun expectOutcome(step: Step, actor: Actor) {
        val outcome = actor.durable.getValue(step.text("of")).outcome(step.within)
        val (name, payload, code) = when (outcome) {
            is DeliveryStatus.Acked -> Triple("acked", outcome.payload, null)
            is DeliveryStatus.Rejected -> Triple("rejected", outcome.payload, outcome.code)
            is DeliveryStatus.Expired -> Triple("expired", null, null)
            is DeliveryStatus.Cancelled -> Triple("cancelled", null, null)
            is DeliveryStatus.Unknown -> Triple("unknown", null, null)
        }
        if (name != step.text("expect")) throw AssertionError("it is $outcome")
        step["code"]?.let { if (it.jsonPrimitive.content != code) throw AssertionError("it is $outcome") }
        step["value"]?.let {
            val value = payload?.let(::values)?.firstOrNull() ?: JsonNull
            if (!same(it, value)) throw AssertionError("it is acknowledged with $value")
        }
    }

    private fun cancel(step: Step, actor: Actor) {
        val of = step["of"]?.jsonPrimitive?.content
        val wasThere = if (of != null) {
            actor.durable.getValue(of).cancel()
        } else {
            val queued = actor.client.queue().firstOrNull { it.event == step.text("event") }
            queued?.let { actor.client.cancel(it.id) } != null
        }
        if (wasThere != step.flag("expect")) throw AssertionError("there was ${if (wasThere) "one" else "none"}")
    }

    private fun die(): Nothing {
        ProcessBuilder("kill", "-9", ProcessHandle.current().pid().toString()).start().waitFor()
        error("alive")
    }
}

private fun JsonElement.texts(): List<String> = jsonArray.map { it.jsonPrimitive.content }

/** Waits for as many as are expected, and compares all that came. */
private suspend fun <T> Record<T>.expect(expected: List<String>, within: Duration, name: (T) -> String) {
    until(within, { now().size }) { it >= expected.size }
    val came = take().map(name)
    if (came != expected) throw AssertionError("there came $came")
}

/** Looks again and again. */
internal suspend fun <T> until(within: Duration, look: () -> T, isFine: (T) -> Boolean) {
    val start = TimeSource.Monotonic.markNow()
    while (true) {
        val seen = look()
        if (isFine(seen)) return
        if (start.elapsedNow() > within) throw AssertionError("it is $seen")
        delay(5.milliseconds)
    }
}
