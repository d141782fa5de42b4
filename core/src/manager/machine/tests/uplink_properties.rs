//! Random faults between a client with a store and a server with ledgers: what must hold of every message.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytestring::ByteString;
use proptest::prelude::*;

use super::scene::{carry_out, ns};
use crate::{
    engineio::Frame,
    manager::{
        Command, Config, ConnectionId, ConnectionStatus, Credentials, DeliveryStatus, DropReason, Emit, Event, Manager,
        MessageId, MessageKey, Output, Receipt, StoreAnswer, StoreError, StoreErrorKind, StoreEvent, StoreOperation,
        StoreRequest, StoredMessage, TransportEvent,
    },
    socketio::{
        Decoder, Limits, Packet, Payload,
        delivery::{Class, Grant, Marker, Outcome, Request},
    },
    time::Timestamp,
};

const NAMESPACES: [&str; 2] = ["realtime", "chat"];
const HANDSHAKE: &str = r#"0{"sid":"eio","upgrades":[],"pingInterval":60000,"pingTimeout":60000,"maxPayload":100000}"#;

#[derive(Clone, Debug)]
enum Op {
    Emit {
        namespace: usize,
        class: Class,
        ack: bool,
    },
    Cancel(usize),
    /// So many frames arrive at the server, or at the client.
    Up(usize),
    Down(usize),
    Cut,
    /// The store does what it was asked for, or fails.
    Commit(bool),
    Pass(u32),
    Disconnect,
    Leave,
    /// The client's process ends, and another one begins.
    Kill,
    /// The server's process ends: buffered ledgers are gone.
    Crash,
    /// The server's disk is lost: durable ledgers are gone.
    LoseLedger,
    /// Handlers fail for now, or no longer.
    Busy(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let class = prop_oneof![Just(Class::Buffered), Just(Class::Durable)];
    prop_oneof![
        20 => (0..2usize, class, any::<bool>()).prop_map(|(namespace, class, ack)| Op::Emit { namespace, class, ack }),
        1 => (0..6usize).prop_map(Op::Cancel),
        30 => (1..8usize).prop_map(Op::Up),
        30 => (1..8usize).prop_map(Op::Down),
        2 => Just(Op::Cut),
        20 => prop::bool::weighted(0.1).prop_map(Op::Commit),
        8 => (0..3_000u32).prop_map(Op::Pass),
        1 => Just(Op::Disconnect),
        1 => Just(Op::Leave),
        1 => Just(Op::Kill),
        1 => Just(Op::Crash),
        1 => Just(Op::LoseLedger),
        1 => any::<bool>().prop_map(Op::Busy),
    ]
}

/// What a server does by `docs/protocol.md`, with handlers that return at once.
#[derive(Default)]
struct Server {
    process: u64,
    disk: u64,
    is_busy: bool,
    buffered: BTreeMap<(String, ByteString), u64>,
    durable: BTreeMap<(String, ByteString), Ledger>,
    /// Under which each namespace is joined.
    instances: BTreeMap<String, ByteString>,
    /// The numbers that have run, and the last one of each namespace and class.
    ran: BTreeSet<u64>,
    last: BTreeMap<(String, Class), u64>,
    answers: Vec<String>,
}

#[derive(Default)]
struct Ledger {
    lowest: u64,
    ran: BTreeMap<u64, u64>,
    /// Those that were told to come again.
    refused: BTreeSet<u64>,
}

impl Server {
    fn take(&mut self, packet: Packet) {
        let name = packet.namespace().name().to_owned();
        match packet {
            Packet::Connect { data, .. } => {
                let request = Request::of_auth(&data.expect("auth")).expect("it negotiates");
                let grant = Grant {
                    buffered: Some(format!("b{}", self.process).into()),
                    durable: Some(format!("d{}", self.disk).into()),
                    lost: 0,
                };
                self.instances.insert(name.clone(), request.instance);
                self.answers.push(format!(r#"40/{name},{{"sid":"s","nx":{}}}"#, grant.encode()));
            }
            Packet::Event { id, payload, .. } => {
                let number: u64 = payload.arg(0).unwrap();
                if payload.len() == 1 {
                    // The namespace was left and wanted again while its CONNECT was under way: no instance is good for it.
                    return self.run(&name, Class::Buffered, number);
                }
                let marker = payload.split_last().1.unwrap();
                let marker = Marker::parse(&marker).expect("in bounds").expect("not empty");
                let instance = marker.instance.clone().unwrap_or_else(|| self.instances[&name].clone());
                match marker.class {
                    Class::Buffered => self.buffered(&name, instance, &marker, number),
                    Class::Durable => {
                        let outcome = self.durable(&name, instance, &marker, number);
                        self.answers.push(format!("43/{name},{}[{}]", id.unwrap(), outcome.encode()));
                        return;
                    }
                }
                if let Some(id) = id {
                    self.answers.push(format!("43/{name},{id}[]"));
                }
            }
            _ => {}
        }
    }

    fn buffered(&mut self, name: &str, instance: ByteString, marker: &Marker, number: u64) {
        let last = self.buffered.entry((name.to_owned(), instance)).or_default();
        assert!(marker.id <= *last + 1, "{number} jumps ahead: {marker:?} after {last}");
        let runs = marker.id == *last + 1;
        *last = marker.id.max(*last);
        let confirmed = *last;
        if runs {
            self.run(name, Class::Buffered, number);
        }
        self.answers.push(format!(r#"42/{name},["$nx",{{"b":{confirmed}}}]"#));
    }

    fn durable(&mut self, name: &str, instance: ByteString, marker: &Marker, number: u64) -> Outcome {
        let is_busy = self.is_busy;
        let ledger = self.durable.entry((name.to_owned(), instance)).or_default();
        ledger.lowest = ledger.lowest.max(marker.lowest);
        let lowest = ledger.lowest;
        ledger.ran.retain(|id, _| *id >= lowest);
        ledger.refused = ledger.refused.split_off(&lowest);
        if marker.id < lowest {
            return Outcome::Stale;
        }
        if let Some(before) = ledger.ran.get(&marker.id) {
            assert_eq!(*before, number, "an id belongs to one message");
            return Outcome::Done;
        }
        // One that was passed over has been given up.
        if ledger.ran.last_key_value().is_some_and(|(last, _)| *last > marker.id) {
            return Outcome::Stale;
        }
        if is_busy || ledger.refused.first().is_some_and(|first| marker.id > *first) {
            ledger.refused.insert(marker.id);
            return Outcome::Retry { after: Duration::from_millis(100), code: "waiting".into() };
        }
        ledger.refused.remove(&marker.id);
        ledger.ran.insert(marker.id, number);
        self.run(name, Class::Durable, number);
        Outcome::Done
    }

    fn run(&mut self, name: &str, class: Class, number: u64) {
        assert!(self.ran.insert(number), "{number} runs twice");
        let before = self.last.insert((name.to_owned(), class), number);
        assert!(before < Some(number), "{number} of {name} runs after {before:?}");
    }
}

struct Model {
    manager: Manager,
    now: Timestamp,
    seed: u64,
    config: Config,
    server: Server,
    live: Option<ConnectionId>,
    decoder: Decoder,
    up: VecDeque<Frame>,
    down: VecDeque<String>,
    store: VecDeque<StoreRequest>,
    disk: BTreeMap<MessageKey, StoredMessage>,
    /// By message of the process at hand.
    numbers: BTreeMap<MessageId, (u64, Class)>,
    next: u64,
    accepted: BTreeSet<u64>,
    ended: BTreeMap<u64, &'static str>,
    transmitted: BTreeSet<u64>,
    /// Buffered messages of which the client said that nobody knows.
    unknown: BTreeSet<u64>,
    awaited: BTreeSet<MessageId>,
    is_ledger_lost: bool,
}

impl Model {
    fn new() -> Self {
        let mut config = Config::new("ws://h").unwrap();
        config.has_store = true;
        config.probe.by_namespace = false;
        config.limits.unsent_bytes = 1 << 20;
        let mut model = Self {
            manager: Manager::new(config.clone(), 1),
            now: Timestamp::ZERO,
            seed: 1,
            config,
            server: Server::default(),
            live: None,
            decoder: Decoder::new(Limits::default()),
            up: VecDeque::new(),
            down: VecDeque::new(),
            store: VecDeque::new(),
            disk: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next: 1,
            accepted: BTreeSet::new(),
            ended: BTreeMap::new(),
            transmitted: BTreeSet::new(),
            unknown: BTreeSet::new(),
            awaited: BTreeSet::new(),
            is_ledger_lost: false,
        };
        model.connect();
        model
    }

    fn connect(&mut self) {
        // What is restored from different owners is told apart by the time of its emit.
        self.manager.set_wall_clock(self.now, 1_700_000_000_000 + self.now.as_millis());
        let credentials = Credentials::Token("t".into());
        self.manager.connect(self.now, "u".to_owned(), credentials).unwrap();
        self.drain();
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Emit { namespace, class, ack } => self.emit(namespace, class, ack),
            Op::Cancel(back) => {
                let message = self.numbers.keys().rev().nth(back).copied();
                if let Some(message) = message {
                    drop(self.manager.handle_command(self.now, Command::Cancel { message }));
                    self.drain();
                }
            }
            Op::Up(frames) => (0..frames).for_each(|_| self.deliver_up()),
            Op::Down(frames) => (0..frames).for_each(|_| self.deliver_down()),
            Op::Cut => self.cut(),
            Op::Commit(fails) => self.commit(fails),
            Op::Pass(millis) => self.pass(Duration::from_millis(millis.into())),
            Op::Disconnect => {
                self.manager.disconnect(self.now);
                self.drain();
                self.connect();
            }
            Op::Leave => {
                drop(self.manager.leave(self.now, &ns("chat")));
                self.drain();
            }
            Op::Kill => self.kill(),
            Op::Crash => {
                self.server.process += 1;
                self.server.buffered.clear();
                self.cut();
            }
            Op::LoseLedger => {
                self.server.disk += 1;
                self.server.durable.clear();
                self.is_ledger_lost = true;
                self.cut();
            }
            Op::Busy(is_busy) => self.server.is_busy = is_busy,
        }
        let stats = self.manager.stats();
        assert_eq!(stats.counters.protocol_errors, 0);
        assert_eq!(stats.pending_acks, self.awaited.len());
    }

    fn emit(&mut self, namespace: usize, class: Class, ack: bool) {
        self.pass(Duration::from_millis(1));
        let number = self.next;
        self.next += 1;
        let mut emit = Emit::new(ns(NAMESPACES[namespace]), "n", Payload::from_value(&number).unwrap());
        if class == Class::Durable {
            emit = emit.durable();
        } else if ack {
            emit = emit.with_ack();
        }
        let Ok(Receipt::Emitted(emitted)) = self.manager.handle_command(self.now, Command::Emit(emit)) else {
            panic!("nothing is full");
        };
        self.numbers.insert(emitted.message, (number, class));
        if class == Class::Buffered && ack {
            self.awaited.insert(emitted.message);
        }
        self.drain();
    }

    fn deliver_up(&mut self) {
        let Some(Frame::Text(text)) = self.up.pop_front() else { return };
        let Some(message) = text.strip_prefix('4') else { return };
        let packet = self.decoder.handle_text(&message.into()).unwrap().unwrap();
        self.server.take(packet);
        self.down.extend(self.server.answers.drain(..));
    }

    fn deliver_down(&mut self) {
        let Some((text, connection)) = self.down.pop_front().zip(self.live) else { return };
        self.manager.handle_transport(self.now, connection, TransportEvent::Frame(Frame::from(text)));
        self.drain();
    }

    fn cut(&mut self) {
        self.up.clear();
        self.down.clear();
        if let Some(connection) = self.live.take() {
            let event = TransportEvent::Closed { code: None, text: "".into() };
            self.manager.handle_transport(self.now, connection, event);
            self.drain();
        }
    }

    fn commit(&mut self, fails: bool) {
        let Some(request) = self.store.pop_front() else { return };
        let result = if fails {
            Err(StoreError::new(StoreErrorKind::Full, "test"))
        } else {
            Ok(self.carry_out(request.operation))
        };
        self.manager.handle_store(self.now, StoreEvent::Answer { ticket: request.ticket, result });
        self.drain();
    }

    fn carry_out(&mut self, operation: StoreOperation) -> StoreAnswer {
        carry_out(&mut self.disk, &mut BTreeMap::new(), operation)
    }

    /// Any part of what the store was asked for may be done when the process ends.
    fn kill(&mut self) {
        if self.seed.is_multiple_of(2)
            && let Some(request) = self.store.pop_front()
        {
            self.carry_out(request.operation);
        }
        self.store.clear();
        self.live = None;
        self.up.clear();
        self.down.clear();
        let stored: BTreeSet<u64> = self.disk.values().map(|message| message.payload.arg(0).unwrap()).collect();
        self.accepted.retain(|number| stored.contains(number) || self.ended.contains_key(number));
        self.numbers.clear();
        self.awaited.clear();
        self.transmitted.clear();
        self.seed += 1;
        self.manager = Manager::new(self.config.clone(), self.seed);
        self.connect();
    }

    fn pass(&mut self, time: Duration) {
        let target = self.now + time;
        while let Some(due) = self.manager.poll_timeout().filter(|due| *due <= target) {
            self.now = self.now.max(due);
            self.manager.handle_timeout(self.now);
            assert!(self.manager.poll_timeout().is_none_or(|due| due > self.now));
            self.drain();
        }
        self.now = target;
        if self.live.is_some() {
            self.down.push_back("2".to_owned());
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.manager.poll_output() {
            match output {
                Output::Connect { connection, .. } => {
                    self.live = Some(connection);
                    self.up.clear();
                    self.down = VecDeque::from([HANDSHAKE.to_owned()]);
                    self.decoder = Decoder::new(Limits::default());
                    self.manager.handle_transport(self.now, connection, TransportEvent::Opened { can_ping: false });
                }
                Output::Close { .. } => {
                    self.live = None;
                    self.up.clear();
                    self.down.clear();
                }
                Output::Transmit { connection, frame, .. } => {
                    self.check_transmitted(&frame);
                    self.up.push_back(frame);
                    self.manager.handle_transport(self.now, connection, TransportEvent::Flushed { frames: 1 });
                }
                Output::Store(request) => {
                    assert!(self.store.is_empty(), "one request at a time");
                    self.store.push_back(request);
                }
                Output::Event(event) => self.check_event(event),
                Output::Ping { .. } | Output::NeedToken { .. } => unreachable!(),
            }
        }
    }

    fn check_transmitted(&mut self, frame: &Frame) {
        let Frame::Text(text) = frame else { unreachable!() };
        let Some((_, rest)) = text.split_once(r#"["n","#) else { return };
        let number: u64 = rest.split([',', ']']).next().unwrap().parse().unwrap();
        assert!(!self.unknown.contains(&number), "{number} is sent after its end");
        assert!(!self.ended.contains_key(&number), "{number} is sent after its end");
        if rest.contains(r#""d":1"#) {
            let stored = self.disk.values().find(|message| message.payload.raw_arg(0) == Some(&number.to_string()));
            assert!(stored.is_some_and(|message| message.sent.is_some()), "{number} is written before that is stored");
        } else if rest.contains("$m") {
            self.transmitted.insert(number);
        }
    }

    fn check_event(&mut self, event: Event) {
        match event {
            Event::Restored { messages, .. } => {
                for message in messages {
                    let entry = self.manager.durable.get(message).unwrap();
                    // One that was sent to a ledger that is gone has ended by now, and is still stored.
                    let payload = if entry.is_ending() { &self.disk[&entry.key].payload } else { &entry.payload };
                    let number = payload.arg(0).unwrap();
                    self.numbers.insert(message, (number, Class::Durable));
                    assert!(!self.ended.contains_key(&number), "{number} is restored after its end");
                    self.accepted.insert(number);
                }
            }
            Event::Delivery { message, status } => {
                let Some((number, _)) = self.numbers.get(&message).copied() else { return };
                match status {
                    DeliveryStatus::Queued | DeliveryStatus::Sent => return,
                    DeliveryStatus::Persisted => drop(self.accepted.insert(number)),
                    DeliveryStatus::Acked(_) => assert!(self.server.ran.contains(&number), "{number} has not run"),
                    DeliveryStatus::Unknown => assert!(self.is_ledger_lost, "{number} is unknown for no reason"),
                    DeliveryStatus::Cancelled { sent: false } => {
                        assert!(!self.server.ran.contains(&number), "{number} has run");
                    }
                    _ => {}
                }
                if status.is_final() {
                    let before = self.ended.insert(number, status.as_str());
                    assert_eq!(before, None, "{number} ends once");
                }
            }
            Event::MessageDropped(dropped) => {
                let (number, _) = self.numbers[&dropped.message];
                match dropped.reason {
                    DropReason::Unknown => drop(self.unknown.insert(number)),
                    _ => assert!(!self.transmitted.contains(&number), "{number}: {}", dropped.reason),
                }
            }
            Event::AckResolved { message, .. } => {
                assert!(self.awaited.remove(&message), "{message} is resolved twice");
            }
            _ => {}
        }
    }

    /// With no more faults, everything ends.
    fn finish(&mut self) {
        self.server.is_busy = false;
        drop(self.manager.join(self.now, &ns("chat")));
        for _ in 0..400 {
            self.commit(false);
            self.pass(Duration::from_millis(500));
            while !(self.up.is_empty() && self.down.is_empty()) {
                self.deliver_up();
                self.deliver_down();
            }
        }
        let stats = self.manager.stats();
        assert_eq!(stats.status, ConnectionStatus::Connected);
        assert_eq!((stats.durable_messages, stats.durable_bytes), (0, 0), "{stats:?}");
        assert_eq!((stats.kept_messages, stats.kept_bytes, stats.queued_messages, stats.pending_acks), (0, 0, 0, 0));
        assert!(self.disk.is_empty(), "{:?}", self.disk);
        for number in &self.accepted {
            assert!(self.ended.contains_key(number), "{number} was accepted, and never ended");
        }
        for number in &self.transmitted {
            let ran = self.server.ran.contains(number);
            assert!(ran || self.unknown.contains(number), "{number} is lost in silence");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_in_silence_and_nothing_runs_twice(ops in prop::collection::vec(op(), 1..300)) {
        let mut model = Model::new();
        for op in &ops {
            model.apply(op);
        }
        model.finish();
    }
}
