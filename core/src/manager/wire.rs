use std::{borrow::Cow, time::Duration};

use bytestring::ByteString;

use super::{command::Token, config::AuthFields, error::ServerError};
use crate::{
    json::{self, push_string},
    socketio::{Namespace, Sid},
};

/// What a stock server says of a namespace that it does not have.
const INVALID_NAMESPACE: &str = "Invalid namespace";
/// The most of a server's message that is kept.
const MESSAGE_LIMIT: usize = 1024;
const SID_LIMIT: usize = 256;

/// A namespace that no server has, unless it has all. Asked for, it is refused at once: a round trip.
pub(super) fn probe_namespace() -> Namespace {
    const NAME: &str = "/nexus~probe";
    Namespace::try_new(NAME).unwrap_or_default()
}

/// The data of a CONNECT.
pub(super) fn auth(token: &Token, user_id: &str, fields: &AuthFields) -> ByteString {
    let mut json = String::with_capacity(64 + token.expose().len() + user_id.len());
    json.push_str("{\"token\":");
    push_string(&mut json, token.expose());
    json.push_str(",\"userId\":");
    push_string(&mut json, user_id);
    for (key, value) in fields.iter() {
        json.push(',');
        push_string(&mut json, key);
        json.push(':');
        json.push_str(value);
    }
    json.push('}');
    json.into()
}

/// The session's id from the data of a CONNECT answer; further keys do no harm.
pub(super) fn connect_answer(data: Option<&str>) -> Option<Sid> {
    let [sid] = json::fields(data?, ["sid"])?;
    let sid = json::string(sid?)?;
    let is_valid = !sid.is_empty() && sid.len() <= SID_LIMIT;
    is_valid.then(|| Sid::new(&*sid))
}

/// The data of a CONNECT_ERROR, which older servers send as a bare string.
pub(super) fn connect_error(data: &str) -> ServerError {
    let (message, details) = match json::fields(data, ["message", "data"]) {
        Some([None | Some("null"), details]) => (None, details),
        // With a message that is none, nothing of it is to be trusted.
        Some([Some(message), details]) => {
            json::string(message).map_or((None, None), |message| (Some(message), details))
        }
        None => (json::string(data), None),
    };
    let details = details.filter(|details| *details != "null");
    let retry_after = details.and_then(|details| {
        let [after] = json::fields(details, ["retryAfterMs"])?;
        json::whole(after?)
    });
    ServerError {
        message: message.map(shortened).unwrap_or_default(),
        retry_after: retry_after.map(Duration::from_millis),
        data: details.map(ByteString::from),
    }
}

/// Whether the refusal is about the namespace and not about the token.
pub(super) fn is_invalid_namespace(error: &ServerError) -> bool {
    error.message == INVALID_NAMESPACE
}

fn shortened(text: Cow<'_, str>) -> String {
    let mut text = text.into_owned();
    text.truncate(text.floor_char_boundary(MESSAGE_LIMIT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_is_pinned() {
        let mut fields = AuthFields::default();
        assert_eq!(auth(&"t".into(), "u", &fields), r#"{"token":"t","userId":"u"}"#);
        fields.insert("device", &serde_json::json!({"type": "desktop"})).unwrap();
        fields.insert("app", "nexus").unwrap();
        assert_eq!(
            auth(&"a\"b".into(), "ü\n", &fields),
            r#"{"token":"a\"b","userId":"ü\n","app":"nexus","device":{"type":"desktop"}}"#
        );
    }

    #[test]
    fn reserved_keys_are_refused() {
        let mut fields = AuthFields::default();
        for key in AuthFields::RESERVED {
            assert!(fields.insert(key, "x").is_err(), "{key}");
        }
        assert_eq!(fields, AuthFields::default());
    }

    #[test]
    fn a_connect_answer_has_an_id() {
        assert_eq!(connect_answer(Some(r#"{"sid":"abc","pid":"x"}"#)), Some(Sid::new("abc")));
        let long = format!(r#"{{"sid":"{}"}}"#, "a".repeat(SID_LIMIT + 1));
        for data in [None, Some("{}"), Some(r#"{"sid":""}"#), Some(r#"{"sid":1}"#), Some(&*long)] {
            assert_eq!(connect_answer(data), None, "{data:?}");
        }
    }

    #[test]
    fn a_refusal_is_read_in_all_its_forms() {
        let error = connect_error(r#"{"message":"rate limited","data":{"retryAfterMs":1500,"code":1}}"#);
        assert_eq!(error.message, "rate limited");
        assert_eq!(error.retry_after, Some(Duration::from_millis(1500)));
        assert_eq!(error.data.as_deref(), Some(r#"{"retryAfterMs":1500,"code":1}"#));
        assert_eq!(connect_error("\"no\"").message, "no");
        for data in ["null", "{}", r#"{"message":null,"data":null}"#, r#"{"message":{}}"#, "[]"] {
            let error = connect_error(data);
            assert_eq!((error.message.as_str(), error.retry_after), ("", None), "{data}");
        }
        let error = connect_error(&format!(r#"{{"message":"{}"}}"#, "ü".repeat(5000)));
        assert!(error.message.len() <= MESSAGE_LIMIT);
    }
}
