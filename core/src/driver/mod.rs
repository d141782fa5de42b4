//! Drivers: they own sockets, clocks and timers, carry out what the [`Manager`](crate::manager::Manager) says, and decide
//! nothing.
//!
//! [`native`] is for programs with tokio, and what it exports stands here too. `web` is for WebAssembly with a
//! JavaScript host: pages, workers, Node. Each is behind the feature of its name.

#[cfg(feature = "native")]
pub mod native;
#[cfg(all(feature = "web", target_family = "wasm"))]
pub mod web;

#[cfg(feature = "native")]
pub use native::*;
