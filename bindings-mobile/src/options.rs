use std::{collections::HashMap, time::Duration};

use nexus_core::{
    driver::{Client, Tls},
    manager::{self, Config, OutboxConfig, ReconnectPolicy},
    socketio::Namespace,
};

use crate::{error::RealtimeError, runtime::runtime};

/// Every option of a client but `url` may be left out, and has its default then. Durations are milliseconds. Values out
/// of bounds are brought within them.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ClientOptions {
    /// Address of the server: `https://example.com`, without a path.
    pub url: String,
    /// Path at which the server mounts Socket.IO. Default: `/socket.io/`.
    #[uniffi(default = None)]
    pub path: Option<String>,
    /// Further query parameters of the connection. Not for tokens: servers and proxies log addresses. Default: none.
    #[uniffi(default)]
    pub query: HashMap<String, String>,
    /// Further HTTP headers of the connection. Default: none.
    #[uniffi(default)]
    pub headers: HashMap<String, String>,
    /// The namespace that carries the connection. Default: `realtime`.
    #[uniffi(default = None)]
    pub primary_namespace: Option<String>,
    /// Sent with the joining of each namespace besides `token` and `userId`: JSON text by name. Default: none.
    #[uniffi(default)]
    pub auth: HashMap<String, String>,
    /// Whether a session that a lost connection ended is resumed where the server offers it. Default: `true`.
    #[uniffi(default = None)]
    pub recovery: Option<bool>,
    /// Whether an event is dropped that says itself that it came before, on servers that do not number events.
    /// Default: `true`.
    #[uniffi(default = None)]
    pub deduplicate: Option<bool>,
    /// Whether a namespace that the server ended is joined again without being asked. Default: `false`.
    #[uniffi(default = None)]
    pub rejoin_after_server_disconnect: Option<bool>,
    /// Opening of the transport and the handshake. 100 ms to 5 min. Default: 20 s.
    #[uniffi(default = None)]
    pub open_timeout_ms: Option<u64>,
    /// The server's answer to the joining of a namespace. 100 ms to 5 min. Default: 15 s.
    #[uniffi(default = None)]
    pub authentication_timeout_ms: Option<u64>,
    /// The token provider's answer. 100 ms to 5 min. Default: 15 s.
    #[uniffi(default = None)]
    pub token_timeout_ms: Option<u64>,
    /// When `connect` is rejected for want of a connection; the client keeps trying. 100 ms to 1 h. Default: 45 s.
    #[uniffi(default = None)]
    pub connect_timeout_ms: Option<u64>,
    /// How long an acknowledgement is awaited, from the emit on. 1 ms to 1 d. Default: 10 s.
    #[uniffi(default = None)]
    pub ack_timeout_ms: Option<u64>,
    /// How long the connection is kept in the background. Up to 1 d. Default: 20 s.
    #[uniffi(default = None)]
    pub background_grace_ms: Option<u64>,
    /// Time for a sign of life when the connection is checked. 100 ms to 1 min. Default: 5 s.
    #[uniffi(default = None)]
    pub verify_timeout_ms: Option<u64>,
    /// Time between measurements of the round trip at quality good. 1 s to 1 h. Default: 10 s.
    #[uniffi(default = None)]
    pub probe_interval_ms: Option<u64>,
    /// When and how often a lost connection is sought again.
    #[uniffi(default = None)]
    pub reconnect: Option<ReconnectOptions>,
    /// Messages that may wait while there is no connection. 0: none. Default: 1,000.
    #[uniffi(default = None)]
    pub queue_messages: Option<u64>,
    /// Their size in bytes. Default: 16 MiB.
    #[uniffi(default = None)]
    pub queue_bytes: Option<u64>,
    /// How long one may wait if the emit does not say. 1 ms to 30 d. Default: a day.
    #[uniffi(default = None)]
    pub queue_ttl_ms: Option<u64>,
    /// What a full queue does. Default: `RejectNew`.
    #[uniffi(default = None)]
    pub queue_overflow: Option<Overflow>,
    /// Namespaces whose waiting messages go out first, the highest number before others. Those not named have 0.
    #[uniffi(default)]
    pub namespace_priority: HashMap<String, i32>,
    /// Directory of the durable messages, made if it is missing; clients and processes may share it. Default: none, and
    /// durable emits are refused.
    #[uniffi(default = None)]
    pub store_directory: Option<String>,
    /// Durable messages that have not ended. Default: 10,000.
    #[uniffi(default = None)]
    pub durable_messages: Option<u64>,
    /// Their size in bytes. Default: 64 MiB.
    #[uniffi(default = None)]
    pub durable_bytes: Option<u64>,
    /// How long one is tried if the emit does not say. 1 ms to 30 d. Default: a day.
    #[uniffi(default = None)]
    pub durable_ttl_ms: Option<u64>,
    /// Items that may wait in one source. At least 1. Default: 1,024.
    #[uniffi(default = None)]
    pub event_buffer: Option<u64>,
    /// How long the client stops reading for a source that is behind before that one misses events. Default: 1 s.
    #[uniffi(default = None)]
    pub listener_patience_ms: Option<u64>,
    /// Certificates in PEM form, which `https://` and `wss://` servers are trusted by, and by no others. Default: what the
    /// platform trusts. Android has no default: its own verifier wants set-up that only Java can do.
    #[uniffi(default = None)]
    pub only_roots_pem: Option<String>,
}

/// When and how often a lost connection is sought again. The delay grows from attempt to attempt, by `factor`.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ReconnectOptions {
    /// 10 ms to `max_delay_ms`. Default: 1 s.
    #[uniffi(default = None)]
    pub initial_delay_ms: Option<u64>,
    /// 10 ms to 1 h. Default: 30 s.
    #[uniffi(default = None)]
    pub max_delay_ms: Option<u64>,
    /// 1 to 10. Default: 2.
    #[uniffi(default = None)]
    pub factor: Option<f64>,
    /// Random part of each delay. 0 to 1. Default: 0.5.
    #[uniffi(default = None)]
    pub jitter: Option<f64>,
    /// Failed attempts in a row after which the client stops. Default: it never does.
    #[uniffi(default = None)]
    pub max_attempts: Option<u32>,
    /// How often in a row fresh tokens may be refused. At least 1. Default: 3.
    #[uniffi(default = None)]
    pub max_auth_attempts: Option<u32>,
}

/// What a full queue does with a new message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Overflow {
    /// Refuses it with `QUEUE_FULL`.
    RejectNew,
    /// Drops the oldest, and tells each.
    DropOldest,
}

impl ClientOptions {
    pub(crate) fn build(self) -> Result<Client, RealtimeError> {
        let (store, buffer, patience) = (self.store_directory.clone(), self.event_buffer, self.listener_patience_ms);
        let roots = self.only_roots_pem.clone();
        let mut builder = Client::builder(self.into_config()?).runtime(runtime()?);
        if let Some(directory) = store {
            builder = builder.store(directory);
        }
        if let Some(pem) = roots {
            let tls = Tls::with_only_roots(pem.as_bytes());
            builder = builder.tls(tls.map_err(|error| RealtimeError::config("INVALID_ROOTS", error))?);
        }
        if let Some(items) = buffer {
            builder = builder.event_buffer(size(items));
        }
        if let Some(patience) = patience {
            builder = builder.listener_patience(Duration::from_millis(patience));
        }
        Ok(builder.build()?)
    }

    fn into_config(self) -> Result<Config, RealtimeError> {
        let mut config = Config::new(&self.url)?;
        set(&mut config.path, self.path);
        config.query = sorted(self.query);
        config.headers = sorted(self.headers);
        if let Some(name) = self.primary_namespace {
            config.primary_namespace = namespace(&name)?;
        }
        for (name, json) in sorted(self.auth) {
            config.auth_fields.insert_json(&name, json)?;
        }
        set(&mut config.recovery, self.recovery);
        set(&mut config.deduplicate, self.deduplicate);
        set(&mut config.rejoin_after_server_disconnect, self.rejoin_after_server_disconnect);
        for (option, value) in [
            (&mut config.open_timeout, self.open_timeout_ms),
            (&mut config.authentication_timeout, self.authentication_timeout_ms),
            (&mut config.token_timeout, self.token_timeout_ms),
            (&mut config.connect_timeout, self.connect_timeout_ms),
            (&mut config.ack_timeout, self.ack_timeout_ms),
            (&mut config.background_grace, self.background_grace_ms),
            (&mut config.verify_timeout, self.verify_timeout_ms),
            (&mut config.probe.interval, self.probe_interval_ms),
            (&mut config.outbox.ttl, self.queue_ttl_ms),
            (&mut config.durable.ttl, self.durable_ttl_ms),
        ] {
            set(option, value.map(Duration::from_millis));
        }
        for (option, value) in [
            (&mut config.outbox.max_messages, self.queue_messages),
            (&mut config.outbox.max_bytes, self.queue_bytes),
            (&mut config.durable.max_messages, self.durable_messages),
            (&mut config.durable.max_bytes, self.durable_bytes),
        ] {
            set(option, value.map(size));
        }
        set_overflow(&mut config.outbox, self.queue_overflow);
        if let Some(reconnect) = self.reconnect {
            reconnect.set(&mut config.reconnect);
        }
        let mut priorities: Vec<_> = self.namespace_priority.into_iter().collect();
        priorities.sort_unstable();
        for (name, priority) in priorities {
            config.namespace_priority.push((namespace(&name)?, priority));
        }
        Ok(config)
    }
}

impl ReconnectOptions {
    fn set(self, policy: &mut ReconnectPolicy) {
        set(&mut policy.initial_delay, self.initial_delay_ms.map(Duration::from_millis));
        set(&mut policy.max_delay, self.max_delay_ms.map(Duration::from_millis));
        set(&mut policy.factor, self.factor);
        set(&mut policy.jitter, self.jitter);
        set(&mut policy.max_auth_attempts, self.max_auth_attempts);
        policy.max_attempts = self.max_attempts.or(policy.max_attempts);
    }
}

fn set_overflow(outbox: &mut OutboxConfig, overflow: Option<Overflow>) {
    let overflow = overflow.map(|overflow| match overflow {
        Overflow::RejectNew => manager::Overflow::RejectNew,
        Overflow::DropOldest => manager::Overflow::DropOldest,
    });
    set(&mut outbox.overflow, overflow);
}

fn set<T>(option: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *option = value;
    }
}

fn namespace(name: &str) -> Result<Namespace, RealtimeError> {
    Namespace::try_new(name).map_err(|error| RealtimeError::config("INVALID_NAMESPACE", error))
}

/// The foreign map has no order; requests have one.
fn sorted(map: HashMap<String, String>) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = map.into_iter().collect();
    pairs.sort_unstable();
    pairs
}

/// More than the address space is all of it.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
