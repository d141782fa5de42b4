use std::{borrow::Cow, time::Duration};

use bytestring::ByteString;

use super::{command::Token, config::AuthFields, error::ServerError, resume::Resumption};
use crate::{
    json::{self, push_string},
    socketio::{
        Namespace, Sid,
        delivery::{Grant, Request},
    },
};

/// What a stock server says of a namespace that it does not have.
const INVALID_NAMESPACE: &str = "Invalid namespace";
/// The most of a server's message that is kept.
const MESSAGE_LIMIT: usize = 1024;
const SID_LIMIT: usize = 256;

/// What an answer to a CONNECT says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConnectAnswer {
    pub(super) sid: Sid,
    /// Names the session for its recovery.
    pub(super) pid: Option<ByteString>,
    /// What the server grants of what was asked for.
    pub(super) grant: Option<Grant>,
}

/// A namespace that no server has, unless it has all. Asked for, it is refused at once: a round trip.
pub(super) fn probe_namespace() -> Namespace {
    const NAME: &str = "/nexus~probe";
    Namespace::try_new(NAME).unwrap_or_default()
}

/// The data of a CONNECT.
pub(super) fn auth(
    token: &Token,
    user_id: &str,
    fields: &AuthFields,
    resumption: &Resumption,
    request: Option<&Request>,
) -> ByteString {
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
    for (key, value) in [(",\"pid\":", &resumption.pid), (",\"offset\":", &resumption.offset)] {
        if let Some(value) = value {
            json.push_str(key);
            push_string(&mut json, value);
        }
    }
    if let Some(request) = request {
        json.push_str(",\"nx\":");
        json.push_str(&request.encode());
    }
    json.push('}');
    json.into()
}

/// The data of a CONNECT answer; further keys do no harm. The error is the rule that it breaks.
pub(super) fn connect_answer(data: Option<&str>) -> Result<ConnectAnswer, &'static str> {
    const NO_SID: &str = "the answer to CONNECT must have a sid";
    let [sid, pid, nx] = data.and_then(|data| json::fields(data, ["sid", "pid", "nx"])).ok_or(NO_SID)?;
    let sid = sid.and_then(short_id).ok_or(NO_SID)?;
    let grant = match nx {
        Some(nx) => Some(Grant::parse(nx).ok_or("the answer to CONNECT grants what can't be understood")?),
        None => None,
    };
    Ok(ConnectAnswer { sid: Sid::new(&*sid), pid: pid.and_then(short_id).map(|pid| (&*pid).into()), grant })
}

fn short_id(json: &str) -> Option<Cow<'_, str>> {
    json::string(json).filter(|id| !id.is_empty() && id.len() <= SID_LIMIT)
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

/// Whether another token may change the refusal: not if it is one for now, or about the namespace.
pub(super) fn may_be_about_token(error: &ServerError) -> bool {
    error.retry_after.is_none() && !is_invalid_namespace(error)
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
        assert_eq!(auth(&"t".into(), "u", &fields, &Resumption::default(), None), r#"{"token":"t","userId":"u"}"#);
        fields.insert("device", &serde_json::json!({"type": "desktop"})).unwrap();
        fields.insert("app", "nexus").unwrap();
        assert_eq!(
            auth(&"a\"b".into(), "ü\n", &fields, &Resumption::default(), None),
            r#"{"token":"a\"b","userId":"ü\n","app":"nexus","device":{"type":"desktop"}}"#
        );
        let request = Request { instance: "Vb9".into(), position: None };
        assert_eq!(
            auth(&"t".into(), "u", &AuthFields::default(), &Resumption::default(), Some(&request)),
            r#"{"token":"t","userId":"u","nx":{"v":1,"ci":"Vb9"}}"#
        );
    }

    #[test]
    fn a_session_to_resume_stands_before_the_negotiation() {
        let mut fields = AuthFields::default();
        fields.insert("app", "nexus").unwrap();
        let resumption = Resumption { pid: Some("p\"1".into()), offset: Some("e7.42".into()), position: None };
        let request = Request { instance: "Vb9".into(), position: None };
        assert_eq!(
            auth(&"t".into(), "u", &fields, &resumption, Some(&request)),
            r#"{"token":"t","userId":"u","app":"nexus","pid":"p\"1","offset":"e7.42","nx":{"v":1,"ci":"Vb9"}}"#
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
        let answer = connect_answer(Some(r#"{"sid":"abc","pid":"x"}"#)).unwrap();
        assert_eq!(answer, ConnectAnswer { sid: Sid::new("abc"), pid: Some("x".into()), grant: None });
        let long = format!(r#"{{"sid":"{}"}}"#, "a".repeat(SID_LIMIT + 1));
        for data in [None, Some("{}"), Some(r#"{"sid":""}"#), Some(r#"{"sid":1}"#), Some(&*long)] {
            assert!(connect_answer(data).is_err(), "{data:?}");
        }
    }

    #[test]
    fn a_connect_answer_may_grant() {
        let grant = |nx: &str| connect_answer(Some(&format!(r#"{{"sid":"s","nx":{nx}}}"#))).map(|answer| answer.grant);
        let expected = Grant { buffered: Some("G".into()), durable: Some("K".into()), lost: 2 };
        assert_eq!(grant(r#"{"v":1,"b":"G","d":"K","t":2}"#), Ok(Some(expected)));
        for nx in ["null", "1", r#"{"v":2}"#, r#"{"v":1,"b":""}"#] {
            assert!(grant(nx).is_err(), "{nx}");
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
