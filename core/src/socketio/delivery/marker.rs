use std::fmt::Write as _;

use bytestring::ByteString;

use super::{MAX_NAME, is_name, number};
use crate::json;

/// What carries no id, and is stripped all the same: it keeps an argument that looks like a marker from being taken for one.
pub const EMPTY_MARKER: &str = r#"{"$m":{}}"#;

/// Which ledger an uplink id counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Kept in memory at both ends.
    Buffered,
    /// Kept on disk at both ends.
    Durable,
}

impl Class {
    /// How many ids, counted from the lowest that is unresolved, may be under way.
    pub const fn window(self) -> u64 {
        match self {
            Self::Buffered => 4096,
            Self::Durable => 256,
        }
    }
}

/// The last argument of an event with an uplink id (`docs/protocol.md`, "Marker").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The event's id.
    pub id: u64,
    /// The lowest id of its class and instance that is unresolved at the client.
    pub lowest: u64,
    /// In which ledger it counts.
    pub class: Class,
    /// The instance that gave the id, if it is another than the one that joined.
    pub instance: Option<ByteString>,
}

/// Whether the JSON text of an argument would be taken for a marker.
pub fn looks_like_marker(argument: &str) -> bool {
    argument.starts_with(r#"{"$m":{"#) && argument.ends_with("}}")
}

impl Marker {
    /// The JSON text.
    pub fn encode(&self) -> String {
        let mut text = format!(r#"{{"$m":{{"id":{},"lo":{}"#, self.id, self.lowest);
        if self.class == Class::Durable {
            text.push_str(r#","d":1"#);
        }
        if let Some(instance) = &self.instance {
            // Writing to a string cannot fail.
            let _ = write!(text, r#","ci":"{instance}""#);
        }
        text.push_str("}}");
        text
    }

    /// What an argument that [looks like one](looks_like_marker) says: `Some(None)` is the empty marker, `None` breaks
    /// the protocol.
    pub fn parse(argument: &str) -> Option<Option<Self>> {
        if argument == EMPTY_MARKER {
            return Some(None);
        }
        let [inner] = json::fields(argument, ["$m"])?;
        let [id, lowest, durable, instance] = json::fields(inner?, ["id", "lo", "d", "ci"])?;
        let class = match durable {
            None => Class::Buffered,
            Some("1") => Class::Durable,
            Some(_) => return None,
        };
        let instance = match instance {
            None => None,
            Some(json) => Some(json::string(json).filter(|name| is_name(name, MAX_NAME))?.as_ref().into()),
        };
        let (id, lowest) = (number(id?)?, number(lowest?)?);
        let within = lowest <= id && id - lowest < class.window();
        within.then_some(Some(Self { id, lowest, class, instance }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(id: u64, lowest: u64, class: Class, instance: Option<&str>) -> Marker {
        Marker { id, lowest, class, instance: instance.map(ByteString::from) }
    }

    #[test]
    fn markers_are_pinned() {
        for (text, expected) in [
            (r#"{"$m":{"id":12,"lo":9}}"#, marker(12, 9, Class::Buffered, None)),
            (r#"{"$m":{"id":5,"lo":5,"d":1}}"#, marker(5, 5, Class::Durable, None)),
            (r#"{"$m":{"id":3,"lo":2,"d":1,"ci":"Qw-_9"}}"#, marker(3, 2, Class::Durable, Some("Qw-_9"))),
        ] {
            assert!(looks_like_marker(text));
            assert_eq!(expected.encode(), text);
            assert_eq!(Marker::parse(text), Some(Some(expected)));
        }
        assert_eq!(Marker::parse(EMPTY_MARKER), Some(None));
    }

    #[test]
    fn markers_out_of_bounds_break_the_protocol() {
        for text in [
            r#"{"$m":{"id":0,"lo":0}}"#,
            r#"{"$m":{"id":1,"lo":2}}"#,
            r#"{"$m":{"id":4097,"lo":1}}"#,
            r#"{"$m":{"id":257,"lo":1,"d":1}}"#,
            r#"{"$m":{"id":9007199254740992,"lo":9007199254740992}}"#,
            r#"{"$m":{"id":1.0,"lo":1}}"#,
            r#"{"$m":{"id":"1","lo":1}}"#,
            r#"{"$m":{"id":1,"id":2,"lo":1}}"#,
            r#"{"$m":{"id":1,"lo":1,"d":2}}"#,
            r#"{"$m":{"id":1,"lo":1,"ci":"a b"}}"#,
            r#"{"$m":{"id":1}}"#,
        ] {
            assert_eq!(Marker::parse(text), None, "{text}");
        }
        assert!(Marker::parse(r#"{"$m":{"id":4096,"lo":1}}"#).is_some());
        assert!(Marker::parse(r#"{"$m":{"id":256,"lo":1,"d":1}}"#).is_some());
    }

    #[test]
    fn only_what_has_the_shape_looks_like_a_marker() {
        for text in [r#"{"$m":1}"#, r#"{"m":{}}"#, r#"{ "$m":{}}"#, r#"[{"$m":{}}]"#, "\"{\\\"$m\\\":{}}\""] {
            assert!(!looks_like_marker(text), "{text}");
        }
    }
}
