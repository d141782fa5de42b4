package dev.nexus.realtime

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.mapNotNull
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.time.Duration

/**
 * The first arguments of the events of one name: `client.events<Message>("messaging", "NEW_MESSAGE")`. See [NexusClient.events].
 *
 * @param onUndecodable takes events that are something else, which are left out then. Default: throws, which ends the collection
 */
public inline fun <reified T : Any> NexusClient.events(
    namespace: String,
    event: String,
    crossinline onUndecodable: (RealtimeException.Decode) -> Unit = { throw it },
): Flow<T> = events(namespace, event).mapNotNull {
    try {
        it.decode<T>()
    } catch (error: RealtimeException.Decode) {
        onUndecodable(error)
        null
    }
}

/**
 * Calls [handler] with the first argument of each event: `client.on<Message>("messaging", "NEW_MESSAGE") { … }`. One that is
 * something else goes to [NexusOptions.onListenerError]. See [NexusClient.on].
 */
@JvmName("onTyped")
public inline fun <reified T> NexusClient.on(
    namespace: String,
    event: String,
    context: CoroutineContext = EmptyCoroutineContext,
    crossinline handler: suspend (T) -> Unit,
): Subscription = on(namespace, event, context) { it: Event -> handler(it.decode<T>()) }

/** Sends an event with one argument. See [NexusClient.emit]. */
public inline fun <reified T> NexusClient.emit(
    namespace: String,
    event: String,
    value: T,
    volatile: Boolean = false,
    ttl: Duration? = null,
): Emitted = emit(namespace, event, args(json) { add(value) }, volatile, ttl)

/**
 * Sends an event with one argument, and waits for its acknowledgement, whose first argument is an [R]:
 * `val receipt: Receipt = client.emitWithAck("messaging", "NEW_MESSAGE", draft)`. See [NexusClient.emitWithAck].
 *
 * @throws RealtimeException.Decode if it is something else: the server has the event then
 */
public suspend inline fun <reified T, reified R> NexusClient.emitWithAck(
    namespace: String,
    event: String,
    value: T,
    timeout: Duration? = null,
): R = emitWithAck(namespace, event, args(json) { add(value) }, timeout).decode()

/** Keeps an event with one argument on disk until the server has it. See [NexusClient.emitDurable]. */
public inline fun <reified T> NexusClient.emitDurable(
    namespace: String,
    event: String,
    value: T,
    ttl: Duration? = null,
): DurableMessage = emitDurable(namespace, event, args(json) { add(value) }, ttl)
