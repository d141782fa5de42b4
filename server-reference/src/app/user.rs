use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

/// Who a user is: 1 to 128 bytes without control characters. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct UserId(Arc<str>);

/// The text can't be a user's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a user id has 1 to {} bytes and no control characters", UserId::MAX_BYTES)]
pub struct InvalidUserId;

impl UserId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// The id with this text.
    ///
    /// # Errors
    /// When it is empty, too long, or has a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidUserId> {
        let valid = (1..=Self::MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        if valid { Ok(Self(text.into())) } else { Err(InvalidUserId) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The room in which all of the user's sockets are.
    #[must_use]
    pub fn room(&self) -> String {
        format!("user:{}", self.0)
    }

    /// The room of those of the user's sockets that have been sent the inbox: what is appended to it goes there.
    #[must_use]
    pub fn inbox_room(&self) -> String {
        format!("inbox:{}", self.0)
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;

    fn try_from(text: String) -> Result<Self, InvalidUserId> {
        Self::parse(&text)
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_debug().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_bounded_and_printable() {
        assert_eq!(UserId::parse("ada").unwrap().room(), "user:ada");
        assert_eq!(UserId::parse("Зоя 🦊").unwrap().as_str(), "Зоя 🦊");
        for bad in ["", "a\nb", "a\u{0}", "\u{7f}", "\u{85}", &"x".repeat(129)] {
            assert_eq!(UserId::parse(bad), Err(InvalidUserId), "{bad:?}");
        }
    }
}
