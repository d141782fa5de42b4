//! The client for JavaScript. A shell: it converts types and delegates, to the manager through the web driver.
//!
//! The npm package `nexus-realtime` (in `npm/`) is its only user and gives it its shape: functions that throw what
//! its [`Hooks`] make, ids instead of promises, payloads as JSON text that the host's own `JSON` reads
//! and writes. On other targets the crate is empty.

#![cfg(target_family = "wasm")]

mod channels;
mod client;
mod convert;
mod errors;
mod hooks;
mod object;
mod options;
mod shell;
mod store;

pub use client::{Client, on_panic};
pub use hooks::Hooks;
