use std::{collections::VecDeque, time::Duration};

use super::{
    config::Config,
    ids::{ConnectionId, TokenRequest},
};
use crate::{
    engineio::Handshake,
    socketio::{Decoder, Limits, Namespace},
    time::Timestamp,
};

/// What a frame costs in a driver's buffer besides its bytes.
const FRAME_OVERHEAD_BYTES: usize = 32;
/// No server can work with less, so less is a mistake, or an attempt to make clients drop what they have queued.
const MIN_MAX_PAYLOAD: u64 = 1024;
/// How many of the namespaces left last are remembered.
const LEFT_LIMIT: usize = 64;

/// How far a transport is, named by what is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The transport is being opened.
    NeedTransport,
    /// The `open` packet of Engine.IO.
    NeedHandshake,
    /// The token provider's answer.
    NeedToken(TokenRequest),
    /// The answer to the CONNECT of the primary namespace.
    NeedAnswer { sent_at: Timestamp },
    /// Nothing: the primary namespace is joined.
    Ready,
}

/// A probe that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) nonce: u64,
    pub(super) sent_at: Timestamp,
}

/// One transport and what is known of it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: ConnectionId,
    pub(super) stage: Stage,
    /// The question for a fresh token, which a namespace needs that is joined later than the primary one.
    pub(super) renewal: Option<TokenRequest>,
    pub(super) can_ping: bool,
    pub(super) decoder: Decoder,
    /// Largest frame to send.
    pub(super) frame_limit: u64,
    pub(super) ping_interval: Duration,
    pub(super) ping_timeout: Duration,
    pub(super) last_ping_at: Option<Timestamp>,
    pub(super) probe: Option<Probe>,
    /// When it was asked for a sign of life.
    pub(super) verified_since: Timestamp,
    /// Whether the round trip may be measured by asking for a namespace that the server does not have.
    may_ask: bool,
    /// The nonce of the probe that was sent so, and not answered yet. There is one at most: a server that has the
    /// namespace after all would see a second CONNECT.
    asked: Option<u64>,
    /// Costs of the frames that the transport has not taken.
    unsent: VecDeque<usize>,
    unsent_bytes: usize,
    /// What the server may still send events for, because it had not yet seen that we left.
    left: VecDeque<Namespace>,
}

impl Link {
    pub(super) fn new(connection: ConnectionId, config: &Config) -> Self {
        let limits = Limits {
            max_attachments: config.limits.received_attachments,
            max_packet_bytes: config.limits.received_packet_bytes,
            ..Limits::default()
        };
        Self {
            connection,
            stage: Stage::NeedTransport,
            renewal: None,
            can_ping: false,
            decoder: Decoder::new(limits),
            frame_limit: config.limits.frame_bytes as u64,
            ping_interval: config.heartbeat.max,
            ping_timeout: config.heartbeat.max,
            last_ping_at: None,
            probe: None,
            verified_since: Timestamp::ZERO,
            may_ask: config.probe.by_namespace,
            asked: None,
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            left: VecDeque::new(),
        }
    }

    /// Takes over what the server announced, within bounds.
    pub(super) fn shake_hands(&mut self, handshake: &Handshake, config: &Config) {
        let bounds = &config.heartbeat;
        self.ping_interval = handshake.ping_interval.clamp(bounds.min, bounds.max);
        self.ping_timeout = handshake.ping_timeout.clamp(bounds.min, bounds.max);
        self.frame_limit = (config.limits.frame_bytes as u64).min(handshake.max_payload.max(MIN_MAX_PAYLOAD));
    }

    pub(super) fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// Whether there is a way to ask the server for a sign of life.
    pub(super) fn is_probed(&self) -> bool {
        self.is_ready() && (self.can_ping || self.may_ask)
    }

    /// Whether it may be asked now.
    pub(super) fn can_probe(&self) -> bool {
        self.is_ready() && (self.can_ping || (self.may_ask && self.asked.is_none()))
    }

    /// Notes that a probe goes out as a CONNECT.
    pub(super) fn asked(&mut self, nonce: u64) {
        self.asked = Some(nonce);
    }

    /// The probe to which the server answers. One that has every namespace is not asked again: that makes sessions there.
    pub(super) fn answered(&mut self, accepted: bool) -> Option<u64> {
        let nonce = self.asked.take()?;
        self.may_ask &= !accepted;
        Some(nonce)
    }

    /// Counts a frame that is handed to the transport.
    pub(super) fn sent(&mut self, bytes: usize) {
        let cost = bytes + FRAME_OVERHEAD_BYTES;
        self.unsent.push_back(cost);
        self.unsent_bytes += cost;
    }

    /// The transport has taken some frames.
    pub(super) fn flushed(&mut self, frames: usize) {
        let frames = frames.min(self.unsent.len());
        self.unsent_bytes -= self.unsent.drain(..frames).sum::<usize>();
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.unsent_bytes
    }

    pub(super) fn remember_left(&mut self, namespace: Namespace) {
        if self.left.len() >= LEFT_LIMIT {
            self.left.pop_front();
        }
        self.left.push_back(namespace);
    }

    pub(super) fn forget_left(&mut self, namespace: &Namespace) {
        self.left.retain(|left| left != namespace);
    }

    pub(super) fn was_left(&self, namespace: &Namespace) -> bool {
        self.left.contains(namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> (Link, Config) {
        let config = Config::new("ws://h").unwrap().clamped();
        (Link::new(ConnectionId::from_u64(1), &config), config)
    }

    #[test]
    fn hostile_handshakes_are_clamped() {
        let (mut link, config) = link();
        let handshake = |json: &str| Handshake::parse(json).unwrap();
        link.shake_hands(&handshake(r#"{"sid":"a","pingInterval":0,"pingTimeout":0,"maxPayload":0}"#), &config);
        assert_eq!((link.ping_interval, link.ping_timeout), (config.heartbeat.min, config.heartbeat.min));
        assert_eq!(link.frame_limit, 1024);
        link.shake_hands(
            &handshake(r#"{"sid":"a","pingInterval":1e300,"pingTimeout":1e300,"maxPayload":1e300}"#),
            &config,
        );
        assert_eq!((link.ping_interval, link.ping_timeout), (config.heartbeat.max, config.heartbeat.max));
        assert_eq!(link.frame_limit, 16 << 20);
    }

    #[test]
    fn unsent_bytes_follow_what_is_sent_and_flushed() {
        let (mut link, _) = link();
        link.sent(100);
        link.sent(1000);
        assert_eq!(link.unsent_bytes(), 1100 + 2 * FRAME_OVERHEAD_BYTES);
        link.flushed(1);
        assert_eq!(link.unsent_bytes(), 1000 + FRAME_OVERHEAD_BYTES);
        link.flushed(99);
        assert_eq!(link.unsent_bytes(), 0);
    }

    #[test]
    fn only_so_many_left_namespaces_are_remembered() {
        let (mut link, _) = link();
        for index in 0..=LEFT_LIMIT {
            link.remember_left(Namespace::try_new(&index.to_string()).unwrap());
        }
        assert!(!link.was_left(&Namespace::try_new("0").unwrap()));
        assert!(link.was_left(&Namespace::try_new("1").unwrap()));
        assert_eq!(link.left.len(), LEFT_LIMIT);
    }
}
