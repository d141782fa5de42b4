//! What came, for steps that wait for it.

use std::sync::Arc;

use tokio::sync::watch;

/// Cloning is cheap; all clones are the same record.
#[derive(Debug)]
pub(crate) struct Record<T> {
    items: Arc<watch::Sender<Vec<T>>>,
}

impl<T> Clone for Record<T> {
    fn clone(&self) -> Self {
        Self { items: Arc::clone(&self.items) }
    }
}

impl<T> Record<T> {
    pub(crate) fn new() -> Self {
        Self { items: Arc::new(watch::Sender::new(Vec::new())) }
    }

    pub(crate) fn push(&self, item: T) {
        self.items.send_modify(|items| items.push(item));
    }

    /// Takes all out that came.
    pub(crate) fn take(&self) -> Vec<T> {
        self.items.send_replace(Vec::new())
    }

    /// Waits until what came is enough.
    pub(crate) async fn wait(&self, mut is_enough: impl FnMut(&[T]) -> bool) {
        let mut heard = self.items.subscribe();
        // The sender lives as long as this.
        let _ = heard.wait_for(|items| is_enough(items)).await;
    }
}
