//! What the manager tells and shows, as plain objects.

use bytes::Bytes;
use js_sys::{Array, Uint8Array};
use nexus_core::{
    manager::{Continuity, Delivery, DisconnectReason, DroppedMessage, LeaveReason, QueuedMessage, Stats},
    socketio::{EncodeError, HostArgs, Namespace, Payload, Sid},
    time::Timestamp,
};
use wasm_bindgen::prelude::*;

use crate::object::{Fields, millis};

/// Arguments as the package hands them in: the text of each, with commas between, of `size` bytes. Without attachments
/// the text stays with JavaScript.
pub(crate) fn payload(
    args: JsValue,
    size: usize,
    attachments: Option<Vec<Uint8Array>>,
    may_end_in_marker: bool,
) -> Result<Payload, EncodeError> {
    if size == 0 {
        return Ok(Payload::empty());
    }
    let Some(attachments) = attachments else {
        return Ok(Payload::from_host(HostArgs::new(args, size).ending_in_marker(may_end_in_marker)));
    };
    let attachments = attachments.iter().map(|bytes| Bytes::from(bytes.to_vec())).collect();
    let text = args.as_string().unwrap_or_default();
    Payload::from_json(format!("[{text}]").into(), attachments)
}

/// Arguments as the package gets them: what JavaScript has read, or the text of a JSON array.
pub(crate) fn args(payload: &Payload) -> JsValue {
    let Some(host) = payload.host() else { return JsValue::from_str(&format!("[{}]", payload.raw_args())) };
    let args = host.value::<JsValue>().cloned().unwrap_or_default();
    if host.lacks_last() {
        // What came in is handed out once.
        let _the_protocols = args.unchecked_ref::<Array>().pop();
    }
    args
}

pub(crate) fn attachments(payload: &Payload) -> Option<Array> {
    let attachments = payload.attachments();
    (!attachments.is_empty()).then(|| attachments.iter().map(|bytes| Uint8Array::from(&bytes[..])).collect())
}

/// Namespaces go out without their slash.
pub(crate) fn name(namespace: &Namespace) -> &str {
    let name = namespace.as_str();
    if name == "/" { name } else { name.strip_prefix('/').unwrap_or(name) }
}

pub(crate) fn reason(reason: &DisconnectReason) -> JsValue {
    Fields::default().set("code", reason.as_str()).set("message", reason.to_string()).into()
}

pub(crate) fn joined(namespace: &Namespace, sid: &Sid, continuity: Continuity) -> JsValue {
    let fields = Fields::default().set("type", "joined").set("namespace", name(namespace)).set("sid", sid.as_str());
    match continuity {
        Continuity::Recovered => fields.set("continuity", "recovered"),
        Continuity::Gap { inbox_complete, lost } => {
            fields.set("continuity", "gap").set("inboxComplete", inbox_complete).set("lost", lost as f64)
        }
        _ => fields.set("continuity", "first"),
    }
    .into()
}

pub(crate) fn join_failed(namespace: &Namespace, error: JsValue) -> JsValue {
    Fields::default().set("type", "joinFailed").set("namespace", name(namespace)).set("error", error).into()
}

pub(crate) fn left(namespace: &Namespace, reason: LeaveReason) -> JsValue {
    let reason = match reason {
        LeaveReason::ClientLeft => "clientLeft",
        LeaveReason::ServerDisconnect => "serverDisconnect",
        _ => "connectionLost",
    };
    Fields::default().set("type", "left").set("namespace", name(namespace)).set("reason", reason).into()
}

pub(crate) fn retry_scheduled(failed_attempts: u32, delay: std::time::Duration, last: &DisconnectReason) -> JsValue {
    Fields::default()
        .set("type", "retryScheduled")
        .set("failedAttempts", failed_attempts)
        .set("delay", millis(delay))
        .set("reason", reason(last))
        .into()
}

pub(crate) fn dropped(dropped: &DroppedMessage) -> JsValue {
    Fields::default()
        .set("type", "messageDropped")
        .set("id", dropped.message.as_u64() as f64)
        .set("namespace", name(&dropped.namespace))
        .set("event", &*dropped.event)
        .set("reason", dropped.reason.to_string())
        .into()
}

pub(crate) fn queued(message: &QueuedMessage<'_>, now: Timestamp) -> JsValue {
    Fields::default()
        .set("id", message.message.as_u64() as f64)
        .set("namespace", name(message.namespace))
        .set("event", &**message.event)
        .set_count("bytes", message.bytes)
        .set("expiresIn", millis(message.expires_at.saturating_since(now)))
        .set("awaitsAck", message.awaits_ack)
        .set("delivery", if message.delivery == Delivery::Durable { "durable" } else { "buffered" })
        .set("isAccepted", message.is_accepted)
        .set("isSent", message.is_sent)
        .into()
}

pub(crate) fn stats(stats: &Stats) -> JsValue {
    Fields::default()
        .set("status", stats.status.as_str())
        .set("quality", stats.quality.as_str())
        .set_millis("averageLatency", stats.average_latency)
        .set_millis("smoothedLatency", stats.smoothed_latency)
        .set_millis("p95Latency", stats.p95_latency)
        .set_count("queuedMessages", stats.queued_messages)
        .set_count("queuedBytes", stats.queued_bytes)
        .set_count("keptMessages", stats.kept_messages)
        .set_count("keptBytes", stats.kept_bytes)
        .set_count("durableMessages", stats.durable_messages)
        .set_count("durableBytes", stats.durable_bytes)
        .set_count("rememberedEvents", stats.remembered_events)
        .set_count("pendingAcks", stats.pending_acks)
        .set_count("pendingReplies", stats.pending_replies)
        .set_count("namespaces", stats.namespaces)
        .set_count("joinedNamespaces", stats.joined_namespaces)
        .set_count("unsentBytes", stats.unsent_bytes)
        .set("failedAttempts", stats.failed_attempts)
        .set("counters", counters(stats))
        .into()
}

/// Without names, in the order of the core's: the package has them as well.
fn counters(stats: &Stats) -> Array {
    stats.counters.iter().map(|(_, count)| JsValue::from_f64(count as f64)).collect()
}
