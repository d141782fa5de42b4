#![expect(clippy::disallowed_types, reason = "looked up by id and address; their order never shows")]

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use axum::Router;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use nexus_core::{engineio::Sid, time::Timestamp};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use super::{Config, Connection, Metrics, RequestInfo, http_api, raw::RawHandler};
use crate::{
    session::{BadInputKind, DisconnectReason, Session, SessionConfig},
    socketio::Namespaces,
    websocket,
};

/// What an engine's sessions are for.
pub(crate) enum App {
    Raw(RawHandler),
    SocketIo(Namespaces),
}

/// Everything that the connections of one [`Io`](crate::Io) or [`EngineIo`](crate::EngineIo) share.
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) session_config: Arc<SessionConfig>,
    pub(crate) limits: websocket::Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) app: App,
    pub(crate) tasks: TaskTracker,
    epoch: Instant,
    closing: AtomicBool,
    sessions: Mutex<HashMap<Sid, Arc<Connection>>>,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// Why no session is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The engine is closing, or has as many sessions as it may.
    Server,
    /// The address has as many sessions as it may.
    Address,
}

impl Engine {
    #[expect(clippy::disallowed_methods, reason = "the engine is the sessions' driver: it reads the clock for them")]
    pub(crate) fn new(config: Config, metrics: Arc<Metrics>, app: App) -> Arc<Self> {
        let limits = websocket::Limits {
            max_message: usize::try_from(config.max_payload).unwrap_or(usize::MAX),
            max_fragments: config.max_fragments,
        };
        Arc::new(Self {
            session_config: config.session(),
            limits,
            config,
            metrics,
            app,
            tasks: TaskTracker::new(),
            epoch: Instant::now(),
            closing: AtomicBool::new(false),
            sessions: Mutex::default(),
            addresses: Mutex::default(),
        })
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let mut router = Router::new();
        for path in self.config.paths() {
            router = router.route(&path, axum::routing::any(http_api::handle).with_state(Arc::clone(self)));
        }
        router
    }

    #[expect(clippy::disallowed_methods, reason = "the engine is the sessions' driver: it reads the clock for them")]
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = Instant::now().saturating_duration_since(self.epoch);
        Timestamp::from_nanos(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The moment of `time`, for a timer.
    pub(super) fn instant(&self, time: Timestamp) -> tokio::time::Instant {
        let epoch = tokio::time::Instant::from_std(self.epoch);
        let since = std::time::Duration::from_nanos(time.as_nanos());
        // A time that no clock reaches is never reached.
        epoch.checked_add(since).unwrap_or_else(|| epoch + std::time::Duration::from_secs(1 << 30))
    }

    pub(super) fn session(&self, sid: &str) -> Option<Arc<Connection>> {
        self.sessions.lock().get(sid).cloned()
    }

    /// Opens a session and puts it into the table.
    pub(super) fn open(
        self: &Arc<Self>,
        now: Timestamp,
        request: Arc<RequestInfo>,
        websocket: bool,
    ) -> Result<Arc<Connection>, Full> {
        let address = request.remote_addr().map(|addr| addr.ip());
        self.reserve_address(address)?;
        let config = Arc::clone(&self.session_config);
        let session = match self.app {
            App::Raw(_) => Session::raw(now, config, websocket),
            App::SocketIo(_) => Session::new(now, config, websocket),
        };
        let sid = Sid::new(random_id());
        let connection = Connection::new(Arc::clone(self), sid.clone(), request, session);
        {
            let mut sessions = self.sessions.lock();
            // Under the lock: a session that gets in is seen by `close`.
            if sessions.len() < self.config.max_sessions && !self.closing.load(Ordering::Acquire) {
                sessions.insert(sid, Arc::clone(&connection));
                self.metrics.sessions_opened.increment();
                return Ok(connection);
            }
        }
        self.release_address(address);
        self.metrics.count_bad_input(BadInputKind::TooManySessions);
        Err(Full::Server)
    }

    fn reserve_address(&self, address: Option<IpAddr>) -> Result<(), Full> {
        let (Some(max), Some(address)) = (self.config.max_sessions_per_address, address) else { return Ok(()) };
        let mut addresses = self.addresses.lock();
        let count = addresses.entry(address).or_default();
        if *count >= max {
            self.metrics.count_bad_input(BadInputKind::TooManySessions);
            return Err(Full::Address);
        }
        *count += 1;
        Ok(())
    }

    fn release_address(&self, address: Option<IpAddr>) {
        let (Some(_), Some(address)) = (self.config.max_sessions_per_address, address) else { return };
        if let Entry::Occupied(mut entry) = self.addresses.lock().entry(address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    /// Takes a session that is over out of the table.
    pub(super) fn remove(&self, connection: &Connection) {
        if self.sessions.lock().remove(&connection.sid).is_some() {
            self.release_address(connection.request.remote_addr().map(|addr| addr.ip()));
            self.metrics.sessions_closed.increment();
        }
    }

    /// Ends all sessions and waits, for a bounded time, for their tasks and handlers.
    pub(crate) async fn close(&self) {
        self.closing.store(true, Ordering::Release);
        let connections: Vec<_> = self.sessions.lock().values().cloned().collect();
        for connection in connections {
            connection.with(|session, now| session.close(now, DisconnectReason::ShuttingDown, true));
        }
        self.tasks.close();
        if tokio::time::timeout(self.config.close_timeout, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "closed before all handlers and queues were done");
        }
    }
}

/// An id that cannot be guessed: 15 random bytes, as 20 characters of base64url.
pub(crate) fn random_id() -> String {
    let mut bytes = [0; 15];
    // Without randomness from the system ids could be guessed: nothing safe can be done then.
    #[expect(clippy::expect_used, reason = "a server without a source of randomness must not go on")]
    getrandom::fill(&mut bytes).expect("the system must give random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}
