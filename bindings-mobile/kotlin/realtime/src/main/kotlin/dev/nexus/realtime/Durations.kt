package dev.nexus.realtime

import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** Whole milliseconds, rounded up, so that a short time is not none; negative is none, and infinite the most there is. */
internal fun Duration.toMillis(): ULong {
    if (this <= Duration.ZERO) return 0u
    val whole = inWholeMilliseconds
    return (if (whole.milliseconds < this && whole < Long.MAX_VALUE) whole + 1 else whole).toULong()
}

internal fun ULong.toDuration(): Duration = toLong().let { if (it < 0) Duration.INFINITE else it.milliseconds }

internal fun Double.toDuration(): Duration = milliseconds

/** The most a `Long` holds for counts that never come near it. */
internal fun ULong.toCount(): Long = coerceAtMost(Long.MAX_VALUE.toULong()).toLong()
