use std::{sync::Arc, task::Context};

use smallvec::SmallVec;

use super::{
    super::{dial::dial, socket::Socket},
    Link, Settled, Task,
};
use crate::manager::{
    ConnectionId, Output, TokenReason, TokenRequest, TransportEvent, TransportFailure, TransportRequest,
};

/// Outputs taken under one lock.
const BATCH: usize = 32;

/// Carrying out what the manager says.
impl Task {
    pub(super) fn carry_out(&mut self, cx: &Context<'_>) -> Settled {
        loop {
            let mut outputs = SmallVec::<[Output; BATCH]>::new();
            let mut state = self.shared.state();
            state.register_task(cx);
            while outputs.len() < BATCH
                && let Some(output) = state.manager.poll_output()
            {
                outputs.push(output);
            }
            let settled = Settled { deadline: state.manager.poll_timeout(), closing: state.closing };
            if !state.flushes.is_empty() && outputs.is_empty() && state.is_flushed() {
                let flushed = std::mem::take(&mut state.flushes);
                for waiter in flushed {
                    let _forgotten = waiter.send(());
                }
            }
            drop(state);
            if outputs.is_empty() {
                return settled;
            }
            for output in outputs {
                self.carry_out_one(output);
            }
        }
    }

    fn carry_out_one(&mut self, output: Output) {
        match output {
            Output::Connect { connection, request } => self.connect(connection, request),
            Output::Transmit { connection, frame, .. } => self.with_socket(connection, |socket| socket.send(frame)),
            Output::Ping { connection, nonce } => self.with_socket(connection, |socket| socket.ping(nonce)),
            Output::Close { connection } if self.link.connection() == Some(connection) => self.hang_up(),
            Output::Close { .. } => {}
            Output::NeedToken { request, reason } => self.ask_for_token(request, reason),
            Output::Store(request) => self.store(request),
            Output::Event(event) => self.tell(event),
        }
    }

    fn connect(&mut self, connection: ConnectionId, request: TransportRequest) {
        self.hang_up();
        tracing::debug!(%connection, address = without_query(&request.url), "connecting");
        let dialing = Box::pin(dial(request, self.shared.tls.clone()));
        self.link = Link::Dialing { connection, dialing };
    }

    fn with_socket(&mut self, wanted: ConnectionId, act: impl FnOnce(&mut Socket) -> Result<(), TransportFailure>) {
        if let Link::Up { connection, socket } = &mut self.link
            && *connection == wanted
            && let Err(failure) = act(socket)
        {
            self.link = Link::Down;
            self.report(wanted, [TransportEvent::Failed(failure)]);
        }
    }

    /// Gives up the transport. An open one sends what it has and says goodbye in a task of its own, which is bounded.
    pub(super) fn hang_up(&mut self) {
        if let Link::Up { connection, socket } = std::mem::replace(&mut self.link, Link::Down) {
            tracing::debug!(%connection, "closing");
            self.shared.tasks.spawn_on(socket.close(), &self.shared.runtime);
        }
    }

    fn ask_for_token(&mut self, request: TokenRequest, reason: TokenReason) {
        tracing::debug!(?reason, "asking for a token");
        let Some(provider) = self.shared.state().provider.clone() else { return };
        let shared = Arc::clone(&self.shared);
        let asking = async move {
            let token = provider.ask(reason).await;
            let _too_late = shared.with_manager(|manager, now| manager.provide_token(now, request, token));
        };
        let asking = self.shared.tasks.spawn_on(asking, &self.shared.runtime).abort_handle();
        if let Some(outdated) = self.asking.replace(asking) {
            outdated.abort();
        }
    }
}

/// A query may hold what is no one else's business.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(address, _query)| address)
}
