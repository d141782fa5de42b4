use std::{
    borrow::Borrow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use bytestring::ByteString;

use super::InvalidNamespace;
use crate::text_id::text_id;

/// The name of a channel that is multiplexed over one connection, as on the wire: with its slash.
///
/// Cloning is cheap. A namespace read from a packet shares the packet's bytes; [`detach`] it before
/// keeping it for long.
///
/// [`detach`]: Namespace::detach
#[derive(Clone)]
pub struct Namespace(ByteString);

impl Namespace {
    /// The most bytes that a name may have, with its slash.
    pub const MAX_LEN: usize = 256;

    /// The namespace `/`, which packets do not name.
    #[must_use]
    pub const fn root() -> Self {
        Self(ByteString::from_static("/"))
    }

    /// The namespace with this name; a slash in front is added where it is missing, and the empty
    /// name is the root.
    ///
    /// # Errors
    /// When the name is longer than [`MAX_LEN`](Self::MAX_LEN) or has a comma or control character.
    pub fn try_new(name: &str) -> Result<Self, InvalidNamespace> {
        if name.is_empty() || name == "/" {
            return Ok(Self::root());
        }
        let name = if name.starts_with('/') { ByteString::from(name) } else { ByteString::from(format!("/{name}")) };
        Self::from_wire(name)
    }

    /// As it stands in a packet, without its comma.
    pub(super) fn from_wire(name: ByteString) -> Result<Self, InvalidNamespace> {
        let valid = name.len() <= Self::MAX_LEN && !name.contains(',') && !name.chars().any(char::is_control);
        if valid { Ok(Self(name)) } else { Err(InvalidNamespace) }
    }

    /// The name with its slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its slash; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.strip_prefix('/').unwrap_or(&self.0)
    }

    /// Whether this is `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The same name with bytes of its own, which keeps no packet alive.
    #[must_use]
    pub fn detach(&self) -> Self {
        if self.is_root() { Self::root() } else { Self(ByteString::from(&*self.0)) }
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::root()
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Namespace {}

impl PartialOrd for Namespace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Namespace {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Namespace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Namespace {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({:?})", self.as_str())
    }
}

text_id! {
    /// A Socket.IO id: the one that a namespace gives in its CONNECT ack. Not the id of the Engine.IO
    /// session: that is [`engineio::Sid`](crate::engineio::Sid).
    Sid, "socketio::Sid"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_with_and_without_slash() {
        for (name, wire) in [("messaging", "/messaging"), ("/messaging", "/messaging"), ("", "/"), ("/", "/")] {
            assert_eq!(Namespace::try_new(name).unwrap().as_str(), wire);
        }
        assert_eq!(Namespace::try_new("a/b").unwrap().name(), "a/b");
        assert!(Namespace::root().is_root());
        assert_eq!(Namespace::root().name(), "");
    }

    #[test]
    fn names_are_bounded() {
        assert!(Namespace::try_new(&"a".repeat(255)).is_ok());
        assert!(Namespace::try_new(&"a".repeat(256)).is_err());
        for name in ["a,b", "a\n", "\u{0}", "\u{9b}x"] {
            assert_eq!(Namespace::try_new(name), Err(InvalidNamespace), "{name:?}");
        }
    }
}
