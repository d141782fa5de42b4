use std::{io, net::SocketAddr, sync::Arc};

use thiserror::Error;

use super::{
    Settings,
    auth::{Issuer, Verifier},
    gateways::{self, Announcer},
    routes,
};
use crate::{Config, HttpServer, Io};

/// The whole application, listening. Everything it is made of is put together here.
pub struct App {
    io: Io,
    announcer: Option<Arc<Announcer>>,
    http: HttpServer,
    address: SocketAddr,
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
}

impl App {
    /// Starts to listen. Connections wait until [`run`](Self::run).
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let io = Io::new(Config { cors: settings.origins.to_cors(), ..Config::default() });
        let verifier = Verifier::new(&settings.secret, settings.issuer.as_deref(), settings.audience.as_deref());
        let announcer = gateways::install(&io, &Arc::new(verifier), &settings);
        let issuer = settings.demo.then(|| Issuer::new(&settings.secret, settings.issuer, settings.audience));
        let address = settings.listen;
        let listen = |source| StartError::Listen { address, source };
        let http = HttpServer::bind(address, routes::router(&io, issuer)).await.map_err(listen)?;
        let address = http.local_addr().map_err(listen)?;
        Ok(Self { io, announcer, http, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done; then accepts no more, disconnects everyone, writes what is queued, and returns.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let announcing = self.announcer.map(|announcer| tokio::spawn(async move { announcer.run().await }));
        let draining = self.http.accept_until(stop).await;
        tracing::info!("stopping");
        self.io.close().await;
        draining.finish().await;
        if let Some(announcing) = announcing {
            announcing.abort();
        }
        tracing::info!("stopped");
    }
}
