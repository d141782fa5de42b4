use std::{
    fmt::{self, Write as _},
    sync::{Arc, LazyLock},
};

use nexus_core::{
    Bytes,
    engineio::{Frame, Packet as EnginePacket},
    socketio::{AckId, Namespace, Packet, Payload, delivery::Offset, encode_event_into},
};
use smallvec::SmallVec;

use crate::websocket::{MAX_SERVER_HEADER, Opcode, write_header};

/// One Engine.IO message, encoded for every transport: a text frame and the binary frames that
/// belong to it.
///
/// The bytes carry their WebSocket headers already, so a broadcast is encoded and framed once and
/// shared by all its receivers: cloning is a reference count. Frames of one message are never
/// separated by frames of another.
#[derive(Clone)]
pub struct Message(Arc<Encoded>);

struct Encoded {
    units: SmallVec<[Unit; 1]>,
    size: usize,
}

/// One frame: `data[start..body]` is its WebSocket header, `data[body..]` what it carries.
struct Unit {
    data: Vec<u8>,
    start: u8,
    opcode: Opcode,
}

impl Unit {
    const BODY: usize = MAX_SERVER_HEADER;

    /// `data` starts with [`Self::BODY`] bytes that the header may overwrite.
    fn new(mut data: Vec<u8>, opcode: Opcode) -> Self {
        let length = data.len().saturating_sub(Self::BODY);
        let start = data.first_chunk_mut().map_or(0, |space| write_header(space, opcode, length));
        Self { data, start, opcode }
    }

    fn binary(bytes: &[u8]) -> Self {
        let mut data = Vec::with_capacity(Self::BODY + bytes.len());
        data.extend_from_slice(&[0; Self::BODY]);
        data.extend_from_slice(bytes);
        Self::new(data, Opcode::Binary)
    }

    fn wire(&self) -> &[u8] {
        self.data.get(usize::from(self.start)..).unwrap_or_default()
    }

    fn body(&self) -> &[u8] {
        self.data.get(Self::BODY..).unwrap_or_default()
    }
}

/// Room for the header, in characters, so that text can be built as a `String`.
const HEADER_SPACE: &str = "          ";
const _: () = assert!(HEADER_SPACE.len() == MAX_SERVER_HEADER, "the space must hold any header");

impl Message {
    /// A message of one frame: text with its Engine.IO packet type, or bytes.
    #[must_use]
    pub fn from_frame(frame: &Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::text(text.len(), |out| out.push_str(text)),
            Frame::Binary(bytes) => Self::new(SmallVec::from_iter([Unit::binary(bytes)])),
        }
    }

    /// What the layer above Engine.IO sends: text gets the packet type `4`, bytes stay as they are.
    #[must_use]
    pub fn from_data(frame: &Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::text(text.len() + 1, |out| {
                out.push(EnginePacket::MESSAGE_PREFIX);
                out.push_str(text);
            }),
            Frame::Binary(_) => Self::from_frame(frame),
        }
    }

    /// A Socket.IO packet.
    #[must_use]
    pub fn from_packet(packet: &Packet) -> Self {
        let size = match packet {
            Packet::Event { namespace, name, payload, .. } => event_size(namespace, name, payload),
            Packet::Ack { namespace, payload, .. } => event_size(namespace, "", payload),
            _ => 64,
        };
        Self::socketio(size, packet.attachments(), |out| packet.encode_into(out))
    }

    /// A Socket.IO event.
    #[must_use]
    pub fn from_event(namespace: &Namespace, id: Option<AckId>, name: &str, payload: &Payload) -> Self {
        let size = event_size(namespace, name, payload);
        Self::socketio(size, payload.attachments(), |out| encode_event_into(out, namespace, id, name, payload))
    }

    /// An event that its offset is to be added to.
    #[must_use]
    pub(crate) fn draft(namespace: &Namespace, name: &str, payload: &Payload) -> EventDraft {
        let size = event_size(namespace, name, payload) + EventDraft::OFFSET_SPACE;
        let text = packet_text(size, |out| encode_event_into(out, namespace, None, name, payload));
        EventDraft { text, attachments: payload.attachments().iter().map(|bytes| Unit::binary(bytes)).collect() }
    }

    fn socketio(size: usize, attachments: &[Bytes], encode: impl FnOnce(&mut String)) -> Self {
        let text = packet_text(size, encode);
        let mut units = SmallVec::with_capacity(1 + attachments.len());
        units.push(Unit::new(text.into_bytes(), Opcode::Text));
        for bytes in attachments {
            units.push(Unit::binary(bytes));
        }
        Self::new(units)
    }

    fn text(size: usize, write: impl FnOnce(&mut String)) -> Self {
        let mut units = SmallVec::new();
        units.push(Self::text_unit(size, write));
        Self::new(units)
    }

    fn text_unit(size: usize, write: impl FnOnce(&mut String)) -> Unit {
        let mut text = String::with_capacity(HEADER_SPACE.len() + size);
        text.push_str(HEADER_SPACE);
        write(&mut text);
        Unit::new(text.into_bytes(), Opcode::Text)
    }

    fn new(units: SmallVec<[Unit; 1]>) -> Self {
        let size = units.iter().map(|unit| unit.wire().len()).sum();
        Self(Arc::new(Encoded { units, size }))
    }

    /// The bytes that it takes on a WebSocket, headers included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// The WebSocket frames, header and payload, in order.
    pub fn wire_units(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.units.iter().map(Unit::wire)
    }

    /// The WebSocket frame number `index`.
    pub(crate) fn wire_unit(&self, index: usize) -> Option<&[u8]> {
        self.0.units.get(index).map(Unit::wire)
    }

    /// The frames as Engine.IO sees them, in order; the bytes are copied.
    pub fn frames(&self) -> impl Iterator<Item = Frame> {
        self.0.units.iter().map(|unit| match unit.opcode {
            Opcode::Text => Frame::from(String::from_utf8_lossy(unit.body()).into_owned()),
            _ => Frame::Binary(Bytes::copy_from_slice(unit.body())),
        })
    }

    /// The heartbeat's ping.
    pub(super) fn ping() -> Self {
        static PING: LazyLock<Message> = LazyLock::new(|| Message::from_frame(&Frame::from("2")));
        PING.clone()
    }

    /// The answer to the upgrade probe.
    pub(super) fn probe_answer() -> Self {
        static ANSWER: LazyLock<Message> = LazyLock::new(|| Message::from_frame(&Frame::from("3probe")));
        ANSWER.clone()
    }
}

/// An event that is encoded but for the end: what its offset is shows only when it is sent, under a lock, where there is no
/// time to encode.
pub(crate) struct EventDraft {
    /// With room for the header in front.
    text: String,
    attachments: SmallVec<[Unit; 1]>,
}

impl EventDraft {
    /// Most offsets are shorter.
    const OFFSET_SPACE: usize = 64;

    /// The event, with its offset as the last argument if it has one.
    pub(crate) fn finish(mut self, offset: Option<&Offset>) -> Message {
        if let Some(offset) = offset {
            // The text ends where the list of arguments does, which begins with the name.
            self.text.pop();
            // Writing to a string cannot fail. No character of an offset needs an escape.
            let _ = write!(self.text, r#","{offset}"]"#);
        }
        let mut units = SmallVec::with_capacity(1 + self.attachments.len());
        units.push(Unit::new(self.text.into_bytes(), Opcode::Text));
        units.extend(self.attachments);
        Message::new(units)
    }
}

/// The text of a packet, with room for the header in front.
fn packet_text(size: usize, encode: impl FnOnce(&mut String)) -> String {
    let mut text = String::with_capacity(HEADER_SPACE.len() + size);
    text.push_str(HEADER_SPACE);
    text.push(EnginePacket::MESSAGE_PREFIX);
    encode(&mut text);
    text
}

/// Room for the text of an event or ack, so that it need not grow: with the packet types, and what
/// the encoder makes room for.
fn event_size(namespace: &Namespace, name: &str, payload: &Payload) -> usize {
    1 + namespace.as_str().len() + name.len() + payload.raw_args().len() + 32
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.frames()).finish()
    }
}
