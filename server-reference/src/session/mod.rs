//! The server's side of one Engine.IO connection as a sans-IO state machine.
//!
//! A [`Session`] does no IO, reads no clock and runs no application code. A driver tells it what
//! happened (`handle_*`, with the time), and carries out what it says:
//!
//! 1. Call one `handle_*` method or command.
//! 2. Take [`Session::poll_output`] until it is empty, and carry each output out, in order.
//! 3. On a WebSocket, take [`Session::poll_transmit`] and write; report written bytes with
//!    [`Session::handle_transmitted`]. On long-polling, take [`Session::poll_reply`] and answer the
//!    pending GET with it.
//! 4. Call [`Session::handle_timeout`] when the time of [`Session::poll_timeout`] has come.
//!
//! The whole loop, with a client that joins the root namespace:
//!
//! ```
//! use nexus_core::{engineio::{Frame, Sid as EngineSid}, socketio::Sid, time::Timestamp};
//! use nexus_server::{Config, session::{Output, Session}};
//!
//! let now = Timestamp::ZERO;
//! let mut session = Session::new(now, Config::default().session(), true);
//! let mut written = vec![session.open_packet(EngineSid::new("e1"))];
//!
//! session.handle_frame(now, Frame::from("40"));
//! while let Some(output) = session.poll_output() {
//!     match output {
//!         Output::Connect { slot, .. } => {
//!             if session.begin_accept(slot) {
//!                 session.accept(now, slot, &Sid::new("s1"));
//!             }
//!         }
//!         Output::Closed(reason) => panic!("{reason}"),
//!         _ => {}
//!     }
//! }
//! while let Some(message) = session.poll_transmit() {
//!     written.extend(message.frames());
//!     session.handle_transmitted(now, message.size());
//! }
//! assert_eq!(written[1], Frame::from(r#"40{"sid":"s1"}"#));
//!
//! let wake = session.poll_timeout().expect("there is always a heartbeat");
//! session.handle_timeout(wake);
//! ```
//!
//! The lower half is Engine.IO: transports, upgrade, heartbeat, the send queue. The upper half is
//! Socket.IO: namespaces being joined, packets routed. [`Session::raw`] has the lower half only.

mod config;
mod connect_data;
mod delivery;
mod engine;
mod message;
mod output;
mod router;
mod slots;
mod upgrade;

pub use config::SessionConfig;
pub use connect_data::ConnectData;
pub(crate) use engine::RACE_GRACE;
pub(crate) use message::EventDraft;
pub use message::Message;
pub use output::{BadInput, BadInputKind, DisconnectReason, Output, Posted, Refusal, Sent, SlotId};
pub use router::Session;
pub use upgrade::UpgradeStep;

#[cfg(test)]
mod tests;
