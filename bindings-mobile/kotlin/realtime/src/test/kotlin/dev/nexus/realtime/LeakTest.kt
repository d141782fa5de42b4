package dev.nexus.realtime

import dev.nexus.realtime.behaviour.onStage
import dev.nexus.realtime.behaviour.until
import dev.nexus.realtime.ffi.uniffiContinuationHandleMap
import dev.nexus.realtime.ffi.uniffiForeignFutureHandleCount
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonPrimitive
import org.junit.jupiter.api.Test
import java.io.File
import java.lang.management.ManagementFactory
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.seconds

/** What is left when clients are closed, or forgotten: nothing. */
internal class LeakTest {
    private val threads get() = ManagementFactory.getThreadMXBean().threadCount

    /** All threads of the process, those that Java does not know included. */
    private val systemThreads get() = File("/proc/self/task").list()?.size ?: 0

    @Test
    fun `closed clients leave no source, wait, thread or connection`() = onStage { stage, server ->
        repeat(10) { cycle(server.url, server.store) }
        val (before, systemBefore) = threads to systemThreads
        repeat(40) { cycle(server.url, server.store) }
        runBlocking {
            until(10.seconds, { uniffiContinuationHandleMap.size }) { it == 0 }
            until(10.seconds, { uniffiForeignFutureHandleCount() }) { it == 0 }
        }
        assertTrue(threads <= before + 4, "$before threads became $threads")
        assertTrue(systemThreads <= systemBefore + 8, "$systemBefore threads became $systemThreads")
        stage.perform(server, "connections", "expect" to JsonPrimitive(0))
    }

    private fun cycle(url: String, store: String) = runBlocking {
        val client = NexusClient(NexusOptions(url, storeDirectory = File(store)))
        client.connect("ada") { "good-ada" }
        val flows = List(5) { launch(start = CoroutineStart.UNDISPATCHED) { client.events("messaging", "echo").collect {} } }
        repeat(5) { client.on("messaging", "echo") {} }
        val wait = async(start = CoroutineStart.UNDISPATCHED) { runCatching { client.emitWithAck("messaging", "never") } }
        client.emitDurable("messaging", "order", 1).accepted()
        assertEquals(OWN + 10, client.stats().listeners)
        client.close(10.seconds)
        flows.forEach { it.join() }
        assertTrue(wait.await().isFailure)
        until(10.seconds, { client.stats().listeners }) { it == 0L }
    }

    @Test
    fun `a client that is forgotten is closed`() = onStage { stage, server ->
        connectAndForget(server.url)
        stage.perform(server, "connections", "expect" to JsonPrimitive(1), "within" to JsonPrimitive(10_000))
        runBlocking {
            until(20.seconds, { System.gc() }) {
                runCatching {
                    stage.perform(server, "connections", "expect" to JsonPrimitive(0), "within" to JsonPrimitive(200))
                }.isSuccess
            }
        }
    }

    private fun connectAndForget(url: String): Unit = runBlocking { NexusClient(url).connect("ada", "good-ada") }
}
