use std::time::Duration;

use bytestring::ByteString;
use serde::Serialize;

use super::error::ConfigError;
use super::url::ServerUrl;
use crate::{
    json,
    socketio::{DecodeError, Namespace},
    sorted::SortedMap,
};

/// Every knob of the manager. [`Config::new`] gives the defaults for a server; change the fields that differ.
///
/// Values outside the bounds named are clamped to them when the manager is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the server is.
    pub server: ServerUrl,
    /// Path at which the server mounts Socket.IO. Default: `/socket.io/`. A missing slash at either end is added.
    pub path: String,
    /// Further query parameters of the connection, encoded as needed. Default: none. A token does not belong here:
    /// servers and proxies log addresses.
    pub query: Vec<(String, String)>,
    /// Further HTTP headers of the connection. Default: none. Without effect in browsers.
    pub headers: Vec<(String, String)>,
    /// The namespace that carries the connection: `connect` is resolved when it is joined, and without it there is no
    /// connection. Default: `realtime`. [`Namespace::root`] is `/`.
    pub primary_namespace: Namespace,
    /// What is sent with the joining of each namespace besides `token` and `userId`. Default: nothing.
    pub auth_fields: AuthFields,
    /// Whether to ask servers for deduplication and acknowledgement of what is sent (`docs/protocol.md`, "Negotiation").
    /// Servers that do not know it ignore it. Default: `true`.
    pub negotiate: bool,
    /// Whether a session that a lost connection ended is resumed where the server offers it, so that what it missed comes
    /// after all. Default: `true`.
    pub recovery: bool,
    /// Whether an event is dropped that says itself that it came before, on servers that do not number their events
    /// for this client: another of its name had the same `uniqueId` (a string or a number) in its first argument; or, before
    /// the namespace was joined anew, the same `id` and the same arguments altogether. Events that ask for an
    /// acknowledgement are handed out each time. Default: `true`. [`Limits::remembered_events`] says how far back.
    pub deduplicate: bool,
    /// Longest time for the opening of the transport together with the Engine.IO handshake.
    /// Default: 20 s. Bounds: 100 ms to 5 min.
    pub open_timeout: Duration,
    /// Longest time for the server's answer to the joining of a namespace. Default: 15 s. Bounds: 100 ms to 5 min.
    pub authentication_timeout: Duration,
    /// Longest time for the token provider's answer. Default: 15 s. Bounds: 100 ms to 5 min.
    pub token_timeout: Duration,
    /// Longest pause between the attachments of a packet. Default: 30 s. Bounds: 100 ms to 5 min.
    pub attachment_timeout: Duration,
    /// When a call of `connect` is rejected for want of a connection; the manager keeps trying. Default: 45 s.
    /// Bounds: 100 ms to 1 h.
    pub connect_timeout: Duration,
    /// When and how often a connection is sought again.
    pub reconnect: ReconnectPolicy,
    /// What happens when the server ends a namespace (a kick, a ban, an eviction by another device). Default: `false`, as
    /// in stock clients: the namespace stays left, and if it is the primary one the manager stops, until the application
    /// asks again. With `true` a namespace is joined again after [`ReconnectPolicy::initial_delay`], and the primary one
    /// with the usual delays; two devices that evict each other then do so forever.
    pub rejoin_after_server_disconnect: bool,
    /// The offline queue.
    pub outbox: OutboxConfig,
    /// The durable messages.
    pub durable: DurableConfig,
    /// Namespaces whose waiting messages go out before those of others, the highest number first. Default: none; those
    /// not named have 0.
    pub namespace_priority: Vec<(Namespace, i32)>,
    /// How long an acknowledgement is awaited if the emit does not say, from the emit on; and after how long without an answer
    /// a durable message is written again to a connection that lives. Default: 10 s.
    /// Bounds: 1 ms to 1 d.
    pub ack_timeout: Duration,
    /// What is accepted of the server's heartbeat settings.
    pub heartbeat: HeartbeatBounds,
    /// Measuring of the round trip time.
    pub probe: ProbeConfig,
    /// Grades of the quality.
    pub quality: QualityThresholds,
    /// How long the connection is kept in the background. Default: 20 s. Zero closes it at once. At most 1 d.
    pub background_grace: Duration,
    /// How long a transport may take to show a sign of life when it is checked after a change of network, a return to
    /// the foreground or sleep. Default: 5 s. Bounds: 100 ms to 1 min.
    pub verify_timeout: Duration,
    /// A call that comes this much later than [`Manager::poll_timeout`](super::Manager::poll_timeout) asked for means that
    /// the process slept. Default: 5 s. Bounds: 100 ms to 1 h.
    pub sleep_tolerance: Duration,
    /// Whether the driver carries out [`Output::Store`](super::Output::Store), so that emits can be durable. Drivers set
    /// it. Default: `false`.
    pub has_store: bool,
    /// Bounds of what is kept in memory.
    pub limits: Limits,
}

impl Config {
    /// The defaults for a server at an address like `https://example.com`.
    ///
    /// # Errors
    /// If the address can't be understood; see [`ServerUrl`].
    pub fn new(server: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            server: server.parse()?,
            path: "/socket.io/".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            primary_namespace: Namespace::try_new("realtime").unwrap_or_default(),
            auth_fields: AuthFields::default(),
            negotiate: true,
            recovery: true,
            deduplicate: true,
            open_timeout: Duration::from_secs(20),
            authentication_timeout: Duration::from_secs(15),
            token_timeout: Duration::from_secs(15),
            attachment_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(45),
            reconnect: ReconnectPolicy::default(),
            rejoin_after_server_disconnect: false,
            outbox: OutboxConfig::default(),
            durable: DurableConfig::default(),
            namespace_priority: Vec::new(),
            ack_timeout: Duration::from_secs(10),
            heartbeat: HeartbeatBounds::default(),
            probe: ProbeConfig::default(),
            quality: QualityThresholds::default(),
            background_grace: Duration::from_secs(20),
            verify_timeout: Duration::from_secs(5),
            sleep_tolerance: Duration::from_secs(5),
            has_store: false,
            limits: Limits::default(),
        })
    }

    /// Brings every value within its documented bounds, so that nothing further in has to check.
    pub(super) fn clamped(mut self) -> Self {
        for (value, min, max) in [
            (&mut self.open_timeout, &MIN_TIMEOUT, &FIVE_MINUTES),
            (&mut self.authentication_timeout, &MIN_TIMEOUT, &FIVE_MINUTES),
            (&mut self.token_timeout, &MIN_TIMEOUT, &FIVE_MINUTES),
            (&mut self.attachment_timeout, &MIN_TIMEOUT, &FIVE_MINUTES),
            (&mut self.connect_timeout, &MIN_TIMEOUT, &HOUR),
            (&mut self.ack_timeout, &MILLISECOND, &DAY),
            (&mut self.background_grace, &Duration::ZERO, &DAY),
            (&mut self.verify_timeout, &MIN_TIMEOUT, &MINUTE),
            (&mut self.sleep_tolerance, &MIN_TIMEOUT, &HOUR),
            (&mut self.outbox.ttl, &MILLISECOND, &MAX_TTL),
            (&mut self.durable.ttl, &MILLISECOND, &MAX_TTL),
            (&mut self.probe.interval, &MIN_PROBE_INTERVAL, &HOUR),
            (&mut self.probe.timeout, &MIN_TIMEOUT, &MINUTE),
        ] {
            *value = (*value).clamp(*min, *max);
        }
        self.reconnect = self.reconnect.clamped();
        self.heartbeat = self.heartbeat.clamped();
        self.probe.window = self.probe.window.clamp(1, 1024);
        self.limits = self.limits.clamped();
        self
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MIN_PROBE_INTERVAL: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(super) const MAX_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// Fields of the application for the joining of namespaces, sent next to `token` and `userId`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthFields(SortedMap<String, ByteString>);

impl AuthFields {
    /// Keys that belong to the protocol.
    pub const RESERVED: [&str; 5] = ["token", "userId", "pid", "offset", "nx"];

    /// Sets a field, in place of an earlier value.
    ///
    /// # Errors
    /// If the key is [reserved](Self::RESERVED), or the value can't be encoded as JSON.
    pub fn insert<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), ConfigError> {
        Self::check(key)?;
        let json = serde_json::to_string(value)
            .map_err(|error| ConfigError::AuthFieldEncoding { key: key.to_owned(), message: error.to_string() })?;
        self.0.insert(key.to_owned(), json.into());
        Ok(())
    }

    /// Sets a field to JSON text as a host has written it.
    ///
    /// # Errors
    /// If the key is [reserved](Self::RESERVED), or the text is not JSON.
    pub fn insert_json(&mut self, key: &str, json: impl Into<ByteString>) -> Result<(), ConfigError> {
        let json = json.into();
        if let Err(error) = json::scan(&json, 0, json::CONTROL) {
            let message = DecodeError::from(error).rule.to_string();
            return Err(ConfigError::AuthFieldEncoding { key: key.to_owned(), message });
        }
        Self::check(key)?;
        self.0.insert(key.to_owned(), json.slice_ref(json.trim_ascii()));
        Ok(())
    }

    fn check(key: &str) -> Result<(), ConfigError> {
        let is_reserved = Self::RESERVED.contains(&key);
        if is_reserved { Err(ConfigError::ReservedAuthField(key.to_owned())) } else { Ok(()) }
    }

    /// The fields as JSON text, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, json)| (key.as_str(), &**json))
    }
}

/// When and how often a connection is sought again.
///
/// The delay before attempt n is `initial_delay * factor^(n-1)`, at most `max_delay`, and **then** shortened by a random
/// part of up to `jitter`, so that clients which lost one server spread out however long it is away. A wish of the
/// server prolongs it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReconnectPolicy {
    /// Default: 1 s. Bounds: 10 ms to `max_delay`.
    pub initial_delay: Duration,
    /// Default: 30 s. Bounds: 10 ms to 1 h.
    pub max_delay: Duration,
    /// Default: 2. Bounds: 1 to 10.
    pub factor: f64,
    /// Default: 0.5. Bounds: 0 (none; for tests) to 1.
    pub jitter: f64,
    /// After how many failed attempts in a row the manager stops. Default: `None`, it never does. Zero: a connection that
    /// is lost is not sought again, and the first attempt is the only one.
    pub max_attempts: Option<u32>,
    /// How long a connection must last for the delays to start anew. Default: 10 s. At most 1 h.
    pub stable_after: Duration,
    /// The longest wish of the server (retry-after) that is honoured in full. Default: 5 min. At most 1 d.
    pub max_retry_after: Duration,
    /// How often in a row a token provider's fresh tokens may be refused: to the primary namespace, which ends the search
    /// for a connection, and to each other one, which ends its joining. Default: 3. At least 1. A refusal counts unless its
    /// message is `Invalid namespace`, or its data has `retryAfterMs`.
    pub max_auth_attempts: u32,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
            factor: 2.0,
            jitter: 0.5,
            max_attempts: None,
            stable_after: Duration::from_secs(10),
            max_retry_after: FIVE_MINUTES,
            max_auth_attempts: 3,
        }
    }
}

impl ReconnectPolicy {
    fn clamped(mut self) -> Self {
        const MIN_DELAY: Duration = Duration::from_millis(10);
        self.max_delay = self.max_delay.clamp(MIN_DELAY, HOUR);
        self.initial_delay = self.initial_delay.clamp(MIN_DELAY, self.max_delay);
        self.factor = if self.factor.is_finite() { self.factor.clamp(1.0, 10.0) } else { 2.0 };
        self.jitter = if self.jitter.is_finite() { self.jitter.clamp(0.0, 1.0) } else { 0.5 };
        self.stable_after = self.stable_after.min(HOUR);
        self.max_retry_after = self.max_retry_after.min(DAY);
        self.max_auth_attempts = self.max_auth_attempts.max(1);
        self
    }
}

/// The offline queue: what waits while it can't be written, in memory, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxConfig {
    /// Default: 1,000 messages. Zero: nothing is ever queued.
    pub max_messages: usize,
    /// Default: 16 MiB, counting names, arguments, attachments and a little for each message. What was sent and is kept
    /// until the server has it counts as well, up to 4,096 messages of each namespace; where nothing is kept, one message
    /// that a connection can carry is written and kept however full the queue is.
    pub max_bytes: usize,
    /// How long a message may wait if the emit does not say. Default: 24 h. Bounds: 1 ms to 30 d.
    pub ttl: Duration,
    /// What happens at either cap.
    pub overflow: Overflow,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self { max_messages: 1000, max_bytes: 16 << 20, ttl: DAY, overflow: Overflow::default() }
    }
}

/// The durable messages: what is in the store, or on its way into it. All of them are in memory as well.
///
/// Messages that an earlier owner of the outbox left are taken over even where they are more than these caps; new ones
/// are refused then, and those that were emitted before the outbox was open end as rejected (`QUEUE_FULL`), the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurableConfig {
    /// Default: 10,000 messages. More are refused with [`EmitError::QueueFull`](super::EmitError::QueueFull).
    pub max_messages: usize,
    /// Default: 64 MiB, counting names, arguments, attachments and a little for each message. More are refused likewise.
    pub max_bytes: usize,
    /// How long a message is tried if the emit does not say. Default: 24 h. Bounds: 1 ms to 30 d.
    pub ttl: Duration,
}

impl Default for DurableConfig {
    fn default() -> Self {
        Self { max_messages: 10_000, max_bytes: 64 << 20, ttl: DAY }
    }
}

/// What a full offline queue does with a new message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Refuses it with [`EmitError::QueueFull`](super::EmitError::QueueFull): what was accepted keeps its place.
    #[default]
    RejectNew,
    /// Drops the oldest messages, of any namespace, and reports each.
    DropOldest,
}

/// Bounds for the heartbeat that a server announces: outside of them it is a mistake or an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatBounds {
    /// Shortest ping interval and ping timeout. Default: 100 ms. At least 10 ms.
    pub min: Duration,
    /// Longest ping interval and ping timeout: a dead connection is noticed after twice this time at the latest.
    /// Default: 2 min. At most 1 h.
    pub max: Duration,
}

impl Default for HeartbeatBounds {
    fn default() -> Self {
        Self { min: Duration::from_millis(100), max: Duration::from_secs(120) }
    }
}

impl HeartbeatBounds {
    fn clamped(mut self) -> Self {
        self.max = self.max.clamp(Duration::from_millis(10), HOUR);
        self.min = self.min.clamp(Duration::from_millis(10), self.max);
        self
    }
}

/// Measuring of the round trip time: with WebSocket pings where the driver can send them, else
/// [by namespace](Self::by_namespace).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeConfig {
    /// Time between probes at grade good: twice as long at excellent, a half at fair, a quarter at poor.
    /// Default: 10 s. Bounds: 1 s to 1 h.
    pub interval: Duration,
    /// An answer after this time counts as lost. Default: 5 s. Bounds: 100 ms to 1 min.
    pub timeout: Duration,
    /// Whether to measure, and to check the connection, by asking for the namespace `/nexus~probe` where the driver can't
    /// send pings, as in browsers: a server that does not have it refuses it at once (protocol v5, "Connection to a
    /// namespace"), in a few bytes. A server that takes every namespace is asked once and never again on that connection. Default:
    /// `true`. With `false`, acknowledgements and late heartbeats have to do there.
    pub by_namespace: bool,
    /// How many samples the average and the percentiles cover. Default: 64. Bounds: 1 to 1024.
    pub window: usize,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), timeout: Duration::from_secs(5), by_namespace: true, window: 64 }
    }
}

/// Grades by smoothed round trip time plus its variation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualityThresholds {
    /// Up to this it is excellent. Default: 100 ms.
    pub excellent: Duration,
    /// Up to this it is good. Default: 300 ms.
    pub good: Duration,
    /// Up to this it is fair, beyond it poor. Default: 1 s.
    pub fair: Duration,
}

impl Default for QualityThresholds {
    fn default() -> Self {
        Self { excellent: Duration::from_millis(100), good: Duration::from_millis(300), fair: Duration::from_secs(1) }
    }
}

/// Bounds of what is kept in memory or accepted from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Namespaces wanted at once, the primary one included. Default: 128. At least 1.
    pub namespaces: usize,
    /// Acknowledgements awaited at once, queued emits included. Default: 10,000.
    pub pending_acks: usize,
    /// Received events that may be acknowledged later; beyond it the oldest no longer can be. Default: 1,024.
    pub pending_replies: usize,
    /// Events of one namespace that are kept while a session is resumed and the server has not said whether it is; beyond
    /// it the connection is closed. Default: 1,024, the most that a server sends then.
    pub early_events: usize,
    /// Their names, arguments and attachments together, in bytes. Default: 4 MiB.
    pub early_bytes: usize,
    /// How many events of each namespace are remembered for [`Config::deduplicate`]; an older one can repeat. About 40
    /// bytes each. Default: 1,024.
    pub remembered_events: usize,
    /// Unresolved calls of `connect`. Default: 64. At least 1.
    pub connect_tickets: usize,
    /// Largest frame to send, in bytes, however much more the server would take. Default: 16 MiB. At least 1 KiB.
    pub frame_bytes: usize,
    /// Largest frame to receive, in bytes; drivers enforce it. Default: 16 MiB. At least 1 KiB.
    pub received_frame_bytes: usize,
    /// Attachments of one packet to send. Default: 10, what stock servers take.
    pub attachments: usize,
    /// Attachments of one packet to receive. Default: 64.
    pub received_attachments: usize,
    /// Largest packet with all its attachments to receive, in bytes. Default: 64 MiB. At least 1 KiB.
    pub received_packet_bytes: usize,
    /// Bytes handed to the transport, and not taken by it, from which on emits wait in the queue. Default: 1 MiB.
    /// At least 1 KiB.
    pub unsent_bytes: usize,
    /// Bytes handed to the transport, and not taken by it, at which the connection is given up: replies and heartbeats are
    /// not held back. Default: 64 MiB. At least four times `unsent_bytes`.
    pub unsent_hard_bytes: usize,
    /// Longest user id, in bytes. Default: 1,024.
    pub user_id_bytes: usize,
    /// Longest token, in bytes. Default: 64 KiB.
    pub token_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            namespaces: 128,
            pending_acks: 10_000,
            pending_replies: 1024,
            early_events: 1024,
            early_bytes: 4 << 20,
            remembered_events: 1024,
            connect_tickets: 64,
            frame_bytes: 16 << 20,
            received_frame_bytes: 16 << 20,
            attachments: 10,
            received_attachments: 64,
            received_packet_bytes: 64 << 20,
            unsent_bytes: 1 << 20,
            unsent_hard_bytes: 64 << 20,
            user_id_bytes: 1024,
            token_bytes: 64 << 10,
        }
    }
}

impl Limits {
    fn clamped(mut self) -> Self {
        self.namespaces = self.namespaces.max(1);
        self.connect_tickets = self.connect_tickets.max(1);
        for bytes in [
            &mut self.frame_bytes,
            &mut self.received_frame_bytes,
            &mut self.received_packet_bytes,
            &mut self.unsent_bytes,
        ] {
            *bytes = (*bytes).max(1024);
        }
        self.unsent_hard_bytes = self.unsent_hard_bytes.max(self.unsent_bytes.saturating_mul(4));
        self
    }
}
