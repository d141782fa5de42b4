package dev.nexus.realtime.examples

import dev.nexus.realtime.NexusClient
import dev.nexus.realtime.NexusOptions
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.PipedReader
import java.io.PipedWriter
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.seconds

/** Two people chat through `nexus-server --demo`, which cargo has built if all of it was. */
internal class ChatTest {
    private val program = System.getenv("NEXUS_SERVER")?.let(::File)
        ?: listOfNotNull(System.getenv("NEXUS_BEHAVIOUR_STAGE")?.let { File(it).parent }, "${System.getProperty("nexus.root")}/target/debug")
            .map { File(it, "nexus-server") }.let { all -> all.firstOrNull(File::exists) ?: all.last() }

    @Test
    fun `two people chat`(@TempDir folder: File) {
        assumeTrue(program.exists(), "$program is not built")
        val server = ProcessBuilder(program.path, "--demo", "--bind", "127.0.0.1", "--port", "0", "--data-dir", "$folder/server")
            .redirectError(ProcessBuilder.Redirect.DISCARD).start()
        try {
            val url = server.inputStream.bufferedReader().readLine().removePrefix("listening on ")
            runBlocking {
                withTimeout(60.seconds) {
                    val ada = Person(this, url, "ada", File(folder, "outbox"))
                    val bob = Person(this, url, "bob", null)
                    ada.sees("* connected")
                    bob.sees("* connected")
                    ada.types("@bob")
                    ada.types("hello, größer 🚀")
                    bob.sees("ada: hello, größer 🚀")
                    ada.sees("  sent: hello, größer 🚀")
                    // Who was written to knows whom to answer.
                    bob.types("hi")
                    ada.sees("bob: hi")
                    bob.sees("  sent: hi")
                    ada.types("/stats")
                    ada.sees("* CONNECTED")
                    ada.types("/quit")
                    bob.types("/quit")
                    ada.chat.await()
                    bob.chat.await()
                }
            }
        } finally {
            server.destroyForcibly()
        }
    }

    private class Person(scope: kotlinx.coroutines.CoroutineScope, url: String, name: String, outbox: File?) {
        private val screen = LinkedBlockingQueue<String>()
        private val keyboard = PipedWriter()
        private val input = PipedReader(keyboard).buffered()

        val chat = scope.async(Dispatchers.Default) {
            NexusClient(NexusOptions(url, storeDirectory = outbox)).use { client ->
                Chat(client, name, null, screen::add).run(demoTokens(url, name), input)
            }
        }

        fun types(line: String) {
            keyboard.write("$line\n")
            keyboard.flush()
        }

        suspend fun sees(line: String) {
            val seen = mutableListOf<String>()
            while (true) {
                val next = runInterruptible(Dispatchers.IO) { screen.poll(20, TimeUnit.SECONDS) }
                assertTrue(next != null, "instead of $line: $seen")
                if (next.startsWith(line)) return
                seen += next
            }
        }
    }
}
