//! A small cache that forgets what was used longest ago.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Keeps at most a given number of values.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    entries: HashMap<K, Entry<V>>,
    entries_max: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    used: u64,
}

impl<K: Hash + Eq + Clone, V> Cache<K, V> {
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            entries: HashMap::new(),
            entries_max,
            clock: 0,
        }
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.clock;
        Some(&entry.value)
    }

    /// Keeps a value, in place of the one that was not used for longest if there is no room.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.entries_max == 0 {
            return;
        }
        if self.entries.len() >= self.entries_max {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.entries.remove(&oldest);
            }
        }
        self.clock += 1;
        self.entries.insert(
            key,
            Entry {
                value,
                used: self.clock,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_forgotten() {
        let mut cache = Cache::new(2);
        cache.insert("a", 1);
        cache.insert("b", 2);
        assert_eq!(cache.get("a"), Some(&1));
        cache.insert("c", 3);
        assert_eq!(cache.get("b"), None);
        assert_eq!(cache.get("a"), Some(&1));
        assert_eq!(cache.get("c"), Some(&3));
    }

    #[test]
    fn a_cache_of_no_size_keeps_nothing() {
        let mut cache = Cache::new(0);
        cache.insert("a", 1);
        assert_eq!(cache.get("a"), None);
    }
}
