//! Delivery across lost connections (`docs/protocol.md`), as sans-IO machines: they read no clock and do no IO, and the
//! server only gives them locks, sockets and storage.
//!
//! A [`Log`] is what a namespace has sent, for clients that come back. [`Buffered`] and [`Durable`] are what the server
//! remembers of the events of one key (user, namespace, instance), so that each runs once, and a [`Table`] holds the keys
//! of a namespace within a bound. The library drives them for namespaces with
//! [`Namespace::delivery`](crate::Namespace::delivery); whoever drives a [`Session`](crate::session::Session) by hand asks
//! a ledger about each event that comes with a marker:
//!
//! ```
//! use nexus_core::socketio::{Payload, delivery::{Class, Marker}};
//! use nexus_server::delivery::{Buffered, Received};
//!
//! let mut ledger = Buffered::new(1 << 20);
//! let marker = Marker { id: 1, lowest: 1, class: Class::Buffered, instance: None };
//! assert_eq!(ledger.receive(&marker, Some("first packet")), Ok(Received::Run));
//! // The connection is lost, and the client sends the event again: it does not run again.
//! assert_eq!(ledger.receive(&marker, Some("second packet")), Ok(Received::Repeat(None)));
//! // Now the handler acknowledges, and that goes to who asked last.
//! assert_eq!(ledger.acknowledge(1, &Payload::empty()), Some("second packet"));
//! ```

mod audience;
mod buffered;
mod config;
mod durable;
mod hash;
mod log;
mod table;

pub use audience::Audience;
pub use buffered::{Buffered, Jump, Received};
pub use config::RecoveryConfig;
pub use durable::{Arrival, Durable, Reply};
pub use hash::{Hash, hash_event};
pub use log::{Log, NotResumed, Resumed, SessionState};
pub use table::Table;

pub use nexus_core::socketio::delivery::{Offset, Position};

#[cfg(test)]
mod tests;
