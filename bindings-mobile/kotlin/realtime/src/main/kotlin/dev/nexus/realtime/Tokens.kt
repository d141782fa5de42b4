package dev.nexus.realtime

import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import dev.nexus.realtime.ffi.TokenException as FfiTokenException
import dev.nexus.realtime.ffi.TokenProvider as FfiTokenProvider
import dev.nexus.realtime.ffi.TokenReason as FfiTokenReason

/** Why a token is needed. */
public enum class TokenReason {
    /** A connection is being made. A token that is still good will do. */
    CONNECTING,

    /** The server refused the last one, so it has to be a new one. */
    REJECTED,
}

/**
 * Asks the application for tokens: with each connection, and again when the server refuses one. One question at a time.
 *
 * It runs on [kotlinx.coroutines.Dispatchers.Default], has [NexusOptions.tokenTimeout], and is cancelled when its answer is
 * of no use any more. Whatever it throws means that there is no token now, and that it is asked again with the next attempt;
 * [SignedOutException] means that asking again is pointless.
 */
public fun interface TokenProvider {
    /** A token. */
    public suspend fun token(reason: TokenReason): String
}

/** Thrown by a [TokenProvider]: the user is signed out. The client stops, and `connect` fails with `TOKEN_UNAVAILABLE`. */
public class SignedOutException(message: String = "signed out") : Exception(message)

internal fun TokenProvider.toFfi(): FfiTokenProvider = ForeignTokenProvider(this)

private class ForeignTokenProvider(private val provider: TokenProvider) : FfiTokenProvider {
    override suspend fun token(reason: FfiTokenReason): String = try {
        provider.token(
            when (reason) {
                FfiTokenReason.CONNECTING -> TokenReason.CONNECTING
                FfiTokenReason.REJECTED -> TokenReason.REJECTED
            },
        )
    } catch (signedOut: SignedOutException) {
        throw FfiTokenException.SignedOut(signedOut.message.orEmpty())
    } catch (failure: Throwable) {
        // Errors too: nobody would catch them where this is called, and the client would wait for its timeout. A
        // cancellation of its own (a timeout in the provider, say) is a failure like others.
        currentCoroutineContext().ensureActive()
        throw FfiTokenException.Unavailable(failure.toString())
    }
}
