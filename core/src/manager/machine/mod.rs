//! The manager: its state and public face here, what it does by concern in the modules below.

mod connection;
mod downlink;
mod durable;
mod durable_wire;
mod figures;
mod kept;
mod membership;
mod messages;
mod queue;
mod renewal;
#[cfg(test)]
mod tests;
mod time;
mod transport;

use std::{collections::VecDeque, time::Duration};

pub use queue::QueuedMessage;

use super::{
    acks::{Acks, Replies},
    backoff::Backoff,
    command::{Cancelled, Command, Credentials, Emit, Emitted, JoinProgress, Receipt, Token, TokenFailure},
    config::Config,
    durable::{Commits, Durable},
    error::{
        CancelError, CommandError, ConnectCallError, EmitError, JoinError, LeaveError, ReplyError, TokenRequestError,
    },
    event::{Event, Output, TransportEvent},
    grade::Grader,
    ids::{ConnectTicket, ConnectionId, IdSource, InstanceSource, MessageId, ReplyId, TokenRequest},
    kept::Kept,
    latency::Latency,
    link::Link,
    namespaces::Namespaces,
    outbox::Outbox,
    resume::Sessions,
    stats::Counters,
    status::{ConnectionStatus, DisconnectReason, Quality},
    store::StoreEvent,
    timers::Timers,
};
use crate::{
    socketio::{Namespace, Payload},
    sorted::SortedMap,
    time::Timestamp,
};

/// A client's connection to one server, its namespaces, its offline queue and its measurements, without any IO.
///
/// # Driving
/// A driver owns the manager, and nothing else touches it. The driver
/// 1. hands in what happened with one of [`handle_command`](Self::handle_command) (or the method of the command),
///    [`handle_transport`](Self::handle_transport) and [`handle_timeout`](Self::handle_timeout), with the time of now;
/// 2. carries out what [`poll_output`](Self::poll_output) gives, in order, until it gives nothing;
/// 3. waits for the next input, at the longest until [`poll_timeout`](Self::poll_timeout), and starts again.
///
/// Time that goes back is taken as standing still. Outputs for a transport that has failed or been closed meanwhile
/// are to be skipped. The manager asks for at most one transport at a time.
///
/// ```
/// use std::collections::VecDeque;
/// use nexus_core::{
///     engineio::Frame,
///     manager::{Config, ConnectionStatus, Credentials, Manager, Output, TransportEvent},
///     time::Timestamp,
/// };
///
/// let mut manager = Manager::new(Config::new("http://localhost:3000")?, 42);
/// let now = Timestamp::ZERO; // of the driver's clock
/// manager.connect(now, "ada".to_owned(), Credentials::Token("secret".into()))?;
///
/// let mut inputs = VecDeque::new(); // what a real transport would report
/// while manager.status() != ConnectionStatus::Connected {
///     while let Some(output) = manager.poll_output() {
///         match output {
///             Output::Connect { connection, .. } => {
///                 let open = r#"0{"sid":"a","pingInterval":25000,"pingTimeout":20000}"#;
///                 inputs.push_back((connection, TransportEvent::Opened { can_ping: false }));
///                 inputs.push_back((connection, TransportEvent::Frame(open.into())));
///             }
///             Output::Transmit { connection, frame, .. } => {
///                 let expected = r#"40/realtime,{"token":"secret","userId":"ada","nx":"#;
///                 assert!(matches!(frame, Frame::Text(text) if text.starts_with(expected)));
///                 inputs.push_back((connection, TransportEvent::Flushed { frames: 1 }));
///                 inputs.push_back((connection, TransportEvent::Frame(r#"40/realtime,{"sid":"b"}"#.into())));
///             }
///             Output::Event(event) => println!("{event:?}"),
///             Output::Ping { .. } | Output::Close { .. } | Output::NeedToken { .. } | _ => {}
///         }
///     }
///     // A real driver waits here, at the longest until then.
///     let _until = manager.poll_timeout();
///     match inputs.pop_front() {
///         Some((connection, event)) => manager.handle_transport(now, connection, event),
///         None => manager.handle_timeout(now),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Manager {
    config: Config,
    now: Timestamp,
    state: State,
    user: Option<User>,
    status: ConnectionStatus,
    namespaces: Namespaces,
    sessions: Sessions,
    outbox: Outbox,
    kept: Kept,
    durable: Durable,
    commits: Commits,
    acks: Acks,
    replies: Replies,
    tickets: SortedMap<ConnectTicket, Timestamp>,
    latency: Latency,
    grader: Grader,
    backoff: Backoff,
    timers: Timers,
    /// Failed attempts since the last connection.
    failed_attempts: u32,
    last_failure: Option<DisconnectReason>,
    is_background: bool,
    was_unreachable: bool,
    /// What began up to this time spans a sleep, and is no measure of anything.
    woke_at: Option<Timestamp>,
    /// What time it was outside at some time of the driver's clock.
    wall_clock: Option<(Timestamp, u64)>,
    outputs: VecDeque<Output>,
    counters: Counters,
    ids: Ids,
    instances: InstanceSource,
}

/// What there is of a connection, named by what is awaited.
#[derive(Debug)]
enum State {
    /// The application.
    Idle,
    /// The time of the next attempt.
    WaitingToRetry,
    /// The return from the background.
    Suspended,
    /// What the link's stage says.
    Live(Box<Link>),
}

/// On whose behalf everything happens.
#[derive(Debug)]
struct User {
    id: String,
    credentials: Credentials,
    /// Whether there has been a connection since the application asked for one.
    is_established: bool,
    /// The token for the next CONNECT.
    token: Option<Token>,
    /// The token with which the primary namespace was asked for last.
    presented: Option<Token>,
    /// The token that the server refused, if its successor is being asked for.
    rejected: Option<Token>,
    /// Tokens refused in a row.
    rejections: u32,
}

#[derive(Debug, Default)]
struct Ids {
    connections: IdSource,
    messages: IdSource,
    tickets: IdSource,
    tokens: IdSource,
    replies: IdSource,
    stores: IdSource,
    probes: IdSource,
}

impl Manager {
    /// A manager at rest. The seed feeds the jitter of reconnection: it has to differ between clients.
    pub fn new(config: Config, seed: u64) -> Self {
        let config = config.clamped();
        let mut instances = InstanceSource::new(seed);
        Self {
            now: Timestamp::ZERO,
            state: State::Idle,
            user: None,
            status: ConnectionStatus::Disconnected,
            namespaces: Namespaces::new(config.primary_namespace.clone(), config.limits.namespaces),
            sessions: Sessions::new(config.limits.namespaces),
            outbox: Outbox::new(config.outbox.clone()),
            kept: Kept::new(instances.next()),
            durable: Durable::new(config.durable.clone()),
            commits: Commits::new(),
            acks: Acks::default(),
            replies: Replies::default(),
            tickets: SortedMap::new(),
            latency: Latency::new(config.probe.window),
            grader: Grader::new(config.quality.clone()),
            backoff: Backoff::new(config.reconnect.clone(), seed),
            timers: Timers::default(),
            failed_attempts: 0,
            last_failure: None,
            is_background: false,
            was_unreachable: false,
            woke_at: None,
            wall_clock: None,
            outputs: VecDeque::new(),
            counters: Counters::default(),
            ids: Ids::default(),
            instances,
            config,
        }
    }

    // Getters.

    /// The configuration, within its bounds.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The status.
    pub fn status(&self) -> ConnectionStatus {
        self.status
    }

    /// The quality; offline unless connected.
    pub fn quality(&self) -> Quality {
        self.grader.grade()
    }

    /// Mean round trip time over the window of samples; `None` until there is a sample.
    pub fn average_latency(&self) -> Option<Duration> {
        self.latency.average()
    }

    /// The user of the last `connect`.
    pub fn user_id(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.id.as_str())
    }

    /// The largest frame that may be sent now, in bytes: the lower of [`Limits::frame_bytes`](super::Limits::frame_bytes)
    /// and what a connected server takes.
    pub fn frame_limit(&self) -> u64 {
        self.link().map_or(self.config.limits.frame_bytes as u64, |link| link.frame_limit)
    }

    /// Whether a namespace is joined now.
    pub fn is_joined(&self, namespace: &Namespace) -> bool {
        self.namespaces.is_joined(namespace)
    }

    /// Whether a namespace is joined on a server that negotiates, so that no event of it needs the `unique` of
    /// [`TransportEvent::HostFrame`].
    pub fn is_negotiated(&self, namespace: &Namespace) -> bool {
        self.namespaces.grant(namespace).is_some()
    }

    // Input.

    /// Carries out what the application wants. The method of each command says what that is.
    ///
    /// # Errors
    /// The error of the command's method.
    pub fn handle_command(&mut self, now: Timestamp, command: Command) -> Result<Receipt, CommandError> {
        Ok(match command {
            Command::Connect { user_id, credentials } => Receipt::Connect(self.connect(now, user_id, credentials)?),
            Command::Disconnect => {
                self.disconnect(now);
                Receipt::Done
            }
            Command::Join { namespace } => Receipt::Join(self.join(now, &namespace)?),
            Command::Leave { namespace } => {
                self.leave(now, &namespace)?;
                Receipt::Done
            }
            Command::Emit(emit) => Receipt::Emitted(self.emit(now, emit)?),
            Command::Reply { reply, payload } => {
                self.reply(now, reply, &payload)?;
                Receipt::Done
            }
            Command::Cancel { message } => Receipt::Cancelled(self.cancel(now, message)?),
            Command::ProvideToken { request, token } => {
                self.provide_token(now, request, token)?;
                Receipt::Done
            }
            Command::NetworkChanged { reachable } => {
                self.network_changed(now, reachable);
                Receipt::Done
            }
            Command::EnterBackground => {
                self.enter_background(now);
                Receipt::Done
            }
            Command::Suspend => {
                self.suspend(now);
                Receipt::Done
            }
            Command::EnterForeground => {
                self.enter_foreground(now);
                Receipt::Done
            }
            Command::Woke => {
                self.woke(now);
                Receipt::Done
            }
        })
    }

    /// Takes what a transport reports. Reports of a transport that the manager has given up are ignored and counted.
    pub fn handle_transport(&mut self, now: Timestamp, connection: ConnectionId, event: TransportEvent) {
        self.advance(now);
        self.on_transport(connection, event);
        self.settle();
    }

    /// Takes what the store reports.
    pub fn handle_store(&mut self, now: Timestamp, event: StoreEvent) {
        self.advance(now);
        self.on_store(event);
        self.settle();
    }

    /// Says what time it is outside, in milliseconds since 1970. It decides when messages of an earlier process
    /// expire, and which last arguments are offsets of a stock server, and nothing else; without it such messages get
    /// their full time anew, and such offsets stay with the arguments. A driver says it at the start and after sleep.
    pub fn set_wall_clock(&mut self, now: Timestamp, millis: u64) {
        self.advance(now);
        self.wall_clock = Some((self.now, millis));
        self.settle();
    }

    /// Does what is due. To be called when [`poll_timeout`](Self::poll_timeout) is reached; earlier does no harm.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now);
        self.on_timeout();
        self.settle();
    }

    // Output.

    /// What is to be done next, `None` when nothing is.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; `None` when only an input can change anything.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        [
            self.timers.next(),
            self.tickets.values().min().copied(),
            self.namespaces.next_due(),
            self.acks.next_deadline(),
            self.outbox.next_expiry(),
            self.durable.next_due(),
            self.commits.next_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    // Commands.

    /// Connects as a user, joins the primary namespace, and with it all namespaces that are wanted.
    ///
    /// The ticket is resolved by [`Event::ConnectResolved`](super::Event::ConnectResolved) when the primary namespace is
    /// joined, or with an error that says whether the manager [has stopped](super::ConnectError::is_final); while it
    /// has not, it goes on trying by the reconnection policy. If the user is connected already, or
    /// being connected, nothing happens, and the ticket is resolved with the connection. Other credentials of the
    /// same user take the place of the old ones for the next joining. Another user: disconnects first, and drops what
    /// is queued (no message is ever sent on behalf of another user).
    ///
    /// # Errors
    /// If user id or token are out of bounds, or too many calls are unresolved. Nothing has changed then.
    pub fn connect(
        &mut self,
        now: Timestamp,
        user_id: String,
        credentials: Credentials,
    ) -> Result<ConnectTicket, ConnectCallError> {
        self.advance(now);
        let result = self.on_connect(user_id, credentials);
        self.settle();
        result
    }

    /// Ends the connection, or the search for one, until `connect` is called again.
    ///
    /// Unresolved calls of `connect` are rejected, and awaited acknowledgements of what was sent end as disconnected, or as
    /// unknown where the server deduplicates.
    /// The offline queue stays, for the same user.
    pub fn disconnect(&mut self, now: Timestamp) {
        self.advance(now);
        self.on_disconnect();
        self.settle();
    }

    /// Wants a namespace: joins it with this connection and with each later one. A namespace that the server refused or
    /// ended is tried again.
    ///
    /// # Errors
    /// If there are too many.
    pub fn join(&mut self, now: Timestamp, namespace: &Namespace) -> Result<JoinProgress, JoinError> {
        self.advance(now);
        let result = self.on_join(namespace);
        self.settle();
        result
    }

    /// Leaves a namespace. What is queued for it is dropped, and reported.
    ///
    /// # Errors
    /// If it is the primary namespace, or was not wanted.
    pub fn leave(&mut self, now: Timestamp, namespace: &Namespace) -> Result<(), LeaveError> {
        self.advance(now);
        let result = self.on_leave(namespace);
        self.settle();
        result
    }

    /// Sends an event, or queues it while it can't be sent. Joins its namespace lazily.
    ///
    /// Events of one namespace are sent in the order of their emits. If an acknowledgement is asked for,
    /// [`Event::AckResolved`](super::Event::AckResolved) comes exactly once. What is still queued stays, until its time to
    /// live or the timeout of its acknowledgement passes.
    ///
    /// Where the server deduplicates (`docs/protocol.md`, "Buffered"), what was sent is kept until the server has it, and
    /// sent again after a loss; it ends as unknown when the server has forgotten, or when the namespace is left or the
    /// manager stops meanwhile. Elsewhere what has been sent is never sent again: a connection lost after
    /// that ends the wait as disconnected.
    ///
    /// A durable event is [`Pending`](super::EmitOutcome::Pending), and how far it is comes as
    /// [`Event::Delivery`](super::Event::Delivery). Nothing of it is sent before it is in the store. It outlives the process,
    /// `disconnect`, and the leaving of its namespace; each of them goes out when the namespace is joined as the same user.
    ///
    /// Events to a namespace that the server refused or ended wait in the queue as well: `join` asks the server again.
    ///
    /// # Errors
    /// If it can't be accepted. Nothing was sent or queued then.
    pub fn emit(&mut self, now: Timestamp, emit: Emit) -> Result<Emitted, EmitError> {
        self.advance(now);
        let result = self.on_emit(emit);
        self.settle();
        result
    }

    /// Acknowledges a received event.
    ///
    /// # Errors
    /// If that is not possible any more, or the acknowledgement is too large.
    pub fn reply(&mut self, now: Timestamp, reply: ReplyId, payload: &Payload) -> Result<(), ReplyError> {
        self.advance(now);
        let result = self.on_reply(reply, payload);
        self.settle();
        result
    }

    /// Takes a message out of the offline queue, or ends the wait for its acknowledgement. A durable one is not sent any
    /// more; its end is told when the store has forgotten it.
    ///
    /// # Errors
    /// If there is neither.
    pub fn cancel(&mut self, now: Timestamp, message: MessageId) -> Result<Cancelled, CancelError> {
        self.advance(now);
        let result = self.on_cancel(message);
        self.settle();
        result
    }

    /// Answers [`Output::NeedToken`].
    ///
    /// # Errors
    /// If nobody waits for the answer any more, which is no harm, or the token is too long.
    pub fn provide_token(
        &mut self,
        now: Timestamp,
        request: TokenRequest,
        token: Result<Token, TokenFailure>,
    ) -> Result<(), TokenRequestError> {
        self.advance(now);
        let result = self.on_provide_token(request, token);
        self.settle();
        result
    }

    /// The system says that its network has changed, or come or gone.
    ///
    /// A connection is checked at once, and lost if it shows no life within
    /// [`Config::verify_timeout`]. With a network there is no waiting for the next attempt. Where the driver can't
    /// send pings, a connection is given up when the network went and came, and else left to the heartbeat.
    pub fn network_changed(&mut self, now: Timestamp, reachable: bool) {
        self.advance(now);
        self.on_network_changed(reachable);
        self.settle();
    }

    /// The application is not visible any more. After [`Config::background_grace`] the connection is closed, and the
    /// manager sets no timers for a connection until the application returns or calls `connect`.
    pub fn enter_background(&mut self, now: Timestamp) {
        self.advance(now);
        self.on_enter_background();
        self.settle();
    }

    /// The application is about to be stopped by its system (a page that is kept for the way back, a phone whose background
    /// time is over): as [`enter_background`](Self::enter_background), with the grace over at once.
    pub fn suspend(&mut self, now: Timestamp) {
        self.advance(now);
        self.on_suspend();
        self.settle();
    }

    /// The application is visible again: checks the connection, or connects again at once.
    pub fn enter_foreground(&mut self, now: Timestamp) {
        self.advance(now);
        self.on_enter_foreground();
        self.settle();
    }

    /// The driver noticed that the process or the machine slept, where the clock stood still meanwhile. A call long after
    /// its time is noticed by the manager itself ([`Config::sleep_tolerance`]).
    ///
    /// No timeout that ran out during sleep counts before the peer has had [`Config::verify_timeout`] to be heard, and
    /// no round trip that spans it is a sample.
    pub fn woke(&mut self, now: Timestamp) {
        self.advance(now);
        self.on_woke();
        self.settle();
    }

    // What all concerns share.

    fn link(&self) -> Option<&Link> {
        match &self.state {
            State::Live(link) => Some(link),
            State::Idle | State::WaitingToRetry | State::Suspended => None,
        }
    }

    fn link_mut(&mut self) -> Option<&mut Link> {
        match &mut self.state {
            State::Live(link) => Some(link),
            State::Idle | State::WaitingToRetry | State::Suspended => None,
        }
    }

    fn is_ready(&self) -> bool {
        self.link().is_some_and(Link::is_ready)
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
