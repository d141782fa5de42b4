//! What the stage, its server and the runner in Rust share, and servers of other tests with the same events. `README.md` describes the format of the scenarios.

mod describe;
pub mod http;

use std::time::Duration;

pub use describe::described;

/// How long anything may take that a scenario waits for, unless its step says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);
