package dev.nexus.realtime.compose

import android.app.Application
import dev.nexus.realtime.NexusClient
import dev.nexus.realtime.NexusOptions
import dev.nexus.realtime.SignedOutException
import dev.nexus.realtime.android.KeystoreTokenStore
import dev.nexus.realtime.android.NexusLifecycle
import dev.nexus.realtime.android.NexusSession
import dev.nexus.realtime.android.onAndroid

/** One client for the process, whichever of its parts the system starts. */
class ChatApplication : Application(), NexusSession {
    private val tokens by lazy { KeystoreTokenStore(this) }

    // Made by whoever is first, which is not on the main thread: reading the system's certificates takes a moment.
    override val nexus: NexusClient by lazy {
        NexusClient(NexusOptions(url = BuildConfig.SERVER).onAndroid(this)).also { NexusLifecycle(this, it) }
    }

    /** The user who is signed in; an application asks its own account for that. */
    val userId: String? get() = getSharedPreferences("account", MODE_PRIVATE).getString("user", null)

    override suspend fun connectAsUser(): Boolean {
        val user = userId ?: return false
        nexus.connect(user) { tokens.read() ?: throw SignedOutException() }
        return true
    }
}
