package dev.nexus.realtime.bench

import dev.nexus.realtime.NexusClient
import dev.nexus.realtime.NexusOptions
import dev.nexus.realtime.Payload
import dev.nexus.realtime.RealtimeException
import dev.nexus.realtime.args
import dev.nexus.realtime.behaviour.onStage
import dev.nexus.realtime.behaviour.program
import dev.nexus.realtime.ffi.Client
import dev.nexus.realtime.ffi.ClientOptions
import dev.nexus.realtime.ffi.Outgoing
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import java.io.File
import dev.nexus.realtime.ffi.Payload as FfiPayload
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

private val EVENTS = (System.getProperty("nexus.bench.events") ?: "50000").toInt()
private const val ROUNDS = 3

/**
 * What an event costs on its way across the boundary. Prints one line of JSON for each figure: the best of three rounds, after
 * one to warm up. The server is that of the behaviour suite, on this machine, so its time is in the figures.
 */
internal fun main(arguments: Array<String>) {
    if (arguments.firstOrNull() == "idle") return runBlocking { idle(arguments[1]) }
    onStage { _, server ->
        runBlocking { measureAll(server.url) }
        // In a process that has done nothing else.
        check(program("dev.nexus.realtime.bench.BenchKt", "idle", server.url).inheritIO().start().waitFor() == 0)
    }
}

private suspend fun measureAll(url: String) {
    report("received_flow") { received(url) }
    report("received_batches_of_64") { pulled(url, 64u) }
    report("received_one_by_one") { pulled(url, 1u) }
    report("emitted") { emitted(url) }
    report("acked_one_after_another") { acked(url, 1, EVENTS / 10) }
    report("acked_64_at_a_time") { acked(url, 64, EVENTS / 5) }
}

/** How many, and in how many seconds. */
private class Measured(val count: Int, val seconds: Double)

private suspend fun report(name: String, measure: suspend () -> Measured) {
    measure()
    val best = List(ROUNDS) { measure() }.minBy { it.seconds / it.count }
    line(
        "bench" to JsonPrimitive(name),
        "count" to JsonPrimitive(best.count),
        "per_second" to JsonPrimitive((best.count / best.seconds).toLong()),
        "us_each" to JsonPrimitive(Math.round(best.seconds / best.count * 1e8) / 100.0),
    )
}

private fun line(vararg figures: Pair<String, JsonPrimitive>) {
    println(JsonObject(mapOf("platform" to JsonPrimitive("kotlin"), *figures)))
}

private suspend fun <T> connected(url: String, block: suspend (NexusClient) -> T): T {
    val client = NexusClient(NexusOptions(url, eventBuffer = 1024, ackTimeout = 1.minutes, listenerPatience = 1.minutes))
    client.connect("ada", "good-ada")
    client.join("messaging")
    return try {
        block(client)
    } finally {
        client.close(10.seconds)
    }
}

private suspend fun received(url: String): Measured = connected(url) { client ->
    coroutineScope {
        val flow = async(start = CoroutineStart.UNDISPATCHED) {
            client.events("messaging", "item").take(EVENTS).collect { it.decode<Int>() }
        }
        val start = TimeSource.Monotonic.markNow()
        client.emit("messaging", "send-items", args { add(EVENTS) })
        flow.await()
        Measured(EVENTS, start.elapsedNow().inWholeMicroseconds / 1e6)
    }
}

/** The bindings by themselves: how much is the crossing, and how much one crossing for many saves. */
private suspend fun pulled(url: String, batch: UInt): Measured {
    val client = Client(ClientOptions(url, eventBuffer = 1024u, listenerPatienceMs = 60_000u))
    client.connect("ada", "good-ada")
    val source = client.events("messaging", "item")
    client.join("messaging", 10_000u)
    val start = TimeSource.Monotonic.markNow()
    client.emit(Outgoing("messaging", "send-items", FfiPayload("[$EVENTS]", emptyList())))
    var count = 0
    while (count < EVENTS) count += source.next(batch, 60_000u)?.size ?: error("the source ended")
    val measured = Measured(EVENTS, start.elapsedNow().inWholeMicroseconds / 1e6)
    source.end()
    client.shutDown(10_000u)
    return measured
}

private suspend fun emitted(url: String): Measured = connected(url) { client ->
    val payload = Payload("""[{"content":"hello","n":1}]""")
    val start = TimeSource.Monotonic.markNow()
    repeat(EVENTS) {
        while (true) {
            try {
                client.emit("messaging", "nobody", payload)
                break
            } catch (error: RealtimeException.Emit) {
                if (!error.isRetryable) throw error
                yield()
            }
        }
    }
    client.flush(1.minutes)
    Measured(EVENTS, start.elapsedNow().inWholeMicroseconds / 1e6)
}

private suspend fun acked(url: String, atOnce: Int, count: Int): Measured = connected(url) { client ->
    val payload = Payload("""[{"content":"hello","n":1}]""")
    val start = TimeSource.Monotonic.markNow()
    coroutineScope {
        List(atOnce) { async { repeat(count / atOnce) { client.emitWithAck("messaging", "echo", payload) } } }.awaitAll()
    }
    Measured(count / atOnce * atOnce, start.elapsedNow().inWholeMicroseconds / 1e6)
}

/** Memory of a process with one client that is connected and has nothing to do, and of the same before there was one. */
private suspend fun idle(url: String) {
    val (before, _) = residentAndThreads()
    connected(url) {
        System.gc()
        val (resident, threads) = residentAndThreads()
        line(
            "bench" to JsonPrimitive("idle"),
            "rss_kib" to JsonPrimitive(resident),
            "rss_kib_before_the_client" to JsonPrimitive(before),
            "threads" to JsonPrimitive(threads),
        )
    }
}

private fun residentAndThreads(): Pair<Long?, Long?> {
    val status = File("/proc/self/status").readLines().associate { it.substringBefore(':') to it.substringAfter(':').trim() }
    return status["VmRSS"]?.substringBefore(' ')?.toLongOrNull() to status["Threads"]?.toLongOrNull()
}
