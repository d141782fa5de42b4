use nexus_server::{Bytes, Payload};
use serde_json::{Map, Value, json};

/// The arguments, with bytes by their length and digest, so that they can't be mistaken for JSON that looks like them.
pub fn described(payload: &Payload) -> Vec<Value> {
    let args: Vec<Value> = serde_json::from_str(&format!("[{}]", payload.raw_args())).unwrap_or_default();
    args.into_iter().map(|argument| describe(argument, payload.attachments())).collect()
}

fn describe(value: Value, attachments: &[Bytes]) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| describe(item, attachments)).collect(),
        Value::Object(fields) => match attachment(&fields, attachments) {
            Some(bytes) => json!({"binary": bytes.len(), "fnv1a": fnv1a(bytes)}),
            None => fields.into_iter().map(|(name, item)| (name, describe(item, attachments))).collect(),
        },
        other => other,
    }
}

fn attachment<'a>(fields: &Map<String, Value>, attachments: &'a [Bytes]) -> Option<&'a Bytes> {
    let is_placeholder = fields.get("_placeholder") == Some(&Value::Bool(true));
    let number = fields.get("num")?.as_u64().filter(|_| is_placeholder)?;
    attachments.get(usize::try_from(number).ok()?)
}

fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
