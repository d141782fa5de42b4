package dev.nexus.realtime.behaviour

import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory
import java.io.File
import java.util.concurrent.TimeUnit
import kotlin.test.assertEquals

/** All scenarios of `tests/behaviour`, against both servers. */
internal class BehaviourTest {
    @TestFactory
    fun scenarios(): List<DynamicTest> {
        val words = System.getProperty("nexus.scenario").orEmpty()
        return scenarios.flatMap { scenario ->
            val servers = scenario["servers"]?.jsonArray?.map { it.jsonPrimitive.content } ?: listOf("nexus", "node")
            servers.map { kind -> DynamicTest.dynamicTest("$kind: ${scenario.name}") { run(kind, scenario) } }
        }.filter { words in it.displayName }
    }

    private fun run(kind: String, scenario: JsonObject) = onStage(kind) { stage, server ->
        val phases = scenario.phases
        if (phases.size == 1) {
            runBlocking { Runner(stage, server, kind).run(phases.single()) }
        } else {
            phases.forEachIndexed { number, steps ->
                val isToDie = steps.any { it.jsonObject.getValue("do").jsonPrimitive.content == "die" }
                val code = runChild(stage, server, kind, scenario.name, number)
                // A process that signal 9 has ended gives 128 + 9.
                assertEquals(if (isToDie) 137 else 0, code, "phase ${number + 1}")
            }
        }
    }
}

private val scenarios: List<JsonObject> by lazy {
    val file = Json.parseToJsonElement(File(Stage.root, "tests/behaviour/scenarios.json").readText()).jsonObject
    check(file.getValue("version").jsonPrimitive.content == "1")
    file.getValue("scenarios").jsonArray.map { it.jsonObject }
}

private val JsonObject.name get() = getValue("name").jsonPrimitive.content
private val JsonObject.phases get() = getValue("phases").jsonArray.map { it.jsonArray }

/** A program of the tests, to run in a process of its own. Its errors go to where those of the tests do. */
internal fun program(main: String, vararg arguments: String): ProcessBuilder {
    val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
    val java = File(System.getProperty("java.home"), "bin/java").path
    val library = "-Djna.library.path=${System.getProperty("jna.library.path").orEmpty()}"
    val root = "-Dnexus.root=${Stage.root}"
    return ProcessBuilder(java, "-XX:TieredStopAtLevel=1", library, root, "-cp", classes, main, *arguments)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
}

private fun runChild(stage: Stage, server: Stage.Server, kind: String, scenario: String, phase: Int): Int {
    val arguments = arrayOf("${stage.address}", "${server.id}", kind, server.url, server.store, scenario, "$phase")
    val process = program("dev.nexus.realtime.behaviour.BehaviourTestKt", *arguments).inheritIO().start()
    if (!process.waitFor(90, TimeUnit.SECONDS)) process.destroyForcibly()
    return process.waitFor()
}

/** One phase of a scenario. */
internal fun main(arguments: Array<String>) {
    val (port, id, kind, url, store) = arguments
    val (scenario, phase) = arguments.drop(5)
    val steps = scenarios.single { it.name == scenario }.phases[phase.toInt()]
    runBlocking { Runner(Stage(port.toInt()), Stage.Server(id.toInt(), url, store), kind).run(steps) }
    // Nothing of the tests is worth waiting for: a thread that hung would hide otherwise.
    Runtime.getRuntime().halt(0)
}
