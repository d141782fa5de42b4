package dev.nexus.realtime.compose

import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.material3.Button
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.text.style.TextAlign
import androidx.compose.ui.unit.dp
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import androidx.lifecycle.viewmodel.compose.viewModel
import dev.nexus.realtime.ConnectionStatus
import dev.nexus.realtime.DeliveryStatus

/** A conversation with [receiver]. */
@Composable
fun ChatScreen(receiver: String, model: ChatModel = viewModel()) {
    val lines by model.lines.collectAsStateWithLifecycle()
    val status by model.status.collectAsStateWithLifecycle()
    val error by model.error.collectAsStateWithLifecycle()
    var draft by rememberSaveable { mutableStateOf("") }

    Column(Modifier.fillMaxSize().padding(16.dp)) {
        if (status != ConnectionStatus.CONNECTED) Text(status.name.lowercase(), style = MaterialTheme.typography.labelMedium)
        error?.let { Text(it, color = MaterialTheme.colorScheme.error) }
        LazyColumn(Modifier.weight(1f)) {
            items(lines, key = { it.key }) { ChatLine(it) }
        }
        Row(Modifier.fillMaxWidth()) {
            OutlinedTextField(draft, onValueChange = { draft = it }, modifier = Modifier.weight(1f))
            Button(
                enabled = draft.isNotBlank(),
                onClick = {
                    model.send(receiver, draft.trim())
                    draft = ""
                },
            ) { Text("Send") }
        }
    }
}

@Composable
private fun ChatLine(line: Line) {
    val mark = when (line.state) {
        null -> ""
        is DeliveryStatus.Acked -> " ✓"
        is DeliveryStatus.Rejected, is DeliveryStatus.Expired, is DeliveryStatus.Unknown -> " ✗"
        else -> " …"
    }
    Text(
        line.content + mark,
        modifier = Modifier.fillMaxWidth().padding(vertical = 4.dp),
        textAlign = if (line.isMine) TextAlign.End else TextAlign.Start,
    )
}
