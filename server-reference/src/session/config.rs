use std::time::Duration;

use nexus_core::socketio::Limits as DecoderLimits;

/// The settings of a [`Session`](super::Session); shared by all sessions of an engine.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Time from the handshake to the first ping, and from ping to ping.
    pub ping_interval: Duration,
    /// How long a pong may take, counted from when its ping was due.
    pub ping_timeout: Duration,
    /// The largest frame or polling body from the client, in bytes.
    pub max_payload: u64,
    /// The most packets in one polling body.
    pub max_packets: usize,
    /// Whether a polling session may move to a WebSocket.
    pub upgrades: bool,
    /// How long an upgrade may take, from the second transport's opening.
    pub upgrade_timeout: Duration,
    /// How long a client may stay without having joined a namespace.
    pub connect_timeout: Duration,
    /// How long what follows the answer to a CONNECT is held back on a WebSocket, unless the client
    /// sends an event or ack in the namespace first. Clients in JavaScript often listen for the next
    /// frame only once they have handled this one, and lose a frame that arrives in the same read.
    pub settle_time: Duration,
    /// How long the attachments of a packet may take to arrive.
    pub attachment_timeout: Duration,
    /// The most namespaces on one connection.
    pub max_namespaces: usize,
    /// The most bytes that may wait to be sent to the client. One message alone may be larger.
    pub send_queue_bytes: usize,
    /// What a Socket.IO packet may contain.
    pub decoder: DecoderLimits,
}
