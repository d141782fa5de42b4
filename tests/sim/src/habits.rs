//! What sets one run apart from another for its whole length.

use std::time::Duration;

use nexus_core::manager::{Config, Delivery};
use nexus_server::{delivery::RecoveryConfig, session::SessionConfig};

use crate::{choices::Choices, scenario::Peer};

/// Decided at the beginning. Where all decisions are the quiet ones, buffers are roomy, the server says little, and faults
/// are many.
#[derive(Debug)]
pub(crate) struct Habits {
    /// Every buffer is so small that the run fills it, and the network takes no more than it carries.
    pub(crate) has_small_buffers: bool,
    /// The server's application says something from the first moment of a connection to its last; else only on one that
    /// joined at once.
    pub(crate) is_busy: bool,
    /// The server's application has rooms, and revokes tokens.
    pub(crate) has_rooms: bool,
    /// Faults take so many times as long to come.
    pub(crate) calm: u32,
    /// The clients are devices of one user; else each has its own, as on a stock server.
    pub(crate) is_one_user: bool,
    /// An application emits at once as many events of this class as may be under way, and more.
    pub(crate) flood: Option<Delivery>,
}

impl Habits {
    pub(crate) fn choose(choices: &mut Choices, peer: Peer) -> Self {
        let flood = match choices.below("flood", 500) {
            496..499 => Some(Delivery::Durable),
            499 => Some(Delivery::Buffered),
            _ => None,
        };
        Self {
            flood,
            // They would stop the flood.
            has_small_buffers: choices.percent("small buffers", 40) && flood.is_none(),
            is_busy: choices.percent("busy server", 75),
            has_rooms: choices.percent("rooms and revocations", 60),
            is_one_user: !choices.percent("several users", 40) && peer == Peer::Nexus,
            calm: [1, 3, 8].get(choices.below("calm", 3) as usize).copied().unwrap_or(1),
        }
    }

    pub(crate) fn tune_client(&self, config: &mut Config) {
        config.outbox.max_messages = 64;
        config.outbox.ttl = Duration::from_secs(20);
        config.limits.pending_acks = 32;
        config.reconnect.max_delay = Duration::from_secs(4);
        if self.flood.is_some() {
            config.limits.pending_acks = 10_000;
        } else if self.has_small_buffers {
            config.outbox.max_messages = 12;
            config.outbox.max_bytes = 1_200;
            config.durable.max_messages = 16;
            config.durable.max_bytes = 2_600;
            let limits = &mut config.limits;
            limits.pending_acks = 4;
            limits.pending_replies = 3;
            limits.early_events = 6;
            limits.early_bytes = 140;
            limits.remembered_events = 8;
            // The least that there is.
            limits.unsent_bytes = 1_024;
            limits.unsent_hard_bytes = 0;
        }
    }

    pub(crate) fn tune_session(&self, config: &mut SessionConfig) {
        if self.has_small_buffers {
            config.send_queue_bytes = 1_500;
        }
    }

    /// What the server keeps of a namespace for who comes back.
    pub(crate) fn recovery(&self) -> RecoveryConfig {
        let config = RecoveryConfig {
            window: Duration::from_secs(20),
            max_age: Duration::from_secs(20),
            max_events: 24,
            ..RecoveryConfig::default()
        };
        if self.has_small_buffers {
            return RecoveryConfig { max_events: 16, max_bytes: 2_500, max_sessions: 2, ..config };
        }
        config
    }

    /// The bytes of acknowledgements that a ledger keeps for repeats.
    pub(crate) fn ack_bytes(&self) -> usize {
        match self {
            Self { has_small_buffers: true, .. } => 16,
            Self { flood: Some(_), .. } => 1 << 20,
            _ => 4_096,
        }
    }
}
