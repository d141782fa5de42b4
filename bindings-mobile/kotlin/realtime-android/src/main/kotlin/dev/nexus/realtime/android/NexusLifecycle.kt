package dev.nexus.realtime.android

import android.content.Context
import android.os.Handler
import android.os.Looper
import androidx.lifecycle.DefaultLifecycleObserver
import androidx.lifecycle.LifecycleOwner
import androidx.lifecycle.ProcessLifecycleOwner
import dev.nexus.realtime.NexusClient

/**
 * Tells a client of the application's life: when its last activity is gone ([NexusClient.enterBackground], which closes the
 * connection after the grace), when one is back ([NexusClient.enterForeground], which connects at once), and when the network
 * changes. When messages are left in the outbox as the application goes, [OutboxWorker] is asked to send them.
 *
 * Make one in `Application.onCreate`, for as long as the client lives. May be made and closed on any thread.
 */
public class NexusLifecycle(context: Context, private val client: NexusClient) : AutoCloseable {
    private val context = context.applicationContext
    private val network = NetworkWatch(this.context, client)
    private val main = Handler(Looper.getMainLooper())

    private val observer = object : DefaultLifecycleObserver {
        override fun onStart(owner: LifecycleOwner) {
            client.enterForeground()
        }

        override fun onStop(owner: LifecycleOwner) {
            client.enterBackground()
            if (client.stats().durableMessages > 0) OutboxWorker.schedule(this@NexusLifecycle.context)
        }
    }

    init {
        main.post { ProcessLifecycleOwner.get().lifecycle.addObserver(observer) }
    }

    /** Tells the client nothing any more. The client stays open. */
    override fun close() {
        network.close()
        main.post { ProcessLifecycleOwner.get().lifecycle.removeObserver(observer) }
    }
}
