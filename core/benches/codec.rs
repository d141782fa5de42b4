//! Encoding and decoding of events, beside a bare `serde_json` parse and write of the same bytes.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench that fails shall stop")]

use divan::{Bencher, black_box, counter::BytesCount};
use nexus_core::{
    ByteString, Bytes,
    engineio::{Frame, Packet as Engine},
    socketio::{Decoder, Limits, Namespace, Packet, Payload, encode_event_into},
};
use serde::{Deserialize, Serialize};

/// Characters of text in the measured events.
const SIZES: [usize; 3] = [100, 2_000, 60_000];

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    id: String,
    #[serde(rename = "receiverId")]
    receiver_id: String,
    lines: Vec<String>,
    timestamp: u64,
}

impl Message {
    fn of(size: usize) -> Self {
        const LINE: &str = "The quick brown fox jumps over \"the lazy dog\"; die Glocke läutet; ";
        Self {
            id: "0190c5f2-7b1e-7c3a-9d4e-5f60718293a4".to_owned(),
            receiver_id: "user-000042".to_owned(),
            lines: vec![LINE.to_owned(); size.div_ceil(LINE.len())],
            timestamp: 1_764_000_000_000,
        }
    }
}

fn main() {
    divan::main();
}

fn namespace() -> Namespace {
    Namespace::try_new("messaging").expect("a valid name")
}

fn payload(size: usize) -> Payload {
    Payload::from_value(&Message::of(size)).expect("a message can be encoded")
}

/// A WebSocket frame with an event.
fn frame(size: usize) -> ByteString {
    let mut text = String::from("4");
    encode_event_into(&mut text, &namespace(), None, "NEW_MESSAGE", &payload(size));
    text.into()
}

/// The JSON array of that frame.
fn json(size: usize) -> String {
    let frame = frame(size);
    let start = frame.find('[').expect("an event has a list of arguments");
    frame[start..].to_owned()
}

fn decode(text: &ByteString) -> Packet {
    let packet = Engine::decode(Frame::Text(text.clone())).expect("a valid packet");
    let Engine::Message(Frame::Text(text)) = packet else { panic!("the frame holds a text message") };
    let mut decoder = Decoder::new(Limits::default());
    decoder.handle_text(&text).expect("a valid event").expect("a complete event")
}

/// From a frame to a packet whose arguments are checked and located, and stay encoded.
#[divan::bench(args = SIZES)]
fn decode_event(bencher: Bencher<'_, '_>, size: usize) {
    let text = frame(size);
    bencher.counter(BytesCount::of_str(&text)).bench(|| decode(black_box(&text)));
}

/// The same, and the argument as a Rust type.
#[divan::bench(args = SIZES)]
fn decode_event_and_argument(bencher: Bencher<'_, '_>, size: usize) {
    let text = frame(size);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let Packet::Event { payload, .. } = decode(black_box(&text)) else { panic!("the packet is an event") };
        payload.arg::<Message>(0).expect("a message")
    });
}

/// The bare parse of the same JSON into the same type.
#[divan::bench(args = SIZES)]
fn serde_json_typed_parse(bencher: Bencher<'_, '_>, size: usize) {
    let text = json(size);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| serde_json::from_str::<(String, Message)>(black_box(&text)).expect("a message"));
}

/// The bare check of the same JSON, keeping nothing.
#[divan::bench(args = SIZES)]
fn serde_json_check(bencher: Bencher<'_, '_>, size: usize) {
    let text = json(size);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| serde_json::from_str::<serde::de::IgnoredAny>(black_box(&text)).expect("valid JSON"));
}

/// The bare parse of the same JSON into a tree.
#[divan::bench(args = SIZES)]
fn serde_json_tree_parse(bencher: Bencher<'_, '_>, size: usize) {
    let text = json(size);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| serde_json::from_str::<serde_json::Value>(black_box(&text)).expect("valid JSON"));
}

/// From a Rust value to a frame.
#[divan::bench(args = SIZES)]
fn encode_event(bencher: Bencher<'_, '_>, size: usize) {
    let (message, namespace) = (Message::of(size), namespace());
    bencher.counter(BytesCount::of_str(&frame(size))).bench(|| {
        let payload = Payload::from_value(black_box(&message)).expect("a message can be encoded");
        let mut text = String::with_capacity(payload.size() + 64);
        text.push('4');
        encode_event_into(&mut text, &namespace, None, "NEW_MESSAGE", &payload);
        text
    });
}

/// From arguments that are encoded already, as in a broadcast or a relay, to a frame.
#[divan::bench(args = SIZES)]
fn encode_event_of_payload(bencher: Bencher<'_, '_>, size: usize) {
    let (payload, namespace) = (payload(size), namespace());
    bencher.counter(BytesCount::of_str(&frame(size))).bench(|| {
        let mut text = String::with_capacity(payload.size() + 64);
        text.push('4');
        encode_event_into(&mut text, &namespace, None, "NEW_MESSAGE", black_box(&payload));
        text
    });
}

/// The bare writing of the same value as JSON.
#[divan::bench(args = SIZES)]
fn serde_json_write(bencher: Bencher<'_, '_>, size: usize) {
    let message = Message::of(size);
    bencher
        .counter(BytesCount::of_str(&json(size)))
        .bench(|| serde_json::to_string(&("NEW_MESSAGE", black_box(&message))).expect("a message can be written"));
}

/// An event with two attachments of 10 KB, in three frames.
#[divan::bench]
fn decode_binary_event(bencher: Bencher<'_, '_>) {
    let text =
        ByteString::from(r#"52-/messaging,["upload",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
    let part = Bytes::from(vec![7; 10_000]);
    bencher.bench(|| {
        let mut decoder = Decoder::new(Limits::default());
        let first = decoder.handle_text(black_box(&text)).expect("a valid header");
        assert!(first.is_none());
        decoder.handle_binary(part.clone()).expect("an expected attachment");
        decoder.handle_binary(part.clone()).expect("an expected attachment")
    });
}
