//! A real-time client that speaks Socket.IO protocol v5 over Engine.IO protocol v4.
//!
//! Everything here but the drivers is sans-IO: it does no IO, reads no clock, draws no randomness
//! of its own, and lets no hash map's order show. The same inputs give the same outputs.
//!
//! Imports point one way: [`time`] <- {[`engineio`], [`socketio`]} <- [`manager`] <- [`client`] <-
//! `driver`. The two protocol modules never import each other.

pub mod client;
#[cfg(any(feature = "native", feature = "web"))]
pub mod driver;
pub mod engineio;
mod escape;
mod json;
pub mod manager;
#[doc(hidden)]
pub mod mutation;
pub mod socketio;
mod sorted;
mod text_id;
pub mod time;

pub use bytes::Bytes;
pub use bytestring::ByteString;
