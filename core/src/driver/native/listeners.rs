use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytestring::ByteString;

use super::{
    event::{Event, Notice},
    gate::Gate,
    lock,
    mailbox::{Capacity, Mailbox, Pushed, Weigh},
};
use crate::{
    client::{self, EventKey, ListenerId, ListenerList},
    manager::{Quality, StatusChange},
    socketio::Namespace,
};

/// What can be delivered to listeners.
pub(super) trait Item: Weigh + Clone + Send + 'static {
    /// The item, marked with the number of those given up before it, if it can tell.
    #[must_use]
    fn after_missing(self, missed: u64) -> Self;
}

impl Weigh for Event {
    fn weight(&self) -> usize {
        self.received.payload.size()
    }
}

impl Item for Event {
    fn after_missing(mut self, missed: u64) -> Self {
        self.missed = missed;
        self
    }
}

macro_rules! item_without_mark {
    ($($item:ty),*) => {$(
        impl Weigh for $item {
            fn weight(&self) -> usize {
                0
            }
        }

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
    pub(super) fn new(capacity: Capacity, gate: &Arc<Gate>, callback: Option<Callback<T>>) -> Arc<Self> {
        Arc::new(Self { mailbox: Mailbox::new(capacity, gate), callback: callback.map(Mutex::new) })
    }

    /// Never waits. If `Pushed::needs_service`, [`serve`](Self::serve) has to be started.
    pub(super) fn push(&self, item: T) -> Pushed {
        let pushed = self.mailbox.push(item);
        Pushed { needs_service: pushed.needs_service && self.callback.is_some(), ..pushed }
    }

    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<T>> {
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
pub(super) enum ListenerKey {
    Event(EventKey),
    Status(ListenerId),
    Quality(ListenerId),
    Notice(ListenerId),
}

type Shared<T> = Arc<Listener<T>>;

/// Listeners that are to get one item.
pub(super) type Targets<T> = client::Targets<Shared<T>>;

/// All who listen to one client.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    closed: bool,
    registered: client::Listeners<Shared<Event>, Shared<StatusChange>, Shared<Quality>>,
    notices: ListenerList<Shared<Notice>>,
}

impl Listeners {
    pub(super) fn len(&self) -> usize {
        self.registered.len() + self.notices.len()
    }

    /// Items that wait in mailboxes.
    pub(super) fn waiting(&self) -> usize {
        fn sum<'a, T: Item>(listeners: impl Iterator<Item = &'a Shared<T>>) -> usize {
            listeners.map(|listener| listener.mailbox.len()).sum()
        }
        let (status, quality) = (self.registered.status().iter(), self.registered.quality().iter());
        sum(self.registered.events()) + sum(status) + sum(quality) + sum(self.notices.iter())
    }

    pub(super) fn add_event(
        &mut self,
        namespace: Namespace,
        name: ByteString,
        once: bool,
        listener: Shared<Event>,
    ) -> Option<ListenerKey> {
        self.admit(&listener)?;
        Some(ListenerKey::Event(if once {
            self.registered.once(namespace, name, listener)
        } else {
            self.registered.on(namespace, name, listener)
        }))
    }

    pub(super) fn add_status(&mut self, listener: Shared<StatusChange>) -> Option<ListenerKey> {
        self.admit(&listener)?;
        Some(ListenerKey::Status(self.registered.add_status_listener(listener)))
    }

    pub(super) fn add_quality(&mut self, listener: Shared<Quality>) -> Option<ListenerKey> {
        self.admit(&listener)?;
        Some(ListenerKey::Quality(self.registered.add_quality_listener(listener)))
    }

    pub(super) fn add_notice(&mut self, listener: Shared<Notice>) -> Option<ListenerKey> {
        self.admit(&listener)?;
        Some(ListenerKey::Notice(self.notices.add(listener)))
    }

    /// A listener that comes after the end gets nothing, and knows it at once.
    fn admit<T: Item>(&self, listener: &Listener<T>) -> Option<()> {
        if self.closed {
            listener.mailbox.close();
        }
        (!self.closed).then_some(())
    }

    /// Waits for nobody who is behind now.
    pub(super) fn give_up_on_slow(&self) {
        self.for_each_mailbox(Mailbox::give_up, Mailbox::give_up, Mailbox::give_up, Mailbox::give_up);
    }

    /// Forgets a listener and what it has not taken. What it holds is dropped by the caller, outside of the lock.
    pub(super) fn remove(&mut self, key: &ListenerKey) -> Option<Box<dyn Any + Send>> {
        fn discard<T: Item>(listener: Shared<T>) -> Box<dyn Any + Send> {
            listener.mailbox.discard();
            Box::new(listener)
        }
        match key {
            ListenerKey::Event(key) => self.registered.off(key).map(discard),
            ListenerKey::Status(id) => self.registered.remove_status_listener(*id).map(discard),
            ListenerKey::Quality(id) => self.registered.remove_quality_listener(*id).map(discard),
            ListenerKey::Notice(id) => self.notices.remove(*id).map(discard),
        }
    }

    /// Forgets all listeners to an event.
    pub(super) fn remove_all(&mut self, namespace: &Namespace, name: &str) -> Vec<Shared<Event>> {
        let removed = self.registered.off_all(namespace, name);
        removed.iter().for_each(|listener| listener.mailbox.discard());
        removed
    }

    /// Who gets this event. Those that wanted one only are forgotten.
    pub(super) fn event_targets(&mut self, namespace: &Namespace, name: &str) -> Targets<Event> {
        self.registered.event_targets(namespace, name)
    }

    pub(super) fn status_targets(&self) -> Targets<StatusChange> {
        self.registered.status().targets()
    }

    pub(super) fn quality_targets(&self) -> Targets<Quality> {
        self.registered.quality().targets()
    }

    pub(super) fn notice_targets(&self) -> Targets<Notice> {
        self.notices.targets()
    }

    /// Ends all streams, and gives back everything so that it is dropped outside of the lock: callbacks may hold the
    /// client.
    pub(super) fn close(&mut self) -> Self {
        let ended = Self { closed: true, registered: self.registered.take(), notices: self.notices.take() };
        self.closed = true;
        ended.for_each_mailbox(Mailbox::close, Mailbox::close, Mailbox::close, Mailbox::close);
        ended
    }

    /// One function per type of item, as closures can't be generic.
    fn for_each_mailbox(
        &self,
        of_event: fn(&Mailbox<Event>),
        of_status: fn(&Mailbox<StatusChange>),
        of_quality: fn(&Mailbox<Quality>),
        of_notice: fn(&Mailbox<Notice>),
    ) {
        self.registered.events().for_each(|listener| of_event(&listener.mailbox));
        self.registered.status().iter().for_each(|listener| of_status(&listener.mailbox));
        self.registered.quality().iter().for_each(|listener| of_quality(&listener.mailbox));
        self.notices.iter().for_each(|listener| of_notice(&listener.mailbox));
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not a text")
}
