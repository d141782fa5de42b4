//! Engines behind one interface.

mod engine;

pub use engine::{Commit, Outcome, Store, open};
