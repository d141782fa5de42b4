//! The application as its clients see it: identity, messages, HTTP, the binary.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails shall stop")]

mod binary;
mod http;
mod identity;
mod inbox;
mod messaging;
mod page;
mod presence;
mod realtime;
mod test_app;
