//! WebSocket framing (RFC 6455) over byte slices: no IO, no buffer while a connection is idle.
//!
//! Headers are read and written by `tungstenite`'s frame types; the assembly of messages, its caps
//! and the reading of control frames are here, because a server with many idle connections must
//! not keep a buffer for each.

mod decoder;
mod framing;
mod header;

pub use decoder::{Decoder, Incoming, Limits};
pub use framing::{Framing, Plain};
pub use header::{CloseCode, MAX_SERVER_HEADER, Opcode, accept_key, close_frame, control_frame, write_header};

#[cfg(test)]
mod tests;
