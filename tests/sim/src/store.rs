//! The storage of one client: what is committed outlives a crash, what is asked for may fail, wait, or die with the process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use nexus_core::{
    manager::{
        MessageKey, OpenedOutbox, StoreAnswer, StoreChange, StoreError, StoreErrorKind, StoreEvent, StoreOperation,
        StoreRequest, StoredMessage,
    },
    socketio::{Namespace, delivery::Position},
};

/// A disk, and the requests that wait for it.
#[derive(Debug, Default)]
pub(crate) struct ClientStore {
    committed: BTreeMap<MessageKey, StoredMessage>,
    positions: BTreeMap<Namespace, Position>,
    waiting: VecDeque<StoreRequest>,
}

impl ClientStore {
    pub(crate) fn ask(&mut self, request: StoreRequest) {
        self.waiting.push_back(request);
    }

    /// The process has ended: nobody asks any more.
    pub(crate) fn forget_requests(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait.
    pub(crate) fn requests(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.committed.len()
    }

    /// Where the messages on the disk go, and the number that each carries.
    pub(crate) fn numbers(&self) -> BTreeSet<(Namespace, u64)> {
        let numbered = |message: &StoredMessage| Some((message.key.namespace.clone(), message.payload.arg(0).ok()?));
        self.committed.values().filter_map(numbered).collect()
    }

    /// Does the oldest request, unless it is to fail, and gives what the manager is to be told.
    pub(crate) fn carry_out(&mut self, fails: bool) -> Option<StoreEvent> {
        let StoreRequest { ticket, operation } = self.waiting.pop_front()?;
        let result =
            if fails { Err(StoreError::new(StoreErrorKind::Full, "no space left")) } else { Ok(self.apply(operation)) };
        Some(StoreEvent::Answer { ticket, result })
    }

    fn apply(&mut self, operation: StoreOperation) -> StoreAnswer {
        match operation {
            StoreOperation::Open { .. } => StoreAnswer::Opened(OpenedOutbox {
                messages: self.committed.values().cloned().collect(),
                positions: self.positions.iter().map(|(name, position)| (name.clone(), position.clone())).collect(),
                unreadable: 0,
            }),
            StoreOperation::Commit { changes } => {
                for change in changes {
                    self.change(change);
                }
                StoreAnswer::Committed
            }
            _ => StoreAnswer::Committed,
        }
    }

    fn change(&mut self, change: StoreChange) {
        match change {
            StoreChange::Put(message) => {
                self.committed.insert(message.key.clone(), message);
            }
            StoreChange::Sent { key, generation } => {
                if let Some(message) = self.committed.get_mut(&key) {
                    message.sent = Some(generation);
                }
            }
            StoreChange::Remove { key } => {
                self.committed.remove(&key);
            }
            StoreChange::Position { namespace, position } => {
                self.positions.insert(namespace, position);
            }
            _ => {}
        }
    }
}
