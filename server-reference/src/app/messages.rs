//! Messages between users: what a client may send, and what becomes of it.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::UserId;
use crate::Payload;

/// A message as a client sends it: `receiverId`, `content`, and fields of the application's own, which go along.
#[derive(Debug, Clone)]
pub struct MessageDraft {
    receiver_id: UserId,
    content: String,
    fields: BTreeMap<String, Box<RawValue>>,
}

/// A message as clients get it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Made by the server; in the order of time.
    pub id: String,
    /// The same: what clients recognise repeats by.
    pub unique_id: String,
    /// Who wrote it. Comes from the token, whatever the client says.
    pub sender_id: UserId,
    /// Who it is for.
    pub receiver_id: UserId,
    /// The text.
    pub content: String,
    /// When the server took it, in milliseconds since 1970.
    pub timestamp: u64,
    #[serde(flatten)]
    fields: BTreeMap<String, Box<RawValue>>,
}

/// The acknowledgement of a message.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    ok: bool,
    /// The message's id.
    pub id: String,
    /// As in the message.
    pub unique_id: String,
    /// As in the message.
    pub timestamp: u64,
}

/// Somebody is typing, or no longer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    /// Who shall see it.
    pub receiver_id: UserId,
    /// Whether they are. Default: yes.
    #[serde(default = "yes")]
    pub is_typing: bool,
}

/// A client of a message's receiver has the message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The message's id.
    pub id: MessageId,
    /// Who sent it.
    pub sender_id: UserId,
}

/// A message's id in a client's words: 1 to 64 visible characters of ASCII. That there is such a message is not said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct MessageId(String);

/// Why an event of a client was refused: the acknowledgement, or the data of the event `exception`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    ok: bool,
    /// For programs.
    pub code: RefusalCode,
    /// For people.
    pub message: String,
    /// Not before so many milliseconds it makes sense to try again; not there where it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// What a client can do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusalCode {
    /// The data is not what the event takes: don't send it again.
    InvalidPayload,
    /// The content is too long: shorten it.
    ContentTooLong,
    /// No such event here: don't send it again.
    UnknownEvent,
    /// The server has too much to do, or no room on its disk: try again after `retryAfterMs`.
    StorageBusy,
    /// There were too many: try again after `retryAfterMs`.
    RateLimited,
    /// The server failed: try again later.
    Internal,
}

impl RefusalCode {
    /// The code as clients get it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidPayload => "invalid_payload",
            Self::ContentTooLong => "content_too_long",
            Self::UnknownEvent => "unknown_event",
            Self::StorageBusy => "storage_busy",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
        }
    }
}

impl MessageDraft {
    /// The longest content, in bytes.
    pub const MAX_CONTENT_BYTES: usize = 16 * 1024;
    /// The most fields besides receiver and content.
    pub const MAX_FIELDS: usize = 16;
    /// The most bytes of such fields, as JSON.
    pub const MAX_FIELD_BYTES: usize = 4 * 1024;

    /// The draft in an event's first argument.
    ///
    /// # Errors
    /// When it is none, or breaks a limit.
    pub fn parse(payload: &Payload) -> Result<Self, Refused> {
        let mut fields = object(payload)?;
        let receiver_id = required(&mut fields, "receiverId")?;
        let content: String = required(&mut fields, "content")?;
        if content.len() > Self::MAX_CONTENT_BYTES {
            let message = format!("content has {} bytes, at most {} are taken", content.len(), Self::MAX_CONTENT_BYTES);
            return Err(Refused::new(RefusalCode::ContentTooLong, message));
        }
        if content.is_empty() {
            return Err(Refused::invalid("content is empty"));
        }
        if content.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(Refused::invalid("content has control characters"));
        }
        // The server's own; what a client says about them counts for nothing.
        for name in ["id", "uniqueId", "senderId", "timestamp"] {
            fields.remove(name);
        }
        if fields.len() > Self::MAX_FIELDS {
            return Err(Refused::invalid(&format!("more than {} further fields", Self::MAX_FIELDS)));
        }
        if !fields.keys().all(|name| is_field_name(name)) {
            return Err(Refused::invalid("a field's name is not of 1 to 64 letters, digits, _ and -"));
        }
        if fields.iter().map(|(name, value)| name.len() + value.get().len()).sum::<usize>() > Self::MAX_FIELD_BYTES {
            return Err(Refused::invalid(&format!("further fields of more than {} bytes", Self::MAX_FIELD_BYTES)));
        }
        Ok(Self { receiver_id, content, fields })
    }

    /// The message that this becomes.
    #[must_use]
    pub fn into_message(self, sender_id: UserId, timestamp: u64) -> Message {
        let id = Uuid::now_v7().to_string();
        Message {
            unique_id: id.clone(),
            id,
            sender_id,
            receiver_id: self.receiver_id,
            content: self.content,
            timestamp,
            fields: self.fields,
        }
    }
}

impl Message {
    /// What the sender is told.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        Receipt { ok: true, id: self.id.clone(), unique_id: self.unique_id.clone(), timestamp: self.timestamp }
    }
}

impl Typing {
    /// What an event's first argument says.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(payload: &Payload) -> Result<Self, Refused> {
        if !payload.attachments().is_empty() {
            return Err(Refused::invalid("binary data is not taken here"));
        }
        payload.arg(0).map_err(|_| Refused::invalid("receiverId: text, and isTyping: yes or no, are taken"))
    }
}

impl Delivery {
    /// What an event's first argument says.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(payload: &Payload) -> Result<Self, Refused> {
        let mut fields = object(payload)?;
        Ok(Self { id: required(&mut fields, "id")?, sender_id: required(&mut fields, "senderId")? })
    }
}

impl MessageId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 64;
}

impl TryFrom<String> for MessageId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let valid = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if valid {
            Ok(Self(text))
        } else {
            Err(format!("a message's id has 1 to {} visible characters of ASCII", Self::MAX_BYTES))
        }
    }
}

impl Refused {
    pub(super) fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { ok: false, code, message: message.into(), retry_after_ms: None }
    }

    /// It had no effect, and may be sent again after this time.
    pub(super) fn later(code: RefusalCode, retry_after: Duration) -> Self {
        let retry_after_ms = u64::try_from(retry_after.as_millis()).ok();
        Self { retry_after_ms, ..Self::new(code, "the server could not take it; try again later") }
    }

    fn invalid(message: &str) -> Self {
        Self::new(RefusalCode::InvalidPayload, message)
    }
}

/// The fields of the object that is the first argument, their values still encoded.
fn object(payload: &Payload) -> Result<BTreeMap<String, Box<RawValue>>, Refused> {
    if !payload.attachments().is_empty() {
        return Err(Refused::invalid("binary data is not taken here"));
    }
    let argument = payload.raw_arg(0).ok_or_else(|| Refused::invalid("the event has no data"))?;
    serde_json::from_str(argument).map_err(|_| Refused::invalid("the data is no object"))
}

fn required<T: DeserializeOwned>(fields: &mut BTreeMap<String, Box<RawValue>>, name: &str) -> Result<T, Refused> {
    let value = fields.remove(name).ok_or_else(|| Refused::invalid(&format!("{name} is missing")))?;
    serde_json::from_str(value.get()).map_err(|error| Refused::invalid(&format!("{name}: {}", plain(&error))))
}

/// What is wrong, without the position, which means nothing to a client.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or_else(|| text.clone(), |(what, _)| what.to_owned())
}

fn is_field_name(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    letters && (1..=64).contains(&name.len()) && name != "__proto__"
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn draft(data: &Value) -> Result<MessageDraft, Refused> {
        MessageDraft::parse(&Payload::from_value(data).unwrap())
    }

    #[test]
    fn a_message_keeps_the_applications_fields_and_none_of_the_servers() {
        let sent = json!({
            "receiverId": "bob", "content": "line 1\n\tline 2 🦊", "replyTo": {"id": 7, "quote": [1.0, null]},
            "id": "mine", "uniqueId": "mine", "senderId": "eve", "timestamp": 1,
        });
        let message = draft(&sent).unwrap().into_message(UserId::parse("ada").unwrap(), 1234);
        let got = serde_json::to_value(&message).unwrap();
        let expected = json!({
            "id": message.id, "uniqueId": message.id, "senderId": "ada", "receiverId": "bob",
            "content": "line 1\n\tline 2 🦊", "timestamp": 1234, "replyTo": {"id": 7, "quote": [1.0, null]},
        });
        assert_eq!(got, expected);
        assert_eq!(Payload::from_value(&message).unwrap().arg::<Value>(0).unwrap(), expected);
        assert_eq!(serde_json::to_value(message.receipt()).unwrap()["ok"], json!(true));
    }

    #[test]
    fn ids_are_unique_and_in_order() {
        let ada = UserId::parse("ada").unwrap();
        let draft = draft(&json!({"receiverId": "bob", "content": "x"})).unwrap();
        let ids: Vec<String> = (0..1000).map(|_| draft.clone().into_message(ada.clone(), 0).id).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn drafts_that_break_a_rule_are_refused_with_a_code() {
        let long = "x".repeat(MessageDraft::MAX_CONTENT_BYTES + 1);
        let many: BTreeMap<String, u8> = (0..20).map(|n| (format!("field{n}"), 0)).collect();
        let mut many = serde_json::to_value(many).unwrap();
        many["receiverId"] = json!("bob");
        many["content"] = json!("x");
        let cases = [
            (json!(null), RefusalCode::InvalidPayload),
            (json!("bob"), RefusalCode::InvalidPayload),
            (json!([]), RefusalCode::InvalidPayload),
            (json!({}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "bob"}), RefusalCode::InvalidPayload),
            (json!({"content": "x"}), RefusalCode::InvalidPayload),
            (json!({"receiverId": 7, "content": "x"}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "", "content": "x"}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "b\u{0}b", "content": "x"}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "b".repeat(129), "content": "x"}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "bob", "content": {}}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "bob", "content": ""}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "bob", "content": "a\u{1b}[31m"}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "bob", "content": long}), RefusalCode::ContentTooLong),
            (json!({"receiverId": "bob", "content": "x", "a b": 1}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "bob", "content": "x", "__proto__": {}}), RefusalCode::InvalidPayload),
            (json!({"receiverId": "bob", "content": "x", "more": "y".repeat(5000)}), RefusalCode::InvalidPayload),
            (many, RefusalCode::InvalidPayload),
        ];
        for (data, code) in cases {
            assert_eq!(draft(&data).unwrap_err().code, code, "{data}");
        }
        assert_eq!(MessageDraft::parse(&Payload::empty()).unwrap_err().code, RefusalCode::InvalidPayload);
    }

    #[test]
    fn binary_data_is_refused() {
        let array = r#"[{"receiverId":"bob","content":"x","file":{"_placeholder":true,"num":0}}]"#;
        let payload = Payload::from_json(array.into(), vec![vec![1, 2, 3].into()]).unwrap();
        assert_eq!(MessageDraft::parse(&payload).unwrap_err().code, RefusalCode::InvalidPayload);
        assert_eq!(Typing::parse(&payload).unwrap_err().code, RefusalCode::InvalidPayload);
    }

    #[test]
    fn deliveries_name_a_message_and_its_sender() {
        let parse = |data: &Value| Delivery::parse(&Payload::from_value(data).unwrap());
        let message = MessageDraft::parse(&Payload::from_value(&json!({"receiverId": "bob", "content": "x"})).unwrap());
        let message = message.unwrap().into_message(UserId::parse("ada").unwrap(), 0);
        let delivery = parse(&json!({"id": message.id, "senderId": "ada", "more": 1})).unwrap();
        assert_eq!((json!(delivery.id), delivery.sender_id.as_str()), (json!(message.id), "ada"));
        for bad in [
            json!("id"),
            json!({"id": "x"}),
            json!({"senderId": "ada"}),
            json!({"id": 7, "senderId": "ada"}),
            json!({"id": "", "senderId": "ada"}),
            json!({"id": "a b", "senderId": "ada"}),
            json!({"id": "é", "senderId": "ada"}),
            json!({"id": "x".repeat(65), "senderId": "ada"}),
            json!({"id": "x", "senderId": ""}),
            json!({"id": "x", "senderId": null}),
        ] {
            assert_eq!(parse(&bad).unwrap_err().code, RefusalCode::InvalidPayload, "{bad}");
        }
        assert!(Delivery::parse(&Payload::empty()).is_err());
    }

    #[test]
    fn typing_is_on_unless_said_otherwise() {
        let typing = |data: &Value| Typing::parse(&Payload::from_value(data).unwrap());
        assert!(typing(&json!({"receiverId": "bob"})).unwrap().is_typing);
        assert!(!typing(&json!({"receiverId": "bob", "isTyping": false})).unwrap().is_typing);
        assert!(typing(&json!({"receiverId": "bob", "isTyping": "no"})).is_err());
        assert!(typing(&json!({"receiverId": ""})).is_err());
    }
}
