//! What stands in an outbox file, as bytes.
//!
//! Every record is a frame that can be told from anything else wherever it lies in a file: `NXs`, the version of the
//! format, the length of the body in four bytes, the body's FNV-1a hash in eight, the body. The body begins with the
//! kind. Numbers are little-endian; texts and bytes have their length in four bytes before them.
//!
//! | kind | fields |
//! |---|---|
//! | 1, the owner | server, user |
//! | 2, what is live | number of the commit, next row, 1 if the ranges are exact, then each first and last row |
//! | 3, a message | row, instance, namespace, id, emitted at, expires at, event, JSON of the arguments, attachments |
//! | 4, sent | row, number of the commit, 0 for a stock server or 1 and the generation |
//! | 5, a position | namespace, generation, u, when it was kept, in milliseconds since 1970 |

use bytes::Bytes;
use bytestring::ByteString;

use crate::{
    manager::{MessageKey, StoredMessage},
    socketio::{Namespace, Payload, delivery::Position},
};

/// How a frame begins. The last byte is the version of the format.
pub(super) const MAGIC: [u8; 4] = *b"NXs\x01";
/// Magic, length and hash.
const HEAD: usize = 16;

/// Whose an outbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// Address and path of the server.
    pub(super) server: String,
    pub(super) user: String,
}

/// Which rows a commit left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) commit: u64,
    /// No message has had this row or a later one.
    pub(super) next_row: u64,
    /// Whether every row of the ranges is live.
    pub(super) exact: bool,
    /// First and last row of each.
    pub(super) ranges: Vec<(u64, u64)>,
}

/// A position, and when it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptPosition {
    pub(super) position: Position,
    pub(super) at: u64,
}

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Frame {
    Owner(Owner),
    Live(Live),
    /// Its `sent` is in a frame of its own.
    Message {
        row: u64,
        message: StoredMessage,
    },
    Sent {
        row: u64,
        commit: u64,
        generation: Option<ByteString>,
    },
    Position {
        namespace: Namespace,
        kept: KeptPosition,
    },
}

impl Frame {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer(vec![0; HEAD]);
        match self {
            Self::Owner(owner) => {
                out.byte(1);
                out.bytes(owner.server.as_bytes());
                out.bytes(owner.user.as_bytes());
            }
            Self::Live(live) => {
                out.byte(2);
                out.number(live.commit);
                out.number(live.next_row);
                out.byte(u8::from(live.exact));
                for (first, last) in &live.ranges {
                    out.number(*first);
                    out.number(*last);
                }
            }
            Self::Message { row, message } => {
                out.byte(3);
                out.number(*row);
                out.bytes(message.key.instance.as_bytes());
                out.bytes(message.key.namespace.as_str().as_bytes());
                out.number(message.key.id);
                out.number(message.emitted_at);
                out.number(message.expires_at);
                out.bytes(message.event.as_bytes());
                out.bytes(message.payload.raw_args().as_bytes());
                for attachment in message.payload.attachments() {
                    out.bytes(attachment);
                }
            }
            Self::Sent { row, commit, generation } => {
                out.byte(4);
                out.number(*row);
                out.number(*commit);
                out.byte(u8::from(generation.is_some()));
                out.bytes(generation.as_deref().unwrap_or_default().as_bytes());
            }
            Self::Position { namespace, kept } => {
                out.byte(5);
                out.bytes(namespace.as_str().as_bytes());
                out.bytes(kept.position.generation.as_bytes());
                out.number(kept.position.u);
                out.number(kept.at);
            }
        }
        out.finish()
    }

    /// The frame with which `bytes` begin, and its length.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (magic, rest) = bytes.split_at_checked(MAGIC.len())?;
        let (length, rest) = rest.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let body = rest.get(..length)?;
        if magic != MAGIC || u64::from_le_bytes(*hash) != fnv(body) {
            return None;
        }
        let mut body = Reader(body);
        let frame = body.frame()?;
        body.0.is_empty().then_some((frame, HEAD + length))
    }
}

/// The 64-bit FNV-1a hash: finds damage, not deceit.
pub(super) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    /// What is longer than four bytes can say makes the frame unreadable; the manager's caps are far below.
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.0.extend(bytes);
    }

    fn finish(mut self) -> Vec<u8> {
        if let Some((head, body)) = self.0.split_at_mut_checked(HEAD) {
            let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
            let parts = MAGIC.into_iter().chain(length).chain(fnv(body).to_le_bytes());
            head.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        }
        self.0
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn frame(&mut self) -> Option<Frame> {
        Some(match self.byte()? {
            1 => Frame::Owner(Owner { server: self.text()?.to_owned(), user: self.text()?.to_owned() }),
            2 => {
                let (commit, next_row, exact) = (self.number()?, self.number()?, self.byte()? == 1);
                let mut ranges = Vec::new();
                while !self.0.is_empty() {
                    ranges.push((self.number()?, self.number()?));
                }
                Frame::Live(Live { commit, next_row, exact, ranges })
            }
            3 => Frame::Message { row: self.number()?, message: self.message()? },
            4 => {
                let (row, commit, granted) = (self.number()?, self.number()?, self.byte()? == 1);
                let generation = ByteString::from(self.text()?);
                Frame::Sent { row, commit, generation: granted.then_some(generation) }
            }
            5 => {
                let namespace = self.namespace()?;
                let position = Position { generation: self.text()?.into(), u: self.number()? };
                Frame::Position { namespace, kept: KeptPosition { position, at: self.number()? } }
            }
            _ => return None,
        })
    }

    fn message(&mut self) -> Option<StoredMessage> {
        let key = MessageKey { instance: self.text()?.into(), namespace: self.namespace()?, id: self.number()? };
        let (emitted_at, expires_at) = (self.number()?, self.number()?);
        let event = ByteString::from(self.text()?);
        let args = self.text()?;
        let array = ByteString::from(format!("[{args}]"));
        let mut attachments = Vec::new();
        while !self.0.is_empty() {
            attachments.push(Bytes::copy_from_slice(self.bytes()?));
        }
        let payload = Payload::from_json(array, attachments).ok()?;
        Some(StoredMessage { key, event, payload, emitted_at, expires_at, sent: None })
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (bytes, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn namespace(&mut self) -> Option<Namespace> {
        Namespace::try_new(self.text()?).ok()
    }
}
