use std::fmt;

use bytestring::ByteString;

use super::{MAX_NAME, is_name, number};

/// The longest name of a log's incarnation, in bytes.
const MAX_INCARNATION: usize = 32;

/// A place in a namespace's log, as the last argument of an event says it (`docs/protocol.md`, "Offsets").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Which log: another one after the server's process has ended.
    pub incarnation: ByteString,
    /// The place: of the event, or of the log's end where the event is volatile.
    pub n: u64,
    /// The event is not in the log.
    pub is_volatile: bool,
    /// Where the event is in the user's inbox, if it is.
    pub position: Option<Position>,
}

/// A place in a user's inbox of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which inbox: another one after its storage was lost.
    pub generation: ByteString,
    /// The place.
    pub u: u64,
}

impl Offset {
    /// What the text says, without its quotes. `None` where it is no offset of a Nexus server.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let incarnation = parts.next().filter(|name| is_name(name, MAX_INCARNATION))?;
        let n = parts.next()?;
        let n = if n == "0" { 0 } else { number(n)? };
        let (is_volatile, position) = match parts.next() {
            None => (false, None),
            Some("v") => (true, None),
            Some(position) => (false, Some(Position::parse(position)?)),
        };
        parts.next().is_none().then(|| Self { incarnation: incarnation.into(), n, is_volatile, position })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incarnation, self.n)?;
        match &self.position {
            Some(position) => write!(f, ".{position}"),
            None if self.is_volatile => f.write_str(".v"),
            None => Ok(()),
        }
    }
}

impl Position {
    /// What the text says; `None` where it is no position.
    pub fn parse(text: &str) -> Option<Self> {
        let (generation, u) = text.rsplit_once('-')?;
        let generation = Some(generation).filter(|name| is_name(name, MAX_NAME))?;
        Some(Self { generation: generation.into(), u: number(u)? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.generation, self.u)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_pinned() {
        let position = |generation: &str, u| Some(Position { generation: generation.into(), u });
        for (text, n, is_volatile, position) in [
            ("e7.41", 41, false, None),
            ("e7.42.k-17", 42, false, position("k", 17)),
            ("e7.42.k-a_-9", 42, false, position("k-a_", 9)),
            ("e7.42.v", 42, true, None),
            ("e7.0.v", 0, true, None),
        ] {
            let offset = Offset { incarnation: "e7".into(), n, is_volatile, position };
            assert_eq!(offset.to_string(), text);
            assert_eq!(Offset::parse(text), Some(offset));
        }
    }

    #[test]
    fn what_is_no_offset_is_none() {
        for text in ["", "e", "e.", "e.x", "e.01", "e.-1", "e.1.", "e.1.k", "e.1.k-", "e.1.k-0", "e.1.v.v", "a b.1"] {
            assert_eq!(Offset::parse(text), None, "{text}");
        }
        assert_eq!(Offset::parse(&format!("{}.1", "e".repeat(MAX_INCARNATION + 1))), None);
    }
}
