use std::time::Duration;

use nexus_core::{
    manager::{Config, ConnectionStatus, Credentials, Manager, Token},
    socketio::Namespace,
    time::Timestamp,
};

/// A manager and what its driver has to remember.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) manager: Manager,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) timeout_at: Option<Timestamp>,
    /// Asked to end by the application.
    pub(crate) ended: bool,
    pub(crate) background: bool,
}

impl Client {
    pub(crate) fn new(index: usize, seed: u64, namespaces: usize) -> Self {
        let mut config = Config::new("ws://sim.test").unwrap_or_else(|error| unreachable!("a constant: {error}"));
        // Small enough for a run to reach them.
        config.outbox.max_messages = 64;
        config.outbox.ttl = Duration::from_secs(20);
        config.limits.pending_acks = 32;
        let names = (1..namespaces).map(|number| format!("n{number}"));
        let others = names.filter_map(|name| Namespace::try_new(&name).ok());
        let namespaces = std::iter::once(config.primary_namespace.clone()).chain(others).collect();
        let manager = Manager::new(config, seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self { manager, namespaces, timeout_at: None, ended: false, background: false }
    }

    pub(crate) fn user_id(index: usize) -> String {
        format!("user-{index}")
    }

    pub(crate) fn credentials() -> Credentials {
        Credentials::Token(Token::from("good"))
    }

    /// Connected, with nothing left to send.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.manager.status() == ConnectionStatus::Connected
            && self.manager.queue().next().is_none()
            && self.namespaces.iter().all(|namespace| self.manager.is_joined(namespace))
    }
}
