package dev.nexus.realtime.android

import dev.nexus.realtime.NexusClient

/**
 * What the application gives to what the system starts without any of its screens: a worker, a push message, a tapped
 * notification in a process that is new. Let your `Application` implement it.
 */
public interface NexusSession {
    /** The client of this process. The same each time, so that there is one connection. */
    public val nexus: NexusClient

    /**
     * Connects as the user who is signed in, and returns when that is done. `false`: nobody is. Throws what
     * [NexusClient.connect] throws.
     */
    public suspend fun connectAsUser(): Boolean
}
