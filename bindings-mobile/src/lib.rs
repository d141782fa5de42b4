//! The Nexus client for Swift, Kotlin and Python: a UniFFI shell over [`nexus_core::driver`]. It converts and delegates.
//!
//! Applications do not see this interface but the packages that wrap it: `swift/`, `kotlin/` and `python/`. What they
//! rely on:
//! - Nothing here blocks the calling thread for long, but what is said to. Waits are `async`, and each has a timeout
//!   in milliseconds: not every foreign runtime drops the future of a cancelled task. [`Client::close`] ends all of them.
//! - Events are pulled, in batches ([`EventSource::next`]), so that one crossing of the boundary serves many.
//! - Arguments of events are the JSON text of an array, with a placeholder `{"_placeholder":true,"num":0}` for each
//!   attachment, as on the wire (Socket.IO protocol v5, "Sending and receiving data").
//! - Whatever the foreign side throws is an error here. Panics become errors there.
//! - All clients of a process share one runtime of two threads, which sleep when there is nothing to do.

mod client;
mod delivery;
mod error;
mod event;
mod log;
mod notice;
mod options;
mod runtime;
mod source;
mod stats;
mod status;
#[cfg(test)]
mod tests;
mod token;

pub use client::{Client, Emitted, Outgoing, QueuedMessage};
pub use delivery::{DeliveryStatus, DurableMessage};
pub use error::{RealtimeError, ServerSaid};
pub use event::{Event, Payload, Reply};
pub use log::{LogLevel, LogSink, set_log_sink};
pub use notice::{Continuity, DropReason, LeaveReason, Notice};
pub use options::{ClientOptions, Overflow, ReconnectOptions};
pub use runtime::shut_down;
pub use source::{EventSource, NoticeSource, QualitySource, StatusSource};
pub use stats::Stats;
pub use status::{ConnectionStatus, DisconnectReason, Quality, StatusChange};
pub use token::{TokenError, TokenProvider, TokenReason};

uniffi::setup_scaffolding!();
