package dev.nexus.realtime.examples

import dev.nexus.realtime.ConnectionStatus
import dev.nexus.realtime.DeliveryStatus
import dev.nexus.realtime.NexusClient
import dev.nexus.realtime.NexusOptions
import dev.nexus.realtime.Notice
import dev.nexus.realtime.RealtimeException
import dev.nexus.realtime.TokenProvider
import dev.nexus.realtime.emit
import dev.nexus.realtime.emitDurable
import dev.nexus.realtime.emitWithAck
import dev.nexus.realtime.on
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.withContext
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.io.BufferedReader
import java.io.File
import java.net.HttpURLConnection
import java.net.URI
import kotlin.coroutines.coroutineContext
import kotlin.time.Duration.Companion.seconds

private const val USAGE = "chat NAME [--url http://127.0.0.1:3000] [--to NAME] [--data-dir FOLDER]"
private const val HELP = "Type a message and press Enter. @NAME chooses whom you write to; /stats shows the connection, /quit ends."

@Serializable
internal data class Draft(val receiverId: String, val content: String)

@Serializable
internal data class Message(val id: String, val senderId: String, val receiverId: String, val content: String)

@Serializable
internal data class Delivered(val id: String, val senderId: String)

@Serializable
internal data class Receipt(val ok: Boolean, val message: String = "")

/** A chat in the terminal, against `nexus-server --demo`. */
public fun main(arguments: Array<String>) {
    val options = arguments.drop(1).chunked(2).associate { it.first() to it.last() }
    val name = arguments.firstOrNull()?.takeIf { !it.startsWith("-") } ?: return println(USAGE)
    val url = options["--url"] ?: "http://127.0.0.1:3000"
    runBlocking {
        NexusClient(NexusOptions(url, storeDirectory = options["--data-dir"]?.let(::File))).use { client ->
            Chat(client, name, options["--to"], ::println).run(demoTokens(url, name), System.`in`.bufferedReader())
            client.close(10.seconds)
        }
    }
}

/** Two people who type to each other. */
internal class Chat(private val client: NexusClient, private val name: String, private var to: String?, private val show: (String) -> Unit) {
    suspend fun run(tokens: TokenProvider, input: BufferedReader): Unit = kotlinx.coroutines.coroutineScope {
        client.on<Message>("messaging", "NEW_MESSAGE") { received(it) }
        launch(start = CoroutineStart.UNDISPATCHED) {
            client.statusChanges.collect { change ->
                if (change.status != ConnectionStatus.DISCONNECTED || change.reason != null) {
                    show("* ${change.status.name.lowercase()}${change.reason?.let { " (${it.text})" }.orEmpty()}")
                }
            }
        }
        launch(start = CoroutineStart.UNDISPATCHED) { client.notices.collect(::noticed) }
        launch {
            try {
                client.connect(name, tokens)
            } catch (error: RealtimeException.Connect) {
                show("! ${error.message}")
            }
        }
        show(HELP)
        while (true) {
            val line = runInterruptible(Dispatchers.IO) { input.readLine() } ?: break
            when {
                line == "/quit" -> break
                line == "/stats" -> showStats()
                line.startsWith("@") -> to = line.drop(1).trim().also { show("* you write to $it") }
                line.isNotBlank() -> typed(line)
            }
        }
        coroutineContext.cancelChildren()
    }

    private fun received(message: Message) {
        if (message.senderId == name) return show("  (another of your devices) ${message.content}")
        if (to == null) to = message.senderId
        show("${message.senderId}: ${message.content}")
        client.emit("messaging", "MESSAGE_DELIVERED", Delivered(message.id, message.senderId))
    }

    private fun CoroutineScope.typed(line: String) {
        val receiver = to ?: return show("! to whom? @NAME says it")
        val draft = Draft(receiver, line)
        launch {
            try {
                if (client.options.storeDirectory != null) send(draft) else sendFromMemory(draft)
            } catch (error: RealtimeException) {
                show("! ${error.message}")
            }
        }
    }

    /** From here on it arrives, whatever becomes of this program. */
    private suspend fun send(draft: Draft) {
        val message = client.emitDurable("messaging", "NEW_MESSAGE", draft)
        message.accepted()
        when (val outcome = message.outcome()) {
            is DeliveryStatus.Acked -> show("  sent: ${draft.content}")
            is DeliveryStatus.Rejected -> show("! refused (${outcome.code}): ${draft.content}")
            else -> show("! $outcome: ${draft.content}")
        }
    }

    private suspend fun sendFromMemory(draft: Draft) {
        val receipt: Receipt = client.emitWithAck("messaging", "NEW_MESSAGE", draft, timeout = 600.seconds)
        show(if (receipt.ok) "  sent: ${draft.content}" else "! ${receipt.message}")
    }

    private fun noticed(notice: Notice) {
        when (notice) {
            is Notice.Restored -> show("* ${notice.ids.size} messages of before are being sent")
            is Notice.RetryScheduled -> show("* next attempt in ${notice.delay}")
            is Notice.StoreFailed -> show("! ${notice.text}")
            else -> {}
        }
    }

    private fun showStats() {
        val stats = client.stats()
        show("* ${stats.status}, ${stats.quality}, ${stats.averageLatency ?: "no round trip yet"}, ${stats.queuedMessages + stats.durableMessages} waiting")
    }
}

/** A token from the demo server, asked for with each connection. */
internal fun demoTokens(url: String, name: String): TokenProvider = TokenProvider {
    withContext(Dispatchers.IO) {
        val connection = URI("$url/demo/token").toURL().openConnection() as HttpURLConnection
        connection.requestMethod = "POST"
        connection.doOutput = true
        connection.connectTimeout = 5_000
        connection.readTimeout = 5_000
        connection.setRequestProperty("content-type", "application/json")
        connection.outputStream.use { it.write(JsonObject(mapOf("userId" to JsonPrimitive(name))).toString().encodeToByteArray()) }
        val answer = connection.inputStream.use { it.readBytes().decodeToString() }
        Json.parseToJsonElement(answer).jsonObject.getValue("token").jsonPrimitive.content
    }
}
