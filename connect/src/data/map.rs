//! Maps with keys of any type, in the order in which entries came.

use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use indexmap::IndexMap;

use super::Value;

/// A map from values to values that keeps the order of its entries.
///
/// A clone shares; the first change of a shared map copies it. Two maps are equal when they have
/// the same entries in any order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Map(Arc<IndexMap<Value, Value>>);

impl Map {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty map with room for `entries`.
    #[must_use]
    pub fn with_capacity(entries: usize) -> Self {
        Self(Arc::new(IndexMap::with_capacity(entries)))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &Value) -> Option<&Value> {
        self.0.get(key)
    }

    /// The value of a string key.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<&Value> {
        self.0.get(&StrKey(key))
    }

    /// Sets the value of a key and gives what was there; a key that was there keeps its place.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        Arc::make_mut(&mut self.0).insert(key.into(), value.into())
    }

    /// Removes a key and gives its value; the order of the others stays.
    pub fn remove(&mut self, key: &Value) -> Option<Value> {
        Arc::make_mut(&mut self.0).shift_remove(key)
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> {
        self.0.iter()
    }
}

/// Finds a string key without making a `Value` of it.
struct StrKey<'a>(&'a str);

impl Hash for StrKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(&Value::String(super::Text::default())).hash(state);
        self.0.hash(state);
    }
}

impl indexmap::Equivalent<Value> for StrKey<'_> {
    fn equivalent(&self, key: &Value) -> bool {
        key.as_str() == Some(self.0)
    }
}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()));
        Self(Arc::new(entries.collect()))
    }
}

/// Does not depend on the order, like equality.
impl Hash for Map {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let sum = self.iter().fold(0_u64, |sum, entry| {
            let mut hasher = DefaultHasher::new();
            entry.hash(&mut hasher);
            sum.wrapping_add(hasher.finish())
        });
        state.write_u64(sum);
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// As Java prints maps: `{a=1, b=2}`.
impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        for (index, (key, value)) in self.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            write!(f, "{key}={value}")?;
        }
        f.write_char('}')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_and_hash_ignore_the_order() {
        let one = Map::from_iter([("a", 1), ("b", 2)]);
        let other = Map::from_iter([("b", 2), ("a", 1)]);
        assert_eq!(one, other);
        let hash = |map: &Map| {
            let mut hasher = DefaultHasher::new();
            map.hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(hash(&one), hash(&other));
    }

    #[test]
    fn a_string_key_is_found_without_a_value() {
        let map = Map::from_iter([("a", 1), ("b", 2)]);
        assert_eq!(map.get_str("b"), Some(&Value::Int32(2)));
        assert_eq!(map.get_str("c"), None);
        assert_eq!(map.get(&"a".into()), Some(&Value::Int32(1)));
    }

    #[test]
    fn a_change_leaves_clones_alone() {
        let mut map = Map::from_iter([("a", 1)]);
        let before = map.clone();
        map.insert("a", 2);
        assert_eq!(before.get_str("a"), Some(&Value::Int32(1)));
        assert_eq!(map.remove(&"a".into()), Some(Value::Int32(2)));
        assert!(map.is_empty());
    }
}
