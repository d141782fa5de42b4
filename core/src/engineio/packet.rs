use bytestring::ByteString;

use super::{DecodeError, Frame, Rule};

/// One Engine.IO packet (protocol v4, "Packet encoding").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// `0`: the server's handshake, as JSON text; see [`Handshake`](super::Handshake).
    Open(ByteString),
    /// `1`: the sender is about to close the transport.
    Close,
    /// `2`: heartbeat from the server, or the upgrade probe (`2probe`) from the client.
    Ping(ByteString),
    /// `3`: the answer to a ping, with the same data.
    Pong(ByteString),
    /// `4`, or a binary frame: a message for the layer above.
    Message(Frame),
    /// `5`: the client has moved to this transport.
    Upgrade,
    /// `6`: nothing; ends a pending poll during an upgrade.
    Noop,
}

impl Packet {
    /// The character that stands before the text of a message.
    pub const MESSAGE_PREFIX: char = '4';

    /// Reads a packet from a WebSocket frame. The data is a slice of the frame: nothing is copied.
    ///
    /// Data behind `close`, `upgrade` and `noop` has no meaning and is dropped.
    ///
    /// # Errors
    /// When the frame is empty text or its first byte is no packet type.
    pub fn decode(frame: Frame) -> Result<Self, DecodeError> {
        match frame {
            Frame::Binary(_) => Ok(Self::Message(frame)),
            Frame::Text(text) => Self::decode_text(&text, 0),
        }
    }

    /// `offset` is where `text` stands in what the error shall count from.
    pub(super) fn decode_text(text: &ByteString, offset: usize) -> Result<Self, DecodeError> {
        let Some(kind) = text.as_bytes().first() else {
            return Err(Rule::EmptyPacket.at(offset));
        };
        if !(b'0'..=b'6').contains(kind) {
            return Err(Rule::UnknownPacketType.at(offset));
        }
        let data = text.slice_ref(text.get(1..).unwrap_or_default());
        Ok(match kind {
            b'0' => Self::Open(data),
            b'1' => Self::Close,
            b'2' => Self::Ping(data),
            b'3' => Self::Pong(data),
            b'4' => Self::Message(Frame::Text(data)),
            b'5' => Self::Upgrade,
            _ => Self::Noop,
        })
    }

    /// The WebSocket frame of this packet. Binary messages share their bytes; text is copied once
    /// behind its type.
    #[must_use]
    pub fn encode(&self) -> Frame {
        match self {
            Self::Message(Frame::Binary(bytes)) => Frame::Binary(bytes.clone()),
            Self::Close => Frame::from("1"),
            Self::Upgrade => Frame::from("5"),
            Self::Noop => Frame::from("6"),
            Self::Ping(data) if data.is_empty() => Frame::from("2"),
            Self::Pong(data) if data.is_empty() => Frame::from("3"),
            Self::Open(data) | Self::Ping(data) | Self::Pong(data) | Self::Message(Frame::Text(data)) => {
                let mut text = String::with_capacity(1 + data.len());
                text.push(self.kind());
                text.push_str(data);
                Frame::from(text)
            }
        }
    }

    /// The character of the packet's type.
    pub(super) fn kind(&self) -> char {
        match self {
            Self::Open(_) => '0',
            Self::Close => '1',
            Self::Ping(_) => '2',
            Self::Pong(_) => '3',
            Self::Message(_) => Self::MESSAGE_PREFIX,
            Self::Upgrade => '5',
            Self::Noop => '6',
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wire_form_is_pinned() {
        let text = |s: &'static str| ByteString::from_static(s);
        let table = [
            (Packet::Open(text("{}")), "0{}"),
            (Packet::Close, "1"),
            (Packet::Ping(text("")), "2"),
            (Packet::Ping(text("probe")), "2probe"),
            (Packet::Pong(text("")), "3"),
            (Packet::Pong(text("probe")), "3probe"),
            (Packet::Message(Frame::from("hello")), "4hello"),
            (Packet::Upgrade, "5"),
            (Packet::Noop, "6"),
        ];
        for (packet, wire) in table {
            assert_eq!(packet.encode(), Frame::from(wire));
            assert_eq!(Packet::decode(Frame::from(wire)), Ok(packet));
        }
        let binary = Frame::from(Bytes::from_static(&[1, 2, 3]));
        assert_eq!(Packet::decode(binary.clone()), Ok(Packet::Message(binary.clone())));
        assert_eq!(Packet::Message(binary.clone()).encode(), binary);
    }

    #[test]
    fn bad_frames_name_rule_and_byte() {
        assert_eq!(Packet::decode(Frame::from("")), Err(Rule::EmptyPacket.at(0)));
        for wire in ["7", "abc", "-", "b", "\u{e9}"] {
            assert_eq!(Packet::decode(Frame::from(wire)), Err(Rule::UnknownPacketType.at(0)), "{wire}");
        }
        assert_eq!(
            Rule::UnknownPacketType.at(0).to_string(),
            "Engine.IO: the packet type must be one of 0 to 6 (at byte 0)"
        );
    }

    #[test]
    fn decoding_shares_the_frame() {
        let wire = ByteString::from(String::from("4hello"));
        let Ok(Packet::Message(Frame::Text(data))) = Packet::decode(Frame::Text(wire.clone())) else { panic!() };
        assert_eq!(data.as_bytes().as_ptr(), wire.as_bytes()[1..].as_ptr());
    }

    proptest! {
        #[test]
        fn any_text_decodes_or_is_refused(wire in "\\PC*") {
            if let Ok(packet) = Packet::decode(Frame::from(wire)) {
                prop_assert_eq!(Packet::decode(packet.encode()), Ok(packet));
            }
        }
    }
}
