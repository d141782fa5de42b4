//! The store's requests and answers, as plain objects.

use js_sys::{Array, Uint8Array};
use nexus_core::{
    manager::{
        MessageId, MessageKey, OpenedOutbox, StoreAnswer, StoreChange, StoreError, StoreErrorKind, StoreOperation,
        StoredMessage,
    },
    socketio::{HostArgs, Namespace, delivery::Position},
};
use wasm_bindgen::prelude::*;

use crate::{
    convert,
    object::{Fields, get, number},
};

/// `{type: "open", userId, instance}`, `{type: "commit", changes}` or `{type: "close"}`.
pub(crate) fn operation(operation: &StoreOperation) -> JsValue {
    let fields = Fields::default();
    match operation {
        StoreOperation::Open { user_id, instance } => {
            fields.set("type", "open").set("userId", user_id).set("instance", &**instance)
        }
        StoreOperation::Commit { changes } => {
            fields.set("type", "commit").set("changes", changes.iter().map(change).collect::<Array>())
        }
        _ => fields.set("type", "close"),
    }
    .into()
}

fn change(change: &StoreChange) -> JsValue {
    match change {
        StoreChange::Put(message) => put(message),
        StoreChange::Sent { key, generation } => {
            keyed("sent", key).set("generation", generation.as_deref().map_or(JsValue::NULL, JsValue::from_str))
        }
        StoreChange::Remove { key } => keyed("remove", key),
        StoreChange::Position { namespace, position } => Fields::default()
            .set("type", "position")
            .set("namespace", convert::name(namespace))
            .set("position", position.to_string()),
        _ => Fields::default(),
    }
    .into()
}

fn keyed(kind: &str, key: &MessageKey) -> Fields {
    Fields::default()
        .set("type", kind)
        .set("instance", &*key.instance)
        .set("namespace", convert::name(&key.namespace))
        .set("id", key.id as f64)
}

fn put(message: &StoredMessage) -> Fields {
    let StoredMessage { key, event, payload, emitted_at, expires_at, sent } = message;
    let args = match payload.host().and_then(HostArgs::value::<JsValue>) {
        Some(text) => text.clone(),
        None => JsValue::from_str(payload.raw_args()),
    };
    let fields = keyed("put", key)
        .set("event", &**event)
        .set("args", args)
        .set("emittedAt", *emitted_at as f64)
        .set("expiresAt", *expires_at as f64);
    let fields = match convert::attachments(payload) {
        Some(attachments) => fields.set("attachments", attachments),
        None => fields,
    };
    match sent {
        Some(generation) => fields.set("sent", generation.as_deref().map_or(JsValue::NULL, JsValue::from_str)),
        None => fields,
    }
}

/// Undefined: something was committed. Otherwise `{messages, positions, unreadable}`, the positions as pairs of
/// namespace and text.
pub(crate) fn answer(opened: &JsValue) -> StoreAnswer {
    if opened.is_undefined() {
        return StoreAnswer::Committed;
    }
    let (messages, misshapen) = messages(&get(opened, "messages"));
    let positions = entries(&get(opened, "positions"));
    let positions = positions.filter_map(|pair| {
        let pair = Array::from(&pair);
        let namespace = Namespace::try_new(&pair.get(0).as_string()?).ok()?;
        Some((namespace, Position::parse(&pair.get(1).as_string()?)?))
    });
    let unreadable = number(opened, "unreadable").unwrap_or_default() as u64 + misshapen;
    StoreAnswer::Opened(OpenedOutbox { messages, positions: positions.collect(), unreadable })
}

/// The messages of a list, and how many of it are none.
pub(crate) fn messages(list: &JsValue) -> (Vec<StoredMessage>, u64) {
    let mut misshapen = 0;
    let read = entries(list).filter_map(|each| {
        let message = message(&each);
        misshapen += u64::from(message.is_none());
        message
    });
    (read.collect(), misshapen)
}

/// A message as [`put`] gives it, with the `size` of its arguments in bytes and whether these `mayEndInMarker`.
fn message(value: &JsValue) -> Option<StoredMessage> {
    let text = |key| get(value, key).as_string();
    let count = |key| number(value, key).map(|number| number as u64);
    let key = MessageKey {
        instance: text("instance")?.into(),
        namespace: Namespace::try_new(&text("namespace")?).ok()?,
        id: count("id")?,
    };
    let attachments = get(value, "attachments");
    let attachments: Option<Vec<Uint8Array>> = (!attachments.is_undefined())
        .then(|| entries(&attachments).filter_map(|bytes| bytes.dyn_into().ok()).collect());
    let may_end_in_marker = get(value, "mayEndInMarker").is_truthy();
    let payload = convert::payload(get(value, "args"), count("size")? as usize, attachments, may_end_in_marker).ok()?;
    let sent = get(value, "sent");
    Some(StoredMessage {
        key,
        event: text("event")?.into(),
        payload,
        emitted_at: count("emittedAt")?,
        expires_at: count("expiresAt")?,
        sent: (!sent.is_undefined()).then(|| sent.as_string().map(Into::into)),
    })
}

fn entries(list: &JsValue) -> impl Iterator<Item = JsValue> + use<> {
    Array::from(list).into_iter()
}

/// An error of the store, out of its code.
pub(crate) fn error(code: &str, message: String) -> StoreError {
    let kinds = [StoreErrorKind::Full, StoreErrorKind::Corrupt];
    let kind = kinds.into_iter().find(|kind| kind.code() == code);
    StoreError::new(kind.unwrap_or(StoreErrorKind::Unavailable), message)
}

pub(crate) fn restored(messages: &[MessageId], unreadable: u64) -> JsValue {
    let ids: Array = messages.iter().map(|message| JsValue::from(message.as_u64() as f64)).collect();
    Fields::default().set("type", "restored").set("ids", ids).set("unreadable", unreadable as f64).into()
}

pub(crate) fn failed(error: &StoreError) -> JsValue {
    let fields = Fields::default().set("type", "storeFailed").set("code", error.kind.code());
    fields.set("message", error.message.as_str()).into()
}
