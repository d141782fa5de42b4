use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use bytestring::ByteString;

use crate::{
    engineio::Frame,
    manager::{
        Command, CommandError, Config, ConnectionId, ConnectionStatus, Continuity, Credentials, DeliveryStatus, Emit,
        Event, Manager, MessageKey, OpenedOutbox, Output, Receipt, ReplyId, StoreAnswer, StoreChange, StoreError,
        StoreErrorKind, StoreEvent, StoreOperation, StoreRequest, StoredMessage, Token, TokenFailure, TokenRequest,
        TransportEvent, TransportFailure, TransportFailureKind,
    },
    socketio::{HostArgs, Namespace, Payload, delivery::Position},
    time::Timestamp,
};

pub(super) const HANDSHAKE: &str =
    r#"0{"sid":"eio","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
pub(super) const CONNECT: &str = r#"send 40/realtime,{"token":"t","userId":"u"}"#;

/// A manager, the time, and a journal of its outputs as lines of text.
pub(super) struct Scene {
    pub(super) manager: Manager,
    pub(super) now: Timestamp,
    pub(super) connection: Option<ConnectionId>,
    pub(super) token_request: Option<TokenRequest>,
    pub(super) reply: Option<ReplyId>,
    pub(super) nonce: Option<u64>,
    /// Whether the transport takes no frames.
    pub(super) is_stalled: bool,
    pub(super) store: FakeStore,
    can_ping: bool,
    journal: Vec<String>,
}

/// A store in memory. What a process has not committed is lost with it.
#[derive(Default)]
pub(super) struct FakeStore {
    /// What is in the outbox.
    pub(super) disk: BTreeMap<MessageKey, StoredMessage>,
    pub(super) positions: BTreeMap<Namespace, Position>,
    /// Requests that are not answered.
    pub(super) requests: VecDeque<StoreRequest>,
    /// Whether requests are answered at once.
    pub(super) is_prompt: bool,
    /// Named A, B, … in the journal.
    instances: Vec<ByteString>,
}

impl FakeStore {
    fn name(&mut self, instance: &ByteString) -> char {
        let index = self.instances.iter().position(|other| other == instance).unwrap_or_else(|| {
            self.instances.push(instance.clone());
            self.instances.len() - 1
        });
        char::from(b'A' + u8::try_from(index).unwrap())
    }

    fn key(&mut self, key: &MessageKey) -> String {
        format!("{}{}{}", key.namespace, self.name(&key.instance), key.id)
    }

    fn describe(&mut self, operation: &StoreOperation) -> String {
        match operation {
            StoreOperation::Open { user_id, instance } => format!("open for {user_id} as {}", self.name(instance)),
            StoreOperation::Close => "close".to_owned(),
            StoreOperation::Commit { changes } => {
                let changes: Vec<_> = changes
                    .iter()
                    .map(|change| match change {
                        StoreChange::Put(message) => format!("put {}", self.key(&message.key)),
                        StoreChange::Sent { key, generation } => {
                            format!("sent {} to {}", self.key(key), generation.as_deref().unwrap_or("none"))
                        }
                        StoreChange::Remove { key } => format!("remove {}", self.key(key)),
                        StoreChange::Position { namespace, position } => format!("position {namespace} {position}"),
                    })
                    .collect();
                changes.join(", ")
            }
        }
    }

    fn carry_out(&mut self, request: StoreRequest) -> StoreEvent {
        let answer = carry_out(&mut self.disk, &mut self.positions, request.operation);
        StoreEvent::Answer { ticket: request.ticket, result: Ok(answer) }
    }
}

/// Does what is asked of a store, and answers.
pub(super) fn carry_out(
    disk: &mut BTreeMap<MessageKey, StoredMessage>,
    positions: &mut BTreeMap<Namespace, Position>,
    operation: StoreOperation,
) -> StoreAnswer {
    match operation {
        StoreOperation::Open { .. } => {
            let messages = disk.values().cloned().collect();
            let positions = positions.clone().into_iter().collect();
            StoreAnswer::Opened(OpenedOutbox { messages, positions, unreadable: 0 })
        }
        StoreOperation::Commit { changes } => {
            for change in changes {
                match change {
                    StoreChange::Put(message) => drop(disk.insert(message.key.clone(), message)),
                    StoreChange::Sent { key, generation } => {
                        disk.get_mut(&key).expect("what is sent is stored").sent = Some(generation);
                    }
                    StoreChange::Remove { key } => drop(disk.remove(&key)),
                    StoreChange::Position { namespace, position } => {
                        positions.insert(namespace, position);
                    }
                }
            }
            StoreAnswer::Committed
        }
        StoreOperation::Close => StoreAnswer::Committed,
    }
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("http://localhost:3000").unwrap();
        config.reconnect.jitter = 0.0;
        config.probe.by_namespace = false;
        config.negotiate = false;
        change(&mut config);
        Self {
            manager: Manager::new(config, 1),
            now: Timestamp::from_millis(1000),
            connection: None,
            token_request: None,
            reply: None,
            nonce: None,
            is_stalled: false,
            store: FakeStore::default(),
            can_ping: false,
            journal: Vec::new(),
        }
    }

    /// It asks for what a server may grant.
    pub(super) fn negotiating(change: impl FnOnce(&mut Config)) -> Self {
        Self::with(|config| {
            config.negotiate = true;
            change(config);
        })
    }

    /// Asks for what a server may grant, and has a store, which answers when [`commit`](Self::commit) says so.
    pub(super) fn storing(change: impl FnOnce(&mut Config)) -> Self {
        Self::negotiating(|config| {
            config.has_store = true;
            change(config);
        })
    }

    /// The process is killed: another one begins with what was committed.
    pub(super) fn killed(self) -> Self {
        let mut next = Self::storing(|config| *config = self.manager.config().clone());
        next.store.disk = self.store.disk;
        next.store.positions = self.store.positions;
        next.store.instances = self.store.instances;
        next.manager = Manager::new(next.manager.config().clone(), 2);
        next.now = self.now;
        next
    }

    /// The store does the oldest of what it was asked for.
    pub(super) fn commit(&mut self) {
        let request = self.store.requests.pop_front().expect("the store was asked for something");
        let event = self.store.carry_out(request);
        self.manager.handle_store(self.now, event);
        self.drain();
    }

    /// The store can't do the oldest of what it was asked for.
    pub(super) fn commit_fails(&mut self, kind: StoreErrorKind) {
        let ticket = self.store.requests.pop_front().expect("the store was asked for something").ticket;
        let result = Err(StoreError::new(kind, "test"));
        self.manager.handle_store(self.now, StoreEvent::Answer { ticket, result });
        self.drain();
    }

    /// An owner is gone, and the store has taken over what it left.
    pub(super) fn adopt(&mut self, messages: Vec<StoredMessage>) {
        self.store.disk.extend(messages.iter().map(|message| (message.key.clone(), message.clone())));
        self.manager.handle_store(self.now, StoreEvent::Adopted { messages });
        self.drain();
    }

    /// The driver can send WebSocket pings.
    pub(super) fn pinging(mut self) -> Self {
        self.can_ping = true;
        self
    }

    /// Connected as `u` with the token `t`, with an empty journal.
    pub(super) fn connected(mut self) -> Self {
        self.connect();
        self.accept();
        assert_eq!(self.manager.status(), ConnectionStatus::Connected);
        self.journal.clear();
        self
    }

    // The application.

    pub(super) fn command(&mut self, command: Command) -> Result<Receipt, CommandError> {
        let result = self.manager.handle_command(self.now, command);
        self.drain();
        result
    }

    pub(super) fn connect(&mut self) {
        self.connect_as("u", Credentials::Token("t".into()));
    }

    pub(super) fn connect_as(&mut self, user_id: &str, credentials: Credentials) {
        self.command(Command::Connect { user_id: user_id.to_owned(), credentials }).unwrap();
    }

    pub(super) fn disconnect(&mut self) {
        self.command(Command::Disconnect).unwrap();
    }

    pub(super) fn provide(&mut self, token: &str) {
        let token = Ok(Token::from(token));
        let request = self.token_request.take().expect("a token was asked for");
        self.command(Command::ProvideToken { request, token }).unwrap();
    }

    pub(super) fn provide_failure(&mut self, is_final: bool) {
        let token = Err(TokenFailure { message: "no".to_owned(), is_final });
        let request = self.token_request.take().expect("a token was asked for");
        self.command(Command::ProvideToken { request, token }).unwrap();
    }

    pub(super) fn join(&mut self, namespace: &str) {
        self.command(Command::Join { namespace: ns(namespace) }).unwrap();
    }

    pub(super) fn emit(&mut self, emit: Emit) -> Result<Receipt, CommandError> {
        self.command(Command::Emit(emit))
    }

    // The driver and the server.

    /// Opens the transport, shakes hands and, if there is a token, accepts the primary namespace.
    pub(super) fn accept(&mut self) {
        self.open();
        self.receive(HANDSHAKE);
        self.receive(r#"40/realtime,{"sid":"s"}"#);
    }

    /// As [`accept`](Self::accept), with this grant.
    pub(super) fn accept_granting(&mut self, nx: &str) {
        self.open();
        self.receive(HANDSHAKE);
        self.receive(&format!(r#"40/realtime,{{"sid":"s","nx":{nx}}}"#));
    }

    /// The connection is lost, and the next one grants this.
    pub(super) fn reconnect_granting(&mut self, nx: &str) {
        self.cut();
        self.command(Command::NetworkChanged { reachable: true }).unwrap();
        self.accept_granting(nx);
    }

    /// An event or acknowledgement comes whose arguments the host keeps.
    pub(super) fn receive_host(&mut self, head: &'static str, args: &'static str) {
        let args = HostArgs::new(args, args.len());
        self.transport(TransportEvent::HostFrame { head: head.into(), args, last: None, unique: None });
    }

    /// As [`receive_host`](Self::receive_host), with the text of the last argument.
    pub(super) fn receive_host_with(&mut self, head: &'static str, args: &'static str, last: &'static str) {
        let args = HostArgs::new(args, args.len());
        self.transport(TransportEvent::HostFrame { head: head.into(), args, last: Some(last.into()), unique: None });
    }

    pub(super) fn open(&mut self) {
        let can_ping = self.can_ping;
        self.transport(TransportEvent::Opened { can_ping });
    }

    pub(super) fn receive(&mut self, text: &str) {
        self.transport(TransportEvent::Frame(Frame::from(text.to_owned())));
    }

    pub(super) fn receive_binary(&mut self, bytes: &'static [u8]) {
        self.transport(TransportEvent::Frame(Frame::Binary(Bytes::from_static(bytes))));
    }

    pub(super) fn pong(&mut self) {
        let nonce = self.nonce.take().expect("a ping is under way");
        self.transport(TransportEvent::Pong { nonce });
    }

    pub(super) fn cut(&mut self) {
        self.transport(TransportEvent::Closed { code: None, text: "".into() });
    }

    pub(super) fn fail(&mut self) {
        self.transport(TransportEvent::Failed(TransportFailure::new(TransportFailureKind::Connect, "refused")));
    }

    pub(super) fn transport(&mut self, event: TransportEvent) {
        let connection = self.connection.expect("a transport was asked for");
        self.manager.handle_transport(self.now, connection, event);
        self.drain();
    }

    // Time.

    /// Lets time pass, with all timeouts in between at their time.
    pub(super) fn pass(&mut self, time: Duration) {
        let target = self.now + time;
        while let Some(due) = self.manager.poll_timeout().filter(|due| *due <= target) {
            self.now = self.now.max(due);
            self.timeout();
        }
        self.now = target;
    }

    pub(super) fn pass_secs(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// Lets time pass with a server that keeps its heartbeat.
    pub(super) fn pass_alive(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.pass_secs(1);
            self.receive("2");
            let pongs = self.journal.iter().rposition(|line| line == "send 3");
            pongs.map(|index| self.journal.remove(index));
        }
    }

    /// The process sleeps through a time without being called.
    pub(super) fn sleep_secs(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    pub(super) fn timeout(&mut self) {
        self.manager.handle_timeout(self.now);
        assert!(
            self.manager.poll_timeout().is_none_or(|due| due > self.now),
            "{:?} is due at {:?}",
            self.manager.poll_timeout(),
            self.now
        );
        self.drain();
    }

    // What happened.

    /// The journal since the last call.
    pub(super) fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.journal)
    }

    /// The lines since the last call that start with this.
    pub(super) fn log_of(&mut self, prefix: &str) -> Vec<String> {
        self.log().into_iter().filter(|line| line.starts_with(prefix)).collect()
    }

    fn drain(&mut self) {
        let mut transmitted = 0;
        while let Some(output) = self.manager.poll_output() {
            transmitted += usize::from(matches!(output, Output::Transmit { .. }));
            self.note(output);
            if self.store.is_prompt
                && let Some(request) = self.store.requests.pop_front()
            {
                let event = self.store.carry_out(request);
                self.manager.handle_store(self.now, event);
            }
            if self.is_stalled {
                continue;
            }
            if let Some(connection) = self.connection.filter(|_| transmitted > 0) {
                let event = TransportEvent::Flushed { frames: std::mem::take(&mut transmitted) };
                self.manager.handle_transport(self.now, connection, event);
            }
        }
    }

    fn note(&mut self, output: Output) {
        let line = match output {
            Output::Connect { connection, request } => {
                self.connection = Some(connection);
                format!("open {}", request.url)
            }
            Output::Transmit { frame: Frame::Text(text), args: Some(args), tail, .. } => {
                format!("send {text}{}{tail}]", args.value::<&str>().expect("the test's own"))
            }
            Output::Transmit { frame: Frame::Text(text), .. } => format!("send {text}"),
            Output::Transmit { frame: Frame::Binary(bytes), .. } => format!("send {:?}", &bytes[..]),
            Output::Ping { nonce, .. } => {
                self.nonce = Some(nonce);
                "ping".to_owned()
            }
            Output::Close { .. } => "close".to_owned(),
            Output::NeedToken { request, reason } => {
                self.token_request = Some(request);
                format!("token? {reason:?}")
            }
            Output::Store(request) => {
                let line = format!("store {}", self.store.describe(&request.operation));
                self.store.requests.push_back(request);
                line
            }
            Output::Event(event) => match self.describe(event) {
                Some(line) => line,
                None => return,
            },
        };
        self.journal.push(line);
    }

    fn describe(&mut self, event: Event) -> Option<String> {
        Some(match event {
            Event::Status(change) => match change.reason {
                Some(reason) => format!("status {} ({reason})", change.status),
                None => format!("status {}", change.status),
            },
            Event::Quality(_) => return None,
            Event::ConnectResolved { ticket, result: Ok(()) } => format!("ticket {ticket} ok"),
            Event::ConnectResolved { ticket, result: Err(error) } => format!("ticket {ticket} error: {error}"),
            Event::RetryScheduled { delay, .. } => format!("retry in {delay:?}"),
            Event::Joined { namespace, sid, continuity: Continuity::First } => format!("joined {namespace} as {sid}"),
            Event::Joined { namespace, sid, continuity } => format!("joined {namespace} as {sid} ({continuity:?})"),
            Event::JoinFailed { namespace, error } => format!("not joined {namespace}: {error}"),
            Event::Left { namespace, reason } => format!("left {namespace}: {reason:?}"),
            Event::Received(event) => {
                let mut line = format!("event {} {} [{}]", event.namespace, event.event, shown(&event.payload));
                if event.payload.host().is_some_and(HostArgs::lacks_last) {
                    line.push_str(" less the last");
                }
                for attachment in event.payload.attachments() {
                    line.push_str(&format!(" {:?}", &attachment[..]));
                }
                if let Some(reply) = event.reply {
                    self.reply = Some(reply);
                    line.push_str(" reply");
                }
                line
            }
            Event::AckResolved { message, result: Ok(payload) } => {
                format!("ack of {message}: [{}]", shown(&payload))
            }
            Event::AckResolved { message, result: Err(error) } => format!("no ack of {message}: {error}"),
            Event::MessageDropped(dropped) => format!("dropped {}: {}", dropped.message, dropped.reason),
            Event::Delivery { message, status: DeliveryStatus::Acked(payload) } => {
                format!("message {message} acked [{}]", shown(&payload))
            }
            Event::Delivery { message, status: DeliveryStatus::Rejected { code, payload } } => {
                format!("message {message} rejected {code} [{}]", shown(&payload))
            }
            Event::Delivery { message, status } => match status {
                DeliveryStatus::Expired { sent } | DeliveryStatus::Cancelled { sent } => {
                    format!("message {message} {}, sent: {sent}", status.as_str())
                }
                _ => format!("message {message} {}", status.as_str()),
            },
            Event::Restored { messages, unreadable } => {
                let messages: Vec<_> = messages.iter().map(ToString::to_string).collect();
                format!("restored {}, {unreadable} unreadable", messages.join(" "))
            }
            Event::StoreFailed(error) => format!("store failed: {error}"),
        })
    }
}

pub(super) fn ns(name: &str) -> Namespace {
    Namespace::try_new(name).unwrap()
}

/// An event to the primary namespace.
pub(super) fn event(name: &'static str) -> Emit {
    Emit::new(ns("realtime"), name, Payload::empty())
}

pub(super) fn event_to(namespace: &str, name: &'static str) -> Emit {
    Emit::new(ns(namespace), name, Payload::empty())
}

/// Arguments as text, whoever has them.
fn shown(payload: &Payload) -> &str {
    payload.host().and_then(HostArgs::value::<&str>).copied().unwrap_or(payload.raw_args())
}
