//! A fresh token while connected: the server refused the one of the connection to a namespace that was joined later.

use tracing::debug;

use super::{Manager, User};
use crate::{
    manager::{
        command::{Credentials, Token},
        error::{JoinFailure, ServerError},
        event::{Event, Output, TokenReason},
        ids::TokenRequest,
        namespaces::Membership,
        proof::Proof,
        timers::Timer,
        wire,
    },
    socketio::Namespace,
};

impl Manager {
    /// The server refused a namespace other than the primary one. True if it is asked again with another token, now or
    /// when there is one.
    pub(super) fn tries_another_token(&mut self, namespace: &Namespace, error: &ServerError) -> bool {
        if !wire::may_be_about_token(error) {
            return false;
        }
        let Some(User { token: Some(current), credentials, .. }) = &self.user else { return false };
        let can_ask = matches!(credentials, Credentials::Provider);
        let max = self.config.reconnect.max_auth_attempts;
        let goes_on =
            self.namespaces.proof_mut(namespace).is_some_and(|proof| proof.refuse(error, current, can_ask, max));
        if goes_on {
            self.join_anew(namespace);
        }
        goes_on
    }

    /// Gets a token that is not the one that the server refused this namespace with.
    pub(super) fn need_other_token(&mut self, namespace: &Namespace) {
        if !matches!(&self.user, Some(User { credentials: Credentials::Provider, .. })) {
            return self.give_up(namespace);
        }
        if let Some(membership) = self.namespaces.get_mut(namespace) {
            *membership = Membership::NeedToken;
        }
        if self.link().is_none_or(|link| link.renewal.is_some()) {
            return;
        }
        debug!(%namespace, "token refused, asking for another");
        let request = TokenRequest::from_u64(self.ids.tokens.next());
        if let Some(link) = self.link_mut() {
            link.renewal = Some(request);
        }
        self.counters.tokens_requested += 1;
        self.timers.set(Timer::Token, self.now + self.config.token_timeout);
        self.outputs.push_back(Output::NeedToken { request, reason: TokenReason::Rejected });
    }

    /// The provider has answered, in vain if there is no token, or the same. It may be that nobody waits any more: what
    /// is joined later uses the token.
    pub(super) fn renewed(&mut self, token: Option<Token>) {
        self.end_renewal();
        let Some(user) = &mut self.user else { return };
        let fresh = token.filter(|token| user.token.as_ref() != Some(token));
        let is_fresh = fresh.is_some();
        if is_fresh {
            user.token = fresh;
        }
        for namespace in self.namespaces.waiting_for_token() {
            if is_fresh {
                self.join_anew(&namespace);
            } else {
                self.give_up(&namespace);
            }
        }
    }

    /// The application has replaced the credentials. A token takes effect at once; a provider is asked when need be.
    pub(super) fn credentials_changed(&mut self) {
        for proof in self.namespaces.proofs_mut() {
            proof.restart();
        }
        if self.is_ready() {
            self.end_renewal();
            for namespace in self.namespaces.waiting_for_token() {
                self.join_anew(&namespace);
            }
        }
    }

    fn end_renewal(&mut self) {
        self.timers.cancel(Timer::Token);
        if let Some(link) = self.link_mut() {
            link.renewal = None;
        }
    }

    fn join_anew(&mut self, namespace: &Namespace) {
        if let Some(membership) = self.namespaces.get_mut(namespace) {
            *membership = Membership::NeedConnection;
        }
        self.join_now(namespace);
    }

    fn give_up(&mut self, namespace: &Namespace) {
        let Some(error) = self.namespaces.proof_mut(namespace).and_then(Proof::give_up) else { return };
        if let Some(membership) = self.namespaces.get_mut(namespace) {
            *membership = Membership::Refused { retry_at: None };
        }
        self.tell(Event::JoinFailed { namespace: namespace.detach(), error: JoinFailure::Refused(error) });
    }
}
