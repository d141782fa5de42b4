use std::{collections::BTreeMap, time::Duration};

use nexus_core::time::Timestamp;

/// Values by key, within a bound: those in use stay, others go after a time, or earlier where the room is needed.
#[derive(Debug)]
pub struct Table<K, V> {
    max: usize,
    idle: Duration,
    entries: BTreeMap<K, Entry<V>>,
    /// Those not in use, the longest idle first.
    idle_since: BTreeMap<(Timestamp, u64), K>,
    releases: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    users: usize,
    idle_since: Option<(Timestamp, u64)>,
}

impl<K: Ord + Clone, V> Table<K, V> {
    /// A table of at most `max` keys, which forgets those that nobody used for `idle`.
    #[must_use]
    pub fn new(max: usize, idle: Duration) -> Self {
        Self { max, idle, entries: BTreeMap::new(), idle_since: BTreeMap::new(), releases: 0 }
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key, which is in use from now on; a new one where the key is unknown. Nothing where the table is
    /// full and every key is in use.
    pub fn acquire(&mut self, key: &K, now: Timestamp, make: impl FnOnce() -> V) -> Option<&V> {
        self.forget_idle(now);
        if !self.entries.contains_key(key) {
            if self.entries.len() >= self.max {
                let (_, longest) = self.idle_since.pop_first()?;
                self.entries.remove(&longest);
            }
            self.entries.insert(key.clone(), Entry { value: make(), users: 0, idle_since: None });
        }
        let entry = self.entries.get_mut(key)?;
        entry.users += 1;
        if let Some(since) = entry.idle_since.take() {
            self.idle_since.remove(&since);
        }
        Some(&entry.value)
    }

    /// Ends one use of a key.
    pub fn release(&mut self, key: &K, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.users = entry.users.saturating_sub(1);
        if entry.users == 0 && entry.idle_since.is_none() {
            self.releases += 1;
            let since = (now, self.releases);
            entry.idle_since = Some(since);
            self.idle_since.insert(since, key.clone());
        }
    }

    fn forget_idle(&mut self, now: Timestamp) {
        while let Some(first) = self.idle_since.first_entry() {
            if now < first.key().0 + self.idle {
                return;
            }
            let key = first.remove();
            self.entries.remove(&key);
        }
    }
}
