package dev.nexus.realtime.compose

import android.app.Application
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.viewModelScope
import dev.nexus.realtime.ConnectionStatus
import dev.nexus.realtime.DeliveryStatus
import dev.nexus.realtime.RealtimeException
import dev.nexus.realtime.emitDurable
import dev.nexus.realtime.events
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.serialization.Serializable

@Serializable
data class Message(val id: String, val senderId: String, val receiverId: String, val content: String)

@Serializable
data class Draft(val receiverId: String, val content: String)

/** A line of the conversation. [state] is of the lines that this device has written. */
data class Line(val key: String, val isMine: Boolean, val content: String, val state: DeliveryStatus? = null)

/** A conversation with one person. */
class ChatModel(application: Application) : AndroidViewModel(application) {
    private val app = application as ChatApplication
    private val own = MutableStateFlow(emptyList<Line>())
    private val state = MutableStateFlow(ConnectionStatus.DISCONNECTED)
    private val failure = MutableStateFlow<String?>(null)

    val lines: StateFlow<List<Line>> = own.asStateFlow()
    val status: StateFlow<ConnectionStatus> = state.asStateFlow()
    val error: StateFlow<String?> = failure.asStateFlow()

    init {
        // The first who asks for the client makes it.
        viewModelScope.launch {
            val client = withContext(Dispatchers.Default) { app.nexus }
            launch { client.connectionStatus.collect { state.value = it } }
            launch {
                client.events<Message>("messaging", "NEW_MESSAGE", onUndecodable = {}).collect { message ->
                    own.update { it + Line(message.id, message.senderId == app.userId, message.content) }
                }
            }
            try {
                app.connectAsUser()
            } catch (error: RealtimeException) {
                failure.value = error.message
            }
        }
    }

    /** Sends it, now or when there is a network, also if the application is gone by then. */
    fun send(receiver: String, text: String) {
        viewModelScope.launch {
            try {
                val message = app.nexus.emitDurable("messaging", "NEW_MESSAGE", Draft(receiver, text))
                val key = "own-${message.id}"
                own.update { it + Line(key, isMine = true, text, message.status) }
                message.statuses.collect { status ->
                    own.update { lines -> lines.map { if (it.key == key) it.copy(state = status) else it } }
                }
            } catch (error: RealtimeException) {
                failure.value = error.message
            }
        }
    }
}
