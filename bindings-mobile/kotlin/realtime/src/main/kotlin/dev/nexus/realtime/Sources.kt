package dev.nexus.realtime

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import dev.nexus.realtime.ffi.uniffiForeignFutureDroppedCallbackImpl
import dev.nexus.realtime.ffi.uniffiRustFutureContinuationCallbackImpl
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.coroutines.cancellation.CancellationException
import kotlin.time.Duration.Companion.hours
import dev.nexus.realtime.ffi.Event as FfiEvent
import dev.nexus.realtime.ffi.EventSource as FfiEventSource

/** What one crossing of the boundary brings at most. */
private const val BATCH: UInt = 64u

/** A wait this long ends with nothing, and begins again. */
private val A_WHILE: ULong = 1.hours.toMillis()

/** Pulls batches until there are no more, and only while somebody collects. */
internal fun <F, T> pulled(next: suspend (UInt, ULong) -> List<F>?, convert: (F) -> T): Flow<T> = flow {
    while (true) {
        val batch = translating { next(BATCH, A_WHILE) } ?: return@flow
        for (item in batch) emit(convert(item))
    }
}

/** A flow that has a source for each collection: opened when that begins, ended when that ends, however it does. */
internal fun <S : AutoCloseable, F, T> pulledFrom(
    open: () -> S,
    end: (S) -> Unit,
    next: suspend (S, UInt, ULong) -> List<F>?,
    convert: (F) -> T,
): Flow<T> = flow {
    val source = open()
    try {
        pulled({ max, timeout -> next(source, max, timeout) }, convert).collect(this)
    } finally {
        end(source)
        source.close()
    }
}

/**
 * Events of one name, from the moment of [NexusClient.subscribe] on.
 *
 * @property events what came and has not been collected yet, and what comes. One collection at a time, others wait; several after
 *   each other share what there is. Completes when the subscription or the client is closed.
 */
public class Subscription internal constructor(private val source: FfiEventSource, convert: (FfiEvent) -> Event) : AutoCloseable {
    private val isClosed = AtomicBoolean()

    public val events: Flow<Event> = pulled(
        { max, timeout ->
            try {
                if (isClosed.get()) null else source.next(max, timeout)
            } catch (error: CancellationException) {
                throw error
            } catch (error: IllegalStateException) {
                // Let go of meanwhile.
                if (isClosed.get()) null else throw error
            }
        },
        convert,
    )

    /** Ends it: what waits in it is dropped. */
    override fun close() {
        if (isClosed.compareAndSet(false, true)) {
            source.end()
            source.close()
        }
    }
}

/**
 * Lets the threads of the native part stay known to the Java machine, as daemons: to make them known anew with each callback would
 * cost more than all else that an event costs.
 */
internal fun prepareNativeThreads() {
    NativeThreads
}

private object NativeThreads {
    init {
        for (callback in listOf(uniffiRustFutureContinuationCallbackImpl, uniffiForeignFutureDroppedCallbackImpl)) {
            Native.setCallbackThreadInitializer(callback, CallbackThreadInitializer(true, false, "nexus"))
        }
    }
}
