//! Delivery across lost connections (`docs/protocol.md`), as sans-IO machines: they read no clock and do no IO, and the
//! server only gives them locks and sockets.

mod audience;
mod config;
mod log;

pub use audience::Audience;
pub use config::RecoveryConfig;
pub use log::{Log, NotResumed, Resumed, SessionState};
