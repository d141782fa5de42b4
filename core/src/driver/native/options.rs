use std::{path::PathBuf, time::Duration};

use tokio::runtime::Handle;

use super::{
    client::Client,
    error::BuildError,
    mailbox::Capacity,
    shared::{Buffers, Shared},
    task::Task,
    tls::Tls,
};
use crate::manager::{Config, Manager, Stats};

/// Makes a [`Client`]: what the native driver has to know besides the manager's [`Config`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    config: Config,
    tls: Tls,
    buffers: Buffers,
    runtime: Option<Handle>,
    store: Option<PathBuf>,
}

impl ClientBuilder {
    pub(super) fn new(config: Config) -> Self {
        let buffers = Buffers { capacity: Capacity { items: 1024, bytes: 16 << 20 }, patience: Duration::from_secs(1) };
        Self { config, tls: Tls::default(), buffers, runtime: None, store: None }
    }

    /// Whom to trust on `https://` and `wss://`. Default: the platform decides.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// How many items one listener or stream may have waiting. Default: 1,024; at least 1. Nothing is allocated before
    /// it is needed. See the [module](crate::driver::native#slow-and-failing-listeners).
    #[must_use]
    pub fn event_buffer(mut self, items: usize) -> Self {
        self.buffers.capacity.items = items.max(1);
        self
    }

    /// How many bytes of arguments one listener or stream may have waiting. Default: 16 MiB. One event alone may be
    /// larger.
    #[must_use]
    pub fn event_buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffers.capacity.bytes = bytes;
        self
    }

    /// How long the client stops reading for a listener that is behind, before that one misses events. Default: 1 s.
    /// Zero: not at all. Much more than a second endangers the heartbeat.
    #[must_use]
    pub fn listener_patience(mut self, patience: Duration) -> Self {
        self.buffers.patience = patience;
        self
    }

    /// The runtime on which the client lives. Default: the one that [`build`](Self::build) is called from.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Keeps durable messages in this directory, which is made if it is missing: see the
    /// [module](crate::driver::native#durable-messages). Default: nowhere, and durable emits are refused.
    ///
    /// Clients share a directory, also those of several processes and users.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn store(mut self, directory: impl Into<PathBuf>) -> Self {
        self.store = Some(directory.into());
        self
    }

    /// Makes the client and starts its task. Nothing is connected yet.
    ///
    /// # Errors
    /// If there is no runtime, or no randomness.
    pub fn build(self) -> Result<Client, BuildError> {
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => Handle::try_current().map_err(|_| BuildError::NoRuntime)?,
        };
        let seed = getrandom::u64().map_err(|error| BuildError::NoRandomness(error.to_string()))?;
        let config = Config { has_store: self.store.is_some(), ..self.config };
        let shared = Shared::new(Manager::new(config, seed), runtime, self.tls, self.buffers);
        Task::spawn(&shared, self.store);
        Ok(Client::from_shared(shared))
    }
}

/// Figures of a client.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientStats {
    /// What the manager counts.
    pub manager: Stats,
    /// Registered listeners and streams.
    pub listeners: usize,
    /// Items that wait for them.
    pub waiting_items: usize,
    /// Items that they were too slow for, since the client was made.
    pub missed_items: u64,
}

/// A message in the offline queue.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Queued {
    /// Names the emit: see [`Client::cancel`].
    pub message: crate::manager::MessageId,
    /// Where it goes.
    pub namespace: crate::socketio::Namespace,
    /// Its name.
    pub event: crate::ByteString,
    /// Its arguments.
    pub payload: crate::socketio::Payload,
    /// What it counts against [`OutboxConfig::max_bytes`](crate::manager::OutboxConfig::max_bytes).
    pub bytes: usize,
    /// From now until it is dropped.
    pub expires_in: Duration,
    /// Whether it asks for an acknowledgement.
    pub awaits_ack: bool,
}
