//! The native driver: tokio, WebSocket over TCP or TLS.
//!
//! A [`Client`] is a cheap handle. Behind it, one task per client owns the connection, carries out what the
//! [`Manager`](crate::manager::Manager) says, and tells it what happened; there is no thread per client, and no timer
//! but the one that the manager asks for. Handles reach the manager through a short lock, so every call that is not
//! `async` returns at once.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use futures_util::StreamExt;
//! use nexus_core::{driver::Client, manager::Config};
//!
//! let client = Client::new(Config::new("https://example.com")?)?;
//! let mut messages = client.events("messaging", "NEW_MESSAGE")?;
//! client.connect("ada", "the token").await?;
//! client.emit("messaging", "NEW_MESSAGE", &serde_json::json!({"receiverId": "bob", "content": "hello"}))?;
//! while let Some(message) = messages.next().await {
//!     println!("{}", message.payload().raw_args());
//! }
//! # Ok(()) }
//! ```
//!
//! # Slow and failing listeners
//! Every listener and stream has a mailbox of its own, of [`ClientBuilder::event_buffer`] items. While one is more than
//! half full, the client stops reading from the socket until it is down to a quarter: bursts are not lost, whoever sends
//! too much is slowed down. That holds up other listeners, so it lasts no longer than
//! [`ClientBuilder::listener_patience`]. A listener that is still behind then is not waited for again until it has caught
//! up: when its mailbox is full, the oldest item is given up for the newest, the next one it gets says how many were
//! ([`Event::missed`]), and [`ClientStats::missed_items`] counts them.
//!
//! A callback runs on the runtime's threads for blocking work, in order, one item at a time, beside other listeners; it
//! may block. One that panics is reported through `tracing` and keeps receiving. Where very many clients live in one
//! process, streams are the cheaper way: they need no thread.
//!
//! # Durable messages
//! A client with a [store](ClientBuilder::store) can keep messages on disk until the server has them:
//!
//! ```no_run
//! # #[cfg(feature = "store")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use nexus_core::{
//!     driver::{Client, Outcome},
//!     manager::Config,
//! };
//!
//! let client = Client::builder(Config::new("https://example.com")?).store("/var/lib/chat/outbox").build()?;
//! client.connect("ada", "the token").await?;
//! let message = client.emit_durable("messaging", "NEW_MESSAGE", &serde_json::json!({"content": "hello"}))?;
//! message.accepted().await?; // it is on disk: from here on the process may be killed
//! if let Outcome::Acked(answer) = message.outcome().await? {
//!     println!("{}", answer.raw_args());
//! }
//! # Ok(()) }
//! ```
//!
//! What a client leaves in the store when it is closed, or killed, the next one with the same directory, server and user
//! sends, and says so with [`Notice::Restored`]. A client that is already running takes over what another has left
//! within a minute. Messages are the user's who was connected when they were emitted: no other sends them.
//!
//! # Logging
//! `tracing` events carry names, sizes and ids: never tokens, payloads, or headers. The WebSocket library logs whole
//! frames through the `log` crate at its trace level (target `tungstenite`): leave that off where tokens matter.

mod client;
mod clock;
mod dial;
mod durable;
mod error;
mod event;
mod gate;
mod listeners;
mod mailbox;
mod options;
mod provider;
mod shared;
mod socket;
#[cfg(feature = "store")]
mod store;
mod stream;
mod subscription;
mod task;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use client::Client;
pub use durable::{DurableEmit, Outcome};
pub use error::{
    AckFailed, BuildError, Closed, ConnectFailed, EmitFailed, JoinFailed, ListenFailed, NotAccepted, ReplyFailed,
};
pub use event::{Event, Notice};
pub use options::{ClientBuilder, ClientStats, Queued};
pub use provider::{Auth, TokenProvider};
pub use subscription::{EventStream, NoticeStream, QualityStream, StatusStream, Subscription};
pub use tls::{Tls, TlsError};

/// Locks; a panic of another holder does not spread, as no holder leaves what it guards half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
