use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc};

use thiserror::Error;

use super::{
    Settings,
    auth::{Issuer, Verifier},
    gateways::{self, Announcer},
    inbox::Inboxes,
    routes,
};
use crate::{
    Config, HttpServer, Io,
    engine::random_id,
    store::{OpenError, Store, StoreConfig},
};

/// The most bytes that may wait to be sent to one client: room for the inboxes of two namespaces that are full of the
/// longest messages, which a client is sent at once when it joins.
const SEND_QUEUE_BYTES: usize = 8 << 20;

/// The whole application, listening. Everything it is made of is put together here.
pub struct App {
    io: Io,
    announcer: Option<Arc<Announcer>>,
    inboxes: Arc<Inboxes>,
    /// Deleted in the end.
    temporary: Option<Temporary>,
    http: HttpServer,
    address: SocketAddr,
}

/// A folder that is deleted when this is dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "the temporary data folder was not deleted");
        }
    }
}

/// Why the application could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// What outlives the process can't be kept.
    #[error(transparent)]
    Store(#[from] OpenError),
}

impl App {
    /// Starts to listen. Connections wait until [`run`](Self::run).
    ///
    /// # Errors
    /// When the address can't be listened on, or data can't be kept.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let (folder, temporary) = match &settings.data_dir {
            Some(folder) => (folder.clone(), None),
            None => {
                let folder = std::env::temp_dir().join(format!("nexus-{}", random_id()));
                (folder.clone(), Some(Temporary(folder)))
            }
        };
        let kept = StoreConfig { inbox_entries: settings.inbox_entries, ..StoreConfig::default() };
        let store = Store::open(&folder, kept).await?;
        let inboxes = Arc::new(Inboxes::new(store));
        let io = Io::new(Config {
            cors: settings.origins.to_cors(),
            send_queue_bytes: SEND_QUEUE_BYTES,
            ..Config::default()
        });
        let verifier = Verifier::new(&settings.secret, settings.issuer.as_deref(), settings.audience.as_deref());
        let announcer = gateways::install(&io, &Arc::new(verifier), &inboxes, &settings);
        let issuer = settings.demo.then(|| Issuer::new(&settings.secret, settings.issuer, settings.audience));
        let address = settings.listen;
        let listen = |source| StartError::Listen { address, source };
        let http = HttpServer::bind(address, routes::router(&io, issuer)).await.map_err(listen)?;
        let address = http.local_addr().map_err(listen)?;
        Ok(Self { io, announcer, inboxes, temporary, http, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done; then accepts no more, disconnects everyone, writes what is queued, and returns.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let announcing = self.announcer.map(|announcer| tokio::spawn(async move { announcer.run().await }));
        let inboxes = Arc::clone(&self.inboxes);
        let reporting = tokio::spawn(async move { inboxes.run().await });
        let store = self.inboxes.store().clone();
        let cleaning = tokio::spawn(async move { store.keep_clean().await });
        let draining = self.http.accept_until(stop).await;
        tracing::info!("stopping");
        self.io.close().await;
        draining.finish().await;
        if let Some(announcing) = announcing {
            announcing.abort();
        }
        cleaning.abort();
        reporting.abort();
        self.inboxes.write_reports().await;
        self.inboxes.store().close().await;
        drop(self.temporary);
        tracing::info!("stopped");
    }
}
