use std::mem;

use smallvec::SmallVec;

/// Names one listener of a [`Listeners`](super::Listeners) or [`ListenerList`]. Never used twice by the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(u64);

impl ListenerId {
    /// The id as a number, for shells whose languages have no newtypes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The id that [`as_u64`](Self::as_u64) gave.
    pub const fn from_u64(id: u64) -> Self {
        Self(id)
    }
}

/// The handlers to call for one occurrence, in order.
pub type Targets<H> = SmallVec<[H; 4]>;

/// Handlers of one thing, in the order in which they were added. The same handler may be there more than once.
#[derive(Debug)]
pub struct ListenerList<H> {
    last_id: u64,
    entries: Vec<Entry<H>>,
}

#[derive(Debug)]
struct Entry<H> {
    id: ListenerId,
    once: bool,
    handler: H,
}

impl<H> Default for ListenerList<H> {
    fn default() -> Self {
        Self { last_id: 0, entries: Vec::new() }
    }
}

impl<H> ListenerList<H> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a handler, and gives what [`remove`](Self::remove) takes.
    pub fn add(&mut self, handler: H) -> ListenerId {
        self.last_id += 1;
        let id = ListenerId(self.last_id);
        self.insert(id, false, handler);
        id
    }

    /// Removes a handler and hands it back, so that the caller can drop it where that is safe.
    pub fn remove(&mut self, id: ListenerId) -> Option<H> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        Some(self.entries.remove(index).handler)
    }

    /// All handlers, in order.
    pub fn iter(&self) -> impl Iterator<Item = &H> {
        self.entries.iter().map(|entry| &entry.handler)
    }

    /// The handlers to call now. What they add meanwhile is not among them.
    pub fn targets(&self) -> Targets<H>
    where
        H: Clone,
    {
        self.iter().cloned().collect()
    }

    /// Removes all. They are handed back, so that the caller can drop them where that is safe.
    #[must_use = "handlers are to be dropped where that is safe"]
    pub fn take(&mut self) -> Self {
        Self { last_id: self.last_id, entries: mem::take(&mut self.entries) }
    }

    pub(super) fn insert(&mut self, id: ListenerId, once: bool, handler: H) {
        self.entries.push(Entry { id, once, handler });
    }

    /// Removes and gives back those that match.
    pub(super) fn remove_matching(&mut self, mut matches: impl FnMut(&H) -> bool) -> Vec<H> {
        self.entries.extract_if(.., |entry| matches(&entry.handler)).map(|entry| entry.handler).collect()
    }

    /// Forgets those that wanted one occurrence only. True if none is left.
    pub(super) fn forget_once(&mut self) -> bool {
        self.entries.retain(|entry| !entry.once);
        self.entries.is_empty()
    }
}
