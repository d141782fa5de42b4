use std::{sync::Arc, time::Duration};

use nexus_core::socketio::Limits as DecoderLimits;

use super::Cors;
use crate::session::SessionConfig;

/// Every knob of an engine. Start from [`Config::default`] and change what differs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The path that clients connect to. Default: `/socket.io/`; for
    /// [`EngineIo`](crate::EngineIo), `/engine.io/`.
    pub path: String,
    /// The transports that clients may use. Default: both.
    pub transports: Transports,
    /// Which web pages may connect. Default: no CORS headers.
    pub cors: Cors,

    /// Time from the handshake to the first ping, and from ping to ping. Default: 25 s; at least 1 ms.
    pub ping_interval: Duration,
    /// How long a pong may take before the session ends. Default: 20 s.
    pub ping_timeout: Duration,
    /// How long a client may take to join its first namespace, and an
    /// [`authorize`](crate::Namespace::authorize) to decide. Default: 45 s.
    pub connect_timeout: Duration,
    /// How long the upgrade from long-polling to WebSocket may take. Default: 10 s.
    pub upgrade_timeout: Duration,
    /// How long what follows the answer to a CONNECT is held back on a WebSocket, unless the client
    /// sends an event or ack in the namespace first. Clients that listen frame by frame would lose a
    /// frame that arrives in one read with the answer. Zero holds nothing back. Default: 25 ms.
    pub settle_time: Duration,
    /// How long the attachments of a packet may take to arrive. Default: 20 s.
    pub attachment_timeout: Duration,
    /// How long the body of a POST may take to arrive. Default: 20 s.
    pub body_timeout: Duration,
    /// How long an acknowledgement is waited for, unless the emit says otherwise. Default: 10 s.
    pub ack_timeout: Duration,
    /// How long [`Io::close`](crate::Io::close) waits for queues to be written and handlers to
    /// return. Default: 5 s.
    pub close_timeout: Duration,

    /// The largest message or polling body from a client, in bytes. Default: 1,000,000.
    pub max_payload: u64,
    /// The most packets in one polling body. Default: 65,536: a stock client that pipelines writes
    /// everything it has into one body, bounded by bytes alone.
    pub max_packets: usize,
    /// The most frames that a WebSocket message may come in. Default: 4,096.
    pub max_fragments: usize,
    /// The most binary attachments of one packet. Default: 10.
    pub max_attachments: usize,
    /// The most namespaces on one connection. Default: 100.
    pub max_namespaces: usize,
    /// The most sessions at a time; further handshakes get 503. Default: 1,000,000.
    pub max_sessions: usize,
    /// The most sessions from one address at a time; further handshakes get 429. Works where the
    /// router is served with connection information. Default: no cap.
    pub max_sessions_per_address: Option<usize>,

    /// The most bytes that may wait to be sent to one client; one message alone may be larger. A
    /// client that lets more pile up is disconnected as a
    /// [`SlowConsumer`](crate::DisconnectReason::SlowConsumer). Default: 1 MiB.
    pub send_queue_bytes: usize,
    /// The most events of one socket whose handlers have not returned; more pause the connection's
    /// reading. Default: 1,024.
    pub event_queue: usize,
    /// The most bytes of such events. One event alone may be larger. Default: 4 MiB.
    pub event_queue_bytes: usize,
}

/// The transports that clients may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transports {
    /// HTTP long-polling, and the upgrade from it to WebSocket, and WebSocket from the start.
    All,
    /// HTTP long-polling only.
    Polling,
    /// WebSocket only.
    WebSocket,
}

impl Transports {
    pub(crate) fn polling(self) -> bool {
        self != Self::WebSocket
    }

    pub(crate) fn websocket(self) -> bool {
        self != Self::Polling
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io/".to_owned(),
            transports: Transports::All,
            cors: Cors::none(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(45),
            upgrade_timeout: Duration::from_secs(10),
            settle_time: Duration::from_millis(25),
            attachment_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(20),
            ack_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            max_payload: 1_000_000,
            max_packets: 65_536,
            max_fragments: 4_096,
            max_attachments: 10,
            max_namespaces: 100,
            max_sessions: 1_000_000,
            max_sessions_per_address: None,
            send_queue_bytes: 1 << 20,
            event_queue: 1_024,
            event_queue_bytes: 4 << 20,
        }
    }
}

impl Config {
    /// The settings of one session, for a driver of its own such as a simulator.
    #[must_use]
    pub fn session(&self) -> Arc<SessionConfig> {
        let decoder = DecoderLimits { max_attachments: self.max_attachments, ..DecoderLimits::default() };
        Arc::new(SessionConfig {
            ping_interval: self.ping_interval.max(Duration::from_millis(1)),
            ping_timeout: self.ping_timeout,
            max_payload: self.max_payload,
            max_packets: self.max_packets,
            upgrades: self.transports == Transports::All,
            upgrade_timeout: self.upgrade_timeout,
            connect_timeout: self.connect_timeout,
            settle_time: self.settle_time,
            attachment_timeout: self.attachment_timeout,
            max_namespaces: self.max_namespaces,
            send_queue_bytes: self.send_queue_bytes,
            decoder,
        })
    }

    /// The path with and without its last slash; clients differ.
    pub(crate) fn paths(&self) -> Vec<String> {
        let bare = format!("/{}", self.path.trim_matches('/'));
        if bare == "/" { vec![bare] } else { vec![format!("{bare}/"), bare] }
    }
}
