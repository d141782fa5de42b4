use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytestring::ByteString;
use smallvec::SmallVec;

use super::{
    event::{Event, Notice},
    lock,
    mailbox::{Mailbox, Pushed},
};
use crate::{
    manager::{Quality, StatusChange},
    socketio::Namespace,
};

/// What can be delivered to listeners.
pub(super) trait Item: Clone + Send + 'static {
    /// The item, marked with the number of those given up before it, if it can tell.
    #[must_use]
    fn after_missing(self, missed: u64) -> Self;
}

impl Item for Event {
    fn after_missing(mut self, missed: u64) -> Self {
        self.missed = missed;
        self
    }
}

macro_rules! item_without_mark {
    ($($item:ty),*) => {$(
        impl Item for $item {
            fn after_missing(self, _missed: u64) -> Self {
                self
            }
        }
    )*};
}
item_without_mark!(StatusChange, Quality, Notice);

/// A function that is called with each item.
pub(super) type Callback<T> = Box<dyn FnMut(T) + Send>;

/// One who listens: a mailbox, and the callback that empties it unless a stream does.
pub(super) struct Listener<T> {
    mailbox: Mailbox<T>,
    callback: Option<Mutex<Callback<T>>>,
}

impl<T: Item> Listener<T> {
    pub(super) fn new(capacity: usize, callback: Option<Callback<T>>) -> Arc<Self> {
        Arc::new(Self { mailbox: Mailbox::new(capacity), callback: callback.map(Mutex::new) })
    }

    /// Never waits. If `Pushed::needs_service`, [`serve`](Self::serve) has to be started.
    pub(super) fn push(&self, item: T) -> Pushed {
        let pushed = self.mailbox.push(item);
        Pushed { needs_service: pushed.needs_service && self.callback.is_some(), ..pushed }
    }

    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let taken = self.mailbox.poll_take(cx);
        taken.map(|taken| taken.map(|(item, missed)| item.after_missing(missed)))
    }

    /// Calls the callback with all that is there. May block for as long as the callback does.
    pub(super) fn serve(&self) {
        let Some(callback) = &self.callback else { return };
        while let Some((item, missed)) = self.mailbox.take_or_rest() {
            let item = item.after_missing(missed);
            let mut callback = lock(callback);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| callback(item))) {
                tracing::error!(panic = panic_text(&*panic), "a listener panicked; it goes on receiving");
            }
        }
    }
}

impl<T> fmt::Debug for Listener<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

/// Names one registered listener.
#[derive(Clone, Debug)]
pub(super) struct ListenerKey {
    pub(super) topic: Topic,
    id: u64,
}

/// What can be listened to.
#[derive(Clone, Debug)]
pub(super) enum Topic {
    Event(Namespace, ByteString),
    Status,
    Quality,
    Notice,
}

/// All who listen to one client.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    last_id: u64,
    closed: bool,
    events: BTreeMap<Namespace, BTreeMap<ByteString, Vec<Entry<Event>>>>,
    status: Vec<Entry<StatusChange>>,
    quality: Vec<Entry<Quality>>,
    notices: Vec<Entry<Notice>>,
}

#[derive(Debug)]
struct Entry<T> {
    id: u64,
    once: bool,
    listener: Arc<Listener<T>>,
}

/// Listeners that are to get one item.
pub(super) type Targets<T> = SmallVec<[Arc<Listener<T>>; 4]>;

impl Listeners {
    pub(super) fn len(&self) -> usize {
        let events: usize = self.events.values().flat_map(BTreeMap::values).map(Vec::len).sum();
        events + self.status.len() + self.quality.len() + self.notices.len()
    }

    /// Items that wait in mailboxes.
    pub(super) fn waiting(&self) -> usize {
        fn sum<T>(entries: &[Entry<T>]) -> usize {
            entries.iter().map(|entry| entry.listener.mailbox.len()).sum()
        }
        let events: usize = self.events.values().flat_map(BTreeMap::values).map(|entries| sum(entries)).sum();
        events + sum(&self.status) + sum(&self.quality) + sum(&self.notices)
    }

    pub(super) fn add_event(
        &mut self,
        namespace: Namespace,
        name: ByteString,
        once: bool,
        listener: Arc<Listener<Event>>,
    ) -> ListenerKey {
        let id = self.next_id(&listener);
        if !self.closed {
            let names = self.events.entry(namespace.clone()).or_default();
            names.entry(name.clone()).or_default().push(Entry { id, once, listener });
        }
        ListenerKey { topic: Topic::Event(namespace, name), id }
    }

    pub(super) fn add_status(&mut self, listener: Arc<Listener<StatusChange>>) -> ListenerKey {
        let id = self.next_id(&listener);
        if !self.closed {
            self.status.push(Entry { id, once: false, listener });
        }
        ListenerKey { topic: Topic::Status, id }
    }

    pub(super) fn add_quality(&mut self, listener: Arc<Listener<Quality>>) -> ListenerKey {
        let id = self.next_id(&listener);
        if !self.closed {
            self.quality.push(Entry { id, once: false, listener });
        }
        ListenerKey { topic: Topic::Quality, id }
    }

    pub(super) fn add_notice(&mut self, listener: Arc<Listener<Notice>>) -> ListenerKey {
        let id = self.next_id(&listener);
        if !self.closed {
            self.notices.push(Entry { id, once: false, listener });
        }
        ListenerKey { topic: Topic::Notice, id }
    }

    /// A listener that comes after the end gets nothing, and knows it at once.
    fn next_id<T>(&mut self, listener: &Listener<T>) -> u64 {
        if self.closed {
            listener.mailbox.close();
        }
        self.last_id += 1;
        self.last_id
    }

    /// Forgets a listener and what it has not taken. What it holds is dropped by the caller, outside of the lock.
    pub(super) fn remove(&mut self, key: &ListenerKey) -> Option<Box<dyn Any + Send>> {
        fn take<T: Item>(entries: &mut Vec<Entry<T>>, id: u64) -> Option<Box<dyn Any + Send>> {
            let index = entries.iter().position(|entry| entry.id == id)?;
            let entry = entries.remove(index);
            entry.listener.mailbox.discard();
            Some(Box::new(entry.listener))
        }
        match &key.topic {
            Topic::Event(namespace, name) => {
                let names = self.events.get_mut(namespace)?;
                let removed = take(names.get_mut(name)?, key.id);
                self.prune(namespace, name);
                removed
            }
            Topic::Status => take(&mut self.status, key.id),
            Topic::Quality => take(&mut self.quality, key.id),
            Topic::Notice => take(&mut self.notices, key.id),
        }
    }

    /// Forgets all listeners to an event.
    pub(super) fn remove_all(&mut self, namespace: &Namespace, name: &str) -> Vec<Arc<Listener<Event>>> {
        let entries = self.events.get_mut(namespace).and_then(|names| names.remove(name)).unwrap_or_default();
        self.prune(namespace, name);
        let listeners = entries.into_iter().map(|entry| entry.listener);
        listeners.inspect(|listener| listener.mailbox.discard()).collect()
    }

    /// Who gets this event. Those that wanted one only are forgotten.
    pub(super) fn event_targets(&mut self, namespace: &Namespace, name: &str) -> Targets<Event> {
        let Some(entries) = self.events.get_mut(namespace).and_then(|names| names.get_mut(name)) else {
            return Targets::new();
        };
        let targets = targets(entries);
        if entries.iter().any(|entry| entry.once) {
            entries.retain(|entry| !entry.once);
            self.prune(namespace, name);
        }
        targets
    }

    pub(super) fn status_targets(&self) -> Targets<StatusChange> {
        targets(&self.status)
    }

    pub(super) fn quality_targets(&self) -> Targets<Quality> {
        targets(&self.quality)
    }

    pub(super) fn notice_targets(&self) -> Targets<Notice> {
        targets(&self.notices)
    }

    /// Ends all streams, and gives back everything so that it is dropped outside of the lock: callbacks may hold the
    /// client.
    pub(super) fn close(&mut self) -> Self {
        let ended = std::mem::take(self);
        self.closed = true;
        let events = ended.events.values().flat_map(BTreeMap::values).flatten();
        events.for_each(|entry| entry.listener.mailbox.close());
        ended.status.iter().for_each(|entry| entry.listener.mailbox.close());
        ended.quality.iter().for_each(|entry| entry.listener.mailbox.close());
        ended.notices.iter().for_each(|entry| entry.listener.mailbox.close());
        ended
    }

    fn prune(&mut self, namespace: &Namespace, name: &str) {
        if let Some(names) = self.events.get_mut(namespace) {
            if names.get(name).is_some_and(Vec::is_empty) {
                names.remove(name);
            }
            if names.is_empty() {
                self.events.remove(namespace);
            }
        }
    }
}

fn targets<T>(entries: &[Entry<T>]) -> Targets<T> {
    entries.iter().map(|entry| Arc::clone(&entry.listener)).collect()
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not a text")
}
