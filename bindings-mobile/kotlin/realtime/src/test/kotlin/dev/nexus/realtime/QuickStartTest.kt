package dev.nexus.realtime

import dev.nexus.realtime.behaviour.onStage
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.Serializable
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.time.Duration.Companion.seconds

/** The lines of the README, with events that the server of the tests knows. */
internal class QuickStartTest {
    @Serializable data class Draft(val receiverId: String, val content: String)

    @Test
    fun `ten lines are enough`() = onStage { _, server ->
        runBlocking {
            val shown = CompletableDeferred<Draft>()
            fun show(draft: Draft) = shown.complete(draft)
            fun fetchToken(reason: TokenReason) = "good-ada".also { assertEquals(TokenReason.CONNECTING, reason) }

            val client = NexusClient(server.url)
            client.on<Draft>("messaging", "echo") { show(it) }
            client.connect("ada") { reason -> fetchToken(reason) }
            client.emit("messaging", "echo", Draft("bob", ""))
            val receipt: Draft = client.emitWithAck("messaging", "echo", Draft("bob", "hello"))
            assertEquals(Draft("bob", "hello"), receipt)
            assertEquals(Draft("bob", ""), withTimeout(10.seconds) { shown.await() })
            client.close()
        }
    }
}
