package dev.nexus.realtime.android

import android.content.Context
import dev.nexus.realtime.DurableMessage
import dev.nexus.realtime.NexusClient
import dev.nexus.realtime.args
import kotlinx.serialization.Serializable

/**
 * What Firebase Cloud Messaging tells an application, handed on. There is no dependency on Firebase: call these from your
 * `FirebaseMessagingService`.
 */
public object Push {
    /** What the server gets: which device wakes up for whom. */
    @Serializable
    public data class Device(val token: String, val platform: String = "android")

    /**
     * From `onNewToken`, and after signing in: tells the server the device's token, as a durable message, so that it arrives
     * whatever becomes of this process. The event's name is an agreement with your server.
     */
    public fun handOver(
        client: NexusClient,
        token: String,
        namespace: String = "notifications",
        event: String = "REGISTER_DEVICE",
    ): DurableMessage = client.emitDurable(namespace, event, args { add(Device(token)) })

    /**
     * From `onMessageReceived` of a data message while the application is not visible: sends what is left in the outbox, and
     * with that connects, so that what waits in the user's inbox comes to whoever listens.
     */
    public fun wakeUp(context: Context): Unit = OutboxWorker.schedule(context.applicationContext)
}
