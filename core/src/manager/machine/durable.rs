//! Durable messages and the store: from the emit to the end.

use std::time::Duration;

use bytestring::ByteString;

use super::Manager;
use crate::{
    manager::{
        command::{Cancelled, EmitOutcome, Emitted},
        config::MAX_TTL,
        durable::{Due, Durable, Effect, Ending, Entry, Step, Work},
        error::EmitError,
        event::{DeliveryStatus, Event, Output},
        ids::{MessageId, StoreTicket},
        store::{
            MessageKey, OpenedOutbox, StoreAnswer, StoreChange, StoreError, StoreEvent, StoreOperation, StoreRequest,
            StoredMessage,
        },
    },
    socketio::{Namespace, Payload},
    sorted::sort_by,
    time::Timestamp,
};

const MILLISECOND: Duration = Duration::from_millis(1);

impl Manager {
    pub(super) fn emit_durable(
        &mut self,
        message: MessageId,
        namespace: Namespace,
        event: ByteString,
        payload: Payload,
        ttl: Option<Duration>,
    ) -> Result<Emitted, EmitError> {
        let ttl = ttl.unwrap_or(self.config.durable.ttl).clamp(MILLISECOND, MAX_TTL);
        let emitted_at = self.wall_clock_now().unwrap_or(0);
        let stored = StoredMessage {
            key: MessageKey { instance: ByteString::new(), namespace, id: 0 },
            event,
            payload,
            emitted_at,
            expires_at: emitted_at.saturating_add(millis(ttl)),
            sent: None,
        };
        self.durable.push(message, Entry::new(stored, self.now + ttl)).map_err(|_| EmitError::QueueFull)?;
        self.tell(Event::Delivery { message, status: DeliveryStatus::Queued });
        self.give_keys();
        Ok(Emitted { message, outcome: EmitOutcome::Pending })
    }

    /// What has no key yet gets one, if the outbox is open, and is to be committed.
    fn give_keys(&mut self) {
        while let Some(put) = self.durable.give_key() {
            self.commits.push(put);
        }
    }

    /// The time outside, in milliseconds since 1970.
    pub(super) fn wall_clock_now(&self) -> Option<u64> {
        let (at, epoch) = self.wall_clock?;
        Some(epoch.saturating_add(millis(self.now.saturating_since(at))))
    }

    pub(super) fn cancel_durable(&mut self, message: MessageId) -> Option<Cancelled> {
        let sent = self.durable.get(message).filter(|entry| !entry.is_ending())?.is_written;
        self.end_durable(message, DeliveryStatus::Cancelled { sent });
        Some(if sent { Cancelled::Wait } else { Cancelled::Unsent })
    }

    /// Ends a message: it is told when the store has forgotten it, so that no later process tells another end.
    pub(super) fn end_durable(&mut self, message: MessageId, status: DeliveryStatus) {
        match self.durable.end(message, &mut self.commits) {
            Some(Ending::Unstored) => self.tell_end(message, status),
            Some(Ending::Stored(key)) => {
                let changes = vec![StoreChange::Remove { key }];
                self.commits.push(Step { changes, effect: Effect::Ended(message, status) });
            }
            None => {}
        }
    }

    fn tell_end(&mut self, message: MessageId, status: DeliveryStatus) {
        self.counters.durable_acked += u64::from(matches!(status, DeliveryStatus::Acked(_)));
        self.counters.messages_unknown += u64::from(status == DeliveryStatus::Unknown);
        self.tell(Event::Delivery { message, status });
    }

    pub(super) fn expire_durable(&mut self) {
        while let Some(message) = self.durable.first_expired(self.now) {
            let sent = self.durable.get(message).is_some_and(|entry| entry.is_written);
            self.end_durable(message, DeliveryStatus::Expired { sent });
        }
    }

    /// Another user's outbox is wanted. What is accepted stays in the store, for the user whose it is.
    pub(super) fn durable_user_changed(&mut self) {
        if !self.config.has_store {
            return;
        }
        for message in self.durable.unaccepted() {
            if let Some(Ending::Unstored) = self.durable.end(message, &mut self.commits) {
                self.tell_end(message, DeliveryStatus::Cancelled { sent: false });
            }
        }
        self.durable = Durable::new(self.config.durable.clone());
        self.commits.want_open();
    }

    /// Gives the store the work that is due.
    pub(super) fn ask_store(&mut self) {
        let Some(due) = self.commits.due(self.now) else { return };
        let ticket = StoreTicket::from_u64(self.ids.stores.next());
        let operation = match due {
            Due::Commit(changes) => {
                self.commits.begin_commit(ticket);
                StoreOperation::Commit { changes }
            }
            Due::Open => {
                let Some(user) = &self.user else { return };
                let instance = self.kept.take_name().unwrap_or_else(|| self.instances.next());
                self.commits.begin_open(ticket, instance.clone());
                StoreOperation::Open { user_id: user.id.clone(), instance }
            }
        };
        self.outputs.push_back(Output::Store(StoreRequest { ticket, operation }));
    }

    pub(super) fn on_store(&mut self, event: StoreEvent) {
        match event {
            StoreEvent::Answer { ticket, result } => match (self.commits.finish(ticket), result) {
                (Some(Work::Open(instance)), Ok(StoreAnswer::Opened(opened))) => self.outbox_opened(instance, opened),
                (Some(Work::Open(instance)), Ok(StoreAnswer::Committed)) => {
                    self.outbox_opened(instance, OpenedOutbox::default());
                }
                (Some(Work::Open(_)), Err(error)) => self.outbox_not_opened(&error),
                (Some(Work::Commit(steps)), Ok(_)) => self.committed(steps),
                (Some(Work::Commit(steps)), Err(error)) => self.not_committed(steps, error),
                (None, _) => {}
            },
            StoreEvent::Adopted { messages } if self.commits.is_open() => self.restore(messages, 0),
            StoreEvent::Adopted { .. } => {}
        }
        self.flush();
    }

    fn outbox_opened(&mut self, instance: ByteString, opened: OpenedOutbox) {
        // Another user's is wanted by now: what was found stays where it is.
        if !self.commits.opened() {
            return;
        }
        self.sessions.restore(opened.positions);
        self.store_positions();
        self.durable.open(instance);
        self.restore(opened.messages, opened.unreadable);
        // Emitted before it was known how much there is: with each process that begins there would be more in the store.
        for message in self.durable.unaccepted().into_iter().rev() {
            if self.durable.is_over() {
                self.end_durable(message, rejected("QUEUE_FULL"));
            }
        }
        self.give_keys();
    }

    fn outbox_not_opened(&mut self, error: &StoreError) {
        if !self.commits.open_failed(self.now) {
            return;
        }
        self.store_failed(error.clone());
        for message in self.durable.unaccepted() {
            self.end_durable(message, rejected(error.kind.code()));
        }
    }

    fn store_failed(&mut self, error: StoreError) {
        self.counters.store_failures += 1;
        self.tell(Event::StoreFailed(error));
    }

    fn committed(&mut self, steps: Vec<Step>) {
        self.commits.succeeded();
        for step in steps {
            match step.effect {
                Effect::Put(message) => {
                    // One of a user who is gone by now is accepted as well.
                    if self.durable.put(message) || self.durable.get(message).is_none() {
                        self.counters.durable_accepted += 1;
                        self.tell(Event::Delivery { message, status: DeliveryStatus::Persisted });
                    }
                }
                Effect::Sent(message, generation) => self.durable.marked(message, &generation),
                Effect::Renewed(message) => self.durable.renewed(message),
                Effect::Ended(message, status) => {
                    self.durable.remove(message);
                    self.tell_end(message, status);
                }
                Effect::Position(_) => {}
            }
        }
    }

    fn not_committed(&mut self, steps: Vec<Step>, error: StoreError) {
        let code = error.kind.code();
        self.store_failed(error);
        for step in self.commits.commit_failed(steps, self.now) {
            match step.effect {
                // One that has ended meanwhile is told with the commit of its end.
                Effect::Put(message) if self.durable.get(message).is_some_and(Entry::is_ending) => {}
                Effect::Put(message) => {
                    self.durable.remove(message);
                    self.tell_end(message, rejected(code));
                }
                Effect::Ended(message, status) => self.tell_end(message, status),
                Effect::Sent(..) | Effect::Renewed(_) | Effect::Position(_) => {}
            }
        }
    }

    /// Takes over what former owners have left: first what was sent, under its keys, and then the rest, each in the order
    /// of their emits.
    fn restore(&mut self, stored: Vec<StoredMessage>, unreadable: u64) {
        let known = self.durable.keys();
        let mut stored: Vec<_> =
            stored.into_iter().filter(|message| known.binary_search(&message.key).is_err()).collect();
        sort_by(&mut stored, |a, b| a.key.cmp(&b.key));
        stored.dedup_by(|a, b| a.key == b.key);
        // Clocks are set back at times, and ids never are.
        let mut at = 0;
        let mut before = None;
        let mut ordered: Vec<_> = stored
            .into_iter()
            .map(|message| {
                let lane = (message.key.instance.clone(), message.key.namespace.clone());
                at = if before.replace(lane.clone()) == Some(lane) {
                    message.emitted_at.max(at)
                } else {
                    message.emitted_at
                };
                (message.sent.is_none(), at, message)
            })
            .collect();
        sort_by(&mut ordered, |a, b| (a.0, a.1, &a.2.key).cmp(&(b.0, b.1, &b.2.key)));
        if ordered.is_empty() && unreadable == 0 {
            return;
        }

        let mut messages = Vec::with_capacity(ordered.len());
        let mut statuses = Vec::with_capacity(ordered.len());
        let mut namespaces = Vec::new();
        for (is_unsent, _, stored) in ordered {
            let message = MessageId::from_u64(self.ids.messages.next());
            let namespace = stored.key.namespace.clone();
            let expires_at = self.expiry_of(&stored);
            if let Some(step) = self.durable.restore(message, stored, expires_at) {
                self.commits.push(step);
            }
            messages.push(message);
            statuses.push(if is_unsent { DeliveryStatus::Persisted } else { DeliveryStatus::Sent });
            if !namespaces.contains(&namespace) {
                namespaces.push(namespace);
            }
        }
        self.tell(Event::Restored { messages: messages.clone(), unreadable });
        for (message, status) in messages.into_iter().zip(statuses) {
            self.tell(Event::Delivery { message, status });
        }
        for namespace in namespaces {
            // Where there are too many, they wait until the application wants this one.
            if self.namespaces.want(&namespace).is_ok() {
                self.join_now(&namespace);
            }
            for message in self.durable.lost(&namespace) {
                self.end_durable(message, DeliveryStatus::Unknown);
            }
        }
        self.expire_durable();
    }

    /// When a message of a former owner expires: at its time, or, if nobody knows what time it is, after its full time.
    fn expiry_of(&self, stored: &StoredMessage) -> Timestamp {
        let full = stored.expires_at.saturating_sub(stored.emitted_at).min(millis(MAX_TTL));
        let left = match self.wall_clock_now() {
            Some(now) if stored.emitted_at > 0 => stored.expires_at.saturating_sub(now).min(full),
            _ => full,
        };
        self.now + Duration::from_millis(left)
    }
}

pub(super) fn rejected(code: &'static str) -> DeliveryStatus {
    DeliveryStatus::Rejected { code: ByteString::from_static(code), payload: Payload::empty() }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
