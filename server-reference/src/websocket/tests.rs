use bytestring::ByteString;
use nexus_core::{Bytes, engineio::Frame};
use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { max_message: 1_000, max_fragments: 8 };
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as a client sends it: first byte as given, masked.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// What a decoder makes of `parts`, read one after another.
fn read(parts: &[&[u8]]) -> Result<Vec<Incoming>, CloseCode> {
    let mut decoder = Decoder::new(Plain);
    let mut incoming = Vec::new();
    for part in parts {
        decoder.read(&mut part.to_vec(), &LIMITS, &mut |one| {
            incoming.push(one);
            true
        })?;
    }
    Ok(incoming)
}

fn text(text: &str) -> Incoming {
    Incoming::Message(Frame::Text(ByteString::from(text)))
}

#[test]
fn headers_are_pinned_and_end_where_the_payload_starts() {
    for (length, wire) in [
        (0, vec![0x81, 0]),
        (125, vec![0x81, 125]),
        (126, vec![0x81, 126, 0, 126]),
        (65_535, vec![0x81, 126, 0xff, 0xff]),
        (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let mut space = [0; MAX_SERVER_HEADER];
        let start = usize::from(write_header(&mut space, Opcode::Text, length));
        assert_eq!(space[start..], wire);
    }
}

#[test]
fn control_frames_are_pinned() {
    assert_eq!(close_frame(CloseCode::TooBig), [0x88, 2, 0x03, 0xf1]);
    assert_eq!(control_frame(Opcode::Pong, b"hi"), [0x8a, 2, b'h', b'i']);
    assert_eq!(control_frame(Opcode::Pong, &[0; 200]).len(), 2 + 125);
}

#[test]
fn accept_key_is_that_of_the_rfc() {
    assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn frames_of_all_kinds_are_read() {
    let bytes = [
        masked(0x81, b"hello"),
        masked(0x82, &[1, 2, 3]),
        masked(0x89, b"p"),
        masked(0x8a, b""),
        masked(0x81, &[b'a'; 300]),
        masked(0x88, &[0x03, 0xe8]),
    ]
    .concat();
    let expected = vec![
        text("hello"),
        Incoming::Message(Frame::Binary(Bytes::from_static(&[1, 2, 3]))),
        Incoming::Ping(Bytes::from_static(b"p")),
        Incoming::Pong,
        text(&"a".repeat(300)),
        Incoming::Close(Some(1000)),
    ];
    assert_eq!(read(&[&bytes]), Ok(expected));
}

#[test]
fn fragments_are_assembled_with_control_frames_between() {
    let bytes = [
        masked(0x01, "gr\u{fc}".as_bytes().split_at(3).0),
        masked(0x89, b""),
        masked(0x00, "gr\u{fc}".as_bytes().split_at(3).1),
        masked(0x80, b"n"),
    ]
    .concat();
    assert_eq!(read(&[&bytes]), Ok(vec![Incoming::Ping(Bytes::new()), text("gr\u{fc}n")]));
}

#[test]
fn broken_frames_close_with_the_code_of_their_rule() {
    let long = vec![b'a'; 1_001];
    let mut unmasked = masked(0x81, b"a");
    unmasked[1] &= 0x7f;
    let table: Vec<(&str, Vec<u8>, CloseCode)> = vec![
        ("rsv1", masked(0xc1, b"a"), CloseCode::Protocol),
        ("rsv2", masked(0xa1, b"a"), CloseCode::Protocol),
        ("rsv3", masked(0x91, b"a"), CloseCode::Protocol),
        ("rsv1, header not complete", vec![0xc1, 0xfe], CloseCode::Protocol),
        ("unmasked", unmasked, CloseCode::Protocol),
        ("unmasked, header not complete", vec![0x81, 126], CloseCode::Protocol),
        ("reserved opcode", masked(0x83, b"a"), CloseCode::Protocol),
        ("reserved control opcode", masked(0x8b, b""), CloseCode::Protocol),
        ("fragmented ping", masked(0x09, b""), CloseCode::Protocol),
        ("long ping", masked(0x89, &[0; 126]), CloseCode::Protocol),
        ("continuation of nothing", masked(0x80, b"a"), CloseCode::Protocol),
        ("text inside a message", [masked(0x01, b"a"), masked(0x81, b"b")].concat(), CloseCode::Protocol),
        ("close of one byte", masked(0x88, &[3]), CloseCode::Protocol),
        ("close code that is reserved", masked(0x88, &1005_u16.to_be_bytes()), CloseCode::Protocol),
        ("close code out of range", masked(0x88, &999_u16.to_be_bytes()), CloseCode::Protocol),
        ("close reason not UTF-8", masked(0x88, &[0x03, 0xe8, 0xff]), CloseCode::InvalidData),
        ("text not UTF-8", masked(0x81, &[0xc3, 0x28]), CloseCode::InvalidData),
        ("text ends in a character", [masked(0x01, &[0xc3]), masked(0x80, b"")].concat(), CloseCode::InvalidData),
        ("oversize", masked(0x81, &long), CloseCode::TooBig),
        ("oversize, only its header", masked(0x81, &long)[..8].to_vec(), CloseCode::TooBig),
        ("length of 2^63", vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], CloseCode::TooBig),
        ("oversize in fragments", [masked(0x02, &[0; 600]), masked(0x80, &[0; 600])].concat(), CloseCode::TooBig),
        ("many fragments", [masked(0x02, b""), masked(0x00, b"").repeat(8)].concat(), CloseCode::TooBig),
    ];
    for (name, bytes, code) in table {
        assert_eq!(read(&[&bytes]), Err(code), "{name}");
    }
}

#[test]
fn what_is_not_taken_is_delivered_next_time() {
    let mut bytes = [masked(0x81, b"a"), masked(0x81, b"b"), masked(0x81, b"c")].concat();
    let mut decoder = Decoder::new(Plain);
    let mut seen = Vec::new();
    let mut input: &mut [u8] = &mut bytes;
    for _ in 0..3 {
        let result = decoder.read(input, &LIMITS, &mut |one| {
            seen.push(one);
            false
        });
        assert_eq!(result, Ok(()));
        input = &mut [];
    }
    assert_eq!(seen, [text("a"), text("b"), text("c")]);
    assert!(!decoder.has_rest());
}

fn message() -> impl Strategy<Value = (Frame, Vec<usize>)> {
    let frame = prop_oneof![
        "\\PC{0,200}".prop_map(|text| Frame::Text(ByteString::from(text))),
        proptest::collection::vec(any::<u8>(), 0..400).prop_map(|bytes| Frame::Binary(Bytes::from(bytes))),
    ];
    (frame, proptest::collection::vec(0usize..400, 0..7))
}

/// The frame as a client sends it, cut into fragments at `cuts`.
fn fragmented(frame: &Frame, cuts: &[usize]) -> Vec<u8> {
    let (opcode, payload) = match frame {
        Frame::Text(text) => (1, text.as_bytes().clone()),
        Frame::Binary(bytes) => (2, bytes.clone()),
    };
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(payload.len())).collect();
    cuts.sort_unstable();
    cuts.push(payload.len());
    let mut wire = Vec::new();
    let mut start = 0;
    for (index, end) in cuts.iter().enumerate() {
        let first = if index == 0 { opcode } else { 0 } | if index + 1 == cuts.len() { 0x80 } else { 0 };
        wire.extend(masked(first, &payload[start..*end]));
        start = *end;
    }
    wire
}

proptest! {
    #[test]
    fn messages_come_out_however_their_bytes_are_cut(
        messages in proptest::collection::vec(message(), 0..6),
        reads in proptest::collection::vec(1usize..300, 1..50),
    ) {
        let wire: Vec<u8> = messages.iter().flat_map(|(frame, cuts)| fragmented(frame, cuts)).collect();
        let expected: Vec<Incoming> = messages.into_iter().map(|(frame, _)| Incoming::Message(frame)).collect();

        let mut parts = Vec::new();
        let mut rest = &*wire;
        let mut sizes = reads.iter().cycle();
        while !rest.is_empty() {
            let (part, tail) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            parts.push(part);
            rest = tail;
        }
        prop_assert_eq!(read(&parts), Ok(expected));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let whole = read(&[&bytes]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        // The code may differ: with few bytes a refusal may be due earlier, for another rule.
        prop_assert_eq!(read(&single).is_err(), whole.is_err());
    }
}
