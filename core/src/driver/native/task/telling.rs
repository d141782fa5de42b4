use std::sync::Arc;

use super::{
    super::{
        error::JoinFailed,
        event::{Event, Notice},
        lock,
    },
    Task,
};
use crate::{
    manager::{self, ConnectionStatus, ReceivedEvent},
    socketio::Namespace,
};

/// Telling the application.
impl Task {
    pub(super) fn tell(&self, event: manager::Event) {
        use manager::Event as Told;
        match event {
            Told::Received(received) => self.deliver_event(received),
            Told::AckResolved { message, result } => {
                let waiter = self.shared.state().acks.remove(&message);
                waiter.map(|waiter| waiter.send(result));
            }
            Told::Status(change) => {
                let reason = change.reason.as_ref().map(tracing::field::display);
                tracing::info!(status = %change.status, reason, "status");
                if change.status == ConnectionStatus::Connected {
                    self.adopt_soon();
                }
                let targets = lock(&self.shared.listeners).status_targets();
                self.shared.deliver(targets, &change);
            }
            Told::Quality(quality) => {
                tracing::debug!(%quality, "quality");
                let targets = lock(&self.shared.listeners).quality_targets();
                self.shared.deliver(targets, &quality);
            }
            Told::ConnectResolved { ticket, result } => {
                let waiter = self.shared.state().connects.remove(&ticket);
                waiter.map(|waiter| waiter.send(result));
            }
            Told::RetryScheduled { failed_attempts, delay, reason } => {
                tracing::debug!(failed_attempts, ?delay, %reason, "will try again");
                self.notify(&Notice::RetryScheduled { failed_attempts, delay, reason });
            }
            Told::Joined { namespace, sid, continuity } => {
                tracing::debug!(%namespace, %sid, ?continuity, "joined");
                self.resolve_join(&namespace, || Ok(()));
                self.notify(&Notice::Joined { namespace, sid, continuity });
            }
            Told::JoinFailed { namespace, error } => {
                tracing::warn!(%namespace, %error, "not joined");
                self.resolve_join(&namespace, || Err(JoinFailed::Failed(error.clone())));
                self.notify(&Notice::JoinFailed { namespace, error });
            }
            Told::Left { namespace, reason } => {
                tracing::debug!(%namespace, ?reason, "left");
                self.notify(&Notice::Left { namespace, reason });
            }
            Told::MessageDropped(dropped) => {
                tracing::warn!(namespace = %dropped.namespace, reason = %dropped.reason, "a message was dropped unsent");
                self.notify(&Notice::MessageDropped(dropped));
            }
            Told::Delivery { message, status } => {
                tracing::debug!(%message, status = status.as_str(), "delivery");
                self.shared.state().follow(message, &status);
                self.notify(&Notice::Delivery { message, status });
            }
            Told::Restored { messages, unreadable } => {
                tracing::info!(messages = messages.len(), unreadable, "messages of a former process are taken over");
                self.notify(&Notice::Restored { messages: messages.into(), unreadable });
            }
            Told::StoreFailed(error) => {
                tracing::warn!(%error, "the store failed");
                self.notify(&Notice::StoreFailed(error));
            }
        }
    }

    fn deliver_event(&self, received: ReceivedEvent) {
        let targets = lock(&self.shared.listeners).event_targets(&received.namespace, &received.event);
        if targets.is_empty() {
            tracing::trace!(namespace = %received.namespace, "an event to which nobody listens");
            return;
        }
        let event = Event { received, missed: 0, shared: Arc::downgrade(&self.shared) };
        self.shared.deliver(targets, &event);
    }

    fn notify(&self, notice: &Notice) {
        let targets = lock(&self.shared.listeners).notice_targets();
        self.shared.deliver(targets, notice);
    }

    fn resolve_join(&self, namespace: &Namespace, result: impl Fn() -> Result<(), JoinFailed>) {
        let waiting = self.shared.state().joins.remove(namespace);
        for waiter in waiting.into_iter().flatten() {
            let _forgotten = waiter.send(result());
        }
    }
}
