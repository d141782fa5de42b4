//! Values of the file, and what goes over the wire for them.

use bytes::Bytes;
use nexus_core::socketio::Payload;
use serde_json::{Value, json};

use crate::failed::Failed;

fn pattern(length: usize) -> Bytes {
    (0..length).map(|i| (31 * i + 7).to_le_bytes()[0]).collect()
}

pub(crate) fn encode(args: &[Value]) -> Result<Payload, Failed> {
    let mut attachments = Vec::new();
    let args: Vec<Value> = args.iter().map(|argument| with_placeholders(argument, &mut attachments)).collect();
    Payload::from_json(json!(args).to_string().into(), attachments).map_err(Failed::text)
}

fn with_placeholders(value: &Value, attachments: &mut Vec<Bytes>) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| with_placeholders(item, attachments)).collect(),
        Value::Object(fields) => match fields.get("$bytes").and_then(Value::as_u64) {
            Some(length) => {
                attachments.push(pattern(usize::try_from(length).unwrap_or_default()));
                json!({"_placeholder": true, "num": attachments.len() - 1})
            }
            None => {
                let fields = fields.iter();
                fields.map(|(name, item)| (name.clone(), with_placeholders(item, attachments))).collect()
            }
        },
        other => other.clone(),
    }
}

/// What came, in the words of the file. Bytes that are not as they should be are equal to nothing there.
pub(crate) fn decode(payload: &Payload) -> Vec<Value> {
    let args: Vec<Value> = serde_json::from_str(&format!("[{}]", payload.raw_args())).unwrap_or_default();
    args.into_iter().map(|argument| with_bytes(argument, payload.attachments())).collect()
}

pub(crate) fn first(payload: &Payload) -> Value {
    decode(payload).into_iter().next().unwrap_or_default()
}

fn with_bytes(value: Value, attachments: &[Bytes]) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| with_bytes(item, attachments)).collect(),
        Value::Object(fields) if fields.get("_placeholder") == Some(&json!(true)) => {
            let number = fields.get("num").and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
            match number.and_then(|number| attachments.get(number)) {
                Some(bytes) if *bytes == pattern(bytes.len()) => json!({"$bytes": bytes.len()}),
                _ => json!({"other bytes": number}),
            }
        }
        Value::Object(fields) => fields.into_iter().map(|(name, item)| (name, with_bytes(item, attachments))).collect(),
        other => other,
    }
}

/// Lists of arguments that a step expects: as they are, or numbered.
pub(crate) fn expected(expect: Option<&Value>, range: Option<(u64, u64)>) -> Result<Vec<Value>, Failed> {
    match (expect, range) {
        (Some(Value::Array(items)), None) => Ok(items.clone()),
        (None, Some((from, to))) => Ok((from..to).map(|n| json!([n])).collect()),
        _ => Err(Failed::text("neither a list nor a range")),
    }
}

pub(crate) fn compare(what: &str, found: &[Value], expected: &[Value]) -> Result<(), Failed> {
    if found == expected {
        return Ok(());
    }
    let differs = found.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let shown = |list: &[Value]| json!(list.iter().skip(differs).take(5).collect::<Vec<_>>()).to_string();
    Err(Failed::text(format!(
        "{what}: {} instead of {}; from number {differs} on {}, not {}",
        found.len(),
        expected.len(),
        shown(found),
        shown(expected)
    )))
}
