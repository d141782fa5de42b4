//! What drives the sessions: tokio tasks, HTTP and WebSocket transports, the table of sessions.

mod config;
mod connection;
mod cors;
mod drive;
mod http_api;
mod http_server;
mod metrics;
mod polling;
mod raw;
mod registry;
mod request;
mod stream;
mod upgrade;
mod websocket;

pub use config::{Config, Transports};
pub use cors::Cors;
pub use http_server::{Draining, HttpServer};
pub use metrics::{Counter, Gauge, Metrics};
pub use raw::{EngineConnection, EngineIo};
pub use request::{RequestInfo, Secure};

pub(crate) use connection::Connection;
pub(crate) use registry::{App, Engine, random_id};
