use std::{fmt::Write as _, time::Duration};

use thiserror::Error;

use crate::{json, text_id::text_id};

text_id! {
    /// An Engine.IO session id. Not the id that a namespace gives: that is
    /// [`socketio::Sid`](crate::socketio::Sid).
    Sid, "engineio::Sid"
}

/// What the server says in its `open` packet (protocol v4, "Handshake").
///
/// The values are the peer's: a client clamps them before it builds timers on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The session's id; never empty.
    pub sid: Sid,
    /// Transports that the session can move to.
    pub upgrades: Vec<String>,
    /// How often the server pings.
    pub ping_interval: Duration,
    /// How long the server waits for a pong.
    pub ping_timeout: Duration,
    /// The most bytes that the server takes in one frame or polling body; `u64::MAX` where it says
    /// nothing.
    pub max_payload: u64,
}

/// Why an `open` packet is no handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The text is not JSON, or another value, or has a field twice.
    #[error("the Engine.IO handshake is not a JSON object")]
    NotAnObject,
    /// The id of the session is missing, or not of 1 to 256 printable bytes.
    #[error("the Engine.IO handshake has no valid sid")]
    Sid,
    /// The transports are no list of names.
    #[error("the Engine.IO handshake has no valid upgrades")]
    Upgrades,
    /// A time is missing, or is no number, or negative.
    #[error("the Engine.IO handshake has no valid pingInterval and pingTimeout")]
    Heartbeat,
    /// The size is no number, or negative.
    #[error("the Engine.IO handshake has no valid maxPayload")]
    MaxPayload,
}

const FIELDS: [&str; 5] = ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"];
const SID_LIMIT: usize = 256;

impl Handshake {
    /// Reads the JSON text of an `open` packet. Fields that the protocol does not know are ignored.
    ///
    /// # Errors
    /// When it is no JSON object, lacks `sid`, `pingInterval` or `pingTimeout`, or has them of
    /// another type, empty, negative, or longer than 256 bytes (`sid`).
    pub fn parse(json: &str) -> Result<Self, HandshakeError> {
        let fields = json::fields(json, FIELDS).ok_or(HandshakeError::NotAnObject)?;
        let [sid, upgrades, ping_interval, ping_timeout, max_payload] = fields;
        let millis = |value: Option<&str>| {
            value.and_then(json::whole).map(Duration::from_millis).ok_or(HandshakeError::Heartbeat)
        };
        Ok(Self {
            sid: sid.and_then(valid_sid).ok_or(HandshakeError::Sid)?,
            upgrades: upgrades.map_or(Some(Vec::new()), names).ok_or(HandshakeError::Upgrades)?,
            ping_interval: millis(ping_interval)?,
            ping_timeout: millis(ping_timeout)?,
            max_payload: match max_payload {
                None | Some("null") => u64::MAX,
                Some(value) => json::whole(value).ok_or(HandshakeError::MaxPayload)?,
            },
        })
    }

    /// The JSON text for an `open` packet. Durations are in whole milliseconds.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\"sid\":");
        json::push_string(&mut json, self.sid.as_str());
        json.push_str(",\"upgrades\":[");
        for (index, name) in self.upgrades.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            json::push_string(&mut json, name);
        }
        let (interval, timeout) = (self.ping_interval.as_millis(), self.ping_timeout.as_millis());
        // Writing to a string cannot fail.
        let _ = write!(json, "],\"pingInterval\":{interval},\"pingTimeout\":{timeout}");
        if self.max_payload != u64::MAX {
            let _ = write!(json, ",\"maxPayload\":{}", self.max_payload);
        }
        json.push('}');
        json
    }
}

fn valid_sid(value: &str) -> Option<Sid> {
    let sid = json::string(value)?;
    let is_valid = !sid.is_empty() && sid.len() <= SID_LIMIT && !sid.chars().any(char::is_control);
    is_valid.then(|| Sid::new(&*sid))
}

fn names(value: &str) -> Option<Vec<String>> {
    json::elements(value)?.map(|name| json::string(name).map(Into::into)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wire_form_is_pinned() {
        let handshake = Handshake {
            sid: Sid::new("lv_VI97HAXpY6yYWAAAC"),
            upgrades: vec!["websocket".to_owned()],
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: 1_000_000,
        };
        let wire = r#"{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        assert_eq!(handshake.to_json(), wire);
        assert_eq!(Handshake::parse(wire).unwrap(), handshake);
    }

    #[test]
    fn unknown_fields_and_missing_options_are_taken() {
        let handshake = Handshake::parse(r#"{"sid":"a","pingInterval":1e3,"pingTimeout":0,"more":[]}"#).unwrap();
        assert_eq!(handshake.ping_interval, Duration::from_secs(1));
        assert_eq!(handshake.max_payload, u64::MAX);
        assert!(handshake.upgrades.is_empty());
    }

    #[test]
    fn broken_handshakes_are_refused() {
        for wire in [
            "",
            "[]",
            "{}",
            r#"{"sid":"","pingInterval":1,"pingTimeout":1}"#,
            r#"{"sid":1,"pingInterval":1,"pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":-1,"pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":"1","pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":1e400,"pingTimeout":1}"#,
            r#"{"sid":"a\n","pingInterval":1,"pingTimeout":1}"#,
        ] {
            assert!(Handshake::parse(wire).is_err(), "{wire}");
        }
        let huge = Handshake::parse(r#"{"sid":"a","pingInterval":1e300,"pingTimeout":1,"maxPayload":1e300}"#).unwrap();
        assert_eq!(huge.ping_interval, Duration::from_millis(u64::MAX));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(
            json in r#"\{"sid":"[a-z\PC]{0,4}",("upgrades":\[("websocket")?\],)?"pingInterval":[-0-9.e]{0,5},"pingTimeout":[0-9]{1,25}\}|\PC{0,20}"#
        ) {
            if let Ok(handshake) = Handshake::parse(&json) {
                prop_assert!(!handshake.sid.as_str().is_empty());
                prop_assert!(Handshake::parse(&handshake.to_json()).is_ok());
            }
        }
    }
}
