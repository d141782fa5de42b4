package dev.nexus.realtime

import dev.nexus.realtime.ffi.LogLevel as FfiLogLevel
import dev.nexus.realtime.ffi.LogSink as FfiLogSink
import dev.nexus.realtime.ffi.setLogSink as setFfiLogSink

/** How much is logged: each level with those before it. */
public enum class LogLevel {
    /** Nothing. */
    OFF,

    /** Mistakes. */
    ERROR,

    /** What an operator should look at. */
    WARN,

    /** Connections that come and go. */
    INFO,

    /** Each step. */
    DEBUG,

    /** Each packet's name and size. */
    TRACE,
}

/** Takes log lines. What it throws is ignored. */
public fun interface LogSink {
    /**
     * One line, from any thread. It names events, sizes and ids, and never tokens or payloads. It must not block, and it must
     * not call the client: it may be called while the client is busy.
     */
    public fun log(level: LogLevel, target: String, message: String)
}

/** Sends the log of all clients of this process, up to [level], to [sink], in place of the one before. Default: no log. */
public fun setLogSink(level: LogLevel, sink: LogSink) {
    prepareNativeThreads()
    val foreign = object : FfiLogSink {
        override fun log(level: FfiLogLevel, target: String, message: String) {
            try {
                sink.log(LogLevel.entries[level.ordinal], target, message)
            } catch (_: Throwable) {
                // A log that fails stops nothing, and there is nowhere to say it.
            }
        }
    }
    setFfiLogSink(FfiLogLevel.entries[level.ordinal], foreign)
}
