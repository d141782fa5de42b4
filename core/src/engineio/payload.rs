//! The body of a long-polling request: packets joined by the record separator, binary as base64
//! (protocol v4, "HTTP long-polling").

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use bytes::Bytes;
use bytestring::ByteString;

use super::{DecodeError, Frame, Packet, Rule};

/// What stands between two packets: U+001E.
pub const SEPARATOR: char = '\u{1e}';
/// What stands before the base64 of a binary message.
pub const BINARY_PREFIX: char = 'b';

/// Peers differ in whether they pad.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Builds a payload packet by packet.
#[derive(Debug, Default)]
pub struct Encoder {
    body: String,
    packets: usize,
}

impl Encoder {
    /// An empty payload.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a packet.
    pub fn push(&mut self, packet: &Packet) {
        match packet {
            Packet::Message(Frame::Binary(bytes)) => self.push_binary(bytes),
            Packet::Open(data) | Packet::Ping(data) | Packet::Pong(data) | Packet::Message(Frame::Text(data)) => {
                self.separate();
                self.body.push(packet.kind());
                self.body.push_str(data);
            }
            Packet::Close | Packet::Upgrade | Packet::Noop => {
                self.separate();
                self.body.push(packet.kind());
            }
        }
    }

    /// Appends a packet that is already in its WebSocket form: text with its type, or the bytes of
    /// a binary message.
    pub fn push_frame(&mut self, frame: &Frame) {
        match frame {
            Frame::Text(text) => {
                self.separate();
                self.body.push_str(text);
            }
            Frame::Binary(bytes) => self.push_binary(bytes),
        }
    }

    /// The length that the body would have with `frame` appended, in bytes.
    #[must_use]
    pub fn len_with(&self, frame: &Frame) -> usize {
        let separator = usize::from(self.packets > 0);
        self.body.len()
            + separator
            + match frame {
                Frame::Text(text) => text.len(),
                Frame::Binary(bytes) => 1 + bytes.len().div_ceil(3) * 4,
            }
    }

    /// The number of packets so far.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.packets
    }

    /// The length of the body so far, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Whether no packet was appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// The body.
    #[must_use]
    pub fn finish(self) -> String {
        self.body
    }

    fn push_binary(&mut self, bytes: &[u8]) {
        self.separate();
        self.body.push(BINARY_PREFIX);
        STANDARD.encode_string(bytes, &mut self.body);
    }

    fn separate(&mut self) {
        if self.packets > 0 {
            self.body.push(SEPARATOR);
        }
        self.packets += 1;
    }
}

/// The body that carries `packets`, in order.
pub fn encode<'a>(packets: impl IntoIterator<Item = &'a Packet>) -> String {
    let mut encoder = Encoder::new();
    for packet in packets {
        encoder.push(packet);
    }
    encoder.finish()
}

/// Reads the packets of a body, in order. Text is sliced, not copied; binary is decoded from base64.
///
/// # Errors
/// When a packet is broken, or there are more than `max_packets`; the offset counts from the start
/// of the body. All or nothing: a broken packet refuses those before it too.
pub fn decode(body: &ByteString, max_packets: usize) -> Result<Vec<Packet>, DecodeError> {
    let mut packets = Vec::new();
    let mut offset = 0;
    for part in body.split(SEPARATOR) {
        if packets.len() == max_packets {
            return Err(Rule::TooManyPackets.at(offset));
        }
        packets.push(match part.strip_prefix(BINARY_PREFIX) {
            Some(encoded) => decode_binary(encoded, offset + 1)?,
            None => Packet::decode_text(&body.slice_ref(part), offset)?,
        });
        offset += part.len() + SEPARATOR.len_utf8();
    }
    Ok(packets)
}

fn decode_binary(encoded: &str, offset: usize) -> Result<Packet, DecodeError> {
    use base64::DecodeError as Base64Error;
    match LENIENT.decode(encoded) {
        Ok(bytes) => Ok(Packet::Message(Frame::Binary(Bytes::from(bytes)))),
        Err(Base64Error::InvalidByte(at, _)) => Err(Rule::InvalidBase64.at(offset + at)),
        Err(_) => Err(Rule::InvalidBase64.at(offset + encoded.len())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode_str(body: &str) -> Result<Vec<Packet>, DecodeError> {
        decode(&ByteString::from(body), 16)
    }

    #[test]
    fn wire_form_is_pinned() {
        let packets = [
            Packet::Message(Frame::from("hello")),
            Packet::Ping(ByteString::new()),
            Packet::Message(Frame::from(Bytes::from_static(&[1, 2, 3, 4]))),
        ];
        let body = encode(&packets);
        assert_eq!(body, "4hello\u{1e}2\u{1e}bAQIDBA==");
        assert_eq!(decode_str(&body), Ok(packets.to_vec()));
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        let expected = Ok(vec![Packet::Message(Frame::from(Bytes::from_static(&[1])))]);
        assert_eq!(decode_str("bAQ=="), expected);
        assert_eq!(decode_str("bAQ"), expected);
    }

    #[test]
    fn errors_name_rule_and_byte() {
        assert_eq!(decode_str(""), Err(Rule::EmptyPacket.at(0)));
        assert_eq!(decode_str("4ab\u{1e}"), Err(Rule::EmptyPacket.at(4)));
        assert_eq!(decode_str("4ab\u{1e}\u{1e}4c"), Err(Rule::EmptyPacket.at(4)));
        assert_eq!(decode_str("4ab\u{1e}x"), Err(Rule::UnknownPacketType.at(4)));
        assert_eq!(decode_str("4ab\u{1e}bAQ!="), Err(Rule::InvalidBase64.at(7)));
    }

    #[test]
    fn packets_are_capped_at_the_bound() {
        let body = |n: usize| vec!["2"; n].join("\u{1e}");
        assert_eq!(decode_str(&body(16)).map(|packets| packets.len()), Ok(16));
        assert_eq!(decode_str(&body(17)), Err(Rule::TooManyPackets.at(32)));
        let separators = "\u{1e}".repeat(1_000_000);
        assert_eq!(decode_str(&separators), Err(Rule::EmptyPacket.at(0)));
    }

    #[test]
    fn length_is_known_before_a_frame_is_appended() {
        let mut encoder = Encoder::new();
        for frame in [Frame::from("4abc"), Frame::from(Bytes::from_static(&[0; 5])), Frame::from("2")] {
            let expected = encoder.len_with(&frame);
            encoder.push_frame(&frame);
            assert_eq!(encoder.len(), expected);
        }
    }

    fn packet() -> impl Strategy<Value = Packet> {
        let data = || "[^\u{1e}]{0,20}".prop_map(ByteString::from);
        prop_oneof![
            data().prop_map(Packet::Open),
            Just(Packet::Close),
            data().prop_map(Packet::Ping),
            data().prop_map(Packet::Pong),
            data().prop_map(|text| Packet::Message(Frame::Text(text))),
            proptest::collection::vec(any::<u8>(), 0..40)
                .prop_map(|bytes| Packet::Message(Frame::Binary(bytes.into()))),
            Just(Packet::Upgrade),
            Just(Packet::Noop),
        ]
    }

    proptest! {
        #[test]
        fn payloads_round_trip(packets in proptest::collection::vec(packet(), 1..16)) {
            let body = ByteString::from(encode(&packets));
            prop_assert_eq!(decode(&body, 16), Ok(packets));
        }

        #[test]
        fn any_body_decodes_or_is_refused(body in "[0-9bA=\u{1e}\\PC]{0,60}") {
            let _ = decode(&ByteString::from(body), 8);
        }
    }
}
