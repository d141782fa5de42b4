//! What the tests across packages share: official peers as child processes, and a server of ours that
//! behaves as the tests' Node server does.

pub mod endpoint;
mod node;
pub mod raw;
mod server;

pub use node::{NodeClient, NodeError, NodeServer, NodeServerOptions, Transports};
pub use server::OurServer;

use std::future::Future;
use std::time::Duration;

/// How long a step that works may take on a loaded machine, before it counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Awaits `step`, failing with its name after [`PATIENCE`].
///
/// # Errors
/// [`NodeError::TimedOut`] when it took longer.
pub async fn within<T>(step: &'static str, future: impl Future<Output = T>) -> Result<T, NodeError> {
    tokio::time::timeout(PATIENCE, future).await.map_err(|_| NodeError::TimedOut { step })
}
