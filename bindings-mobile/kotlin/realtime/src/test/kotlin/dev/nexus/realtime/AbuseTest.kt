package dev.nexus.realtime

import dev.nexus.realtime.behaviour.onStage
import dev.nexus.realtime.ffi.uniffiForeignFutureHandleCount
import dev.nexus.realtime.behaviour.until
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import kotlinx.serialization.json.JsonPrimitive
import org.junit.jupiter.api.Test
import java.util.concurrent.CancellationException
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CyclicBarrier
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** One client in many hands, and callbacks that do what they should not. */
internal class AbuseTest {
    private val quick = ReconnectOptions(initialDelay = 20.milliseconds, maxDelay = 100.milliseconds)

    @Test
    fun `64 threads use one client at the same time`() = onStage { stage, server ->
        val unexpected = ConcurrentLinkedQueue<Throwable>()
        NexusClient(NexusOptions(server.url, reconnect = quick, onListenerError = unexpected::add)).use { client ->
            runBlocking { client.connect("ada", "good-ada") }
            val begin = CyclicBarrier(THREADS)
            val reentered = AtomicInteger()
            val threads = List(THREADS) { index ->
                thread {
                    begin.await()
                    try {
                        runBlocking { withTimeout(60.seconds) { worker(client, index, reentered) } }
                    } catch (error: Throwable) {
                        unexpected += error
                    }
                }
            }
            threads.forEach { it.join() }
            assertTrue(unexpected.isEmpty(), unexpected.joinToString("\n") { it.stackTraceToString() })
            runBlocking {
                assertEquals("ada", client.emitWithAck("messaging", "who").decode<String>())
                until(10.seconds, { client.stats().listeners }) { it == OWN }
            }
            assertTrue(reentered.get() > 0)
            stage.perform(server, "seen", "event" to JsonPrimitive("note"), "at_least" to JsonPrimitive(THREADS * ROUNDS))
            stage.perform(server, "connections", "expect" to JsonPrimitive(1))
        }
    }

    private suspend fun worker(client: NexusClient, index: Int, reentered: AtomicInteger) {
        repeat(ROUNDS) { round ->
            val number = index * ROUNDS + round
            assertEquals(number, client.emitWithAck("messaging", "note", number))
            val answer = CompletableDeferred<Int>()
            client.on<Int>("messaging", "echo") {
                // A handler uses the client that calls it, suspending and not.
                client.emit("messaging", "nobody", it, volatile = true)
                client.queue()
                client.stats()
                if (it == number) answer.complete(client.emitWithAck("messaging", "note", -1 - it))
                reentered.incrementAndGet()
            }.use {
                client.emit("messaging", "echo", number)
                assertEquals(-1 - number, answer.await())
            }
            when (index % 4) {
                0 -> client.networkChanged(true)
                1 -> withTimeoutOrNull(5.milliseconds) { client.events("messaging", "echo").collect {} }
                2 -> client.connect("ada", "good-ada")
                else -> client.subscribe("messaging", "never").close()
            }
        }
    }

    @Test
    fun `64 coroutines use a client while it is closed`() = onStage { stage, server ->
        repeat(5) { round ->
            val client = NexusClient(NexusOptions(server.url, reconnect = quick))
            val ended = runBlocking(Dispatchers.Default) {
                client.connect("ada", "good-ada")
                client.join("messaging")
                val started = AtomicInteger()
                val workers = List(COROUTINES) { index ->
                    async {
                        started.incrementAndGet()
                        useUntilItEnds(client, index)
                    }
                }
                until(10.seconds, { started.get() }) { it == COROUTINES }
                launch { if (round % 2 == 0) client.close() else client.close(10.seconds) }
                withTimeout(30.seconds) { workers.awaitAll() }
            }
            val others = ended.filterNotNull().filter { it !is RealtimeException || it is RealtimeException.Panicked }
            assertEquals(emptyList(), others)
            runBlocking { until(10.seconds, { client.stats().listeners }) { it == 0L } }
        }
        stage.perform(server, "connections", "expect" to JsonPrimitive(0))
    }

    /** What ended it; `null`: a flow completed, as it does when its client is closed. */
    private suspend fun useUntilItEnds(client: NexusClient, index: Int): Exception? {
        while (true) {
            try {
                when (index % 6) {
                    0 -> assertEquals(index, client.emitWithAck("messaging", "echo", index))
                    1 -> client.emit("messaging", "note", index)
                    2 -> if (client.events("messaging", "echo").take(1).toList().isEmpty()) return null
                    3 -> client.flush(5.seconds)
                    4 -> client.subscribe("messaging", "echo").close()
                    else -> client.join("notifications", 5.seconds)
                }
            } catch (error: Exception) {
                if (error !is RealtimeException.Emit || !error.isRetryable) return error
            }
            yield()
        }
    }

    @Test
    fun `a handler may close its client`() = onStage { stage, server ->
        val client = NexusClient(server.url)
        runBlocking {
            client.connect("ada", "good-ada")
            client.join("messaging")
            val closed = CompletableDeferred<Unit>()
            client.on("messaging", "echo") {
                client.close()
                closed.complete(Unit)
            }
            client.emit("messaging", "echo")
            withTimeout(10.seconds) { closed.await() }
            assertFailsWith<RealtimeException.Closed> { client.emit("messaging", "note") }
            client.close(10.seconds)
        }
        stage.perform(server, "connections", "expect" to JsonPrimitive(0))
    }

    @Test
    fun `clients that are closed while they connect are closed`() = onStage { stage, server ->
        for (isReachable in listOf(true, false)) {
            if (!isReachable) stage.perform(server, "refuse")
            runBlocking(Dispatchers.Default) {
                List(40) { number ->
                    async {
                        val client = NexusClient(server.url)
                        val connecting = async(start = CoroutineStart.UNDISPATCHED) { runCatching { client.connect("ada", "good-ada") } }
                        repeat(number) { yield() }
                        client.close()
                        val error = withTimeout(10.seconds) { connecting.await() }.exceptionOrNull()
                        assertTrue(error == null || (error as RealtimeException).code in listOf("CLOSED", "CANCELLED"), "$error")
                        client.close(10.seconds)
                        assertEquals(ConnectionStatus.DISCONNECTED, client.connectionStatus.value)
                    }
                }.awaitAll()
            }
        }
        stage.perform(server, "accept")
        stage.perform(server, "connections", "expect" to JsonPrimitive(0))
    }

    @Test
    fun `a provider that never answers is given up, and cancelled`() = onStage { _, server ->
        runBlocking {
            val begun = AtomicInteger()
            val cancelled = AtomicInteger()
            val options = NexusOptions(
                server.url, tokenTimeout = 100.milliseconds, connectTimeout = 400.milliseconds, reconnect = quick,
            )
            val client = NexusClient(options)
            val failed = assertFailsWith<RealtimeException.Connect> {
                client.connect("ada") {
                    begun.incrementAndGet()
                    try {
                        awaitCancellation()
                    } finally {
                        cancelled.incrementAndGet()
                    }
                }
            }
            assertEquals("TIMED_OUT", failed.code)
            client.close(10.seconds)
            until(10.seconds, { begun.get() - cancelled.get() }) { it == 0 }
            assertTrue(begun.get() > 0)
            until(10.seconds, { uniffiForeignFutureHandleCount() }) { it == 0 }
        }
    }

    @Test
    fun `a provider that throws whatever it likes is asked again`() = onStage { _, server ->
        runBlocking {
            val throwing = listOf<() -> String>(
                { throw StackOverflowError("too deep") },
                { throw CancellationException("of its own") },
                { throw IllegalStateException() },
                { TODO("later") },
                { "good-ada" },
            )
            val asked = AtomicInteger()
            NexusClient(NexusOptions(server.url, reconnect = quick)).use { client ->
                client.connect("ada") { throwing[asked.getAndIncrement()]() }
                assertEquals(throwing.size, asked.get())
                assertEquals("ada", client.emitWithAck("messaging", "who").decode<String>())
            }
        }
    }

    @Test
    fun `a provider may use the client that asks it`() = onStage { _, server ->
        runBlocking {
            NexusClient(server.url).use { client ->
                withTimeout(20.seconds) {
                    client.connect("ada") {
                        client.stats()
                        client.subscribe("messaging", "echo").close()
                        assertEquals(ConnectionStatus.CONNECTING, client.connectionStatus.value)
                        "good-ada"
                    }
                }
                assertEquals("ada", client.emitWithAck("messaging", "who").decode<String>())
            }
        }
    }

    private companion object {
        const val THREADS = 64
        const val COROUTINES = 64
        const val ROUNDS = 5
    }
}
