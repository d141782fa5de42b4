//! What the stage, its server and the runner in Rust share. `README.md` describes the format of the scenarios.

pub mod http;

use std::time::Duration;

/// How long anything may take that a scenario waits for, unless its step says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);
