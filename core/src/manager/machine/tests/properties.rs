//! Random operations against what must hold whatever happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;

use super::scene::{HANDSHAKE, ns};
use crate::{
    engineio::Frame,
    manager::{
        Command, CommandError, Config, ConnectionId, ConnectionStatus, Credentials, Emit, EmitOutcome, Emitted, Event,
        Manager, MessageId, Output, Overflow, Receipt, ReplyId, TokenFailure, TokenRequest, TransportEvent,
        TransportFailure, TransportFailureKind,
    },
    socketio::Payload,
    time::Timestamp,
};

const NAMESPACES: [&str; 4] = ["realtime", "a", "b", "c"];
const MAX_MESSAGES: usize = 6;
const MAX_BYTES: usize = 600;
const MAX_ACKS: usize = 4;
const MAX_REPLIES: usize = 3;
const MAX_NAMESPACES: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    Connect {
        user: u8,
        token: Option<u8>,
    },
    Disconnect,
    Join(usize),
    Leave(usize),
    Emit {
        namespace: usize,
        volatile: bool,
        ack: bool,
        ttl: Option<u8>,
        size: usize,
    },
    Reply(usize),
    Cancel(usize),
    Token(Result<u8, bool>),
    Network(bool),
    Background,
    Foreground,
    Woke,
    Opened(bool),
    /// The server does one of the things that a server would do next.
    Advance(usize),
    Receive(Frame),
    Accept(usize),
    Ack(usize, u64),
    Flushed(usize),
    Pong(u64),
    Closed,
    Failed(Option<u16>),
    /// Time passes with the driver awake, or asleep.
    Pass {
        millis: u32,
        asleep: bool,
    },
}

fn frame() -> impl Strategy<Value = Frame> {
    let namespace = prop::sample::select(vec!["", "/realtime,", "/a,", "/b,", "/zzz,"]);
    let head =
        prop::sample::select(vec!["40", "41", "42", "420", "4212", "43", "430", "44", "451-", "46", "2", "1", "6"]);
    let tail = prop::sample::select(vec![
        "",
        r#"["e",1]"#,
        "[]",
        r#"["e","e7.5.k-3"]"#,
        r#"{"sid":"x"}"#,
        r#"{"sid":"x","pid":"p"}"#,
        r#"{"sid":"x","pid":"p","nx":{"v":1}}"#,
        r#"{"message":"no"}"#,
        r#"{"message":"Invalid namespace"}"#,
        r#"{"message":"busy","data":{"retryAfterMs":50}}"#,
        r#"["e",{"_placeholder":true,"num":0}]"#,
        "[",
    ]);
    prop_oneof![
        8 => (head, namespace, tail).prop_map(|(head, namespace, tail)| Frame::from(format!("{head}{namespace}{tail}"))),
        2 => Just(Frame::from(HANDSHAKE)),
        1 => Just(Frame::from(r#"0{"sid":"x","pingInterval":0,"pingTimeout":0,"maxPayload":0}"#)),
        1 => "\\PC{0,12}".prop_map(Frame::from),
        1 => prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Frame::Binary(bytes.into())),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let namespace = 0..NAMESPACES.len();
    prop_oneof![
        8 => (prop::bool::weighted(0.1), prop::option::weighted(0.8, Just(0)))
            .prop_map(|(user, token)| Op::Connect { user: user.into(), token }),
        1 => (0..2u8, prop::option::of(0..2u8)).prop_map(|(user, token)| Op::Connect { user, token }),
        1 => Just(Op::Disconnect),
        4 => namespace.clone().prop_map(Op::Join),
        2 => namespace.clone().prop_map(Op::Leave),
        40 => (namespace.clone(), prop::bool::weighted(0.2), any::<bool>(), prop::option::of(any::<u8>()), 0..250usize)
            .prop_map(|(namespace, volatile, ack, ttl, size)| Op::Emit { namespace, volatile, ack, ttl, size }),
        8 => (0..5usize).prop_map(Op::Reply),
        3 => (0..20usize).prop_map(Op::Cancel),
        8 => prop_oneof![8 => (0..3u8).prop_map(Ok), 1 => any::<bool>().prop_map(Err)].prop_map(Op::Token),
        1 => any::<bool>().prop_map(Op::Network),
        1 => Just(Op::Background),
        2 => Just(Op::Foreground),
        1 => Just(Op::Woke),
        1 => any::<bool>().prop_map(Op::Opened),
        80 => any::<usize>().prop_map(Op::Advance),
        2 => frame().prop_map(Op::Receive),
        1 => namespace.clone().prop_map(Op::Accept),
        1 => (namespace, 0..8u64).prop_map(|(namespace, id)| Op::Ack(namespace, id)),
        10 => (0..4usize).prop_map(Op::Flushed),
        1 => (0..8u64).prop_map(Op::Pong),
        1 => Just(Op::Closed),
        1 => prop::option::weighted(0.2, 0..100u16).prop_map(Op::Failed),
        6 => (0..2_000u32).prop_map(|millis| Op::Pass { millis, asleep: false }),
        2 => (0..60_000u32, any::<bool>()).prop_map(|(millis, asleep)| Op::Pass { millis, asleep }),
    ]
}

/// How far the server's part of the live transport is.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Opening,
    Open,
    Shaken,
}

/// The manager under test, and an independent account of what it owes.
struct Model {
    manager: Manager,
    now: Timestamp,
    journal: Vec<String>,
    live: Option<(ConnectionId, Phase)>,
    request: Option<TokenRequest>,
    reply: u64,
    status: ConnectionStatus,
    user: Option<u8>,
    /// By the number in its payload: user, namespace, message.
    accepted: BTreeMap<u64, (u8, usize, MessageId)>,
    queued: BTreeSet<MessageId>,
    awaited: BTreeSet<MessageId>,
    tickets: BTreeSet<u64>,
    /// The number transmitted last in each namespace.
    last_sent: BTreeMap<usize, u64>,
    transmitted: BTreeSet<u64>,
    /// What the server has not answered, as on the wire: namespaces, and acknowledgements.
    joining: Vec<String>,
    unacknowledged: Vec<String>,
    nonce: u64,
}

impl Model {
    fn new(overflow: Overflow) -> Self {
        let mut config = Config::new("ws://h").unwrap();
        config.outbox.max_messages = MAX_MESSAGES;
        config.outbox.max_bytes = MAX_BYTES;
        config.outbox.overflow = overflow;
        config.limits.pending_acks = MAX_ACKS;
        config.limits.pending_replies = MAX_REPLIES;
        config.limits.namespaces = MAX_NAMESPACES;
        config.limits.unsent_bytes = 1024;
        config.limits.unsent_hard_bytes = 4096;
        config.reconnect.max_attempts = Some(5);
        Self {
            manager: Manager::new(config, 7),
            now: Timestamp::ZERO,
            journal: Vec::new(),
            live: None,
            request: None,
            reply: 0,
            status: ConnectionStatus::Disconnected,
            user: None,
            accepted: BTreeMap::new(),
            queued: BTreeSet::new(),
            awaited: BTreeSet::new(),
            tickets: BTreeSet::new(),
            last_sent: BTreeMap::new(),
            transmitted: BTreeSet::new(),
            joining: Vec::new(),
            unacknowledged: Vec::new(),
            nonce: 0,
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Connect { user, token } => {
                let credentials =
                    token.map_or(Credentials::Provider, |token| Credentials::Token(token.to_string().into()));
                let before = self.user.replace(user);
                if self.command(Command::Connect { user_id: user.to_string(), credentials }).is_err() {
                    self.user = before;
                }
            }
            Op::Disconnect => drop(self.command(Command::Disconnect)),
            Op::Join(namespace) => drop(self.command(Command::Join { namespace: ns(NAMESPACES[namespace]) })),
            Op::Leave(namespace) => drop(self.command(Command::Leave { namespace: ns(NAMESPACES[namespace]) })),
            Op::Emit { namespace, volatile, ack, ttl, size } => self.emit(namespace, volatile, ack, ttl, size),
            Op::Reply(back) => {
                let reply = ReplyId::from_u64(self.reply.saturating_sub(back as u64));
                drop(self.command(Command::Reply { reply, payload: Payload::from_value(&1).unwrap() }));
            }
            Op::Cancel(back) => {
                let latest = self.accepted.values().map(|(.., message)| message.as_u64()).max().unwrap_or(0);
                let message = MessageId::from_u64(latest.saturating_sub(back as u64));
                drop(self.command(Command::Cancel { message }));
            }
            Op::Token(token) => {
                if let Some(request) = self.request {
                    let token = token
                        .map(|token| token.to_string().into())
                        .map_err(|is_final| TokenFailure { message: "no".to_owned(), is_final });
                    drop(self.command(Command::ProvideToken { request, token }));
                }
            }
            Op::Network(reachable) => drop(self.command(Command::NetworkChanged { reachable })),
            Op::Background => drop(self.command(Command::EnterBackground)),
            Op::Foreground => drop(self.command(Command::EnterForeground)),
            Op::Woke => drop(self.command(Command::Woke)),
            Op::Opened(can_ping) => self.transport(TransportEvent::Opened { can_ping }),
            Op::Advance(choice) => self.advance(choice),
            Op::Receive(frame) => self.transport(TransportEvent::Frame(frame)),
            Op::Accept(namespace) => self.receive(&format!(r#"40/{},{{"sid":"x"}}"#, NAMESPACES[namespace])),
            Op::Ack(namespace, id) => self.receive(&format!("43/{},{id}[1]", NAMESPACES[namespace])),
            Op::Flushed(frames) => self.transport(TransportEvent::Flushed { frames }),
            Op::Pong(nonce) => self.transport(TransportEvent::Pong { nonce }),
            Op::Closed => self.gone(TransportEvent::Closed { code: None, text: "".into() }),
            Op::Failed(seconds) => {
                let retry_after = seconds.map(|seconds| Duration::from_secs(seconds.into()));
                let failure = TransportFailure::new(TransportFailureKind::Io, "x");
                self.gone(TransportEvent::Failed(TransportFailure { retry_after, ..failure }));
            }
            Op::Pass { millis, asleep } => self.pass(Duration::from_millis(millis.into()), asleep),
        }
        self.check_bounds();
    }

    fn emit(&mut self, namespace: usize, volatile: bool, ack: bool, ttl: Option<u8>, size: usize) {
        let number = self.accepted.last_key_value().map_or(0, |(number, _)| number + 1);
        let payload = Payload::from_args(&(number, Bytes::from(vec![0; size]))).unwrap();
        let mut emit = Emit::new(ns(NAMESPACES[namespace]), "n", payload);
        emit.ttl = ttl.map(|millis| Duration::from_millis(millis.into()));
        if volatile {
            emit = emit.volatile();
        }
        if ack {
            emit = emit.with_ack();
        }
        let result = self.manager.handle_command(self.now, Command::Emit(emit));
        self.journal.push(format!("{result:?}"));
        if let Ok(Receipt::Emitted(Emitted { message, outcome })) = result {
            let user = self.user.expect("accepted only on behalf of a user");
            self.accepted.insert(number, (user, namespace, message));
            if outcome == EmitOutcome::Queued {
                self.queued.insert(message);
            }
            if ack {
                self.awaited.insert(message);
            }
            if outcome == EmitOutcome::Dropped {
                self.transmitted.insert(number);
            }
        }
        self.drain();
    }

    fn advance(&mut self, choice: usize) {
        match self.live {
            Some((_, Phase::Opening)) => self.transport(TransportEvent::Opened { can_ping: !choice.is_multiple_of(3) }),
            Some((connection, Phase::Open)) => {
                self.live = Some((connection, Phase::Shaken));
                self.receive(HANDSHAKE);
            }
            Some((_, Phase::Shaken)) if choice.is_multiple_of(23) && !self.joining.is_empty() => {
                let namespace = &self.joining[choice % self.joining.len()];
                self.receive(&format!(r#"42{namespace},["e","e7.{}"]"#, choice % 50));
            }
            Some((_, Phase::Shaken)) if !self.joining.is_empty() => {
                let namespace = self.joining.swap_remove(choice % self.joining.len());
                let answer = match choice % 7 {
                    0 => r#"44{},{"message":"no"}"#,
                    1..3 => r#"40{},{"sid":"x"}"#,
                    3 => r#"40{},{"sid":"x","pid":"p"}"#,
                    4 => r#"40{},{"sid":"x","pid":"q","nx":{"v":1,"t":2}}"#,
                    _ => r#"40{},{"sid":"x","pid":"p","nx":{"v":1}}"#,
                };
                self.receive(&answer.replacen("{}", &namespace, 1));
            }
            Some((_, Phase::Shaken)) if choice.is_multiple_of(4) && !self.unacknowledged.is_empty() => {
                let ack = self.unacknowledged.swap_remove(choice % self.unacknowledged.len());
                self.receive(&ack);
            }
            Some((_, Phase::Shaken)) if choice % 4 == 1 => {
                let joined = NAMESPACES.iter().filter(|name| self.manager.is_joined(&ns(name))).nth(choice % 3);
                if let Some(namespace) = joined {
                    let text = match choice % 5 {
                        0 => format!("41/{namespace},"),
                        1 => format!(r#"42/{namespace},["e",1,"e7.{}"]"#, choice % 50),
                        2 => format!(r#"42/{namespace},["e",1,"e7.{}.k-{}"]"#, choice % 50, choice % 70 + 1),
                        id => format!(r#"42/{namespace},{id}["e",1]"#),
                    };
                    self.receive(&text);
                }
            }
            Some((_, Phase::Shaken)) if choice % 4 == 2 => self.transport(TransportEvent::Pong { nonce: self.nonce }),
            Some((_, Phase::Shaken)) => self.receive("2"),
            None => self.pass(Duration::from_secs(1), false),
        }
    }

    fn command(&mut self, command: Command) -> Result<Receipt, CommandError> {
        let result = self.manager.handle_command(self.now, command);
        self.journal.push(format!("{result:?}"));
        if let Ok(Receipt::Connect(ticket)) = result {
            self.tickets.insert(ticket.as_u64());
        }
        self.drain();
        result
    }

    fn receive(&mut self, text: &str) {
        self.transport(TransportEvent::Frame(Frame::from(text.to_owned())));
    }

    fn transport(&mut self, event: TransportEvent) {
        let Some((connection, phase)) = self.live else { return };
        if let TransportEvent::Opened { .. } = event
            && phase == Phase::Opening
        {
            self.live = Some((connection, Phase::Open));
        }
        self.manager.handle_transport(self.now, connection, event);
        self.drain();
    }

    fn gone(&mut self, event: TransportEvent) {
        if let Some((connection, _)) = self.live.take() {
            self.manager.handle_transport(self.now, connection, event);
            self.drain();
        }
    }

    fn pass(&mut self, time: Duration, asleep: bool) {
        let target = self.now + time;
        while let Some(due) = self.manager.poll_timeout().filter(|due| *due <= target && !asleep) {
            self.now = self.now.max(due);
            self.timeout();
        }
        self.now = target;
        if asleep {
            self.timeout();
        }
    }

    fn timeout(&mut self) {
        self.manager.handle_timeout(self.now);
        let due = self.manager.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "due at {due:?}, it is {:?}", self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.manager.poll_output() {
            self.journal.push(format!("{output:?}"));
            match output {
                Output::Connect { connection, .. } => {
                    assert!(self.live.is_none(), "one transport at a time");
                    self.joining.clear();
                    self.unacknowledged.clear();
                    self.live = Some((connection, Phase::Opening));
                }
                Output::Close { connection } => {
                    assert_eq!(self.live.take().map(|(live, _)| live), Some(connection));
                }
                Output::Transmit { connection, frame, .. } => {
                    // What was given before a transport failed is still in the list when it does.
                    if let Some((live, phase)) = self.live {
                        assert_eq!(live, connection);
                        assert!(phase != Phase::Opening, "nothing is sent before the transport is open");
                    }
                    self.check_transmitted(&frame);
                }
                Output::Ping { nonce, .. } => self.nonce = nonce,
                Output::NeedToken { request, .. } => self.request = Some(request),
                Output::Store(request) => panic!("no store was promised: {request:?}"),
                Output::Event(event) => self.check_event(event),
            }
        }
    }

    fn check_transmitted(&mut self, frame: &Frame) {
        let Frame::Text(text) = frame else { return };
        if let Some((namespace, _)) = text.strip_prefix("40").and_then(|rest| rest.split_once(',')) {
            self.joining.push(namespace.to_owned());
        }
        let Some((head, rest)) = text.split_once(r#"["n","#) else { return };
        let number: u64 = rest.split(',').next().unwrap().parse().unwrap();
        let (user, namespace, message) = self.accepted[&number];
        if let Some((namespace, id)) = head.split_once('-').and_then(|(_, rest)| rest.split_once(','))
            && !id.is_empty()
        {
            self.unacknowledged.push(format!("43{namespace},{id}[1]"));
        }
        assert!(head.contains(&format!("/{},", NAMESPACES[namespace])), "{text}");
        assert!(self.transmitted.insert(number), "{number} is sent twice, or after it was dropped");
        assert_eq!(self.user, Some(user), "{number} is sent on behalf of another user");
        let before = self.last_sent.insert(namespace, number);
        assert!(before < Some(number), "{number} is sent after {before:?}");
        self.queued.remove(&message);
    }

    fn check_event(&mut self, event: Event) {
        use ConnectionStatus::{Connected, Connecting, Disconnected, Reconnecting};
        match event {
            Event::Status(change) => {
                let is_legal = matches!(
                    (self.status, change.status),
                    (Disconnected, Connecting | Reconnecting)
                        | (Connecting | Reconnecting, Connected | Disconnected)
                        | (Connected, Disconnected)
                );
                assert!(is_legal, "{} -> {}", self.status, change.status);
                assert_eq!(change.reason.is_some(), change.status == Disconnected);
                self.status = change.status;
            }
            Event::ConnectResolved { ticket, .. } => {
                assert!(self.tickets.remove(&ticket.as_u64()), "{ticket} is resolved twice");
            }
            Event::AckResolved { message, .. } => {
                assert!(self.awaited.remove(&message), "the acknowledgement of {message} is resolved twice");
            }
            Event::MessageDropped(dropped) => {
                assert!(self.queued.remove(&dropped.message), "{} was not queued", dropped.message);
                let number = self.accepted.iter().find(|(_, (.., message))| *message == dropped.message).unwrap().0;
                self.transmitted.insert(*number);
            }
            Event::Received(received) => {
                if let Some(reply) = received.reply {
                    self.reply = reply.as_u64();
                }
            }
            _ => {}
        }
    }

    fn check_bounds(&self) {
        let stats = self.manager.stats();
        assert_eq!(stats.status, self.status);
        assert!(stats.queued_messages <= MAX_MESSAGES && stats.queued_bytes <= MAX_BYTES, "{stats:?}");
        assert_eq!(stats.queued_bytes, self.manager.queue().map(|queued| queued.bytes).sum::<usize>());
        assert!(self.manager.queue().map(|queued| queued.message).eq(self.queued.iter().copied()), "{:?}", self.queued);
        assert!(stats.pending_acks <= MAX_ACKS && stats.pending_acks == self.awaited.len(), "{stats:?}");
        assert!(stats.pending_replies <= MAX_REPLIES && stats.namespaces <= MAX_NAMESPACES, "{stats:?}");
        assert!(stats.unsent_bytes <= 4096, "{stats:?}");
        assert_eq!(stats.status == ConnectionStatus::Connected, stats.joined_namespaces > 0, "{stats:?}");
    }

    /// Whatever happened, everything ends when the application says so and time passes.
    fn finish(&mut self) {
        self.apply(Op::Disconnect);
        assert_eq!(self.status, ConnectionStatus::Disconnected);
        assert!(self.tickets.is_empty(), "{:?}", self.tickets);
        self.pass(Duration::from_secs(40 * 24 * 3600), false);
        assert!(self.awaited.is_empty() && self.queued.is_empty());
        assert_eq!(self.manager.poll_timeout(), None);
    }
}

fn run(ops: &[Op], overflow: Overflow) -> Vec<String> {
    let mut model = Model::new(overflow);
    for op in ops {
        model.apply(op.clone());
    }
    model.finish();
    model.journal
}

/// A case is a whole life of a client, so a quarter of the usual number: 64, or by PROPTEST_CASES.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases / 4, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_every_promise_is_kept(
        ops in prop::collection::vec(op(), 1..250),
        overflow in prop::sample::select(vec![Overflow::RejectNew, Overflow::DropOldest]),
    ) {
        let first = run(&ops, overflow);
        prop_assert_eq!(first, run(&ops, overflow), "the same inputs give the same outputs");
    }
}
