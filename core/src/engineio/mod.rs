//! Engine.IO protocol v4: packets, their WebSocket and long-polling forms, the handshake.
//!
//! Engine.IO carries text and binary messages over a WebSocket or over HTTP long-polling, keeps the
//! connection alive with server pings, and can move a session from polling to WebSocket.

mod error;
mod frame;
mod handshake;
mod packet;
pub mod payload;

pub use error::{DecodeError, Rule};
pub use frame::Frame;
pub use handshake::{Handshake, HandshakeError, Sid};
pub use packet::Packet;
