use std::io::Cursor;

use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// The longest header of an unmasked frame, in bytes.
pub const MAX_SERVER_HEADER: usize = 10;

/// The longest payload of a control frame, in bytes (RFC 6455, 5.5).
pub(super) const MAX_CONTROL_PAYLOAD: usize = 125;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
    /// The close handshake.
    Close,
    /// A ping of the WebSocket layer.
    Ping,
    /// The answer to such a ping.
    Pong,
}

impl Opcode {
    fn code(self) -> OpCode {
        match self {
            Self::Text => OpCode::Data(Data::Text),
            Self::Binary => OpCode::Data(Data::Binary),
            Self::Close => OpCode::Control(Control::Close),
            Self::Ping => OpCode::Control(Control::Ping),
            Self::Pong => OpCode::Control(Control::Pong),
        }
    }
}

/// Why a WebSocket connection ends (RFC 6455, 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// 1000: the session is over.
    Normal,
    /// 1001: the server goes away.
    Away,
    /// 1002: the peer broke the protocol.
    Protocol,
    /// 1007: text that is not UTF-8.
    InvalidData,
    /// 1008: the peer broke a policy of the server.
    Policy,
    /// 1009: a message over the cap.
    TooBig,
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Away => 1001,
            Self::Protocol => 1002,
            Self::InvalidData => 1007,
            Self::Policy => 1008,
            Self::TooBig => 1009,
        }
    }
}

fn header(opcode: Opcode) -> FrameHeader {
    FrameHeader { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode: opcode.code(), mask: None }
}

/// Writes the header of an unmasked final frame so that it **ends** where `space` ends, and returns
/// where it starts.
pub fn write_header(space: &mut [u8; MAX_SERVER_HEADER], opcode: Opcode, length: usize) -> u8 {
    let header = header(opcode);
    let length = length as u64;
    let start = MAX_SERVER_HEADER.saturating_sub(header.len(length));
    let mut target = Cursor::new(space.get_mut(start..).unwrap_or_default());
    let written = header.format(length, &mut target);
    debug_assert!(written.is_ok(), "a header always fits its longest form");
    u8::try_from(start).unwrap_or_default()
}

/// A control frame, ready to be written. The payload is cut to the 125 bytes that one may have.
#[must_use]
pub fn control_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let payload = payload.get(..MAX_CONTROL_PAYLOAD).unwrap_or(payload);
    let mut space = [0; MAX_SERVER_HEADER];
    let start = write_header(&mut space, opcode, payload.len());
    let mut frame = Vec::with_capacity(2 + payload.len());
    frame.extend_from_slice(space.get(usize::from(start)..).unwrap_or_default());
    frame.extend_from_slice(payload);
    frame
}

/// A close frame with `code` and no text.
#[must_use]
pub fn close_frame(code: CloseCode) -> Vec<u8> {
    control_frame(Opcode::Close, &code.code().to_be_bytes())
}

/// The value of `Sec-WebSocket-Accept` for a client's key.
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    tungstenite::handshake::derive_accept_key(key)
}
