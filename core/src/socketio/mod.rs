//! Socket.IO protocol v5: packets, namespaces, acks, binary attachments.
//!
//! A packet is one text frame, followed by one binary frame for each attachment. [`Decoder`] turns
//! frames into [`Packet`]s; the arguments of an event stay encoded in its [`Payload`] until someone
//! asks for a type.

mod attached;
mod decoder;
pub mod delivery;
mod encode;
mod error;
mod host;
mod namespace;
mod packet;
mod payload;

pub use decoder::{Decoder, Limits};
pub use encode::{encode_event_into, encode_event_with_into};
pub use error::{ArgError, DecodeError, EncodeError, InvalidNamespace, Rule};
pub use host::HostArgs;
pub use namespace::{Namespace, Sid};
pub use packet::{AckId, Packet, RESERVED_EVENTS};
pub use payload::Payload;

#[cfg(test)]
mod tests;
