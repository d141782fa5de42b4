//! The server that grants delivery (`docs/protocol.md`), made of the library's sans-IO parts, and what applications do with
//! it on both sides.

mod application;
mod crash;
mod downlink;
mod durable;
mod joining;
mod oracle;
mod revocation;
mod server;
mod uplink;

pub(crate) use durable::Commit;
pub(crate) use oracle::NexusOracle;
pub(crate) use server::{INBOX, Server};
