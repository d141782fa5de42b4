use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text_id::text_id;

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
#[derive(Debug, Error)]
#[error("the Engine.IO handshake is not valid: {0}")]
pub struct HandshakeError(#[from] serde_json::Error);

/// The field names and units of the protocol.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(deserialize_with = "sid")]
    sid: String,
    #[serde(default)]
    upgrades: Vec<String>,
    #[serde(deserialize_with = "millis")]
    ping_interval: u64,
    #[serde(deserialize_with = "millis")]
    ping_timeout: u64,
    #[serde(default, deserialize_with = "optional_bytes", skip_serializing_if = "Option::is_none")]
    max_payload: Option<u64>,
}

impl Handshake {
    /// Reads the JSON text of an `open` packet. Fields that the protocol does not know are ignored.
    ///
    /// # Errors
    /// When it is no JSON object, lacks `sid`, `pingInterval` or `pingTimeout`, or has them of
    /// another type, empty, negative, or longer than 256 bytes (`sid`).
    pub fn parse(json: &str) -> Result<Self, HandshakeError> {
        let wire: Wire = serde_json::from_str(json)?;
        Ok(Self {
            sid: Sid::new(wire.sid),
            upgrades: wire.upgrades,
            ping_interval: Duration::from_millis(wire.ping_interval),
            ping_timeout: Duration::from_millis(wire.ping_timeout),
            max_payload: wire.max_payload.unwrap_or(u64::MAX),
        })
    }

    /// The JSON text for an `open` packet. Durations are in whole milliseconds.
    #[must_use]
    pub fn to_json(&self) -> String {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let wire = Wire {
            sid: self.sid.as_str().to_owned(),
            upgrades: self.upgrades.clone(),
            ping_interval: millis(self.ping_interval),
            ping_timeout: millis(self.ping_timeout),
            max_payload: (self.max_payload != u64::MAX).then_some(self.max_payload),
        };
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

fn sid<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let sid = String::deserialize(deserializer)?;
    if sid.is_empty() || sid.len() > 256 || sid.chars().any(char::is_control) {
        return Err(serde::de::Error::custom("sid must have 1 to 256 printable bytes"));
    }
    Ok(sid)
}

/// JSON has one kind of number: a peer may well write `25000.0` or `1e6`.
fn millis<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    whole(f64::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("must be a number, not negative"))
}

fn optional_bytes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<f64>::deserialize(deserializer)? {
        None => Ok(None),
        Some(number) => {
            whole(number).map(Some).ok_or_else(|| serde::de::Error::custom("must be a number, not negative"))
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate, which is meant")]
fn whole(number: f64) -> Option<u64> {
    (number.is_finite() && number >= 0.0).then_some(number as u64)
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
