use std::io::Cursor;

use bytestring::ByteString;
use nexus_core::{Bytes, engineio::Frame};
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use super::{CloseCode, Framing, header::MAX_CONTROL_PAYLOAD};

/// Caps on what a peer may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest message, in bytes, over all its fragments.
    pub max_message: usize,
    /// The most frames that a message may come in.
    pub max_fragments: usize,
}

/// What bytes from the peer amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message.
    Message(Frame),
    /// A ping, to be answered by a pong with the same payload.
    Ping(Bytes),
    /// A pong.
    Pong,
    /// The peer closes, with this code if it gave one.
    Close(Option<u16>),
}

/// Assembles the messages of a client from the bytes that a transport reads.
///
/// Bytes go in as slices of any size, from a buffer that may be shared by all connections; only an
/// incomplete frame is kept. After an error, or a close, the decoder takes nothing more.
#[derive(Debug, Default)]
pub struct Decoder<F> {
    framing: F,
    partial: Vec<u8>,
    assembly: Option<Box<Assembly>>,
}

/// The fragments of a message so far.
#[derive(Debug)]
struct Assembly {
    text: bool,
    marked: bool,
    fragments: usize,
    payload: Vec<u8>,
}

impl<F: Framing> Decoder<F> {
    /// A decoder at the start of a connection.
    pub fn new(framing: F) -> Self {
        Self { framing, partial: Vec::new(), assembly: None }
    }

    /// A decoder to which the peer has sent `rest` already; the next call reads it.
    pub fn with_rest(framing: F, rest: Vec<u8>) -> Self {
        Self { framing, partial: rest, assembly: None }
    }

    /// Reads `input` and hands everything complete in it to `deliver`, in order; `deliver` says
    /// whether to go on. What is left when it says no is kept, and read by the next call.
    ///
    /// # Errors
    /// The code to close the connection with.
    pub fn read(
        &mut self,
        input: &mut [u8],
        limits: &Limits,
        deliver: &mut dyn FnMut(Incoming) -> bool,
    ) -> Result<(), CloseCode> {
        if self.partial.is_empty() {
            let used = self.read_frames(input, limits, deliver)?;
            self.partial.extend_from_slice(input.get(used..).unwrap_or_default());
        } else {
            let mut buffer = std::mem::take(&mut self.partial);
            buffer.extend_from_slice(input);
            let used = self.read_frames(&mut buffer, limits, deliver)?;
            // A copy of exactly the rest: the buffer may have grown to the size of a large message.
            self.partial = buffer.get(used..).unwrap_or_default().to_vec();
        }
        Ok(())
    }

    /// Whether bytes are waiting that the last call did not read to their end.
    pub fn has_rest(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Reads whole frames from the start of `input` and returns the number of bytes read.
    fn read_frames(
        &mut self,
        input: &mut [u8],
        limits: &Limits,
        deliver: &mut dyn FnMut(Incoming) -> bool,
    ) -> Result<usize, CloseCode> {
        let mut used = 0;
        while let Some(rest) = input.get_mut(used..).filter(|rest| !rest.is_empty()) {
            let mut cursor = Cursor::new(&*rest);
            let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| CloseCode::Protocol)? else {
                self.check_incomplete(rest)?;
                break;
            };
            let start = usize::try_from(cursor.position()).map_err(|_| CloseCode::Protocol)?;
            let length = self.check_header(&header, length, limits)?;
            let Some(payload) = rest.get_mut(start..start + length) else { break };
            if let Some(mask) = header.mask {
                unmask(payload, mask);
            }
            used += start + length;
            if let Some(incoming) = self.take_frame(&header, payload, limits)?
                && !deliver(incoming)
            {
                break;
            }
        }
        Ok(used)
    }

    /// Refuses what the first two bytes of a header already show, so that a peer which never sends
    /// the rest is not waited for.
    fn check_incomplete(&self, rest: &[u8]) -> Result<(), CloseCode> {
        let Some(&[first, second]) = rest.first_chunk() else { return Ok(()) };
        let reserved = if self.framing.allows_rsv1() { 0x30 } else { 0x70 };
        if first & reserved != 0 || second & 0x80 == 0 {
            return Err(CloseCode::Protocol);
        }
        Ok(())
    }

    fn check_header(&self, header: &FrameHeader, length: u64, limits: &Limits) -> Result<usize, CloseCode> {
        let starts = matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
        if header.rsv2 || header.rsv3 || (header.rsv1 && !(starts && self.framing.allows_rsv1())) {
            return Err(CloseCode::Protocol);
        }
        if header.mask.is_none() {
            return Err(CloseCode::Protocol);
        }
        let so_far = match (header.opcode, &self.assembly) {
            (OpCode::Control(_), _) => {
                if !header.is_final || length > MAX_CONTROL_PAYLOAD as u64 {
                    return Err(CloseCode::Protocol);
                }
                0
            }
            (OpCode::Data(Data::Continue), Some(assembly)) => {
                if assembly.fragments >= limits.max_fragments {
                    return Err(CloseCode::TooBig);
                }
                assembly.payload.len()
            }
            (OpCode::Data(Data::Text | Data::Binary), None) => 0,
            _ => return Err(CloseCode::Protocol),
        };
        let length = usize::try_from(length).map_err(|_| CloseCode::TooBig)?;
        if length > limits.max_message.saturating_sub(so_far) && matches!(header.opcode, OpCode::Data(_)) {
            return Err(CloseCode::TooBig);
        }
        Ok(length)
    }

    fn take_frame(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        limits: &Limits,
    ) -> Result<Option<Incoming>, CloseCode> {
        match header.opcode {
            OpCode::Control(Control::Ping) => Ok(Some(Incoming::Ping(Bytes::copy_from_slice(payload)))),
            OpCode::Control(Control::Pong) => Ok(Some(Incoming::Pong)),
            OpCode::Control(Control::Close) => close(payload).map(Some),
            OpCode::Data(Data::Continue) => {
                let Some(mut assembly) = self.assembly.take() else { return Err(CloseCode::Protocol) };
                assembly.fragments += 1;
                assembly.payload.extend_from_slice(payload);
                if header.is_final {
                    let whole = Bytes::from(assembly.payload);
                    return self.message(whole, assembly.text, assembly.marked, limits).map(Some);
                }
                self.assembly = Some(assembly);
                Ok(None)
            }
            OpCode::Data(kind @ (Data::Text | Data::Binary)) => {
                let text = kind == Data::Text;
                if header.is_final {
                    return self.message(Bytes::copy_from_slice(payload), text, header.rsv1, limits).map(Some);
                }
                self.assembly =
                    Some(Box::new(Assembly { text, marked: header.rsv1, fragments: 1, payload: payload.to_vec() }));
                Ok(None)
            }
            _ => Err(CloseCode::Protocol),
        }
    }

    fn message(&mut self, payload: Bytes, text: bool, marked: bool, limits: &Limits) -> Result<Incoming, CloseCode> {
        let payload = self.framing.unpack(payload, marked, limits.max_message)?;
        Ok(Incoming::Message(if text {
            Frame::Text(ByteString::try_from(payload).map_err(|_| CloseCode::InvalidData)?)
        } else {
            Frame::Binary(payload)
        }))
    }
}

/// Reads the payload of a close frame: nothing, or a code that may stand on the wire and UTF-8.
fn close(payload: &[u8]) -> Result<Incoming, CloseCode> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(Incoming::Close(None)) } else { Err(CloseCode::Protocol) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(CloseCode::Protocol);
    }
    std::str::from_utf8(reason).map_err(|_| CloseCode::InvalidData)?;
    Ok(Incoming::Close(Some(code)))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        if let Some(word) = word.first_chunk_mut() {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}
