//! Opening, closing and taking over outboxes; what the store's thread does.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    contents::{Contents, io_error},
    directory::{Claim, Directory, Turn},
    outbox::Outbox,
    record::Owner,
};
use crate::{
    manager::{MessageKey, OpenedOutbox, StoreChange, StoreError, StoreErrorKind, StoredMessage},
    socketio::delivery,
};

/// The most outboxes that are taken over at once; further ones are the next time's.
const MAX_ADOPTED: usize = 64;

/// A directory, and the outbox in it that is open.
#[derive(Debug)]
pub(super) struct Worker {
    path: PathBuf,
    /// Address and path of the server.
    server: String,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    directory: Directory,
    outbox: Outbox,
    claim: Claim,
    /// Copied from outboxes that could not be deleted then, and so not given out yet.
    held: BTreeSet<MessageKey>,
}

/// What former owners have left.
#[derive(Debug, Default)]
pub(super) struct Adopted {
    pub(super) messages: Vec<StoredMessage>,
    pub(super) unreadable: u64,
}

impl Worker {
    pub(super) fn new(path: PathBuf, server: String) -> Self {
        Self { path, server, open: None }
    }

    /// See [`StoreOperation::Open`](crate::manager::StoreOperation::Open).
    pub(super) fn open(&mut self, user: String, instance: &str) -> Result<OpenedOutbox, StoreError> {
        self.close();
        if !delivery::is_name(instance, delivery::MAX_NAME) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the instance can't name a file"));
        }
        let directory = Directory::open(&self.path)?;
        let owner = Owner { server: self.server.clone(), user };
        let turn = directory.turn()?;
        let path = directory.outbox(&owner, instance);
        let claim = directory.claim(&path, &turn)?;
        let claim = claim.ok_or_else(|| StoreError::new(StoreErrorKind::Unavailable, "the outbox is in use"))?;
        let outbox = match Outbox::create(&path, owner) {
            Ok(outbox) => outbox,
            Err(error) => {
                claim.discard();
                return Err(error);
            }
        };
        let synced = directory.sync();
        let open = self.open.insert(Open { directory, outbox, claim, held: BTreeSet::new() });
        if let Err(error) = synced {
            self.close();
            return Err(io_error(&error));
        }
        match open.adopt(&turn) {
            Ok(adopted) => {
                let positions = open.outbox.positions().iter();
                Ok(OpenedOutbox {
                    messages: adopted.messages,
                    positions: positions.map(|(namespace, kept)| (namespace.clone(), kept.position.clone())).collect(),
                    unreadable: adopted.unreadable,
                })
            }
            Err(error) => {
                self.close();
                Err(error)
            }
        }
    }

    /// See [`StoreOperation::Commit`](crate::manager::StoreOperation::Commit). `at` is the time of now, in milliseconds
    /// since 1970.
    pub(super) fn commit(&mut self, changes: &[StoreChange], at: u64) -> Result<(), StoreError> {
        match &mut self.open {
            Some(open) => open.outbox.commit(changes, at),
            None => Err(StoreError::new(StoreErrorKind::Unavailable, "no outbox is open")),
        }
    }

    /// Takes over what owners have left that went since; nothing while no outbox is open.
    pub(super) fn adopt(&mut self) -> Result<Adopted, StoreError> {
        let Some(open) = &mut self.open else { return Ok(Adopted::default()) };
        let turn = open.directory.turn()?;
        open.adopt(&turn)
    }

    /// Lets go of the outbox. An empty one is deleted.
    pub(super) fn close(&mut self) {
        let Some(Open { directory, outbox, claim, held: _ }) = self.open.take() else { return };
        let is_empty = outbox.is_empty();
        drop(outbox);
        // While it is another's turn, that one may be about to look at this outbox: it will find it empty.
        if is_empty && let Ok(_turn) = directory.turn() {
            claim.discard();
        }
    }
}

#[cfg(test)]
impl Worker {
    /// Ends as a killed process does: the system closes the files, and nothing else happens.
    pub(super) fn abandon(mut self) {
        if let Some(Open { outbox, claim, .. }) = self.open.take() {
            drop(outbox);
            drop(claim);
        }
    }
}

impl Open {
    /// A crash at any point leaves each message in at least one outbox, and under one key in all of them: it is given
    /// out, and may get another key, only once no other outbox has it.
    fn adopt(&mut self, turn: &Turn) -> Result<Adopted, StoreError> {
        let mut adopted = Adopted::default();
        for path in self.directory.outboxes(self.outbox.owner(), turn)?.into_iter().take(MAX_ADOPTED) {
            if path == self.claim.outbox() {
                continue;
            }
            if let Err(error) = self.adopt_one(&path, &mut adopted, turn) {
                tracing::warn!(%error, "an outbox that an owner has left can't be taken over");
            }
        }
        Ok(adopted)
    }

    fn adopt_one(&mut self, path: &Path, adopted: &mut Adopted, turn: &Turn) -> Result<(), StoreError> {
        let Some(claim) = self.directory.claim(path, turn)? else { return Ok(()) };
        let Contents { owner, messages, positions, unreadable, .. } = Contents::read(path)?;
        if owner.is_some_and(|owner| owner != *self.outbox.owner()) {
            return Ok(());
        }
        let mut new = BTreeMap::new();
        for message in messages.into_values() {
            if !self.outbox.contains(&message.key) || self.held.contains(&message.key) {
                new.insert(message.key.clone(), message);
            }
        }
        self.outbox.take_over(new.values().cloned(), positions)?;
        if let Err((_claim, error)) = claim.dispose(unreadable > 0, turn) {
            self.held.extend(new.into_keys());
            return Err(error);
        }
        if let Err(error) = self.directory.sync() {
            tracing::warn!(%error, "the deletion of an outbox may not survive a power cut");
        }
        self.held.retain(|key| !new.contains_key(key));
        adopted.unreadable += unreadable;
        adopted.messages.extend(new.into_values());
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}
