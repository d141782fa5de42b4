package dev.nexus.realtime.behaviour

import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonPrimitive
import java.io.File
import java.net.HttpURLConnection
import java.net.URI

/** Starts servers, is the network in between, and knows what the servers saw: `tests/behaviour/README.md`. */
internal class Stage(private val port: Int) {
    @Serializable
    internal data class Server(val id: Int, val url: String, val store: String)

    fun start(kind: String): Server =
        Json.decodeFromString(request("POST", "/servers", JsonObject(mapOf("kind" to JsonPrimitive(kind))).toString()))

    /** Does a step of the stage. */
    fun perform(server: Int, step: JsonObject) {
        request("POST", "/servers/$server/do", step.toString())
    }

    fun perform(server: Server, what: String, vararg keys: Pair<String, JsonPrimitive>): Unit =
        perform(
            server.id,
            buildJsonObject {
                put("do", JsonPrimitive("stage.$what"))
                for ((key, value) in keys) put(key, value)
            },
        )

    fun stop(server: Server) {
        request("DELETE", "/servers/${server.id}", null)
    }

    val address get() = port

    private fun request(method: String, path: String, body: String?): String {
        val connection = URI("http://127.0.0.1:$port$path").toURL().openConnection() as HttpURLConnection
        connection.requestMethod = method
        if (body != null) {
            connection.doOutput = true
            connection.setRequestProperty("content-type", "application/json")
            connection.outputStream.use { it.write(body.toByteArray()) }
        }
        val isFine = connection.responseCode in 200..299
        val answer = (if (isFine) connection.inputStream else connection.errorStream)?.use { it.readBytes().decodeToString() }
        if (!isFine) throw AssertionError("stage: ${connection.responseCode} $answer")
        return answer.orEmpty()
    }

    companion object {
        /** The root of the repository. */
        val root = File(System.getProperty("nexus.root") ?: System.getenv("NEXUS_ROOT") ?: "../../..").canonicalFile

        /** One for all tests of this process: the one that is given, or one that ends when its input does, with this process. */
        val shared: Stage by lazy {
            val given = System.getenv("NEXUS_STAGE")
            if (given != null) {
                Stage(given.substringAfterLast(':').trimEnd('/').toInt())
            } else {
                val program = System.getenv("NEXUS_BEHAVIOUR_STAGE") ?: "$root/target/debug/behaviour-stage"
                val process = ProcessBuilder(program).redirectError(ProcessBuilder.Redirect.INHERIT).start()
                val line = process.inputStream.bufferedReader().readLine() ?: error("the stage did not start")
                Stage(Json.parseToJsonElement(line).let { (it as JsonObject).getValue("port").jsonPrimitive.int })
            }
        }
    }
}

/** A server of its own for [test], ended after it. */
internal inline fun <T> onStage(kind: String = "nexus", test: (Stage, Stage.Server) -> T): T {
    val stage = Stage.shared
    val server = stage.start(kind)
    try {
        return test(stage, server)
    } finally {
        stage.stop(server)
    }
}
