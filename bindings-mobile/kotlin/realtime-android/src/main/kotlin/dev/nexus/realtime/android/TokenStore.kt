package dev.nexus.realtime.android

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.io.File
import java.security.GeneralSecurityException
import java.security.KeyStore
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/** Where an application keeps what its token provider needs after a restart: a refresh token, say. */
public interface TokenStore {
    /** What was kept; `null` if nothing was, or it can't be read any more: the user signs in again then. */
    public suspend fun read(): String?

    /** Keeps it in place of what was kept. */
    public suspend fun write(token: String)

    /** Forgets it. */
    public suspend fun clear()
}

/**
 * Keeps a token in a file that only a key in the device's keystore opens (AES-256 with GCM). Neither leaves the device: the file
 * is left out of backups, and the key can't be read by anybody.
 *
 * @param name tells several of them apart
 */
public class KeystoreTokenStore(context: Context, private val name: String = "nexus-token") : TokenStore {
    private val file = File(context.noBackupFilesDir, "$name.bin")

    override suspend fun read(): String? = withContext(Dispatchers.IO) {
        if (!file.exists()) return@withContext null
        try {
            val sealed = file.readBytes()
            if (sealed.size < NONCE_BYTES) return@withContext null
            val cipher = Cipher.getInstance(TRANSFORMATION)
            cipher.init(Cipher.DECRYPT_MODE, key(), GCMParameterSpec(TAG_BITS, sealed, 0, NONCE_BYTES))
            cipher.doFinal(sealed, NONCE_BYTES, sealed.size - NONCE_BYTES).decodeToString()
        } catch (_: GeneralSecurityException) {
            // The keystore was cleared, or the file is not the one that was written.
            null
        }
    }

    override suspend fun write(token: String): Unit = withContext(Dispatchers.IO) {
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, key())
        val fresh = File(file.parentFile, "${file.name}.new")
        fresh.writeBytes(cipher.iv + cipher.doFinal(token.encodeToByteArray()))
        check(fresh.renameTo(file)) { "the token could not be kept" }
    }

    override suspend fun clear(): Unit = withContext(Dispatchers.IO) {
        file.delete()
        keystore().deleteEntry(name)
    }

    private fun keystore() = KeyStore.getInstance(PROVIDER).apply { load(null) }

    private fun key(): SecretKey {
        (keystore().getKey(name, null) as? SecretKey)?.let { return it }
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val specification = KeyGenParameterSpec.Builder(name, purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(256)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER).apply { init(specification) }.generateKey()
    }

    private companion object {
        const val PROVIDER = "AndroidKeyStore"
        const val TRANSFORMATION = "AES/GCM/NoPadding"
        const val NONCE_BYTES = 12
        const val TAG_BITS = 128
    }
}
