//! The engine over real sockets, with a client that is not ours.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod backpressure;
mod buffered;
mod connect;
mod dispatch;
mod durable;
mod http_rules;
mod lifecycle;
mod polling;
mod recovery;
mod rooms;
mod streams;
mod support;
mod websocket_rules;
