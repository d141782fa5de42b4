//! From `connect` to `disconnect`: attempts, tokens, losses, retries, foreground and background.

use std::{mem, time::Duration};

use tracing::debug;

use super::{Manager, State, User};
use crate::{
    manager::{
        command::{Credentials, Token, TokenFailure},
        error::{ConnectCallError, ConnectError, ServerError, TokenRequestError},
        event::{DropReason, Event, LeaveReason, Output, TokenReason, TransportRequest},
        ids::{ConnectTicket, ConnectionId, TokenRequest},
        kept::Kept,
        link::{Link, Stage},
        namespaces::Membership,
        resume::Sessions,
        status::{ConnectionStatus, DisconnectReason, Quality, StatusChange},
        timers::Timer,
        wire::{self, ConnectAnswer},
    },
    socketio::{Namespace, Packet},
};

/// What is left to do for a transport whose connection ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// It is to be closed.
    Open,
    /// It has closed or failed.
    Gone,
}

impl Manager {
    pub(super) fn on_connect(
        &mut self,
        user_id: String,
        credentials: Credentials,
    ) -> Result<ConnectTicket, ConnectCallError> {
        let limits = &self.config.limits;
        if user_id.is_empty() || user_id.len() > limits.user_id_bytes {
            return Err(ConnectCallError::InvalidUserId);
        }
        if matches!(&credentials, Credentials::Token(token) if token.expose().len() > limits.token_bytes) {
            return Err(ConnectCallError::TokenTooLong);
        }
        let is_same_user = self.user.as_ref().is_some_and(|user| user.id == user_id);
        if is_same_user && self.tickets.len() >= limits.connect_tickets {
            return Err(ConnectCallError::TooManyCalls);
        }
        let credentials_changed = self.adopt_user(user_id, credentials, is_same_user);

        let ticket = ConnectTicket::from_u64(self.ids.tickets.next());
        self.tickets.insert(ticket, self.now + self.config.connect_timeout);
        if credentials_changed {
            self.credentials_changed();
        }
        match self.state {
            State::Idle | State::Suspended => self.start(),
            State::WaitingToRetry if credentials_changed => self.retry_now(),
            State::Live(_) if self.is_ready() => self.resolve_tickets(&Ok(())),
            State::WaitingToRetry | State::Live(_) => {}
        }
        Ok(ticket)
    }

    pub(super) fn on_disconnect(&mut self) {
        if !matches!(self.state, State::Idle) {
            self.stop(DisconnectReason::ClientDisconnect, &ConnectError::Cancelled);
        }
        self.end_sessions(true);
    }

    pub(super) fn on_provide_token(
        &mut self,
        request: TokenRequest,
        token: Result<Token, TokenFailure>,
    ) -> Result<(), TokenRequestError> {
        let link = self.link().ok_or(TokenRequestError::Stale)?;
        let is_renewal = link.renewal == Some(request);
        if !is_renewal && link.stage != Stage::NeedToken(request) {
            return Err(TokenRequestError::Stale);
        }
        if matches!(&token, Ok(token) if token.expose().len() > self.config.limits.token_bytes) {
            return Err(TokenRequestError::TooLong);
        }
        if is_renewal {
            self.renewed(token.ok());
            return Ok(());
        }
        self.timers.cancel(Timer::Token);
        match token {
            Ok(token) if self.user.as_ref().is_some_and(|user| user.rejected.as_ref() == Some(&token)) => {
                self.stop_for_rejection(ServerError {
                    message: "the token provider gave the token that was refused".to_owned(),
                    data: None,
                    retry_after: None,
                });
            }
            Ok(token) => self.present(token),
            Err(failure) if failure.is_final => {
                let error = ConnectError::TokenUnavailable(failure.message.clone());
                self.stop(DisconnectReason::TokenUnavailable(failure.message), &error);
            }
            Err(failure) => {
                self.connection_ended(DisconnectReason::TokenUnavailable(failure.message), None, Transport::Open);
            }
        }
        Ok(())
    }

    pub(super) fn on_network_changed(&mut self, reachable: bool) {
        let was_unreachable = mem::replace(&mut self.was_unreachable, !reachable);
        let Some(link) = self.link() else {
            if reachable && matches!(self.state, State::WaitingToRetry) {
                self.backoff.reset();
                self.retry_now();
            }
            return;
        };
        let (stage, is_probed) = (link.stage, link.is_probed());
        match stage {
            // The attempt would hang on the network that is gone.
            Stage::NeedTransport | Stage::NeedHandshake if reachable => {
                self.end_link(Transport::Open);
                self.retry_now();
            }
            Stage::Ready if is_probed => self.verify(),
            Stage::Ready if reachable && was_unreachable => {
                self.connection_ended(DisconnectReason::Unresponsive, None, Transport::Open);
            }
            _ => {}
        }
    }

    pub(super) fn on_enter_background(&mut self) {
        if self.is_background {
            return;
        }
        self.is_background = true;
        self.timers.cancel(Timer::Probe);
        self.start_background_grace();
    }

    pub(super) fn on_suspend(&mut self) {
        self.on_enter_background();
        self.timers.cancel(Timer::BackgroundGrace);
        self.rest_in_background();
    }

    pub(super) fn on_enter_foreground(&mut self) {
        if !mem::take(&mut self.is_background) {
            return;
        }
        self.timers.cancel(Timer::BackgroundGrace);
        match self.state {
            State::Suspended => self.start(),
            State::WaitingToRetry => {
                self.backoff.reset();
                self.retry_now();
            }
            State::Live(_) => {
                self.verify();
                self.schedule_probe();
            }
            State::Idle => {}
        }
    }

    /// Makes this the user. True if the credentials are others than before.
    fn adopt_user(&mut self, id: String, credentials: Credentials, is_same_user: bool) -> bool {
        if !is_same_user {
            self.stop(DisconnectReason::UserChanged, &ConnectError::Cancelled);
            while let Some((message, waiting)) = self.outbox.pop_oldest() {
                self.drop_message(message, &waiting, DropReason::UserChanged);
            }
            self.kept = Kept::new(self.instances.next());
            self.sessions.clear();
            self.durable_user_changed();
            self.user = Some(User {
                id,
                credentials,
                is_established: false,
                token: None,
                presented: None,
                rejected: None,
                rejections: 0,
            });
            return true;
        }
        let Some(user) = &mut self.user else { return false };
        let changed = user.credentials != credentials;
        if changed {
            // Namespaces that are joined later on this connection use the new token at once.
            if let (Credentials::Token(token), Some(_)) = (&credentials, &user.token) {
                user.token = Some(token.clone());
            }
            user.credentials = credentials;
        }
        changed
    }

    /// Begins to seek a connection, at rest or suspended before.
    fn start(&mut self) {
        self.backoff.reset();
        self.failed_attempts = 0;
        self.last_failure = None;
        let is_again = self.user.as_ref().is_some_and(|user| user.is_established);
        if matches!(self.state, State::Idle) {
            self.namespaces.revive();
        }
        self.set_status(if is_again { ConnectionStatus::Reconnecting } else { ConnectionStatus::Connecting }, None);
        if self.is_background {
            self.start_background_grace();
        }
        self.attempt();
    }

    fn start_background_grace(&mut self) {
        self.timers.set(Timer::BackgroundGrace, self.now + self.config.background_grace);
    }

    pub(super) fn retry_now(&mut self) {
        self.timers.cancel(Timer::Retry);
        self.attempt();
    }

    fn attempt(&mut self) {
        let connection = ConnectionId::from_u64(self.ids.connections.next());
        let request = TransportRequest {
            url: self.config.server.websocket_endpoint(&self.config.path, &self.config.query),
            headers: self.config.headers.clone(),
            max_frame_bytes: self.config.limits.received_frame_bytes,
        };
        debug!(%connection, attempt = self.failed_attempts + 1, "connecting");
        self.counters.attempts += 1;
        self.state = State::Live(Box::new(Link::new(connection, &self.config)));
        self.timers.set(Timer::Open, self.now + self.config.open_timeout);
        self.outputs.push_back(Output::Connect { connection, request });
    }

    /// Gets the token for the CONNECT of the primary namespace.
    pub(super) fn need_token(&mut self, reason: TokenReason) {
        let Some(user) = &self.user else { return };
        if let Credentials::Token(token) = &user.credentials {
            let token = token.clone();
            return self.present(token);
        }
        let request = TokenRequest::from_u64(self.ids.tokens.next());
        if let Some(link) = self.link_mut() {
            link.stage = Stage::NeedToken(request);
        }
        self.counters.tokens_requested += 1;
        self.timers.set(Timer::Token, self.now + self.config.token_timeout);
        self.outputs.push_back(Output::NeedToken { request, reason });
    }

    fn present(&mut self, token: Token) {
        let primary = self.config.primary_namespace.clone();
        let now = self.now;
        if let Some(user) = &mut self.user {
            user.token = Some(token.clone());
            user.presented = Some(token);
        }
        if let Some(link) = self.link_mut() {
            link.stage = Stage::NeedAnswer { sent_at: now };
        }
        self.timers.set(Timer::Authentication, now + self.config.authentication_timeout);
        self.send_connect(&primary, None);
    }

    /// The server accepted the CONNECT of the primary namespace.
    pub(super) fn became_ready(&mut self, answer: ConnectAnswer, sent_at: crate::time::Timestamp) {
        let primary = self.config.primary_namespace.clone();
        self.timers.cancel(Timer::Authentication);
        self.timers.set(Timer::Stable, self.now + self.config.reconnect.stable_after);
        let mut can_probe = false;
        if let Some(link) = self.link_mut() {
            link.stage = Stage::Ready;
            can_probe = link.can_probe();
        }
        self.failed_attempts = 0;
        self.counters.connects += 1;
        if let Some(user) = &mut self.user {
            user.rejected = None;
            user.rejections = 0;
            self.counters.reconnects += u64::from(user.is_established);
            user.is_established = true;
        }
        debug!(namespace = %primary, "connected");
        self.set_status(ConnectionStatus::Connected, None);
        self.regrade(crate::manager::grade::Grader::connected);
        self.became_joined(&primary, answer);
        if !self.is_ready() {
            return;
        }
        self.resolve_tickets(&Ok(()));
        if can_probe {
            self.send_probe();
        } else {
            self.sample(sent_at);
        }
        for namespace in self.namespaces.waiting() {
            self.join_now(&namespace);
        }
        self.flush();
    }

    /// The server refused the CONNECT of the primary namespace.
    pub(super) fn primary_refused(&mut self, error: ServerError) {
        self.timers.cancel(Timer::Authentication);
        // The CONNECT is answered: another answer needs another CONNECT.
        if let Some(membership) = self.namespaces.get_mut(&self.config.primary_namespace) {
            *membership = Membership::NeedConnection;
        }
        if let Some(retry_after) = error.retry_after {
            let reason = DisconnectReason::NamespaceRefused(error);
            return self.connection_ended(reason, Some(retry_after), Transport::Open);
        }
        if wire::is_invalid_namespace(&error) {
            let refused = ConnectError::NamespaceRefused(error.clone());
            return self.stop(DisconnectReason::NamespaceRefused(error), &refused);
        }
        let max_auth_attempts = self.config.reconnect.max_auth_attempts;
        let Some(user) = &mut self.user else { return };
        user.rejections += 1;
        let may_try_another = match &user.credentials {
            // The application may have replaced the token while the old one was on its way.
            Credentials::Token(token) => user.presented.as_ref() != Some(token),
            Credentials::Provider => user.rejections < max_auth_attempts,
        };
        if may_try_another {
            debug!("token refused, trying another");
            user.rejected.clone_from(&user.presented);
            self.need_token(TokenReason::Rejected);
        } else {
            self.stop_for_rejection(error);
        }
    }

    fn stop_for_rejection(&mut self, error: ServerError) {
        let rejected = ConnectError::AuthRejected(error.clone());
        self.stop(DisconnectReason::AuthRejected(error), &rejected);
    }

    /// The server ended the primary namespace.
    pub(super) fn primary_ended(&mut self) {
        let primary = self.config.primary_namespace.clone();
        self.end_session(&primary, false);
        if self.config.rejoin_after_server_disconnect {
            self.connection_ended(DisconnectReason::ServerDisconnect, None, Transport::Open);
        } else {
            // There is nobody left to say goodbye to.
            self.end_link(Transport::Open);
            self.stop(DisconnectReason::ServerDisconnect, &ConnectError::ServerDisconnect);
        }
    }

    /// An attempt failed, or a connection is lost: reports it, and plans the next attempt.
    pub(super) fn connection_ended(
        &mut self,
        reason: DisconnectReason,
        retry_after: Option<Duration>,
        transport: Transport,
    ) {
        debug!(%reason, "connection ended");
        let was_ready = self.is_ready();
        self.end_link(transport);
        self.last_failure = Some(reason.clone());
        if was_ready {
            self.counters.losses += 1;
            if self.config.reconnect.max_attempts == Some(0) {
                let error = ConnectError::AttemptsExhausted { attempts: 0, last: reason.clone() };
                return self.stop(reason, &error);
            }
            self.set_status(ConnectionStatus::Disconnected, Some(reason.clone()));
            self.set_status(ConnectionStatus::Reconnecting, None);
        } else {
            self.failed_attempts = self.failed_attempts.saturating_add(1);
            if self.config.reconnect.max_attempts.is_some_and(|max| self.failed_attempts >= max) {
                let error = ConnectError::AttemptsExhausted { attempts: self.failed_attempts, last: reason };
                return self.stop(DisconnectReason::AttemptsExhausted, &error);
            }
        }
        let delay = self.backoff.next_delay(retry_after);
        self.state = State::WaitingToRetry;
        self.timers.set(Timer::Retry, self.now + delay);
        self.tell(Event::RetryScheduled { failed_attempts: self.failed_attempts, delay, reason });
    }

    /// Ends everything until the application asks again.
    pub(super) fn stop(&mut self, reason: DisconnectReason, error: &ConnectError) {
        debug!(%reason, "stopped");
        self.say_goodbye(|_, _| true);
        self.end_link(Transport::Open);
        let unknown = self.kept.abandon_all(&mut self.instances);
        self.drop_unknown(unknown);
        self.timers.cancel(Timer::Retry);
        self.timers.cancel(Timer::BackgroundGrace);
        self.backoff.reset();
        self.failed_attempts = 0;
        if let Some(user) = &mut self.user {
            user.is_established = false;
            user.rejected = None;
            user.rejections = 0;
        }
        self.namespaces.forget_proofs();
        self.set_status(ConnectionStatus::Disconnected, Some(reason));
        self.resolve_tickets(&Err(error.clone()));
    }

    /// The time in the background is over.
    pub(super) fn rest_in_background(&mut self) {
        if matches!(self.state, State::Idle | State::Suspended) {
            return;
        }
        debug!("suspended in the background");
        // A session that is to be resumed soon is not left, but lost.
        self.say_goodbye(|sessions, namespace| !sessions.is_resumable(namespace));
        self.end_link(Transport::Open);
        self.timers.cancel(Timer::Retry);
        self.state = State::Suspended;
        self.set_status(ConnectionStatus::Disconnected, Some(DisconnectReason::Background));
    }

    /// Leaves namespaces, so that the server need not guess why the transport closes, and tells what it has to know before.
    fn say_goodbye(&mut self, leaves: impl Fn(&Sessions, &Namespace) -> bool) {
        if self.is_ready() {
            self.report_positions();
            let joined = self.namespaces.joined().filter(|namespace| leaves(&self.sessions, namespace));
            let left: Vec<_> = joined.cloned().collect();
            for namespace in left {
                self.transmit_packet(&Packet::Disconnect { namespace });
            }
        }
    }

    /// Gives up the transport and everything that hung on it. The state is at rest after that.
    pub(super) fn end_link(&mut self, transport: Transport) {
        let State::Live(link) = mem::replace(&mut self.state, State::Idle) else { return };
        if transport == Transport::Open {
            self.outputs.push_back(Output::Close { connection: link.connection });
        }
        for timer in Timer::OF_LINK {
            self.timers.cancel(timer);
        }
        self.counters.discarded_before_connect += self.sessions.connection_ended() as u64;
        self.store_positions();
        for namespace in self.namespaces.connection_ended() {
            self.tell(Event::Left { namespace, reason: LeaveReason::ConnectionLost });
        }
        self.end_sent_acks(None);
        self.replies.clear();
        self.latency.restart();
        self.regrade(crate::manager::grade::Grader::disconnected);
    }

    pub(super) fn resolve_tickets(&mut self, result: &Result<(), ConnectError>) {
        for ticket in mem::take(&mut self.tickets).into_keys() {
            self.tell(Event::ConnectResolved { ticket, result: result.clone() });
        }
    }

    fn set_status(&mut self, status: ConnectionStatus, reason: Option<DisconnectReason>) {
        if self.status != status {
            self.status = status;
            self.tell(Event::Status(StatusChange { status, reason }));
        }
    }

    /// Changes what the grade is made of, and tells the grade if it is another.
    pub(super) fn regrade(&mut self, change: impl FnOnce(&mut crate::manager::grade::Grader)) {
        let before: Quality = self.grader.grade();
        change(&mut self.grader);
        let after = self.grader.grade();
        if before != after {
            self.tell(Event::Quality(after));
        }
    }
}
