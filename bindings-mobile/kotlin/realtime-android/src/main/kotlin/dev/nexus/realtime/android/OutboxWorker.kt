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
import dev.nexus.realtime.RealtimeException
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeoutOrNull
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/**
 * Sends what is left in the outbox when the system lets it, also after the process was killed: connects through the
 * application's [NexusSession], and waits until no durable message is left.
 */
public class OutboxWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result {
        val session = applicationContext as? NexusSession ?: return Result.failure()
        return try {
            // A worker has ten minutes.
            val isDone = withTimeoutOrNull(8.minutes) {
                if (!session.connectAsUser()) return@withTimeoutOrNull true
                while (session.nexus.stats().durableMessages > 0) delay(200.milliseconds)
                true
            }
            if (isDone == true) Result.success() else Result.retry()
        } catch (error: RealtimeException.Connect) {
            if (error.isFinal) Result.failure() else Result.retry()
        } catch (_: RealtimeException.Closed) {
            Result.failure()
        }
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
