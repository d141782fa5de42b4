package dev.nexus.realtime.android

import android.content.Context
import android.util.Base64
import dev.nexus.realtime.NexusOptions
import java.io.File
import java.security.KeyStore
import java.security.cert.X509Certificate

/**
 * These options as they have to be on Android: the certificates that the system trusts, and durable messages in a folder that
 * backups leave out (a restored backup would send them a second time, from another phone).
 *
 * Reads some 150 certificates, which takes a few tens of milliseconds: not on the main thread.
 */
public fun NexusOptions.onAndroid(context: Context): NexusOptions = copy(
    storeDirectory = storeDirectory ?: File(context.noBackupFilesDir, "nexus-outbox"),
    onlyRootsPem = onlyRootsPem ?: systemRoots(),
)

/** The certificate authorities that the system trusts, as PEM: those that came with it, and those that its owner has added. */
private fun systemRoots(): String {
    val store = KeyStore.getInstance("AndroidCAStore").apply { load(null) }
    return buildString {
        for (alias in store.aliases()) {
            val certificate = store.getCertificate(alias) as? X509Certificate ?: continue
            append("-----BEGIN CERTIFICATE-----\n")
            append(Base64.encodeToString(certificate.encoded, Base64.DEFAULT))
            append("-----END CERTIFICATE-----\n")
        }
    }
}
