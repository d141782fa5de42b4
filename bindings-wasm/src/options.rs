//! The options of the package, as the manager's configuration. The defaults and bounds are the manager's.

use std::time::Duration;

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

/// An option that is a number, and its place. In tables, as code for each would be a tenth of what browsers load.
type Field<T> = (&'static str, fn(&mut Config) -> &mut T);

const DURATIONS: [(&str, &[Field<Duration>]); 6] = [
    ("durable", &[("ttl", |config| &mut config.durable.ttl)]),
    (
        "",
        &[
            ("openTimeout", |config| &mut config.open_timeout),
            ("authenticationTimeout", |config| &mut config.authentication_timeout),
            ("tokenTimeout", |config| &mut config.token_timeout),
            ("attachmentTimeout", |config| &mut config.attachment_timeout),
            ("connectTimeout", |config| &mut config.connect_timeout),
            ("ackTimeout", |config| &mut config.ack_timeout),
            ("backgroundGrace", |config| &mut config.background_grace),
            ("verifyTimeout", |config| &mut config.verify_timeout),
            ("sleepTolerance", |config| &mut config.sleep_tolerance),
        ],
    ),
    (
        "reconnect",
        &[
            ("initialDelay", |config| &mut config.reconnect.initial_delay),
            ("maxDelay", |config| &mut config.reconnect.max_delay),
            ("stableAfter", |config| &mut config.reconnect.stable_after),
            ("maxRetryAfter", |config| &mut config.reconnect.max_retry_after),
        ],
    ),
    (
        "quality",
        &[
            ("excellent", |config| &mut config.quality.excellent),
            ("good", |config| &mut config.quality.good),
            ("fair", |config| &mut config.quality.fair),
        ],
    ),
    ("heartbeat", &[("min", |config| &mut config.heartbeat.min), ("max", |config| &mut config.heartbeat.max)]),
    ("probe", &[("interval", |config| &mut config.probe.interval), ("timeout", |config| &mut config.probe.timeout)]),
];

const SWITCHES: [(&str, &[Field<bool>]); 2] = [
    (
        "",
        &[
            ("rejoinAfterServerDisconnect", |config| &mut config.rejoin_after_server_disconnect),
            ("recovery", |config| &mut config.recovery),
            ("deduplicate", |config| &mut config.deduplicate),
            ("hasStore", |config| &mut config.has_store),
        ],
    ),
    ("probe", &[("byNamespace", |config| &mut config.probe.by_namespace)]),
];

const COUNTS: [(&str, &[Field<usize>]); 4] = [
    (
        "durable",
        &[
            ("maxMessages", |config| &mut config.durable.max_messages),
            ("maxBytes", |config| &mut config.durable.max_bytes),
        ],
    ),
    (
        "queue",
        &[
            ("maxMessages", |config| &mut config.outbox.max_messages),
            ("maxBytes", |config| &mut config.outbox.max_bytes),
        ],
    ),
    ("probe", &[("window", |config| &mut config.probe.window)]),
    (
        "limits",
        &[
            ("namespaces", |config| &mut config.limits.namespaces),
            ("pendingAcks", |config| &mut config.limits.pending_acks),
            ("pendingReplies", |config| &mut config.limits.pending_replies),
            ("earlyEvents", |config| &mut config.limits.early_events),
            ("earlyBytes", |config| &mut config.limits.early_bytes),
            ("rememberedEvents", |config| &mut config.limits.remembered_events),
            ("connectTickets", |config| &mut config.limits.connect_tickets),
            ("frameBytes", |config| &mut config.limits.frame_bytes),
            ("receivedFrameBytes", |config| &mut config.limits.received_frame_bytes),
            ("attachments", |config| &mut config.limits.attachments),
            ("receivedAttachments", |config| &mut config.limits.received_attachments),
            ("receivedPacketBytes", |config| &mut config.limits.received_packet_bytes),
            ("unsentBytes", |config| &mut config.limits.unsent_bytes),
            ("unsentHardBytes", |config| &mut config.limits.unsent_hard_bytes),
        ],
    ),
];

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
    config.background_grace = duration(BACKGROUND_GRACE_MS);
    set(options, &DURATIONS, &mut config, |value| value.as_f64().map(duration));
    // Casts saturate, and the manager clamps.
    set(options, &COUNTS, &mut config, |value| value.as_f64().map(|number| number as usize));
    set(options, &SWITCHES, &mut config, JsValue::as_bool);

    let reconnect = &get(options, "reconnect");
    if let Some(factor) = number(reconnect, "factor") {
        config.reconnect.factor = factor;
    }
    if let Some(jitter) = number(reconnect, "jitter") {
        config.reconnect.jitter = jitter;
    }
    if let Some(attempts) = number(reconnect, "maxAuthAttempts") {
        config.reconnect.max_auth_attempts = attempts as u32;
    }
    // Infinity is how JavaScript says "without end".
    config.reconnect.max_attempts =
        number(reconnect, "maxAttempts").filter(|attempts| attempts.is_finite()).map(|attempts| attempts as u32);

    let queue = &get(options, "queue");
    if let Some(ttl) = number(queue, "ttl") {
        config.outbox.ttl = duration(ttl);
    }
    if get(queue, "overflow").as_string().as_deref() == Some("drop-oldest") {
        config.outbox.overflow = Overflow::DropOldest;
    }
    Ok(config)
}

/// Sets the options of a table that are given. The group without a name is that of the options themselves.
fn set<T>(options: &JsValue, table: &[(&str, &[Field<T>])], config: &mut Config, read: fn(&JsValue) -> Option<T>) {
    for (group, fields) in table {
        let group = if group.is_empty() { options.clone() } else { get(options, group) };
        for (key, field) in *fields {
            if let Some(value) = read(&get(&group, key)) {
                *field(config) = value;
            }
        }
    }
}

/// The text values of a record.
fn entries(record: &JsValue) -> Vec<(String, String)> {
    let Some(record) = record.dyn_ref::<Object>() else { return Vec::new() };
    let keys = Object::keys(record).into_iter().filter_map(|key| key.as_string());
    keys.filter_map(|key| get(record, &key).as_string().map(|value| (key, value))).collect()
}
