use thiserror::Error;

/// Bytes that are not an Engine.IO packet or payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Engine.IO: {rule} (at byte {offset})")]
pub struct DecodeError {
    /// The rule of the protocol that the bytes break.
    pub rule: Rule,
    /// Where they break it, counted from the start of the frame or payload.
    pub offset: usize,
}

/// The rules of Engine.IO v4 that bytes can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rule {
    /// A packet has at least its type.
    #[error("a packet starts with its type, but there is nothing")]
    EmptyPacket,
    /// The type is one of `0` to `6`, or `b` inside a payload.
    #[error("the packet type must be one of 0 to 6")]
    UnknownPacketType,
    /// What follows `b` is base64 of the standard alphabet.
    #[error("a binary message inside a payload must be base64")]
    InvalidBase64,
    /// A payload holds at most the configured number of packets.
    #[error("the payload holds more packets than allowed")]
    TooManyPackets,
}

impl Rule {
    pub(super) fn at(self, offset: usize) -> DecodeError {
        DecodeError { rule: self, offset }
    }
}
