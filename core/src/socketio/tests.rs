//! Wire bytes, arguments and limits of the codec as a whole.

use bytes::Bytes;
use bytestring::ByteString;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

fn encode(packet: &Packet) -> String {
    let mut text = String::new();
    packet.encode_into(&mut text);
    text
}

/// Decodes a packet that must be complete with these frames.
fn decode(text: &str, attachments: &[&'static [u8]]) -> Result<Packet, DecodeError> {
    let mut decoder = Decoder::new(Limits::default());
    let mut packet = decoder.handle_text(&ByteString::from(text))?;
    for bytes in attachments {
        assert!(packet.is_none() && decoder.is_pending());
        packet = decoder.handle_binary(Bytes::from_static(bytes))?;
    }
    assert!(!decoder.is_pending());
    Ok(packet.expect("the packet is complete"))
}

fn namespace(name: &str) -> Namespace {
    Namespace::try_new(name).unwrap()
}

fn event(name: &str, id: Option<u64>, event: &'static str, payload: Payload) -> Packet {
    Packet::Event { namespace: namespace(name), id: id.map(AckId), name: ByteString::from_static(event), payload }
}

#[test]
fn wire_form_is_pinned() {
    let text = |text: &'static str| ByteString::from_static(text);
    let args = |json: &str| Payload::try_from(json).unwrap();
    let table = [
        (Packet::Connect { namespace: namespace("/"), data: None }, "0"),
        (Packet::Connect { namespace: namespace("admin"), data: None }, "0/admin,"),
        (Packet::Connect { namespace: namespace("admin"), data: Some(text(r#"{"a":1}"#)) }, r#"0/admin,{"a":1}"#),
        (Packet::Connect { namespace: namespace("/"), data: Some(text(r#"{"sid":"x"}"#)) }, r#"0{"sid":"x"}"#),
        (Packet::Disconnect { namespace: namespace("admin") }, "1/admin,"),
        (Packet::Disconnect { namespace: namespace("/") }, "1"),
        (event("/", None, "foo", Payload::empty()), r#"2["foo"]"#),
        (event("/", None, "foo", args(r#"[1,"é",{}]"#)), r#"2["foo",1,"é",{}]"#),
        (event("admin", Some(12), "foo", args("[null]")), r#"2/admin,12["foo",null]"#),
        (event("/", None, "say \"hi\"\n", Payload::empty()), r#"2["say \"hi\"\n"]"#),
        (Packet::Ack { namespace: namespace("/"), id: AckId(0), payload: Payload::empty() }, "30[]"),
        (Packet::Ack { namespace: namespace("admin"), id: AckId(13), payload: args("[1]") }, "3/admin,13[1]"),
        (Packet::ConnectError { namespace: namespace("/"), data: text(r#"{"message":"no"}"#) }, r#"4{"message":"no"}"#),
        (Packet::ConnectError { namespace: namespace("a"), data: text(r#""no""#) }, r#"4/a,"no""#),
    ];
    for (packet, wire) in table {
        assert_eq!(encode(&packet), wire);
        assert_eq!(decode(wire, &[]), Ok(packet), "{wire}");
    }
}

#[test]
fn attachments_follow_the_text() {
    let payload = Payload::from_args(&(Bytes::from_static(&[1]), "x", [Bytes::from_static(&[2, 3])])).unwrap();
    let wire = r#"52-/admin,7["bin",{"_placeholder":true,"num":0},"x",[{"_placeholder":true,"num":1}]]"#;
    let packet = event("admin", Some(7), "bin", payload);
    assert_eq!(encode(&packet), wire);
    assert_eq!(packet.attachments(), [Bytes::from_static(&[1]), Bytes::from_static(&[2, 3])]);
    assert_eq!(decode(wire, &[&[1], &[2, 3]]), Ok(packet));

    let ack = Packet::Ack {
        namespace: Namespace::root(),
        id: AckId(5),
        payload: Payload::from_bytes(Bytes::from_static(b"z")),
    };
    assert_eq!(encode(&ack), r#"61-5[{"_placeholder":true,"num":0}]"#);
    assert_eq!(decode(&encode(&ack), &[b"z"]), Ok(ack));
}

#[test]
fn forms_of_other_peers_are_read() {
    assert_eq!(decode("1/admin", &[]), Ok(Packet::Disconnect { namespace: namespace("admin") }));
    assert_eq!(decode("0/", &[]), Ok(Packet::Connect { namespace: Namespace::root(), data: None }));
    assert_eq!(decode(r#"50-["a"]"#, &[]), Ok(event("/", None, "a", Payload::empty())));
    assert_eq!(decode(r#"2[7,1]"#, &[]), Ok(event("/", None, "7", Payload::try_from("[1]").unwrap())));
    assert_eq!(decode("2 [ \"a\" , 1 ] ", &[]), Ok(event("/", None, "a", Payload::try_from("[1]").unwrap())));
    assert_eq!(decode(r#"2["\u0061b"]"#, &[]), Ok(event("/", None, "ab", Payload::empty())));
    assert_eq!(decode("4", &[]), Ok(Packet::ConnectError { namespace: Namespace::root(), data: "null".into() }));
}

#[test]
fn errors_name_rule_and_byte() {
    let table = [
        ("", Rule::UnknownPacketType, 0),
        ("7", Rule::UnknownPacketType, 0),
        ("é", Rule::UnknownPacketType, 0),
        ("2", Rule::TruncatedJson, 1),
        ("2{}", Rule::NotAnArray, 1),
        ("2[]", Rule::InvalidEventName, 1),
        ("2[null]", Rule::InvalidEventName, 1),
        ("2[{}]", Rule::InvalidEventName, 1),
        (r#"2["\ud800"]"#, Rule::InvalidEventName, 1),
        (r#"2["connect"]"#, Rule::ReservedEventName, 1),
        (r#"2["disconnecting",1]"#, Rule::ReservedEventName, 1),
        (r#"2["a""#, Rule::TruncatedJson, 5),
        (r#"2["a"],"#, Rule::TrailingData, 6),
        ("2-1[\"a\"]", Rule::NotAnArray, 1),
        ("21.5[\"a\"]", Rule::NotAnArray, 2),
        ("29007199254740992[\"a\"]", Rule::InvalidAckId, 1),
        ("21234567890123456789012[\"a\"]", Rule::InvalidAckId, 1),
        ("3[]", Rule::MissingAckId, 1),
        ("31{}", Rule::NotAnArray, 2),
        ("0[]", Rule::ConnectDataNotObject, 1),
        ("0\"a\"", Rule::ConnectDataNotObject, 1),
        ("0{", Rule::TruncatedJson, 2),
        ("1{}", Rule::DisconnectWithData, 1),
        ("4[]", Rule::InvalidConnectError, 1),
        ("5[\"a\"]", Rule::InvalidAttachmentCount, 1),
        ("5-[\"a\"]", Rule::InvalidAttachmentCount, 1),
        ("51[\"a\"]", Rule::InvalidAttachmentCount, 2),
        ("511-[\"a\"]", Rule::TooManyAttachments, 1),
        ("599999999999999999999999-[\"a\"]", Rule::TooManyAttachments, 1),
        (r#"51-["a",{"_placeholder":true,"num":1}]"#, Rule::PlaceholderOutOfRange, 8),
        ("2/a\u{7}b,[\"a\"]", Rule::InvalidNamespace, 1),
    ];
    for (wire, rule, offset) in table {
        assert_eq!(decode(wire, &[]), Err(rule.at(offset)), "{wire}");
    }
    let long = format!("0/{},", "a".repeat(256));
    assert_eq!(decode(&long, &[]), Err(Rule::InvalidNamespace.at(1)));
    assert_eq!(
        decode("2{}", &[]).unwrap_err().to_string(),
        "Socket.IO: the data of an event or ack must be an array (at byte 1)"
    );
}

#[test]
fn limits_hold_at_the_bound() {
    let limits = Limits { max_attachments: 2, max_args: 2, max_depth: 3, max_packet_bytes: 40 };
    let text = |wire: &str| Decoder::new(limits).handle_text(&ByteString::from(wire)).map(|_| ());
    assert_eq!(text(r#"52-["a"]"#), Ok(()));
    assert_eq!(text(r#"53-["a"]"#), Err(Rule::TooManyAttachments.at(1)));
    assert_eq!(text(r#"2["a",1,2]"#), Ok(()));
    assert_eq!(text(r#"2["a",1,2,3]"#), Err(Rule::TooManyArgs.at(10)));
    assert_eq!(text("31[1,2]"), Ok(()));
    assert_eq!(text("31[1,2,3]"), Err(Rule::TooManyArgs.at(7)));
    assert_eq!(text(r#"2["a",[[]]]"#), Ok(()));
    assert_eq!(text(r#"2["a",[[[]]]]"#), Err(Rule::TooDeep.at(8)));
    assert_eq!(text(&format!("2[\"{}\"]", "a".repeat(35))), Ok(()));
    assert_eq!(text(&format!("2[\"{}\"]", "a".repeat(36))), Err(Rule::PacketTooLarge.at(40)));

    let mut decoder = Decoder::new(limits);
    decoder.handle_text(&ByteString::from_static(r#"52-["a"]"#)).unwrap();
    assert!(decoder.handle_binary(Bytes::from(vec![0; 32])).unwrap().is_none());
    assert_eq!(decoder.handle_binary(Bytes::from_static(&[0])), Err(Rule::PacketTooLarge.at(0)));
}

#[test]
fn attachments_come_only_when_due() {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.handle_binary(Bytes::new()), Err(Rule::AttachmentUnexpected.at(0)));
    decoder.handle_text(&ByteString::from_static(r#"51-["a"]"#)).unwrap();
    assert_eq!(decoder.handle_text(&ByteString::from_static("0")), Err(Rule::AttachmentExpected.at(0)));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Upload {
    name: String,
    parts: Vec<Part>,
    thumbnail: Option<Bytes>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Part {
    Inline(Bytes),
    Range { from: u64, data: Bytes },
    Empty,
}

#[test]
fn bytes_travel_as_attachments_at_any_depth() {
    let upload = Upload {
        name: "cat".to_owned(),
        parts: vec![
            Part::Inline(Bytes::from_static(b"one")),
            Part::Range { from: 3, data: Bytes::from_static(b"two") },
            Part::Empty,
        ],
        thumbnail: Some(Bytes::from_static(b"three")),
    };
    let payload = Payload::from_args(&(&upload, 5)).unwrap();
    assert_eq!(payload.attachments().len(), 3);
    assert_eq!(payload.arg::<Upload>(0).unwrap(), upload);
    assert_eq!(payload.args::<(Upload, u8)>().unwrap(), (upload, 5));
    assert_eq!(payload.arg::<serde_json::Value>(1).unwrap(), 5);
    assert!(payload.arg::<String>(0).is_err());
}

#[test]
fn binary_arguments_are_shared() {
    let bytes = Bytes::from(vec![1, 2, 3]);
    let payload = Payload::from_bytes(bytes.clone());
    assert_eq!(payload.binary(0).unwrap().as_ptr(), bytes.as_ptr());
    assert_eq!(payload.arg::<Bytes>(0).unwrap(), bytes);
    assert_eq!(payload.binary(1), None);
    assert_eq!(Payload::from_value("x").unwrap().binary(0), None);
    // Peers without binary send lists of numbers.
    assert_eq!(Payload::try_from("[[1,2]]").unwrap().arg::<Bytes>(0).unwrap(), Bytes::from_static(&[1, 2]));
}

#[test]
fn arguments_are_read_by_type() {
    let payload = Payload::try_from(r#"["a", {"b": [1, 2]}, 1e400, "\ud800", null]"#).unwrap();
    assert_eq!(payload.len(), 5);
    assert_eq!(payload.arg::<String>(0).unwrap(), "a");
    assert_eq!(payload.raw_arg(1), Some(r#"{"b": [1, 2]}"#));
    assert_eq!(payload.arg::<Option<u8>>(4).unwrap(), None);
    assert!(matches!(payload.arg::<f64>(2), Err(ArgError::Type { index: 2, .. })));
    assert!(matches!(payload.arg::<String>(3), Err(ArgError::Type { index: 3, .. })));
    assert!(matches!(payload.arg::<u8>(5), Err(ArgError::Missing { index: 5, len: 5 })));
    assert!(matches!(payload.args::<(String,)>(), Err(ArgError::Types(_))));
    assert!(Payload::empty().args::<(u8,)>().is_err());
    assert_eq!(Payload::empty().args::<[u8; 0]>().unwrap(), [0_u8; 0]);
    // Deep values are refused when they are asked for, with an error and not a full stack.
    let deep = format!("[{}{}]", "[".repeat(500), "]".repeat(500));
    assert!(Payload::try_from(&*deep).unwrap().arg::<serde_json::Value>(0).is_err());
}

#[test]
fn arguments_must_be_a_list() {
    assert!(matches!(Payload::from_args(&5), Err(EncodeError::NotAList)));
    assert!(matches!(Payload::from_json("{}".into(), vec![]), Err(EncodeError::NotAList)));
    assert!(matches!(Payload::from_json("[".into(), vec![]), Err(EncodeError::Invalid(_))));
    assert_eq!(Payload::from_args(&()).unwrap(), Payload::empty());
    let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(Payload::from_value(&unwritable), Err(EncodeError::Json(_))));
}

#[test]
fn an_event_shares_the_bytes_of_its_frame() {
    let wire = ByteString::from(String::from(r#"2["name",{"a":1}]"#));
    let Ok(Some(Packet::Event { name, payload, .. })) = Decoder::default().handle_text(&wire) else { panic!() };
    assert_eq!(name.as_bytes().as_ptr(), wire.as_bytes()[3..].as_ptr());
    assert_eq!(payload.raw_args().as_ptr(), wire.as_bytes()[9..].as_ptr());
}

fn payload() -> impl Strategy<Value = Payload> {
    let arg = prop_oneof![
        any::<i32>().prop_map(|number| serde_json::json!(number)),
        ".{0,12}".prop_map(|text| serde_json::json!({ "text": text, "list": [null, true] })),
    ];
    proptest::collection::vec(arg, 0..5).prop_map(|args| Payload::from_args(&args).unwrap())
}

fn packet() -> impl Strategy<Value = Packet> {
    let namespace = || "[a-z/é?=]{0,12}".prop_map(|name| namespace(&name));
    let name = ".{0,16}"
        .prop_filter("reserved", |name: &String| !RESERVED_EVENTS.contains(&name.as_str()))
        .prop_map(ByteString::from);
    prop_oneof![
        namespace().prop_map(|namespace| Packet::Connect { namespace, data: Some("{}".into()) }),
        namespace().prop_map(|namespace| Packet::Disconnect { namespace }),
        (namespace(), proptest::option::of(0..=AckId::MAX), name, payload())
            .prop_map(|(namespace, id, name, payload)| Packet::Event { namespace, id: id.map(AckId), name, payload }),
        (namespace(), 0..=AckId::MAX, payload()).prop_map(|(namespace, id, payload)| Packet::Ack {
            namespace,
            id: AckId(id),
            payload
        }),
    ]
}

proptest! {
    #[test]
    fn packets_round_trip(packet in packet()) {
        prop_assert_eq!(decode(&encode(&packet), &[]), Ok(packet));
    }

    #[test]
    fn any_text_decodes_or_is_refused(wire in r#"[0-6]{0,3}[-]?(/[a-z]{0,3},)?[0-9]{0,2}[\[\]{}"a,:0-9\PC]{0,24}"#) {
        let mut decoder = Decoder::default();
        if let Ok(Some(packet)) = decoder.handle_text(&ByteString::from(wire)) {
            prop_assert_eq!(decode(&encode(&packet), &[]), Ok(packet));
        }
    }

    #[test]
    fn any_frames_decode_or_are_refused(frames in proptest::collection::vec(
        prop_oneof![
            r#"[25][0-3]-?\["a"(,\{"_placeholder":true,"num":[0-3]\}){0,3}\]"#.prop_map(Ok),
            proptest::collection::vec(any::<u8>(), 0..4).prop_map(Err),
        ],
        0..8,
    )) {
        let mut decoder = Decoder::default();
        for frame in frames {
            let result = match frame {
                Ok(text) => decoder.handle_text(&ByteString::from(text)),
                Err(bytes) => decoder.handle_binary(Bytes::from(bytes)),
            };
            match result {
                Ok(Some(packet)) => prop_assert!(packet.attachments().len() <= 3 && !decoder.is_pending()),
                Ok(None) => prop_assert!(decoder.is_pending()),
                Err(_) => break,
            }
        }
    }
}
