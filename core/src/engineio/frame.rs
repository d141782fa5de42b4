use bytes::Bytes;
use bytestring::ByteString;

/// What a transport carries in one unit: a WebSocket message.
///
/// Cloning is cheap: both forms share their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8 text.
    Text(ByteString),
    /// Bytes.
    Binary(Bytes),
}

impl Frame {
    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&'static str> for Frame {
    fn from(text: &'static str) -> Self {
        Self::Text(ByteString::from_static(text))
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Self::Text(ByteString::from(text))
    }
}

impl From<Bytes> for Frame {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}
