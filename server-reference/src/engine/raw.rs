use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use axum::Router;
use nexus_core::engineio::Frame;

use super::{App, Config, Connection, Engine, Metrics, RequestInfo};
use crate::session::{DisconnectReason, Message, Sent};

/// An Engine.IO server without Socket.IO on top: text and binary messages over WebSocket or
/// long-polling.
///
/// Cloning is cheap; all clones are the same server.
#[derive(Clone)]
pub struct EngineIo {
    engine: Arc<Engine>,
}

impl EngineIo {
    /// A server that hands every message to `handler`, in order of arrival for each connection.
    ///
    /// The handler runs on the connection's task: it must not block, and it sends back with
    /// [`EngineConnection::send`].
    #[must_use]
    pub fn new(mut config: Config, handler: impl Fn(&EngineConnection, Frame) + Send + Sync + 'static) -> Self {
        if config.path == Config::default().path {
            config.path = "/engine.io/".to_owned();
        }
        let app = App::Raw(RawHandler(Box::new(handler)));
        Self { engine: Engine::new(config, Arc::default(), app) }
    }

    /// The routes of the server, to be merged into any axum application.
    pub fn router(&self) -> Router {
        self.engine.router()
    }

    /// The server's counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.engine.metrics
    }

    /// Ends all sessions, and waits up to [`Config::close_timeout`] for what is queued to be
    /// written. New sessions are refused from now on.
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

impl fmt::Debug for EngineIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineIo").field("config", &self.engine.config).finish_non_exhaustive()
    }
}

/// One session of an [`EngineIo`] server. Cloning is cheap.
#[derive(Clone)]
pub struct EngineConnection {
    connection: Arc<Connection>,
}

impl EngineConnection {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    /// The id of the session.
    #[must_use]
    pub fn id(&self) -> &str {
        self.connection.sid.as_str()
    }

    /// The request that opened the session.
    #[must_use]
    pub fn request(&self) -> &RequestInfo {
        &self.connection.request
    }

    /// Sends a message: text as text, binary as binary. Returns false when the session is over, or
    /// ends because its send queue is full.
    pub fn send(&self, frame: &Frame) -> bool {
        self.connection.send_data(Message::from_data(frame), false) == Sent::Queued
    }

    /// Ends the session once everything queued is written.
    pub fn close(&self) {
        self.connection.close(DisconnectReason::ServerClose);
    }
}

impl fmt::Debug for EngineConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineConnection").field("id", &self.id()).finish_non_exhaustive()
    }
}

type Handler = dyn Fn(&EngineConnection, Frame) + Send + Sync;

pub(crate) struct RawHandler(Box<Handler>);

impl RawHandler {
    pub(super) fn call(&self, connection: &EngineConnection, frame: Frame, metrics: &Metrics) {
        if catch_unwind(AssertUnwindSafe(|| (self.0)(connection, frame))).is_err() {
            metrics.handler_panics.increment();
            tracing::error!(sid = connection.id(), "the handler of an Engine.IO message panicked");
        }
    }
}
