package dev.nexus.realtime.android

import android.content.Context
import androidx.work.BackoffPolicy
import androidx.work.Constraints
import androidx.work.CoroutineWorker
import androidx.work.ExistingWorkPolicy
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequestBuilder
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import dev.nexus.realtime.Notice
import dev.nexus.realtime.RealtimeException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeoutOrNull
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * Sends what is left in the outbox when the system lets it, also after the process was killed: connects through the
 * application's [NexusSession], and waits until no durable message is left.
 */
public class OutboxWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result {
        val session = applicationContext as? NexusSession ?: return Result.failure()
        return try {
            // A worker has ten minutes.
            val isDone = withTimeoutOrNull(8.minutes) { send(session) }
            if (isDone == true) Result.success() else Result.retry()
        } catch (error: RealtimeException.Connect) {
            if (error.isFinal) Result.failure() else Result.retry()
        } catch (_: RealtimeException.Closed) {
            Result.failure()
        }
    }

    /** Whether there is nothing left. */
    private suspend fun send(session: NexusSession): Boolean = coroutineScope {
        val client = session.nexus
        // What a former process has left is read while connecting, or just after it. Where there is nothing, nothing is told.
        val restored = async(start = CoroutineStart.UNDISPATCHED) {
            withTimeoutOrNull(5.seconds) { client.notices.first { it is Notice.Restored } }
        }
        if (!session.connectAsUser()) {
            restored.cancel()
            return@coroutineScope true
        }
        if (client.stats().durableMessages == 0L) restored.await() else restored.cancel()
        while (client.stats().durableMessages > 0) delay(200.milliseconds)
        true
    }

    public companion object {
        private const val NAME = "dev.nexus.realtime.outbox"

        /** Asks for a run as soon as there is a network. Asked again meanwhile, it stays one run. */
        public fun schedule(context: Context) {
            val request = OneTimeWorkRequestBuilder<OutboxWorker>()
                .setConstraints(Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build())
                .setBackoffCriteria(BackoffPolicy.EXPONENTIAL, 30, TimeUnit.SECONDS)
                .build()
            WorkManager.getInstance(context).enqueueUniqueWork(NAME, ExistingWorkPolicy.KEEP, request)
        }
    }
}
