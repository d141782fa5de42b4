use std::{
    sync::atomic::{AtomicUsize, Ordering},
    task::Context,
};

use futures_util::task::AtomicWaker;

/// Whether the client may read on: shut while a mailbox is so full that its owner has to catch up first.
#[derive(Debug, Default)]
pub(super) struct Gate {
    holders: AtomicUsize,
    reader: AtomicWaker,
}

impl Gate {
    /// One more mailbox holds the gate shut.
    pub(super) fn hold(&self) {
        self.holders.fetch_add(1, Ordering::SeqCst);
    }

    /// One fewer does.
    pub(super) fn release(&self) {
        if self.holders.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.reader.wake();
        }
    }

    /// Whether nobody holds it shut. If somebody does, the task is woken when that ends.
    pub(super) fn is_open(&self, cx: &Context<'_>) -> bool {
        if self.holders.load(Ordering::SeqCst) == 0 {
            return true;
        }
        self.reader.register(cx.waker());
        self.holders.load(Ordering::SeqCst) == 0
    }
}
