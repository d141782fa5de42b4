package dev.nexus.realtime

import dev.nexus.realtime.behaviour.onStage
import dev.nexus.realtime.behaviour.until
import kotlinx.coroutines.CoroutineStart
import dev.nexus.realtime.ffi.uniffiContinuationHandleMap
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonPrimitive
import org.junit.jupiter.api.Test
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

@Serializable
internal data class Message(val id: Int, val text: String, val photo: Attachment? = null)

/** The sources that each client has for its status and quality. */
internal const val OWN: Long = 2

/** The API, against a server. */
internal class ClientTest {
    private val message = Message(1, "größer 🚀", Attachment(byteArrayOf(0, -1, 7)))

    private fun connected(test: suspend (NexusClient) -> Unit) = onStage { _, server ->
        runBlocking {
            NexusClient(server.url).use { client ->
                client.connect("ada", "good-ada")
                withTimeout(60.seconds) { test(client) }
            }
        }
    }

    @Test
    fun `values are typed both ways, bytes in them included`() = connected { client ->
        val echoed: Message = client.emitWithAck("messaging", "echo", message)
        assertEquals(message, echoed)
        assertNull(client.emitWithAck<Message?, Message?>("messaging", "echo", null))
        client.emitWithAck<_, Unit>("messaging", "note", 1)
        val raw = client.emitWithAck("messaging", "echo", args { add("first"); add(byteArrayOf(1, 2)); add(JsonPrimitive(3)) })
        assertEquals("""["first",{"_placeholder":true,"num":0},3]""", raw.text)
        assertContentEquals(byteArrayOf(1, 2), raw.bytes(raw.args[1]))
        assertEquals(listOf("first", 3), listOf(raw.decode<String>(), raw.decode<Int>(2)))
        assertNull(raw.decode<String?>(3))
    }

    @Test
    fun `what is something else than expected is told by name`() = connected { client ->
        val wrong = assertFailsWith<RealtimeException.Decode> { client.emitWithAck<_, Message>("messaging", "echo", "text") }
        assertEquals("NOT_DECODABLE", wrong.code)
        assertEquals("the acknowledgement of echo of messaging", wrong.what)
        assertEquals("dev.nexus.realtime.Message", wrong.expected)
        assertEquals("""["text"]""", wrong.payload.text)
        val missing = assertFailsWith<RealtimeException.Decode> {
            client.emitWithAck("messaging", "echo", Payload.EMPTY).decode<Message>()
        }
        assertEquals("[]", missing.payload.text)
        assertFailsWith<RealtimeException.Decode> { client.emitWithAck("messaging", "echo", args { add(1) }).decode<Attachment>() }
        val refused = assertFailsWith<RealtimeException.Emit> { client.emit("messaging", "echo", Double.NaN) }
        assertEquals("NOT_ENCODABLE", refused.code)
        assertEquals("NOT_ENCODABLE", assertFailsWith<RealtimeException> { client.emit("messaging", "echo", Payload("[")) }.code)
    }

    @Test
    fun `a flow begins and ends with its collection`() = connected { client ->
        client.join("messaging")
        val flow = client.events<Int>("messaging", "echo")
        assertEquals(OWN, client.stats().listeners)
        val three = coroutineScope {
            val three = async(start = CoroutineStart.UNDISPATCHED) { flow.take(3).toList() }
            assertEquals(OWN + 1, client.stats().listeners)
            repeat(5) { client.emit("messaging", "echo", it) }
            three.await()
        }
        assertEquals(listOf(0, 1, 2), three)
        assertEquals(OWN, client.stats().listeners)
    }

    @Test
    fun `events that are not decodable end a typed flow, or are left out`() = connected { client ->
        client.join("messaging")
        coroutineScope {
            val strict = async(start = CoroutineStart.UNDISPATCHED) {
                assertFailsWith<RealtimeException.Decode> { client.events<Int>("messaging", "echo").toList() }
            }
            val others = mutableListOf<String>()
            val lenient = async(start = CoroutineStart.UNDISPATCHED) {
                client.events<Int>("messaging", "echo", { others += it.payload.text }).first()
            }
            client.emit("messaging", "echo", "text")
            client.emit("messaging", "echo", 5)
            assertEquals("event echo of messaging", strict.await().what)
            assertEquals(5, lenient.await())
            assertEquals(listOf("""["text"]"""), others)
        }
    }

    @Test
    fun `a subscription keeps what comes before it is collected`() = connected { client ->
        client.subscribe("messaging", "echo").use { subscription ->
            repeat(100) { client.emit("messaging", "echo", it) }
            client.emitWithAck("messaging", "who")
            assertEquals((0 until 50).toList(), subscription.events.take(50).toList().map { it.decode<Int>() })
            // Closing from elsewhere ends a collection that waits.
            coroutineScope {
                val rest = async(start = CoroutineStart.UNDISPATCHED) { subscription.events.toList() }
                subscription.close()
                rest.await()
            }
            assertTrue(subscription.events.toList().isEmpty())
        }
        assertEquals(OWN, client.stats().listeners)
    }

    @Test
    fun `a handler that throws stops nothing, and one that is asked answers`() = onStage { _, server ->
        runBlocking {
            val errors = LinkedBlockingQueue<Throwable>()
            NexusClient(NexusOptions(server.url, onListenerError = errors::add)).use { client ->
                client.connect("ada", "good-ada")
                client.on<Int>("messaging", "question") { error("handler of $it") }
                client.on("messaging", "question") { it.reply(it.decode<Int>() + 1) }
                for (number in 1..3) {
                    val answer = client.emitWithAck("messaging", "ask", args { add("question"); add(listOf(number)) })
                    assertEquals("""[{"replies":[${number + 1}]}]""", answer.text)
                }
                val messages = List(3) { errors.poll(10, TimeUnit.SECONDS)?.message }
                assertEquals(listOf("handler of 1", "handler of 2", "handler of 3"), messages)
                client.on("messaging", "question") {
                    val error = assertFailsWith<RealtimeException.Reply> { repeat(2) { _ -> it.reply("again") } }
                    errors.add(error)
                }
                client.emitWithAck("messaging", "ask", args { add("question"); add(listOf(4)) })
                val second = generateSequence { errors.poll(10, TimeUnit.SECONDS) }
                    .filterIsInstance<RealtimeException.Reply>().first()
                assertEquals("GONE", second.code)
                assertEquals(3, client.off("messaging", "question"))
            }
        }
    }

    @Test
    fun `the status is of this moment, and its changes are told with reasons`() = onStage { stage, server ->
        runBlocking {
            val reconnect = ReconnectOptions(initialDelay = 20.milliseconds, maxDelay = 100.milliseconds)
            NexusClient(NexusOptions(server.url, reconnect = reconnect)).use { client ->
                assertEquals(ConnectionStatus.DISCONNECTED, client.connectionStatus.value)
                val changes = async(start = CoroutineStart.UNDISPATCHED) { client.statusChanges.take(6).toList() }
                val notice = async(start = CoroutineStart.UNDISPATCHED) {
                    client.notices.first { it is Notice.RetryScheduled }
                }
                client.connect("ada", "good-ada")
                assertEquals(ConnectionStatus.CONNECTED, client.connectionStatus.value)
                assertTrue(client.connectionQuality.value > ConnectionQuality.OFFLINE)
                client.connectionStatus.first { it == ConnectionStatus.CONNECTED }
                stage.perform(server, "cut")
                val told = changes.await()
                val expected = listOf("DISCONNECTED", "CONNECTING", "CONNECTED", "DISCONNECTED", "RECONNECTING", "CONNECTED")
                assertEquals(expected, told.map { it.status.name })
                assertTrue(told[3].reason!!.code.startsWith("transport"), "${told[3]}")
                assertEquals(listOf(3), told.indices.filter { told[it].reason != null })
                assertIs<Notice.RetryScheduled>(notice.await())
                client.close(10.seconds)
                assertEquals(ConnectionStatus.DISCONNECTED, client.connectionStatus.first { it == ConnectionStatus.DISCONNECTED })
            }
        }
    }

    @Test
    fun `a cancelled wait ends at once, in the native part too`() = connected { client ->
        client.join("messaging")
        coroutineScope {
            val waits = List(100) { launch(start = CoroutineStart.UNDISPATCHED) { client.emitWithAck("messaging", "never") } }
            assertEquals(100, client.stats().pendingAcks)
            val started = TimeSource.Monotonic.markNow()
            waits.forEach { it.cancelAndJoin() }
            assertTrue(started.elapsedNow() < 5.seconds, "the waits ended with their timeout")
        }
        // Those of the client's own two sources stay. A future that goes on would hold its continuation.
        until(5.seconds, { uniffiContinuationHandleMap.size }) { it <= OWN }
    }

    @Test
    fun `a collection that is cancelled loses nothing for the next`() = connected { client ->
        client.subscribe("messaging", "echo").use { subscription ->
            val came = mutableListOf<Int>()
            for (round in 0 until 50) {
                coroutineScope {
                    // A native wait that lived on would take what comes next for itself.
                    val waiting = launch(start = CoroutineStart.UNDISPATCHED) { subscription.events.collect { error("$it") } }
                    waiting.cancelAndJoin()
                }
                client.emit("messaging", "echo", round)
                came += subscription.events.first().decode<Int>()
            }
            assertEquals((0 until 50).toList(), came)
        }
    }

    @Test
    fun `a scope that fails takes its flows and waits with it`() = connected { client ->
        client.join("messaging")
        val failure = runCatching {
            coroutineScope {
                launch(start = CoroutineStart.UNDISPATCHED) { client.events("messaging", "echo").collect {} }
                launch(start = CoroutineStart.UNDISPATCHED) { client.emitWithAck("messaging", "never", timeout = 1.hours) }
                assertEquals(OWN + 1, client.stats().listeners)
                error("fails")
            }
        }
        assertEquals("fails", failure.exceptionOrNull()?.message)
        until(5.seconds, { client.stats().listeners }) { it == OWN }
        until(5.seconds, { uniffiContinuationHandleMap.size }) { it <= OWN }
    }

    @Test
    fun `closing ends every wait and refuses what follows`() = onStage { _, server ->
        runBlocking {
            val client = NexusClient(server.url)
            client.connect("ada", "good-ada")
            client.join("messaging")
            val flow = async(start = CoroutineStart.UNDISPATCHED) { client.events("messaging", "echo").toList() }
            val ack = async(start = CoroutineStart.UNDISPATCHED) { runCatching { client.emitWithAck("messaging", "never") } }
            val statuses = async(start = CoroutineStart.UNDISPATCHED) { client.statusChanges.toList() }
            val started = System.nanoTime()
            client.close()
            assertTrue(System.nanoTime() - started < 1_000_000_000, "close blocks")
            assertFailsWith<RealtimeException.Closed> { client.emit("messaging", "note") }
            assertFailsWith<RealtimeException.Closed> { client.events("messaging", "echo").collect {} }
            assertFailsWith<RealtimeException.Closed> { client.connect("ada", "good-ada") }
            withTimeout(10.seconds) {
                assertTrue(flow.await().isEmpty())
                assertTrue(ack.await().exceptionOrNull() is RealtimeException)
                assertEquals(ConnectionStatus.CONNECTED, statuses.await().first().status)
            }
            client.close(10.seconds)
            assertEquals(0, client.stats().listeners)
            client.close()
        }
    }
}
