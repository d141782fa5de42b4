use std::{
    collections::VecDeque,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

use super::lock;

/// What one listener or stream has not taken yet: bounded, in order, the oldest given up for the newest.
///
/// Whoever fills it never waits, so one slow listener holds up neither the connection nor other listeners.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    capacity: usize,
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<T>,
    /// Given up since the last one was taken.
    missed: u64,
    closed: bool,
    /// Whether somebody is taking items out, or has been asked to.
    served: bool,
    waker: Option<Waker>,
}

/// What came of a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pushed {
    /// If an older item was given up for it: how many have been since the last was taken. Else 0.
    pub(super) missed: u64,
    /// Whether nobody serves the mailbox yet: the caller has to start someone.
    pub(super) needs_service: bool,
}

/// An item, and how many were given up just before it.
pub(super) type Taken<T> = (T, u64);

impl<T> Mailbox<T> {
    /// One that holds at most `capacity` items, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        let inner = Inner { items: VecDeque::new(), missed: 0, closed: false, served: false, waker: None };
        Self { capacity: capacity.max(1), inner: Mutex::new(inner) }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.inner).items.len()
    }

    /// Adds an item. A closed mailbox swallows it.
    pub(super) fn push(&self, item: T) -> Pushed {
        let mut inner = lock(&self.inner);
        if inner.closed {
            return Pushed { missed: 0, needs_service: false };
        }
        let displaced = if inner.items.len() >= self.capacity { inner.items.pop_front() } else { None };
        let missed = if displaced.is_some() { inner.missed + 1 } else { 0 };
        inner.missed = inner.missed.max(missed);
        inner.items.push_back(item);
        let needs_service = !std::mem::replace(&mut inner.served, true);
        let waker = inner.waker.take();
        drop(inner);
        drop(displaced);
        if let Some(waker) = waker {
            waker.wake();
        }
        Pushed { missed, needs_service }
    }

    /// Takes the next item; when there is none, the mailbox counts as unserved from then on.
    pub(super) fn take_or_rest(&self) -> Option<Taken<T>> {
        let mut inner = lock(&self.inner);
        let taken = inner.take();
        if taken.is_none() {
            inner.served = false;
        }
        taken
    }

    /// Takes the next item, or waits for one; `None` when the mailbox is closed and empty.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Taken<T>>> {
        let mut inner = lock(&self.inner);
        match inner.take() {
            Some(taken) => Poll::Ready(Some(taken)),
            None if inner.closed => Poll::Ready(None),
            None => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Takes no more. What is in it can still be taken.
    pub(super) fn close(&self) {
        let waker = {
            let mut inner = lock(&self.inner);
            inner.closed = true;
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes no more, and forgets what is in it.
    pub(super) fn discard(&self) {
        self.close();
        let items = std::mem::take(&mut lock(&self.inner).items);
        drop(items);
    }
}

impl<T> Inner<T> {
    fn take(&mut self) -> Option<Taken<T>> {
        let item = self.items.pop_front()?;
        if self.items.is_empty() && self.items.capacity() > SHRINK_ABOVE {
            self.items = VecDeque::new(); // after a burst: most mailboxes are empty most of the time
        }
        Some((item, std::mem::take(&mut self.missed)))
    }
}

const SHRINK_ABOVE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_given_up_and_the_gap_is_told() {
        let mailbox = Mailbox::new(2);
        assert_eq!(mailbox.push(1), Pushed { missed: 0, needs_service: true });
        assert_eq!(mailbox.push(2), Pushed { missed: 0, needs_service: false });
        assert_eq!(mailbox.push(3).missed, 1);
        assert_eq!(mailbox.push(4).missed, 2);
        assert_eq!(mailbox.take_or_rest(), Some((3, 2)));
        assert_eq!(mailbox.take_or_rest(), Some((4, 0)));
        assert_eq!(mailbox.take_or_rest(), None);
        assert!(mailbox.push(5).needs_service);
    }

    #[test]
    fn a_closed_mailbox_gives_what_it_has_and_ends() {
        let mailbox = Mailbox::new(8);
        mailbox.push('a');
        mailbox.close();
        mailbox.push('b');
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(mailbox.poll_take(&mut cx), Poll::Ready(Some(('a', 0))));
        assert_eq!(mailbox.poll_take(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn a_discarded_mailbox_gives_nothing_more() {
        let mailbox = Mailbox::new(8);
        mailbox.push('a');
        mailbox.discard();
        assert_eq!(mailbox.take_or_rest(), None);
    }
}
