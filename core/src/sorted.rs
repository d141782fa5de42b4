use std::{cmp::Ordering, fmt};

/// Dead slots that are left alone however few entries there are.
const SPARE: usize = 32;

/// A map in the order of its keys, in one vector.
///
/// It stands in for `BTreeMap`, whose code, once for each pair of types, was a fifth of what a browser had to load. It is
/// made for keys that mostly come in increasing order, as ids and deadlines do:
/// - looking up is a binary search;
/// - inserting the greatest key costs nothing more; inserting another one moves all entries behind it;
/// - removing leaves a dead slot, whatever the order of removal; when more slots are dead than alive, all are swept
///   out at once, so that a removal pays for the move of one entry.
#[derive(Clone)]
pub(crate) struct SortedMap<K, V> {
    /// Keys increase. A slot without value is dead.
    slots: Vec<(K, Option<V>)>,
    /// Dead slots in front of the first entry.
    start: usize,
    /// Dead slots in all.
    dead: usize,
}

impl<K, V> SortedMap<K, V> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), start: 0, dead: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.dead
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let slots = self.slots.get(self.start..).unwrap_or_default();
        slots.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        let slots = self.slots.get_mut(self.start..).unwrap_or_default();
        slots.iter_mut().filter_map(|(key, value)| Some((&*key, value.as_mut()?)))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = (K, V)> {
        self.slots.into_iter().filter_map(|(key, value)| Some((key, value?)))
    }

    pub(crate) fn into_keys(self) -> impl Iterator<Item = K> {
        self.slots.into_iter().filter_map(|(key, value)| value.is_some().then_some(key))
    }

    /// The entry with the least key.
    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        let (key, value) = self.slots.get(self.start)?;
        Some((key, value.as_ref()?))
    }

    /// Removes the entry with the least key.
    pub(crate) fn pop_first(&mut self) -> Option<V> {
        self.remove_at(self.start)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.slots.retain_mut(|(key, value)| value.as_mut().is_some_and(|value| keep(key, value)));
        (self.start, self.dead) = (0, 0);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    fn remove_at(&mut self, index: usize) -> Option<V> {
        let removed = self.slots.get_mut(index)?.1.take()?;
        self.dead += 1;
        if self.dead == self.slots.len() {
            // What a flood took in memory is given back.
            self.clear();
        } else if self.dead > SPARE && self.dead > self.len() {
            self.retain(|_, _| true);
        } else {
            while self.slots.get(self.start).is_some_and(|(_, value)| value.is_none()) {
                self.start += 1;
            }
        }
        Some(removed)
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// The value that was there before, if any.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.slot(key).replace(value)
    }

    /// The value, which is the default one from now on if there was none.
    pub(crate) fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.slot(key).get_or_insert_default()
    }

    /// The slot with this key, to be filled by the caller.
    #[expect(clippy::indexing_slicing, reason = "the search gave the index, or a slot was made there")]
    fn slot(&mut self, key: K) -> &mut Option<V> {
        let index = self.search(&key).unwrap_or_else(|index| {
            self.slots.insert(index, (key, None));
            self.dead += 1;
            index
        });
        let slot = &mut self.slots[index].1;
        if slot.is_none() {
            self.dead -= 1;
            self.start = self.start.min(index);
        }
        slot
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.remove_by(|other| other.cmp(key))
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.get_by(|other| other.cmp(key))
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.get_mut_by(|other| other.cmp(key))
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    fn search(&self, key: &K) -> Result<usize, usize> {
        self.search_by(|other| other.cmp(key))
    }
}

/// For keys that are there in parts only: `order` says how a key stands to them.
impl<K, V> SortedMap<K, V> {
    pub(crate) fn remove_by(&mut self, order: impl Fn(&K) -> Ordering) -> Option<V> {
        self.search_by(order).ok().and_then(|index| self.remove_at(index))
    }

    pub(crate) fn get_by(&self, order: impl Fn(&K) -> Ordering) -> Option<&V> {
        self.slots.get(self.search_by(order).ok()?)?.1.as_ref()
    }

    /// The entry with the least key that is not below.
    pub(crate) fn first_from(&self, order: impl Fn(&K) -> Ordering) -> Option<(&K, &V)> {
        let start = self.search_by(order).unwrap_or_else(|index| index);
        self.slots.get(start..)?.iter().find_map(|(key, value)| Some((key, value.as_ref()?)))
    }

    pub(crate) fn get_mut_by(&mut self, order: impl Fn(&K) -> Ordering) -> Option<&mut V> {
        let index = self.search_by(order).ok()?;
        self.slots.get_mut(index)?.1.as_mut()
    }

    /// The slot with this key, dead or alive, or where it would stand.
    fn search_by(&self, order: impl Fn(&K) -> Ordering) -> Result<usize, usize> {
        if self.slots.last().is_none_or(|(last, _)| order(last).is_lt()) {
            return Err(self.slots.len());
        }
        self.slots.binary_search_by(|(key, _)| order(key))
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for SortedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for SortedMap<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The keys of a [`SortedMap`] alone.
#[derive(Clone)]
pub(crate) struct SortedSet<K>(SortedMap<K, ()>);

impl<K> SortedSet<K> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn first(&self) -> Option<&K> {
        self.0.first().map(|(key, ())| key)
    }
}

impl<K: Ord> SortedSet<K> {
    pub(crate) fn insert(&mut self, key: K) {
        self.0.insert(key, ());
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.0.remove(key);
    }
}

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        Self(SortedMap::new())
    }
}

impl<K: fmt::Debug> fmt::Debug for SortedSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(key, ())| key)).finish()
    }
}

/// Sorts, and leaves equal ones in their order.
///
/// It stands in for the library's, whose code, once for each type, was a twentieth of what a browser had to load. It is
/// made for some thousand items that are mostly in order: one that is not moves a number for each behind it.
pub(crate) fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let order = order(items.len(), &|one, other| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other),
        _ => Ordering::Equal,
    });
    let mut slots: Vec<_> = items.drain(..).map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| slots.get_mut(at)?.take()));
}

/// The places of so many items in the order of the items.
fn order(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order = Vec::with_capacity(len);
    for at in 0..len {
        let is_behind = order.last().is_none_or(|last| compare(*last, at) != Ordering::Greater);
        let place = if is_behind {
            order.len()
        } else {
            order.partition_point(|other| compare(*other, at) != Ordering::Greater)
        };
        order.insert(place, at);
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Insert(u16, u8),
        Push(u16),
        Remove(u16),
        /// The entry that stands there.
        RemoveNth(usize),
        PopFirst,
        Retain(u16),
        Clear,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            1 => Just(Op::Clear),
            20 => (0..200u16, any::<u8>()).prop_map(|(key, value)| Op::Insert(key, value)),
            60 => (1..5u16).prop_map(Op::Push),
            20 => (0..200u16).prop_map(Op::Remove),
            40 => any::<usize>().prop_map(Op::RemoveNth),
            30 => Just(Op::PopFirst),
            2 => (2..9u16).prop_map(Op::Retain),
        ]
    }

    proptest! {
        #[test]
        fn does_what_a_btree_map_does(ops in proptest::collection::vec(op(), 0..400)) {
            let mut map = SortedMap::new();
            let mut model = BTreeMap::new();
            for op in ops {
                match op {
                    Op::Insert(key, value) => prop_assert_eq!(map.insert(key, value), model.insert(key, value)),
                    Op::Push(by) => {
                        let key = model.last_key_value().map_or(0, |(key, _)| key + by);
                        prop_assert_eq!(map.insert(key, 0), model.insert(key, 0));
                    }
                    Op::Remove(key) => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    Op::RemoveNth(index) => {
                        let key = model.keys().nth(index % model.len().max(1)).copied().unwrap_or_default();
                        prop_assert_eq!(map.remove(&key), model.remove(&key));
                    }
                    Op::PopFirst => prop_assert_eq!(map.pop_first(), model.pop_first().map(|(_, value)| value)),
                    Op::Retain(by) => {
                        map.retain(|key, _| key % by != 0);
                        model.retain(|key, _| key % by != 0);
                    }
                    Op::Clear => {
                        map.clear();
                        model.clear();
                    }
                }
                prop_assert!(map.iter().eq(model.iter()));
                prop_assert!(map.iter_mut().eq(model.iter_mut()));
                prop_assert_eq!(map.first(), model.first_key_value());
                prop_assert!((0..200).all(|key| map.first_from(|other| other.cmp(&key)) == model.range(key..).next()));
                prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
                prop_assert!((0..200).all(|key| map.get(&key) == model.get(&key)));
                prop_assert!(map.dead <= SPARE.max(map.len()), "memory is bounded by what is alive");
            }
        }
    }

    #[test]
    fn what_a_flood_took_is_given_back() {
        let mut map = SortedMap::new();
        for key in 0..10_000 {
            map.insert(key, key);
        }
        for key in 0..10_000 {
            assert_eq!(map.remove(&(key * 7 % 10_000)), Some(key * 7 % 10_000));
        }
        assert_eq!((map.len(), map.slots.capacity()), (0, 0));
    }

    #[test]
    fn equal_whatever_died_in_between() {
        let mut map = SortedMap::new();
        for key in 0..10 {
            map.insert(key, ());
        }
        let mut other = map.clone();
        map.remove(&3);
        assert_ne!(map, other);
        other.retain(|key, ()| *key != 3);
        assert_eq!(map, other);
        assert_eq!(format!("{map:?}"), format!("{other:?}"));
    }

    #[test]
    fn sorting_is_that_of_the_library() {
        for len in [0, 1, 2, 7, 300] {
            for factor in [0, 1, 7, 101] {
                let mut items: Vec<_> = (0..len).map(|at| (at * factor % 13, at)).collect();
                let mut expected = items.clone();
                expected.sort_by_key(|(key, _)| *key);
                sort_by(&mut items, |one, other| one.0.cmp(&other.0));
                assert_eq!(items, expected);
            }
        }
    }
}
