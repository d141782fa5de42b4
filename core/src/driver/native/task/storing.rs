use std::{path::PathBuf, sync::Arc};

use super::{super::store::Store, Task};
use crate::manager::{StoreError, StoreErrorKind, StoreEvent, StoreRequest};

/// Where durable messages are kept, if anywhere, and the thread that keeps them there, from the first request on.
pub(super) struct Storage {
    directory: Option<PathBuf>,
    store: Option<Store>,
}

impl Storage {
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, store: None }
    }
}

/// Having durable messages kept.
impl Task {
    pub(super) fn store(&mut self, request: StoreRequest) {
        self.shared.state().store_requests += 1;
        let started = match &self.storage.store {
            Some(_) => Ok(()),
            None => self.start_store(),
        };
        match (started, &self.storage.store) {
            (Ok(()), Some(store)) => store.request(request),
            (Err(error), _) => self.refuse(&request, error),
            (Ok(()), None) => self.refuse(&request, StoreError::new(StoreErrorKind::Unavailable, "no directory")),
        }
    }

    fn start_store(&mut self) -> Result<(), StoreError> {
        let Some(directory) = self.storage.directory.clone() else { return Ok(()) };
        let config = self.shared.state().manager.config().clone();
        let server = format!("{}{}", config.server, config.path);
        let shared = Arc::downgrade(&self.shared);
        let report = move |event| {
            if let Some(shared) = shared.upgrade() {
                shared.handle_store(event);
            }
        };
        let (store, ended) = Store::start(directory, server, report)
            .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error.to_string()))?;
        let ended = async {
            let _gone = ended.await;
        };
        // Who waits for the end of the client waits for the end of its store.
        self.shared.tasks.spawn_on(ended, &self.shared.runtime);
        self.storage.store = Some(store);
        Ok(())
    }

    fn refuse(&self, request: &StoreRequest, error: StoreError) {
        self.shared.handle_store(StoreEvent::Answer { ticket: request.ticket, result: Err(error) });
    }

    pub(super) fn adopt_soon(&self) {
        if let Some(store) = &self.storage.store {
            store.adopt_soon();
        }
    }
}
