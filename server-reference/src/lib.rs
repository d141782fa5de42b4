//! A Socket.IO v5 server to embed in any axum application.
//!
//! [`Io`] is the server: namespaces, rooms, broadcasts, acknowledgements both ways, over WebSocket
//! and HTTP long-polling. [`EngineIo`] is the layer below by itself. What a connection does is
//! decided by the sans-IO state machine in [`session`]; the engine only drives it.

pub mod app;
mod clock;
pub mod delivery;
mod engine;
pub mod session;
mod socketio;
pub mod store;
pub mod websocket;

pub use engine::{
    Config, Cors, Counter, Draining, EngineConnection, EngineIo, Gauge, HttpServer, Metrics, RequestInfo, Secure,
    Transports,
};
pub use session::{BadInputKind, DisconnectReason};
pub use socketio::{
    AckError, Broadcast, ConnectError, ConnectRequest, DeliveryConfig, Disconnected, EmitError, Emitter, Event,
    EventRejected, Handshake, Io, Namespace, NotDurable, Socket,
};

pub use nexus_core::{ByteString, Bytes, engineio::Frame, socketio::Payload};
