use std::{collections::BTreeMap, fmt, sync::Arc};

use axum::Router;
use nexus_core::socketio::{InvalidNamespace, Namespace as Name};
use parking_lot::RwLock;

use super::{
    Namespace,
    namespace::{NamespaceInner, Shared},
};
use crate::engine::{App, Config, Engine, Metrics};

/// A Socket.IO server, to be mounted into an axum application.
///
/// Create the namespaces with [`Io::of`] before clients come: one that nobody created is refused.
/// Cloning is cheap; all clones are the same server.
///
/// ```no_run
/// use nexus_server::{Config, Event, Io, Socket};
///
/// # async fn run() -> std::io::Result<()> {
/// let io = Io::new(Config::default());
/// io.of("/").on_connection(|socket: Socket| {
///     socket.on("greet", |event: Event| async move {
///         let Ok(name) = event.arg::<String>(0) else { return };
///         let _ = event.ack(&format!("hello {name}"));
///     });
/// });
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// axum::serve(listener, io.router()).await
/// # }
/// ```
#[derive(Clone)]
pub struct Io {
    engine: Arc<Engine>,
}

/// The namespaces of an [`Io`].
pub(crate) struct Namespaces {
    shared: Arc<Shared>,
    by_name: RwLock<BTreeMap<Name, Arc<NamespaceInner>>>,
}

impl Namespaces {
    pub(super) fn named(&self, name: &Name) -> Option<Arc<NamespaceInner>> {
        self.by_name.read().get(name).cloned()
    }

    fn create(&self, name: Name) -> Arc<NamespaceInner> {
        let mut by_name = self.by_name.write();
        Arc::clone(
            by_name
                .entry(name)
                .or_insert_with_key(|name| Arc::new(NamespaceInner::new(name.clone(), Arc::clone(&self.shared)))),
        )
    }
}

impl Io {
    /// A server with these settings.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let metrics = Arc::<Metrics>::default();
        let shared = Arc::new(Shared::new(&config, Arc::clone(&metrics)));
        let namespaces = Namespaces { shared, by_name: RwLock::default() };
        Self { engine: Engine::new(config, metrics, App::SocketIo(namespaces)) }
    }

    /// The routes of the server, to be merged into any axum application. Serve it with
    /// `into_make_service_with_connect_info::<SocketAddr>()` to know the clients' addresses.
    pub fn router(&self) -> Router {
        self.engine.router()
    }

    /// The namespace with this name, created if it is new. The slash in front may be left out; `/`
    /// and the empty name are the root.
    ///
    /// # Panics
    /// When the name cannot be one: longer than 256 bytes, or with a comma or control character.
    /// For names from outside there is [`Io::try_of`].
    #[expect(clippy::panic, reason = "documented: a programmer's mistake, like an invalid route")]
    pub fn of(&self, name: &str) -> Namespace {
        match self.try_of(name) {
            Ok(namespace) => namespace,
            Err(error) => panic!("{name:?} is no namespace: {error}"),
        }
    }

    /// As [`Io::of`].
    ///
    /// # Errors
    /// When the name cannot be one.
    pub fn try_of(&self, name: &str) -> Result<Namespace, InvalidNamespace> {
        let name = Name::try_new(name)?;
        let App::SocketIo(namespaces) = &self.engine.app else { return Err(InvalidNamespace) };
        Ok(Namespace::new(namespaces.create(name)))
    }

    /// The server's counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.engine.metrics
    }

    /// The server's settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.engine.config
    }

    /// Disconnects everyone with the reason
    /// [`ShuttingDown`](crate::DisconnectReason::ShuttingDown), and waits up to
    /// [`Config::close_timeout`] for queues to be written and handlers to return. New connections
    /// are refused from now on. Clients see a lost connection, and so connect again later.
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("config", &self.engine.config).finish_non_exhaustive()
    }
}
