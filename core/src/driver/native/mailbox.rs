use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use super::{gate::Gate, lock};

/// How much a mailbox takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

impl Capacity {
    fn half(self) -> Self {
        Self { items: self.items / 2, bytes: self.bytes / 2 }
    }

    fn quarter(self) -> Self {
        Self { items: self.items / 4, bytes: self.bytes / 4 }
    }
}

/// What can lie in a mailbox.
pub(super) trait Weigh {
    /// Bytes that it keeps in memory.
    fn weight(&self) -> usize;
}

/// What one listener or stream has not taken yet: bounded, in order, the oldest given up for the newest.
///
/// Whoever fills it never waits. From half full on it holds the gate shut, until it is down to a quarter or nobody
/// wants to wait for its owner any longer.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    capacity: Capacity,
    gate: Arc<Gate>,
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<T>,
    bytes: usize,
    /// Given up since the last one was taken.
    missed: u64,
    closed: bool,
    /// Whether somebody is taking items out, or has been asked to.
    served: bool,
    pace: Pace,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Keeping,
    /// Holding the gate shut.
    Behind,
    /// Was waited for long enough.
    GivenUp,
}

/// What came of a push.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pushed {
    /// How many items were given up for it.
    pub(super) displaced: u64,
    /// Whether those are the first since one was taken.
    pub(super) begins_gap: bool,
    /// Whether nobody serves the mailbox yet: the caller has to start someone.
    pub(super) needs_service: bool,
}

/// An item, and how many were given up just before it.
pub(super) type Taken<T> = (T, u64);

impl<T: Weigh> Mailbox<T> {
    /// One that takes at least one item, whatever its capacity.
    pub(super) fn new(capacity: Capacity, gate: &Arc<Gate>) -> Self {
        let inner = Inner {
            items: VecDeque::new(),
            bytes: 0,
            missed: 0,
            closed: false,
            served: false,
            pace: Pace::Keeping,
            waker: None,
        };
        Self { capacity, gate: Arc::clone(gate), inner: Mutex::new(inner) }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.inner).items.len()
    }

    /// Adds an item. A closed mailbox swallows it.
    pub(super) fn push(&self, item: T) -> Pushed {
        let mut inner = lock(&self.inner);
        if inner.closed {
            return Pushed::default();
        }
        inner.bytes += item.weight();
        inner.items.push_back(item);
        let mut displaced = Vec::new();
        while inner.items.len() > 1 && inner.exceeds(self.capacity) {
            displaced.extend(inner.pop());
        }
        let begins_gap = inner.missed == 0 && !displaced.is_empty();
        let count = displaced.len() as u64;
        inner.missed += count;
        if inner.pace == Pace::Keeping && inner.exceeds(self.capacity.half()) {
            inner.pace = Pace::Behind;
            self.gate.hold();
        }
        let needs_service = !std::mem::replace(&mut inner.served, true);
        let waker = inner.waker.take();
        drop(inner);
        drop(displaced);
        if let Some(waker) = waker {
            waker.wake();
        }
        Pushed { displaced: count, begins_gap, needs_service }
    }

    /// Takes the next item; when there is none, the mailbox counts as unserved from then on.
    pub(super) fn take_or_rest(&self) -> Option<Taken<T>> {
        let mut inner = lock(&self.inner);
        let taken = self.take(&mut inner);
        if taken.is_none() {
            inner.served = false;
        }
        taken
    }

    /// Takes the next item, or waits for one; `None` when the mailbox is closed and empty.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Taken<T>>> {
        let mut inner = lock(&self.inner);
        match self.take(&mut inner) {
            Some(taken) => Poll::Ready(Some(taken)),
            None if inner.closed => Poll::Ready(None),
            None => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn take(&self, inner: &mut Inner<T>) -> Option<Taken<T>> {
        let item = inner.pop()?;
        if inner.items.is_empty() && inner.items.capacity() > SHRINK_ABOVE {
            inner.items = VecDeque::new(); // after a burst: most mailboxes are empty most of the time
        }
        if inner.pace != Pace::Keeping && !inner.exceeds(self.capacity.quarter()) {
            self.set_pace(inner, Pace::Keeping);
        }
        Some((item, std::mem::take(&mut inner.missed)))
    }

    /// Nobody waits for it any longer, until it has caught up.
    pub(super) fn give_up(&self) {
        let mut inner = lock(&self.inner);
        if inner.pace == Pace::Behind {
            self.set_pace(&mut inner, Pace::GivenUp);
        }
    }

    /// Takes no more. What is in it can still be taken.
    pub(super) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        self.set_pace(&mut inner, Pace::GivenUp);
        let waker = inner.waker.take();
        drop(inner);
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

impl<T> Mailbox<T> {
    fn set_pace(&self, inner: &mut Inner<T>, pace: Pace) {
        if std::mem::replace(&mut inner.pace, pace) == Pace::Behind {
            self.gate.release();
        }
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        let mut inner = lock(&self.inner);
        self.set_pace(&mut inner, Pace::GivenUp);
    }
}

impl<T: Weigh> Inner<T> {
    fn exceeds(&self, capacity: Capacity) -> bool {
        self.items.len() > capacity.items || self.bytes > capacity.bytes
    }

    fn pop(&mut self) -> Option<T> {
        let item = self.items.pop_front()?;
        self.bytes = self.bytes.saturating_sub(item.weight());
        Some(item)
    }
}

const SHRINK_ABOVE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for u32 {
        fn weight(&self) -> usize {
            10
        }
    }

    fn mailbox(items: usize, bytes: usize) -> (Mailbox<u32>, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        (Mailbox::new(Capacity { items, bytes }, &gate), gate)
    }

    fn is_open(gate: &Gate) -> bool {
        gate.is_open(&Context::from_waker(Waker::noop()))
    }

    fn fill(mailbox: &Mailbox<u32>, count: u32) {
        for n in 0..count {
            mailbox.push(n);
        }
    }

    #[test]
    fn the_oldest_is_given_up_and_the_gap_is_told() {
        for (mailbox, _gate) in [mailbox(2, 1000), mailbox(1000, 20)] {
            assert_eq!(mailbox.push(1), Pushed { displaced: 0, begins_gap: false, needs_service: true });
            assert_eq!(mailbox.push(2), Pushed::default());
            assert_eq!(mailbox.push(3), Pushed { displaced: 1, begins_gap: true, needs_service: false });
            assert_eq!(mailbox.push(4), Pushed { displaced: 1, begins_gap: false, needs_service: false });
            assert_eq!(mailbox.take_or_rest(), Some((3, 2)));
            assert_eq!(mailbox.take_or_rest(), Some((4, 0)));
            assert_eq!(mailbox.take_or_rest(), None);
            assert!(mailbox.push(5).needs_service);
        }
    }

    #[test]
    fn one_item_is_taken_however_small_the_mailbox() {
        for (mailbox, _gate) in [mailbox(0, 0), mailbox(1, 5)] {
            assert_eq!(mailbox.push(1).displaced, 0);
            assert_eq!(mailbox.push(2).displaced, 1);
            assert_eq!(mailbox.take_or_rest(), Some((2, 1)));
        }
    }

    #[test]
    fn a_closed_mailbox_gives_what_it_has_and_ends() {
        let (mailbox, _gate) = mailbox(8, 1000);
        mailbox.push(1);
        mailbox.close();
        mailbox.push(2);
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(mailbox.poll_take(&cx), Poll::Ready(Some((1, 0))));
        assert_eq!(mailbox.poll_take(&cx), Poll::Ready(None));
    }

    #[test]
    fn a_discarded_mailbox_gives_nothing_more() {
        let (mailbox, _gate) = mailbox(8, 1000);
        mailbox.push(1);
        mailbox.discard();
        assert_eq!(mailbox.take_or_rest(), None);
    }

    #[test]
    fn the_gate_is_shut_from_half_full_to_a_quarter() {
        let (mailbox, gate) = mailbox(8, 1000);
        for n in 0..5 {
            assert!(is_open(&gate));
            mailbox.push(n);
        }
        assert!(!is_open(&gate));
        for _ in 0..2 {
            mailbox.take_or_rest();
            assert!(!is_open(&gate));
        }
        mailbox.take_or_rest();
        assert!(is_open(&gate));
    }

    #[test]
    fn whoever_is_given_up_is_waited_for_again_once_it_has_caught_up() {
        let (mailbox, gate) = mailbox(8, 1000);
        fill(&mailbox, 5);
        mailbox.give_up();
        assert!(is_open(&gate));
        mailbox.push(5);
        assert!(is_open(&gate), "not waited for any longer");
        while mailbox.take_or_rest().is_some() {}
        fill(&mailbox, 5);
        assert!(!is_open(&gate));
        drop(mailbox);
        assert!(is_open(&gate), "the gate outlives the mailbox");
    }

    #[test]
    fn a_closed_mailbox_holds_up_nobody() {
        let (mailbox, gate) = mailbox(2, 1000);
        fill(&mailbox, 2);
        assert!(!is_open(&gate));
        mailbox.close();
        assert!(is_open(&gate));
        while mailbox.take_or_rest().is_some() {}
        assert!(is_open(&gate));
    }
}
