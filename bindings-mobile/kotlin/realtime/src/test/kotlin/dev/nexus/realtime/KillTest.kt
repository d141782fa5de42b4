package dev.nexus.realtime

import dev.nexus.realtime.behaviour.onStage
import dev.nexus.realtime.behaviour.program
import dev.nexus.realtime.behaviour.until
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import org.junit.jupiter.api.Test
import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

private const val EACH = 20

/** Processes that signal 9 ends, as a phone does with applications in the background. */
internal class KillTest {
    @Test
    fun `what was accepted is sent by the next process, and has its effect once`() = onStage { stage, server ->
        // No network at all; one that works, so that acknowledgements race with the signal; one that loses acknowledgements.
        for ((round, network) in listOf("refuse", "accept", "mute").withIndex()) {
            stage.perform(server, network)
            killAfter(server.url, server.store, round * EACH)
        }
        stage.perform(server, "unmute")
        runBlocking {
            client(server.url, server.store).use { client ->
                val restored = async(start = CoroutineStart.UNDISPATCHED) { client.notices.first { it is Notice.Restored } }
                client.connect("ada", "good-ada")
                val ids = assertIs<Notice.Restored>(withTimeout(10.seconds) { restored.await() })
                assertEquals(0, ids.unreadable)
                assertTrue(ids.ids.size in 1..3 * EACH, "$ids")
                until(30.seconds, { client.stats().durableMessages }) { it == 0L }
            }
        }
        val seen = buildJsonObject {
            put("do", JsonPrimitive("stage.seen"))
            put("event", JsonPrimitive("order"))
            put("range", JsonArray(listOf(JsonPrimitive(0), JsonPrimitive(3 * EACH))))
        }
        stage.perform(server.id, seen)
    }

    /** Has a process accept messages, and ends it with signal 9 when it has said so of the last. */
    private fun killAfter(url: String, store: String, first: Int) {
        val process = program("dev.nexus.realtime.KillTestKt", url, store, "$first").start()
        try {
            val said = process.inputStream.bufferedReader().lineSequence().take(EACH).toList()
            assertEquals((first until first + EACH).map { "accepted $it" }, said)
        } finally {
            process.destroyForcibly()
        }
        assertEquals(137, process.waitFor())
    }
}

private fun client(url: String, store: String) = NexusClient(
    NexusOptions(
        url,
        storeDirectory = File(store),
        reconnect = ReconnectOptions(initialDelay = 20.milliseconds, maxDelay = 200.milliseconds),
    ),
)

/** Accepts messages, and says so, until it is killed. */
internal fun main(arguments: Array<String>) {
    val (url, store, first) = arguments
    runBlocking {
        val client = client(url, store)
        launch(start = CoroutineStart.UNDISPATCHED) { client.connect("ada", "good-ada") }
        for (number in first.toInt() until first.toInt() + EACH) {
            client.emitDurable("messaging", "order", number).accepted()
            println("accepted $number")
        }
        Thread.sleep(Long.MAX_VALUE)
    }
}
