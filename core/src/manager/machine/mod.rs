use bytestring::ByteString;

use super::command::{Cancelled, Command, Credentials, Emit, Emitted, JoinProgress, Receipt, Token, TokenFailure};
use super::config::Config;
use super::error::{
    CancelError, CommandError, ConnectCallError, EmitError, JoinError, LeaveError, ReplyError, TokenRequestError,
};
use super::event::{Output, TransportEvent};
use super::ids::{ConnectTicket, ConnectionId, MessageId, ReplyId, TokenRequest};
use super::stats::Stats;
use super::status::{ConnectionStatus, Quality};
use crate::socketio::{Namespace, Payload};
use crate::time::Timestamp;

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
/// ```ignore
/// loop {
///     while let Some(output) = manager.poll_output() {
///         match output {
///             Output::Connect { connection, request } => transport.open(connection, request),
///             Output::Transmit { connection, frame } => transport.send(connection, frame),
///             Output::Ping { connection, nonce } => transport.ping(connection, nonce),
///             Output::Close { connection } => transport.close(connection),
///             Output::NeedToken { request, reason } => application.ask_for_token(request, reason),
///             Output::Event(event) => application.tell(event),
///         }
///     }
///     match wait_until(manager.poll_timeout()) {
///         Input::Command(command) => application.answer(manager.handle_command(now(), command)),
///         Input::Transport(connection, event) => manager.handle_transport(now(), connection, event),
///         Input::Timeout => manager.handle_timeout(now()),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Manager {
    config: Config,
}

/// A message that waits in the offline queue.
#[derive(Clone, Debug)]
pub struct QueuedMessage<'a> {
    /// Names the emit.
    pub message: MessageId,
    /// Where it goes.
    pub namespace: &'a Namespace,
    /// Its name.
    pub event: &'a ByteString,
    /// Its arguments.
    pub payload: &'a Payload,
    /// What it counts against [`OutboxConfig::max_bytes`](super::OutboxConfig::max_bytes).
    pub bytes: usize,
    /// When it is dropped.
    pub expires_at: Timestamp,
    /// Whether it asks for an acknowledgement.
    pub awaits_ack: bool,
}

impl Manager {
    /// A manager at rest. The seed feeds the jitter of reconnection: it has to differ between clients.
    pub fn new(config: Config, _seed: u64) -> Self {
        Self { config: config.clamped() }
    }

    // Getters.

    /// The configuration, within its bounds.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The status.
    pub fn status(&self) -> ConnectionStatus {
        ConnectionStatus::Disconnected
    }

    /// The quality; offline unless connected.
    pub fn quality(&self) -> Quality {
        Quality::Offline
    }

    /// Mean round trip time over the window of samples; `None` until there is a sample.
    pub fn average_latency(&self) -> Option<std::time::Duration> {
        None
    }

    /// The user of the last `connect`.
    pub fn user_id(&self) -> Option<&str> {
        None
    }

    /// Whether a namespace is joined now.
    pub fn is_joined(&self, _namespace: &Namespace) -> bool {
        false
    }

    /// The messages in the offline queue, oldest first.
    pub fn queue(&self) -> impl Iterator<Item = QueuedMessage<'_>> {
        std::iter::empty()
    }

    /// All figures.
    pub fn stats(&self) -> Stats {
        Stats::default()
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
    pub fn handle_transport(&mut self, _now: Timestamp, _connection: ConnectionId, _event: TransportEvent) {}

    /// Does what is due. To be called when [`poll_timeout`](Self::poll_timeout) is reached; earlier does no harm.
    pub fn handle_timeout(&mut self, _now: Timestamp) {}

    // Output.

    /// What is to be done next, `None` when nothing is.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; `None` when only an input can change anything.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
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
        _now: Timestamp,
        _user_id: String,
        _credentials: Credentials,
    ) -> Result<ConnectTicket, ConnectCallError> {
        Err(ConnectCallError::TooManyCalls)
    }

    /// Ends the connection, or the search for one, until `connect` is called again.
    ///
    /// Unresolved calls of `connect` are rejected, and awaited acknowledgements of what was sent end as disconnected.
    /// The offline queue stays, for the same user.
    pub fn disconnect(&mut self, _now: Timestamp) {}

    /// Wants a namespace: joins it with this connection and with each later one. A namespace that the server refused or
    /// ended is tried again.
    ///
    /// # Errors
    /// If there are too many.
    pub fn join(&mut self, _now: Timestamp, _namespace: &Namespace) -> Result<JoinProgress, JoinError> {
        Ok(JoinProgress::Pending)
    }

    /// Leaves a namespace. What is queued for it is dropped, and reported.
    ///
    /// # Errors
    /// If it is the primary namespace, or was not wanted.
    pub fn leave(&mut self, _now: Timestamp, _namespace: &Namespace) -> Result<(), LeaveError> {
        Ok(())
    }

    /// Sends an event, or queues it while it can't be sent. Joins its namespace lazily.
    ///
    /// Events of one namespace are sent in the order of their emits. If an acknowledgement is asked for,
    /// [`Event::AckResolved`](super::Event::AckResolved) comes exactly once. What has been sent is never sent again: a
    /// connection lost after that ends the wait as disconnected. What is still queued stays, until its time to
    /// live or the timeout of its acknowledgement passes.
    ///
    /// # Errors
    /// If it can't be accepted. Nothing was sent or queued then.
    pub fn emit(&mut self, _now: Timestamp, _emit: Emit) -> Result<Emitted, EmitError> {
        Err(EmitError::NoUser)
    }

    /// Acknowledges a received event.
    ///
    /// # Errors
    /// If that is not possible any more, or the acknowledgement is too large.
    pub fn reply(&mut self, _now: Timestamp, _reply: ReplyId, _payload: &Payload) -> Result<(), ReplyError> {
        Err(ReplyError::Gone)
    }

    /// Takes a message out of the offline queue, or ends the wait for its acknowledgement.
    ///
    /// # Errors
    /// If there is neither.
    pub fn cancel(&mut self, _now: Timestamp, _message: MessageId) -> Result<Cancelled, CancelError> {
        Err(CancelError::Unknown)
    }

    /// Answers [`Output::NeedToken`].
    ///
    /// # Errors
    /// If nobody waits for the answer any more, which is no harm, or the token is too long.
    pub fn provide_token(
        &mut self,
        _now: Timestamp,
        _request: TokenRequest,
        _token: Result<Token, TokenFailure>,
    ) -> Result<(), TokenRequestError> {
        Err(TokenRequestError::Stale)
    }

    /// The system says that its network has changed, or come or gone.
    ///
    /// A connection is checked at once, and lost if it shows no life within
    /// [`Config::verify_timeout`]. With a network there is no waiting for the next attempt. Where the driver can't
    /// send pings, a connection is given up when the network went and came, and else left to the heartbeat.
    pub fn network_changed(&mut self, _now: Timestamp, _reachable: bool) {}

    /// The application is not visible any more. After [`Config::background_grace`] the connection is closed, and the
    /// manager sets no timers for a connection until the application returns or calls `connect`.
    pub fn enter_background(&mut self, _now: Timestamp) {}

    /// The application is visible again: checks the connection, or connects again at once.
    pub fn enter_foreground(&mut self, _now: Timestamp) {}

    /// The driver noticed that the process or the machine slept, where the clock stood still meanwhile. A call long after
    /// its time is noticed by the manager itself ([`Config::sleep_tolerance`]).
    ///
    /// No timeout that ran out during sleep counts before the peer has had [`Config::verify_timeout`] to be heard, and
    /// no round trip that spans it is a sample.
    pub fn woke(&mut self, _now: Timestamp) {}
}
