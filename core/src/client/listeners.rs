use std::{cmp::Ordering, mem};

use bytestring::ByteString;

use super::list::{ListenerId, ListenerList, Targets};
use crate::{socketio::Namespace, sorted::SortedMap};

/// All who listen to one client: to events with handlers `E`, to the status with `S`, to the quality with `Q`.
///
/// Listeners stay over reconnections, over `disconnect` and over a change of user, until they are taken off.
#[derive(Debug)]
pub struct Listeners<E, S, Q> {
    last_id: u64,
    events: SortedMap<Listened, ListenerList<E>>,
    event_count: usize,
    status: ListenerList<S>,
    quality: ListenerList<Q>,
}

/// What is listened to.
type Listened = (Namespace, ByteString);

/// Names one listener to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventKey {
    /// Where it listens.
    pub namespace: Namespace,
    /// For what.
    pub event: ByteString,
    /// Which of those.
    pub id: ListenerId,
}

impl<E, S, Q> Default for Listeners<E, S, Q> {
    fn default() -> Self {
        Self {
            last_id: 0,
            events: SortedMap::new(),
            event_count: 0,
            status: ListenerList::default(),
            quality: ListenerList::default(),
        }
    }
}

impl<E, S, Q> Listeners<E, S, Q> {
    /// How many there are of all kinds.
    pub fn len(&self) -> usize {
        self.event_count + self.status.len() + self.quality.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Listens to an event. The namespace has to be joined by the caller.
    pub fn on(&mut self, namespace: Namespace, event: ByteString, handler: E) -> EventKey {
        self.add(namespace, event, false, handler)
    }

    /// Listens to the next event only.
    pub fn once(&mut self, namespace: Namespace, event: ByteString, handler: E) -> EventKey {
        self.add(namespace, event, true, handler)
    }

    /// Takes one listener off. Handlers are handed back, so that the caller can drop them where that is safe.
    pub fn off(&mut self, key: &EventKey) -> Option<E> {
        let handler = self.list_mut(&key.namespace, &key.event)?.remove(key.id)?;
        self.event_count -= 1;
        self.prune(&key.namespace, &key.event);
        Some(handler)
    }

    /// Takes those listeners to an event off that match: on platforms where a handler is known by its identity.
    pub fn off_matching(&mut self, namespace: &Namespace, event: &str, matches: impl FnMut(&E) -> bool) -> Vec<E> {
        let Some(list) = self.list_mut(namespace, event) else {
            return Vec::new();
        };
        let removed = list.remove_matching(matches);
        self.event_count -= removed.len();
        self.prune(namespace, event);
        removed
    }

    /// Takes all listeners to an event off.
    pub fn off_all(&mut self, namespace: &Namespace, event: &str) -> Vec<E> {
        self.off_matching(namespace, event, |_| true)
    }

    /// Who is to be told of an event, in the order in which they came. Those that wanted one only are forgotten.
    pub fn event_targets(&mut self, namespace: &Namespace, event: &str) -> Targets<E>
    where
        E: Clone,
    {
        let Some(list) = self.list_mut(namespace, event) else {
            return Targets::new();
        };
        let targets = list.targets();
        let is_empty = list.forget_once();
        self.event_count -= targets.len() - list.len();
        if is_empty {
            self.prune(namespace, event);
        }
        targets
    }

    /// Whether anybody listens to an event.
    pub fn has_listeners(&self, namespace: &Namespace, event: &str) -> bool {
        self.events.get_by(order(namespace, event)).is_some()
    }

    /// All handlers of events, in the order of namespaces and names.
    pub fn events(&self) -> impl Iterator<Item = &E> {
        self.events.values().flat_map(ListenerList::iter)
    }

    /// Listens to the status.
    pub fn add_status_listener(&mut self, handler: S) -> ListenerId {
        self.status.add(handler)
    }

    /// Takes a listener to the status off.
    pub fn remove_status_listener(&mut self, id: ListenerId) -> Option<S> {
        self.status.remove(id)
    }

    /// Those who listen to the status.
    pub fn status(&self) -> &ListenerList<S> {
        &self.status
    }

    /// Listens to the quality.
    pub fn add_quality_listener(&mut self, handler: Q) -> ListenerId {
        self.quality.add(handler)
    }

    /// Takes a listener to the quality off.
    pub fn remove_quality_listener(&mut self, id: ListenerId) -> Option<Q> {
        self.quality.remove(id)
    }

    /// Those who listen to the quality.
    pub fn quality(&self) -> &ListenerList<Q> {
        &self.quality
    }

    /// Takes all listeners off. They are handed back, so that the caller can drop them where that is safe.
    #[must_use = "handlers are to be dropped where that is safe"]
    pub fn take(&mut self) -> Self {
        Self {
            last_id: self.last_id,
            events: mem::take(&mut self.events),
            event_count: mem::take(&mut self.event_count),
            status: self.status.take(),
            quality: self.quality.take(),
        }
    }

    fn add(&mut self, namespace: Namespace, event: ByteString, once: bool, handler: E) -> EventKey {
        self.last_id += 1;
        let id = ListenerId::from_u64(self.last_id);
        self.events.or_default((namespace.clone(), event.clone())).insert(id, once, handler);
        self.event_count += 1;
        EventKey { namespace, event, id }
    }

    /// Forgets an event to which nobody listens.
    fn prune(&mut self, namespace: &Namespace, event: &str) {
        if self.events.get_by(order(namespace, event)).is_some_and(ListenerList::is_empty) {
            self.events.remove_by(order(namespace, event));
        }
    }

    fn list_mut(&mut self, namespace: &Namespace, event: &str) -> Option<&mut ListenerList<E>> {
        self.events.get_mut_by(order(namespace, event))
    }
}

/// How what is listened to stands to this event.
fn order(namespace: &Namespace, event: &str) -> impl Fn(&Listened) -> Ordering {
    move |(other, name)| other.cmp(namespace).then_with(|| (**name).cmp(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Named = Listeners<&'static str, &'static str, &'static str>;

    fn ns(name: &str) -> Namespace {
        Namespace::try_new(name).unwrap()
    }

    #[test]
    fn listeners_are_called_in_order_and_only_for_their_event() {
        let mut listeners = Named::default();
        listeners.on(ns("a"), "e".into(), "first");
        listeners.on(ns("a"), "e".into(), "second");
        listeners.on(ns("a"), "other".into(), "third");
        listeners.on(ns("b"), "e".into(), "fourth");
        assert_eq!(listeners.event_targets(&ns("a"), "e").as_slice(), ["first", "second"]);
        assert_eq!(listeners.event_targets(&ns("b"), "other").as_slice(), [""; 0]);
        assert_eq!(listeners.len(), 4);
        assert_eq!(listeners.events().copied().collect::<Vec<_>>(), ["first", "second", "third", "fourth"]);
    }

    #[test]
    fn once_is_once_and_leaves_nothing_behind() {
        let mut listeners = Named::default();
        listeners.once(ns("a"), "e".into(), "once");
        listeners.on(ns("a"), "e".into(), "always");
        let key = listeners.once(ns("b"), "e".into(), "once");
        assert_eq!(listeners.event_targets(&ns("a"), "e").as_slice(), ["once", "always"]);
        assert_eq!(listeners.event_targets(&ns("a"), "e").as_slice(), ["always"]);
        assert_eq!(listeners.event_targets(&ns("b"), "e").as_slice(), ["once"]);
        assert_eq!(listeners.off(&key), None);
        assert!(!listeners.has_listeners(&ns("b"), "e"));
        assert_eq!((listeners.len(), listeners.events.len()), (1, 1));
    }

    #[test]
    fn the_same_handler_can_listen_twice_and_go_once() {
        let mut listeners = Named::default();
        let first = listeners.on(ns("a"), "e".into(), "h");
        listeners.on(ns("a"), "e".into(), "h");
        assert_eq!(listeners.off(&first), Some("h"));
        assert_eq!(listeners.off(&first), None);
        assert_eq!(listeners.event_targets(&ns("a"), "e").len(), 1);
    }

    #[test]
    fn handlers_go_by_identity_or_all() {
        let mut listeners = Named::default();
        for handler in ["x", "y", "x"] {
            listeners.on(ns("a"), "e".into(), handler);
        }
        assert_eq!(listeners.off_matching(&ns("a"), "e", |handler| *handler == "x"), ["x", "x"]);
        assert_eq!(listeners.off_all(&ns("a"), "e"), ["y"]);
        assert!(listeners.off_all(&ns("a"), "e").is_empty());
        assert!(listeners.is_empty() && listeners.events.is_empty());
    }

    #[test]
    fn status_and_quality_have_listeners_of_their_own() {
        let mut listeners = Named::default();
        let status = listeners.add_status_listener("s");
        let quality = listeners.add_quality_listener("q");
        assert_eq!(listeners.status().targets().as_slice(), ["s"]);
        assert_eq!(listeners.quality().targets().as_slice(), ["q"]);
        assert_eq!(listeners.remove_status_listener(status), Some("s"));
        assert_eq!(listeners.remove_status_listener(status), None);
        assert_eq!(listeners.remove_quality_listener(quality), Some("q"));
        assert!(listeners.is_empty());
    }

    #[test]
    fn an_id_of_before_the_end_names_nothing_after_it() {
        let mut listeners = Named::default();
        let key = listeners.on(ns("a"), "e".into(), "before");
        assert_eq!(listeners.take().len(), 1);
        listeners.on(ns("a"), "e".into(), "after");
        assert_eq!(listeners.off(&key), None);
    }
}
