//! The options of the package, as the manager's configuration. The defaults and bounds are the manager's.

use js_sys::Object;
use nexus_core::{
    manager::{Config, Overflow},
    socketio::Namespace,
};
use wasm_bindgen::prelude::*;

use crate::{
    errors::{Failure, Kind},
    object::{duration, get, number},
};

/// What a host keeps connected by itself: a page in a hidden tab is to go on getting its events.
const BACKGROUND_GRACE_MS: f64 = 24.0 * 3600.0 * 1000.0;

macro_rules! set {
    ($options:expr, millis: $($key:literal => $slot:expr),* $(,)?) => {
        for (key, slot) in [$(($key, &mut $slot)),*] {
            if let Some(value) = number($options, key) { *slot = duration(value); }
        }
    };
    ($options:expr, count: $($key:literal => $slot:expr),* $(,)?) => {
        // Casts saturate, and the manager clamps.
        for (key, slot) in [$(($key, &mut $slot)),*] {
            if let Some(value) = number($options, key) { *slot = value as _; }
        }
    };
}

pub(crate) fn config(options: &JsValue) -> Result<Config, Failure> {
    let mut config = Config::new(&get(options, "url").as_string().unwrap_or_default())?;
    if let Some(path) = get(options, "path").as_string() {
        config.path = path;
    }
    config.query = entries(&get(options, "query"));
    if let Some(name) = get(options, "primaryNamespace").as_string() {
        config.primary_namespace = Namespace::try_new(&name)
            .map_err(|error| Failure::new(Kind::Config, "INVALID_NAMESPACE", error.to_string()))?;
    }
    for (key, json) in entries(&get(options, "authJson")) {
        config.auth_fields.insert_json(&key, json)?;
    }
    if let Some(rejoin) = get(options, "rejoinAfterServerDisconnect").as_bool() {
        config.rejoin_after_server_disconnect = rejoin;
    }
    config.background_grace = duration(BACKGROUND_GRACE_MS);
    set!(options, millis:
        "openTimeout" => config.open_timeout,
        "authenticationTimeout" => config.authentication_timeout,
        "tokenTimeout" => config.token_timeout,
        "attachmentTimeout" => config.attachment_timeout,
        "connectTimeout" => config.connect_timeout,
        "ackTimeout" => config.ack_timeout,
        "backgroundGrace" => config.background_grace,
        "verifyTimeout" => config.verify_timeout,
        "sleepTolerance" => config.sleep_tolerance,
    );

    let reconnect = &get(options, "reconnect");
    set!(reconnect, millis:
        "initialDelay" => config.reconnect.initial_delay,
        "maxDelay" => config.reconnect.max_delay,
        "stableAfter" => config.reconnect.stable_after,
        "maxRetryAfter" => config.reconnect.max_retry_after,
    );
    set!(reconnect, count:
        "factor" => config.reconnect.factor,
        "jitter" => config.reconnect.jitter,
    );
    set!(reconnect, count: "maxAuthAttempts" => config.reconnect.max_auth_attempts);
    // Infinity is how JavaScript says "without end".
    config.reconnect.max_attempts =
        number(reconnect, "maxAttempts").filter(|attempts| attempts.is_finite()).map(|attempts| attempts as u32);

    let queue = &get(options, "queue");
    set!(queue, count: "maxMessages" => config.outbox.max_messages, "maxBytes" => config.outbox.max_bytes);
    set!(queue, millis: "ttl" => config.outbox.ttl);
    if get(queue, "overflow").as_string().as_deref() == Some("drop-oldest") {
        config.outbox.overflow = Overflow::DropOldest;
    }

    let quality = &get(options, "quality");
    set!(quality, millis:
        "excellent" => config.quality.excellent,
        "good" => config.quality.good,
        "fair" => config.quality.fair,
    );
    let heartbeat = &get(options, "heartbeat");
    set!(heartbeat, millis: "min" => config.heartbeat.min, "max" => config.heartbeat.max);
    let probe = &get(options, "probe");
    set!(probe, millis: "interval" => config.probe.interval, "timeout" => config.probe.timeout);
    set!(probe, count: "window" => config.probe.window);
    if let Some(by_namespace) = get(probe, "byNamespace").as_bool() {
        config.probe.by_namespace = by_namespace;
    }

    let limits = &get(options, "limits");
    set!(limits, count:
        "namespaces" => config.limits.namespaces,
        "pendingAcks" => config.limits.pending_acks,
        "pendingReplies" => config.limits.pending_replies,
        "connectTickets" => config.limits.connect_tickets,
        "frameBytes" => config.limits.frame_bytes,
        "receivedFrameBytes" => config.limits.received_frame_bytes,
        "attachments" => config.limits.attachments,
        "receivedAttachments" => config.limits.received_attachments,
        "receivedPacketBytes" => config.limits.received_packet_bytes,
        "unsentBytes" => config.limits.unsent_bytes,
        "unsentHardBytes" => config.limits.unsent_hard_bytes,
    );
    Ok(config)
}

/// The text values of a record.
fn entries(record: &JsValue) -> Vec<(String, String)> {
    let Some(record) = record.dyn_ref::<Object>() else { return Vec::new() };
    let keys = Object::keys(record).into_iter().filter_map(|key| key.as_string());
    keys.filter_map(|key| get(record, &key).as_string().map(|value| (key, value))).collect()
}
