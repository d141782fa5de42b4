package dev.nexus.realtime

import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalForInheritanceCoroutinesApi
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.launch
import kotlinx.serialization.json.Json
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import dev.nexus.realtime.ffi.Client as FfiClient
import dev.nexus.realtime.ffi.Emitted as FfiEmitted
import dev.nexus.realtime.ffi.Outgoing as FfiOutgoing

/**
 * A real-time client: many namespaces over one connection, which is sought again when it is lost.
 *
 * ```
 * val client = NexusClient("https://realtime.example.com")
 * client.on<Message>("messaging", "NEW_MESSAGE") { show(it) }
 * client.connect(user.id) { fetchToken() }
 * val receipt: Receipt = client.emitWithAck("messaging", "NEW_MESSAGE", Draft("bob", "hello"))
 * ```
 *
 * Namespaces are named without their slash (`messaging` is `/messaging`, `/` the root), and joined when they are first used.
 *
 * Everything may be called from any thread, the main thread included: what takes time suspends, and nothing blocks. Cancelling a
 * coroutine that waits ends the wait in the native part as well. [close] the client when it is not needed any more.
 *
 * @throws RealtimeException.Config if an option can't be used
 * @throws UnsatisfiedLinkError if there is no native library for this platform
 */
public class NexusClient(public val options: NexusOptions) : AutoCloseable {
    /** A client with all options but the address at their defaults. */
    public constructor(url: String) : this(NexusOptions(url))

    private val ffi: FfiClient = run {
        prepareNativeThreads()
        translating { FfiClient(options.toFfi()) }
    }
    private val scope = CoroutineScope(
        SupervisorJob() + Dispatchers.Default + CoroutineExceptionHandler { _, error -> options.onListenerError(error) },
    )

    /** The status: `value` is that of this moment. A collector may skip what was over at once: see [statusChanges]. */
    public val connectionStatus: StateFlow<ConnectionStatus>

    /** The quality: `value` is that of this moment. Offline unless connected. */
    public val connectionQuality: StateFlow<ConnectionQuality>

    init {
        val ffi = ffi
        val statuses = ffi.statusChanges()
        val qualities = ffi.qualityChanges()
        connectionStatus = live(
            { ffi.connectionStatus().toPublic() },
            pulled(statuses::next) { it.status.toPublic() },
            ConnectionStatus.DISCONNECTED,
        )
        connectionQuality = live(
            { ffi.connectionQuality().toPublic() },
            pulled(qualities::next) { it.toPublic() },
            ConnectionQuality.OFFLINE,
        )
    }

    /** The status as it is, then each change, with its reason: none is skipped while the collector keeps up. */
    public val statusChanges: Flow<StatusChange> =
        pulledFrom(ffi::statusChanges, { it.end() }, { source, max, timeout -> source.next(max, timeout) }) { it.toPublic() }

    /** Notices from the moment of the collection on. */
    public val notices: Flow<Notice> =
        pulledFrom(ffi::notices, { it.end() }, { source, max, timeout -> source.next(max, timeout) }) {
            it.toPublic(options.json)
        }

    /** Mean round trip time; `null` until there is a sample. */
    public val averageLatency: Duration? get() = ffi.averageLatencyMs()?.toDuration()

    /** All figures. */
    public fun stats(): Stats = ffi.stats().toPublic()

    /**
     * Connects as a user with a token for all connections: waits until the primary namespace is joined, within
     * [NexusOptions.connectTimeout].
     *
     * If the same user is connected already, or being connected, nothing happens but that a new token takes the place of the old
     * one. Another user: disconnects first, and what was queued for the first is dropped; durable messages wait until that user
     * is back. Giving up the wait does not stop the connecting: [disconnect] does.
     *
     * @throws RealtimeException.Connect
     * @throws RealtimeException.Closed
     */
    public suspend fun connect(userId: String, token: String): Unit = translating { ffi.connect(userId, token) }

    /** As the other, with one who is asked for tokens. */
    public suspend fun connect(userId: String, tokens: TokenProvider): Unit =
        translating { ffi.connectWith(userId, tokens.toFfi()) }

    /** Ends the connection, or the search for one, until [connect] is called again. Subscriptions stay, and so does the queue, for the same user. */
    public fun disconnect(): Unit = ffi.disconnect()

    /** The application is not visible any more. After [NexusOptions.backgroundGrace] the connection is closed. */
    public fun enterBackground(): Unit = ffi.enterBackground()

    /** The application is visible again: checks the connection, or connects again at once. */
    public fun enterForeground(): Unit = ffi.enterForeground()

    /** The application is about to be stopped by its system: as [enterBackground], with the grace over at once. */
    public fun suspendNow(): Unit = ffi.suspend()

    /** The system says that its network has changed, or come ([isReachable]) or gone. The connection is checked, or sought again at once. */
    public fun networkChanged(isReachable: Boolean): Unit = ffi.networkChanged(isReachable)

    /**
     * Joins a namespace, with this connection and each later one, and waits until it is joined for the first time.
     *
     * @throws RealtimeException.Join if the server refuses or does not answer. It is tried again with the next connection
     * @throws RealtimeException.WaitTimedOut
     * @throws RealtimeException.Closed
     */
    public suspend fun join(namespace: String, timeout: Duration = 30.seconds): Unit =
        translating { ffi.join(namespace, timeout.toMillis()) }

    /**
     * Leaves a namespace. What is queued for it is dropped. Subscriptions stay, for when it is joined again.
     *
     * @throws RealtimeException.Join if it is the primary namespace (`PRIMARY`), or was not wanted (`NOT_JOINED`)
     */
    public fun leave(namespace: String): Unit = translating { ffi.leave(namespace) }

    /** Whether a namespace is joined now. */
    public fun isJoined(namespace: String): Boolean = ffi.isJoined(namespace)

    /**
     * The events of one name, from the moment of the collection on; each collection is a subscription of its own, which ends with
     * it. Joins the namespace.
     *
     * At most [NexusOptions.eventBuffer] events wait for a collector. For one that is behind the client stops reading for
     * [NexusOptions.listenerPatience]; then the events that it misses are counted in [Event.missed].
     *
     * The collection throws [RealtimeException.Join] if the namespace can't be joined, and [RealtimeException.Closed]; it completes
     * when the client is closed.
     */
    public fun events(namespace: String, event: String): Flow<Event> = pulledFrom(
        { translating { ffi.events(namespace, event) } },
        { it.end() },
        { source, max, timeout -> source.next(max, timeout) },
    ) { it.toPublic(options.json) }

    /**
     * The events of one name from now on: those that come before they are collected are kept. Joins the namespace.
     *
     * @throws RealtimeException.Join if the namespace can't be joined
     * @throws RealtimeException.Closed
     */
    public fun subscribe(namespace: String, event: String): Subscription =
        Subscription(translating { ffi.events(namespace, event) }) { it.toPublic(options.json) }

    /**
     * Calls [handler] with each event of one name from now on, one after another, until the subscription or the client is
     * closed. What it throws goes to [NexusOptions.onListenerError], and stops nothing.
     *
     * @param context where the handler runs: `Dispatchers.Main`, say. Default: `Dispatchers.Default`
     * @throws RealtimeException.Join if the namespace can't be joined
     * @throws RealtimeException.Closed
     */
    public fun on(
        namespace: String,
        event: String,
        context: CoroutineContext = EmptyCoroutineContext,
        handler: suspend (Event) -> Unit,
    ): Subscription {
        val subscription = subscribe(namespace, event)
        scope.launch(context) {
            subscription.events.collect { event ->
                try {
                    handler(event)
                } catch (error: Exception) {
                    currentCoroutineContext().ensureActive()
                    options.onListenerError(error)
                }
            }
        }.invokeOnCompletion { subscription.close() }
        return subscription
    }

    /** Ends all flows, subscriptions and handlers of an event; gives their number. */
    public fun off(namespace: String, event: String): Int = ffi.off(namespace, event).toInt()

    /**
     * Sends an event, or queues it while there is no connection.
     *
     * @param volatile whether it is dropped when it can't be written now
     * @param ttl how long it may wait. Default: [QueueOptions.ttl]
     * @throws RealtimeException.Emit if it is refused
     * @throws RealtimeException.Closed
     */
    public fun emit(
        namespace: String,
        event: String,
        payload: Payload = Payload.EMPTY,
        volatile: Boolean = false,
        ttl: Duration? = null,
    ): Emitted = translating {
        when (val emitted = ffi.emit(FfiOutgoing(namespace, event, payload.toFfi(), volatile, ttl?.toMillis()))) {
            is FfiEmitted.Transmitted -> Emitted.Transmitted(emitted.message.toLong())
            is FfiEmitted.Queued -> Emitted.Queued(emitted.message.toLong())
            is FfiEmitted.Dropped -> Emitted.Dropped
        }
    }

    /**
     * Sends an event and waits for its acknowledgement.
     *
     * @param timeout from now on. Default: [NexusOptions.ackTimeout]
     * @param volatile whether it fails when it can't be written now
     * @throws RealtimeException.Emit if it is refused
     * @throws RealtimeException.Ack if it is not acknowledged
     * @throws RealtimeException.Closed
     */
    public suspend fun emitWithAck(
        namespace: String,
        event: String,
        payload: Payload = Payload.EMPTY,
        timeout: Duration? = null,
        volatile: Boolean = false,
    ): Payload = translating {
        ffi.emitWithAck(FfiOutgoing(namespace, event, payload.toFfi(), volatile, ackTimeoutMs = timeout?.toMillis()))
            .toPublic(options.json, "the acknowledgement of $event of $namespace")
    }

    /**
     * Keeps an event on disk until the server has it: it survives this process once [DurableMessage.accepted] has returned.
     *
     * @param ttl how long it is tried. Default: [DurableOptions.ttl]
     * @throws RealtimeException.Emit if it is refused, with `NO_DURABLE_STORE` if there is no [NexusOptions.storeDirectory]
     * @throws RealtimeException.Closed
     */
    public fun emitDurable(
        namespace: String,
        event: String,
        payload: Payload = Payload.EMPTY,
        ttl: Duration? = null,
    ): DurableMessage {
        val message = translating { ffi.emitDurable(FfiOutgoing(namespace, event, payload.toFfi(), ttlMs = ttl?.toMillis())) }
        return DurableMessage(this, message, options.json, "$event of $namespace")
    }

    /**
     * Waits until all that was emitted has been handed to the network. Durable messages are not waited for.
     *
     * @throws RealtimeException.WaitTimedOut
     * @throws RealtimeException.Closed
     */
    public suspend fun flush(timeout: Duration = 10.seconds): Unit = translating { ffi.flush(timeout.toMillis()) }

    /** The messages in the offline queue, oldest first. */
    public fun queue(): List<QueuedMessage> = ffi.queue().map { it.toPublic(options.json) }

    /**
     * Takes a message out of the offline queue, or ends the wait for its acknowledgement. A durable message is not sent any more,
     * by later processes neither. `true`: the server will not see it; `false`: it had been sent.
     *
     * @throws RealtimeException.UnknownMessage if there is neither
     */
    public fun cancel(id: Long): Boolean = translating { ffi.cancel(id.toULong()) }

    /**
     * Disconnects for good, ends flows and subscriptions, and resolves all waits with [RealtimeException.Closed]. Durable messages
     * stay in the store. Returns at once; calling it again does nothing.
     */
    override fun close() {
        // Closed when the native part is asked first, which is here and now.
        background.launch(start = CoroutineStart.UNDISPATCHED) { runCatching { ffi.shutDown(CLOSE_TIMEOUT.toMillis()) } }
        scope.cancel()
    }

    /**
     * As the other, and waits until everything has ended: a second for the transport and 5 s for the store at most, beside token
     * providers.
     *
     * @throws RealtimeException.WaitTimedOut
     */
    public suspend fun close(timeout: Duration) {
        close()
        translating { ffi.shutDown(timeout.toMillis()) }
    }

    @PublishedApi
    internal val json: Json get() = options.json

    private companion object {
        val CLOSE_TIMEOUT = 30.seconds
    }
}

/** What outlives the scope of one client: it ends by itself, with that client. */
private val background = CoroutineScope(SupervisorJob() + Dispatchers.Default)

/**
 * Keeps the latest of [changes], until they end with the client. The coroutine holds no reference to the client: one that is
 * forgotten can be collected, which closes it.
 */
private fun <T> live(now: () -> T, changes: Flow<T>, ended: T): StateFlow<T> {
    val latest = MutableStateFlow(now())
    background.launch {
        try {
            changes.collect { latest.value = it }
        } finally {
            latest.value = ended
        }
    }
    return LiveStateFlow(now, latest)
}

/** The value of the moment, and the changes as they are told. */
@OptIn(ExperimentalForInheritanceCoroutinesApi::class)
private class LiveStateFlow<T>(private val now: () -> T, changes: StateFlow<T>) : StateFlow<T> by changes {
    override val value: T get() = now()
}
