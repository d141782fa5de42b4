//! What the servers of benchmarks send.

use serde::Serialize;

/// What is broadcast: about 200 bytes of JSON.
#[derive(Serialize)]
pub(crate) struct Update {
    id: &'static str,
    kind: &'static str,
    user: &'static str,
    status: &'static str,
    text: &'static str,
    at: u64,
}

/// The same each time.
pub(crate) const UPDATE: Update = Update {
    id: "0190c5f2-7b1e-7c3a-9d4e-5f60718293a4",
    kind: "presence",
    user: "user-000042",
    status: "online",
    text: "The quick brown fox jumps over the lazy dog while the band plays on and on.",
    at: 1_764_000_000_000,
};
