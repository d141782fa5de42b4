use std::{fmt::Write as _, time::Duration};

use bytestring::ByteString;

use crate::json::{self, push_string};

/// The longest code of a rejection that is kept, in bytes.
const MAX_CODE: usize = 128;

/// The last argument of a durable event's acknowledgement (`docs/protocol.md`, "Durable").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran, and was committed. The arguments before are the handler's acknowledgement.
    Done,
    /// It will never run. The arguments before say more.
    Rejected {
        /// A short stable name for the reason.
        code: ByteString,
    },
    /// It did not run, and is to come again.
    Retry {
        /// At the earliest after this time.
        after: Duration,
        /// A short stable name for the reason: `storage_busy`, `rate_limited`, `waiting`.
        code: ByteString,
    },
    /// Its id is below the lowest that the client itself said was unresolved.
    Stale,
    /// Its id belongs to another payload.
    Reused,
}

impl Outcome {
    /// The JSON text.
    pub fn encode(&self) -> String {
        let mut text = String::from(r#"{"$m":{"#);
        match self {
            Self::Done => text.push_str(r#""ok":1"#),
            Self::Rejected { code } => {
                text.push_str(r#""no":"#);
                push_string(&mut text, code);
            }
            Self::Retry { after, code } => {
                // Writing to a string cannot fail.
                let _ = write!(text, r#""retry":{},"code":"#, after.as_millis());
                push_string(&mut text, code);
            }
            Self::Stale => text.push_str(r#""stale":1"#),
            Self::Reused => text.push_str(r#""reused":1"#),
        }
        text.push_str("}}");
        text
    }

    /// What the JSON text of an acknowledgement's last argument says; `None` breaks the protocol.
    pub fn parse(argument: &str) -> Option<Self> {
        let [inner] = json::fields(argument, ["$m"])?;
        let [ok, no, retry, code, stale, reused] =
            json::fields(inner?, ["ok", "no", "retry", "code", "stale", "reused"])?;
        Some(match (ok, no, retry, stale, reused) {
            (Some("1"), None, None, None, None) => Self::Done,
            (None, Some(code), None, None, None) => Self::Rejected { code: short(code)? },
            (None, None, Some(after), None, None) => Self::Retry {
                after: Duration::from_millis(json::whole(after)?),
                code: code.map_or(Some(ByteString::new()), short)?,
            },
            (None, None, None, Some("1"), None) => Self::Stale,
            (None, None, None, None, Some("1")) => Self::Reused,
            _ => return None,
        })
    }
}

fn short(json: &str) -> Option<ByteString> {
    json::string(json).filter(|code| code.len() <= MAX_CODE).map(|code| code.as_ref().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_pinned() {
        for (text, outcome) in [
            (r#"{"$m":{"ok":1}}"#, Outcome::Done),
            (r#"{"$m":{"no":"forbidden"}}"#, Outcome::Rejected { code: "forbidden".into() }),
            (
                r#"{"$m":{"retry":1500,"code":"storage_busy"}}"#,
                Outcome::Retry { after: Duration::from_millis(1500), code: "storage_busy".into() },
            ),
            (r#"{"$m":{"stale":1}}"#, Outcome::Stale),
            (r#"{"$m":{"reused":1}}"#, Outcome::Reused),
        ] {
            assert_eq!(outcome.encode(), text);
            assert_eq!(Outcome::parse(text), Some(outcome));
        }
    }

    #[test]
    fn anything_else_breaks_the_protocol() {
        for text in [
            "{}",
            "1",
            r#"{"$m":{}}"#,
            r#"{"$m":{"ok":0}}"#,
            r#"{"$m":{"ok":1,"stale":1}}"#,
            r#"{"$m":{"retry":-1}}"#,
            r#"{"$m":{"no":1}}"#,
        ] {
            assert_eq!(Outcome::parse(text), None, "{text}");
        }
        let long = format!(r#"{{"$m":{{"no":"{}"}}}}"#, "a".repeat(MAX_CODE + 1));
        assert_eq!(Outcome::parse(&long), None);
    }
}
