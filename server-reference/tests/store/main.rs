//! The storage on real SQLite files: what is committed, what a failure leaves, and every bound.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod failures;
mod inbox;
mod ledger;
mod support;
