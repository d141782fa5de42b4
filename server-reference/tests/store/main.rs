//! The storage on real SQLite files: what is committed, what a failure leaves, and every bound.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod failures;
mod inbox;
mod kill;
mod ledger;
mod support;
