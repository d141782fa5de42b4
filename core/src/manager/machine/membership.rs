//! Joining and leaving of namespaces.

use super::{Manager, connection::Transport};
use crate::{
    manager::{
        command::JoinProgress,
        error::{JoinError, JoinFailure, LeaveError, ServerError},
        event::{DropReason, Event, LeaveReason},
        link::Stage,
        namespaces::{Due, Membership},
        status::DisconnectReason,
        wire,
    },
    socketio::{Namespace, Packet, delivery::Request},
    time::Timestamp,
};

impl Manager {
    pub(super) fn on_join(&mut self, namespace: &Namespace) -> Result<JoinProgress, JoinError> {
        let deadline = self.now + self.config.authentication_timeout;
        let is_primary = *namespace == self.config.primary_namespace;
        let membership = self.namespaces.want(namespace).map_err(|_| JoinError::TooManyNamespaces)?;
        match membership {
            Membership::Joined { .. } => return Ok(JoinProgress::Joined),
            Membership::NeedAnswer { then_leave, .. } => *then_leave = false,
            // A second CONNECT would be refused: the answer to the first gets more time.
            Membership::NeedLateAnswer { .. } => {
                *membership = Membership::NeedAnswer { deadline: Some(deadline), then_leave: false };
            }
            Membership::Refused { .. } | Membership::Ended { .. } => {
                *membership = Membership::NeedConnection;
                self.namespaces.forget_proof(namespace);
            }
            Membership::NeedConnection | Membership::NeedToken => {}
        }
        if !is_primary {
            self.join_now(namespace);
        }
        Ok(JoinProgress::Pending)
    }

    pub(super) fn on_leave(&mut self, namespace: &Namespace) -> Result<(), LeaveError> {
        if *namespace == self.config.primary_namespace {
            return Err(LeaveError::Primary);
        }
        self.report_position(namespace);
        match self.namespaces.get_mut(namespace).ok_or(LeaveError::NotJoined)? {
            Membership::NeedAnswer { then_leave, .. } | Membership::NeedLateAnswer { then_leave } => *then_leave = true,
            Membership::Joined { .. } => {
                self.namespaces.remove(namespace);
                self.leave_now(namespace);
                self.tell(Event::Left { namespace: namespace.detach(), reason: LeaveReason::ClientLeft });
            }
            Membership::NeedConnection
            | Membership::NeedToken
            | Membership::Refused { .. }
            | Membership::Ended { .. } => {
                self.namespaces.remove(namespace);
            }
        }
        self.end_session(namespace, true);
        let unknown = self.kept.forget(namespace);
        self.drop_unknown(unknown);
        while let Some((message, waiting)) = self.outbox.pop_of(namespace) {
            self.drop_message(message, &waiting, DropReason::NamespaceLeft);
        }
        Ok(())
    }

    /// Sends the CONNECT of a namespace other than the primary one that waits for it, if there is a connection, with a
    /// token that was not just refused.
    pub(super) fn join_now(&mut self, namespace: &Namespace) {
        if !self.is_ready() || self.namespaces.get(namespace) != Some(&Membership::NeedConnection) {
            return;
        }
        let Some(token) = self.user.as_ref().and_then(|user| user.token.as_ref()) else { return };
        let Some(proof) = self.namespaces.proof_mut(namespace) else { return };
        if proof.is_refused(token) {
            return self.need_other_token(namespace);
        }
        proof.present(token);
        self.send_connect(namespace, Some(self.now + self.config.authentication_timeout));
    }

    /// The primary namespace has its deadline among the timers of the connection.
    pub(super) fn send_connect(&mut self, namespace: &Namespace, deadline: Option<Timestamp>) {
        let Some(user) = &self.user else { return };
        let Some(token) = &user.token else { return };
        let resumption = self.sessions.asked(namespace, self.config.recovery, &self.namespaces);
        let request = self.config.negotiate.then(|| Request {
            instance: self.kept.instance(namespace, &mut self.instances),
            position: resumption.position.clone(),
        });
        let data = Some(wire::auth(token, &user.id, &self.config.auth_fields, &resumption, request.as_ref()));
        if let Some(membership) = self.namespaces.get_mut(namespace) {
            *membership = Membership::NeedAnswer { deadline, then_leave: false };
        }
        self.transmit_packet(&Packet::Connect { namespace: namespace.clone(), data });
    }

    pub(super) fn on_connect_answer(&mut self, namespace: &Namespace, data: Option<&str>) {
        if self.is_probe_answer(namespace, true) {
            return;
        }
        let sent_at = match self.link().map(|link| link.stage) {
            Some(Stage::NeedAnswer { sent_at }) if *namespace == self.config.primary_namespace => Some(sent_at),
            _ => None,
        };
        let then_leave = match self.namespaces.get(namespace) {
            Some(Membership::NeedAnswer { then_leave, .. } | Membership::NeedLateAnswer { then_leave }) => *then_leave,
            _ => return self.protocol_broken("Socket.IO: an answer to a CONNECT that was not sent".to_owned()),
        };
        let answer = match wire::connect_answer(data) {
            Ok(answer) => answer,
            Err(rule) => return self.protocol_broken(format!("Socket.IO: {rule}")),
        };
        match sent_at {
            Some(sent_at) => self.became_ready(answer, sent_at),
            None if then_leave => {
                self.namespaces.remove(namespace);
                self.leave_now(namespace);
            }
            None => {
                self.became_joined(namespace, answer);
                self.flush();
            }
        }
    }

    pub(super) fn on_connect_error(&mut self, namespace: &Namespace, data: &str) {
        if self.is_probe_answer(namespace, false) {
            return;
        }
        let error = wire::connect_error(data);
        let then_leave = match self.namespaces.get(namespace) {
            Some(Membership::NeedAnswer { then_leave, .. } | Membership::NeedLateAnswer { then_leave }) => *then_leave,
            _ => return self.protocol_broken("Socket.IO: a refusal of a CONNECT that was not sent".to_owned()),
        };
        self.unanswered(namespace);
        if *namespace == self.config.primary_namespace {
            self.primary_refused(error);
        } else if then_leave {
            self.namespaces.remove(namespace);
        } else {
            self.refused(namespace, error);
        }
    }

    fn refused(&mut self, namespace: &Namespace, error: ServerError) {
        if self.tries_another_token(namespace, &error) {
            return;
        }
        let max = self.config.reconnect.max_retry_after;
        let jitter = self.backoff.jittered(self.config.reconnect.initial_delay);
        let retry_at = error.retry_after.map(|after| self.now + after.min(max) + jitter);
        if let Some(membership) = self.namespaces.get_mut(namespace) {
            *membership = Membership::Refused { retry_at };
        }
        self.tell(Event::JoinFailed { namespace: namespace.detach(), error: JoinFailure::Refused(error) });
    }

    pub(super) fn on_server_disconnect(&mut self, namespace: &Namespace) {
        if *namespace == self.config.primary_namespace {
            return self.primary_ended();
        }
        let was_joined = match self.namespaces.get(namespace) {
            Some(Membership::Joined { .. }) => true,
            Some(Membership::NeedAnswer { then_leave: true, .. } | Membership::NeedLateAnswer { then_leave: true }) => {
                self.unanswered(namespace);
                return self.namespaces.remove(namespace);
            }
            // If the namespace was left before, this may be about the session before.
            Some(Membership::NeedAnswer { .. } | Membership::NeedLateAnswer { .. })
                if !self.link().is_some_and(|link| link.was_left(namespace)) =>
            {
                false
            }
            _ => return,
        };
        self.unanswered(namespace);
        self.end_session(namespace, false);
        let delay = self.backoff.jittered(self.config.reconnect.initial_delay);
        let retry_at = self.config.rejoin_after_server_disconnect.then(|| self.now + delay);
        if let Some(membership) = self.namespaces.get_mut(namespace) {
            *membership = Membership::Ended { retry_at };
        }
        if was_joined {
            self.forget_session(namespace);
            self.tell(Event::Left { namespace: namespace.detach(), reason: LeaveReason::ServerDisconnect });
        } else {
            let error = ServerError { message: "ended by the server".to_owned(), data: None, retry_after: None };
            self.tell(Event::JoinFailed { namespace: namespace.detach(), error: JoinFailure::Refused(error) });
        }
    }

    pub(super) fn on_namespace_due(&mut self, due: Due) {
        match due {
            Due::AnswerOverdue(namespace) => {
                self.tell(Event::JoinFailed { namespace, error: JoinFailure::TimedOut });
            }
            Due::Retry(namespace) => self.join_now(&namespace),
        }
    }

    /// The primary namespace got no answer.
    pub(super) fn authentication_timed_out(&mut self) {
        self.resolve_tickets(&Err(crate::manager::error::ConnectError::AuthenticationTimeout));
        self.connection_ended(DisconnectReason::AuthenticationTimeout, None, Transport::Open);
    }

    fn leave_now(&mut self, namespace: &Namespace) {
        self.unanswered(namespace);
        self.transmit_packet(&Packet::Disconnect { namespace: namespace.clone() });
        self.forget_session(namespace);
        if let Some(link) = self.link_mut() {
            link.remember_left(namespace.detach());
        }
    }

    /// The session of one namespace is over, the connection is not.
    fn forget_session(&mut self, namespace: &Namespace) {
        self.end_sent_acks(Some(namespace));
        self.replies.remove_of(namespace);
    }
}
