mod joining;
mod listening;
mod sending;

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    error::{BuildError, Closed, ConnectFailed},
    lock,
    options::{ClientBuilder, ClientStats},
    provider::Auth,
    shared::Shared,
};
use crate::manager::{Config, ConnectionStatus, Credentials, Manager, Quality};

/// A handle of a real-time client. Clones are handles of the same client; when the last one is dropped, it is closed.
///
/// Methods that are not `async` return at once. Futures may be dropped at any time: what was asked for still happens,
/// only its result is not told.
///
/// Namespaces are named without their slash (`"messaging"` is `/messaging`, `"/"` the root), and joined when they are
/// first used.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<Handle>,
}

/// What all clones share. The client's task does not hold it, so its end is the end of the last clone.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Client {
    /// A client with default options for the driver.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn new(config: Config) -> Result<Self, BuildError> {
        Self::builder(config).build()
    }

    /// A client whose options can be chosen.
    #[must_use]
    pub fn builder(config: Config) -> ClientBuilder {
        ClientBuilder::new(config)
    }

    pub(in crate::driver::native) fn from_shared(shared: Arc<Shared>) -> Self {
        Self { handle: Arc::new(Handle { shared }) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

/// Connection.
impl Client {
    /// Connects as a user and joins the primary namespace, and with it all that are wanted. Resolved when the primary
    /// namespace is joined.
    ///
    /// If the same user is connected already, or being connected, nothing happens but that a new token takes the place
    /// of the old one. Another user: disconnects first. Dropping the future does not stop the connecting.
    ///
    /// # Errors
    /// If the server refuses, or there is no connection in time;
    /// [`is_final`](ConnectFailed::is_final) tells whether the client still tries.
    pub async fn connect(&self, user_id: impl Into<String>, auth: impl Into<Auth>) -> Result<(), ConnectFailed> {
        let (user_id, auth) = (user_id.into(), auth.into());
        let resolved = self.shared().act(|state, now| {
            let (credentials, provider) = match auth {
                Auth::Token(token) => (Credentials::Token(token), None),
                Auth::Provider(provider) => (Credentials::Provider, Some(provider)),
            };
            let ticket = state.manager.connect(now, user_id, credentials)?;
            state.provider = provider;
            let (resolve, resolved) = oneshot::channel();
            state.connects.insert(ticket, resolve);
            Ok::<_, ConnectFailed>(resolved)
        })??;
        Ok(resolved.await.map_err(|_| Closed)??)
    }

    /// Ends the connection, or the search for one, until [`connect`](Self::connect) is called again. Listeners stay, and
    /// so does the offline queue, for the same user.
    pub fn disconnect(&self) {
        let _closed_is_disconnected = self.shared().with_manager(Manager::disconnect);
    }

    /// The status of now.
    #[must_use]
    pub fn connection_status(&self) -> ConnectionStatus {
        self.shared().state().manager.status()
    }

    /// The quality of now; offline unless connected.
    #[must_use]
    pub fn connection_quality(&self) -> Quality {
        self.shared().state().manager.quality()
    }

    /// Mean round trip time over the window of samples; `None` until there is a sample.
    #[must_use]
    pub fn average_latency(&self) -> Option<Duration> {
        self.shared().state().manager.average_latency()
    }

    /// All figures.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        let manager = self.shared().state().manager.stats();
        let listeners = lock(&self.shared().listeners);
        ClientStats {
            manager,
            listeners: listeners.len(),
            waiting_items: listeners.waiting(),
            missed_items: self.shared().missed_items(),
        }
    }

    /// The system says that its network has changed, or come (`reachable`) or gone. The connection is checked, or
    /// sought again at once.
    pub fn network_changed(&self, reachable: bool) {
        let _closed = self.shared().with_manager(|manager, now| manager.network_changed(now, reachable));
    }

    /// The application is not visible any more. After [`Config::background_grace`] the connection is closed.
    pub fn enter_background(&self) {
        let _closed = self.shared().with_manager(Manager::enter_background);
    }

    /// The application is about to be stopped by its system: as [`enter_background`](Self::enter_background), with the
    /// grace over at once.
    pub fn suspend(&self) {
        let _closed = self.shared().with_manager(Manager::suspend);
    }

    /// The application is visible again: checks the connection, or connects again at once.
    pub fn enter_foreground(&self) {
        let _closed = self.shared().with_manager(Manager::enter_foreground);
    }

    /// Disconnects for good: sends what was handed to the transport (a second at most), ends streams, and resolves all
    /// futures. Messages that still wait in the offline queue are lost: [`flush`](Self::flush) first. Durable messages stay
    /// in the store, for the next client of the same server and user; the store is waited for (5 s at most), so that
    /// [`accepted`](super::DurableEmit::accepted) says of each whether it does.
    ///
    /// Returns when every task of the client has ended, callbacks under way included: not to be awaited from one.
    pub async fn close(&self) {
        self.shared().close();
        self.shared().tasks.wait().await;
    }
}
