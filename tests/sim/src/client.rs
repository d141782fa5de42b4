use nexus_core::{
    manager::{Config, ConnectionStatus, Credentials, Manager, Token},
    socketio::Namespace,
    time::Timestamp,
};

use crate::{habits::Habits, scenario::Peer, store::ClientStore};

/// A manager and what its driver has to remember.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) manager: Manager,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) timeout_at: Option<Timestamp>,
    /// Asked to end by the application.
    pub(crate) ended: bool,
    pub(crate) background: bool,
    pub(crate) user: String,
    pub(crate) store: ClientStore,
    config: Config,
    /// Counts the tokens that it was given.
    pub(crate) token: u64,
    index: usize,
    /// Counts its processes.
    life: u64,
}

impl Client {
    pub(crate) fn new(index: usize, seed: u64, namespaces: usize, peer: Peer, habits: &Habits) -> Self {
        let mut config = Config::new("ws://sim.test").unwrap_or_else(|error| unreachable!("a constant: {error}"));
        habits.tune_client(&mut config);
        config.has_store = peer == Peer::Nexus;
        let names = (1..namespaces).map(|number| format!("n{number}"));
        let others = names.filter_map(|name| Namespace::try_new(&name).ok());
        let namespaces = std::iter::once(config.primary_namespace.clone()).chain(others).collect();
        let user = if habits.is_one_user { index / 2 } else { index };
        Self {
            manager: Manager::new(config.clone(), mixed(seed, index, 0)),
            namespaces,
            timeout_at: None,
            ended: false,
            background: false,
            user: format!("user-{user}"),
            store: ClientStore::default(),
            config,
            token: 0,
            index,
            life: 0,
        }
    }

    /// Its process ended, and another one began.
    pub(crate) fn restart(&mut self, seed: u64, now: Timestamp, wall_clock: u64) {
        self.life += 1;
        self.manager = Manager::new(self.config.clone(), mixed(seed, self.index, self.life));
        self.manager.set_wall_clock(now, wall_clock);
        self.store.forget_requests();
        self.timeout_at = None;
        self.background = false;
    }

    /// A Nexus server's tokens expire now and then, and are asked for anew.
    pub(crate) fn credentials(&self) -> Credentials {
        if self.config.has_store { Credentials::Provider } else { Credentials::Token(Token::from("good")) }
    }

    /// The token of now, which is a number.
    pub(crate) fn token(&self) -> Token {
        Token::from(self.token.to_string())
    }

    /// Connected, with nothing left to send.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.manager.status() == ConnectionStatus::Connected
            && self.manager.queue().next().is_none()
            && self.manager.stats().kept_messages == 0
            && self.store.is_idle()
            && self.store.len() == 0
            && self.namespaces.iter().all(|namespace| self.manager.is_joined(namespace))
    }
}

/// Another one for each process, even where shrinking made all of them zero.
fn mixed(seed: u64, index: usize, life: u64) -> u64 {
    seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ life.wrapping_mul(0xd1b5_4a32_d192_ed03)
}
