//! Where a record came from: source partitions and source offsets, shared rather than copied.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::{BoxFuture, ConnectError};
use crate::data::{Text, Value};

type Entry = (Text, Value);

/// What a source reads from, as a small map, e.g. `{"filename": "f"}`.
///
/// A clone shares; a task makes one per file or table and gives each record a clone. Only
/// primitive values can be stored. The order of entries is kept, because the stored key's bytes
/// depend on it; equality does not depend on it.
#[derive(Clone)]
pub struct SourcePartition(Arc<PartitionEntries>);

struct PartitionEntries {
    entries: Vec<Entry>,
    hash: u64,
}

/// How far a source has read, as a small map, e.g. `{"position": 5}`.
///
/// With one entry, which is what most have, it needs no memory of its own beyond the record. Only
/// primitive values can be stored.
#[derive(Clone)]
pub struct SourceOffset(OffsetEntries);

#[derive(Clone)]
enum OffsetEntries {
    One([Entry; 1]),
    Many(Arc<[Entry]>),
}

impl SourcePartition {
    /// A partition of these entries. Of entries with one name the last counts.
    pub fn new<K: Into<Text>, V: Into<Value>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let entries = collect(entries);
        let hash = hash_entries(&entries);
        Self(Arc::new(PartitionEntries { entries, hash }))
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        find(&self.0.entries, name)
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text, &Value)> {
        self.0.entries.iter().map(|(name, value)| (name, value))
    }

    /// Whether both handles share one map: the quick answer to "the same partition as before?".
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl SourceOffset {
    /// An offset of these entries. Of entries with one name the last counts.
    pub fn new<K: Into<Text>, V: Into<Value>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let entries = collect(entries);
        match <[Entry; 1]>::try_from(entries) {
            Ok(one) => Self(OffsetEntries::One(one)),
            Err(many) => Self(OffsetEntries::Many(many.into())),
        }
    }

    /// An offset of one entry, without an allocation when the name is static.
    pub fn one(name: Text, value: impl Into<Value>) -> Self {
        Self(OffsetEntries::One([(name, value.into())]))
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        find(self.entries(), name)
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text, &Value)> {
        self.entries().iter().map(|(name, value)| (name, value))
    }

    fn entries(&self) -> &[Entry] {
        match &self.0 {
            OffsetEntries::One(one) => one,
            OffsetEntries::Many(many) => many,
        }
    }
}

fn collect<K: Into<Text>, V: Into<Value>>(entries: impl IntoIterator<Item = (K, V)>) -> Vec<Entry> {
    let mut collected: Vec<Entry> = Vec::new();
    for (name, value) in entries {
        let (name, value) = (name.into(), value.into());
        match collected.iter_mut().find(|(other, _)| *other == name) {
            Some(entry) => entry.1 = value,
            None => collected.push((name, value)),
        }
    }
    collected
}

fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Value> {
    entries
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value)
}

fn same(one: &[Entry], other: &[Entry]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .all(|(name, value)| find(other, name) == Some(value))
}

fn hash_entries(entries: &[Entry]) -> u64 {
    entries.iter().fold(0, |sum, entry| {
        let mut hasher = DefaultHasher::new();
        entry.hash(&mut hasher);
        sum.wrapping_add(hasher.finish())
    })
}

impl PartialEq for SourcePartition {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
            || (self.0.hash == other.0.hash && same(&self.0.entries, &other.0.entries))
    }
}

impl Eq for SourcePartition {}

impl Hash for SourcePartition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl PartialEq for SourceOffset {
    fn eq(&self, other: &Self) -> bool {
        same(self.entries(), other.entries())
    }
}

impl Eq for SourceOffset {}

impl fmt::Debug for SourcePartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SourceOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As Java prints a map: `{filename=f}`.
impl fmt::Display for SourcePartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(&self.0.entries, f)
    }
}

/// As Java prints a map: `{position=5}`.
impl fmt::Display for SourceOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self.entries(), f)
    }
}

fn display(entries: &[Entry], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("{")?;
    for (index, (name, value)) in entries.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        write!(f, "{name}={value}")?;
    }
    f.write_str("}")
}

/// Reads the offsets that were committed for a connector's source partitions.
#[derive(Clone)]
pub struct OffsetReader(Arc<dyn ReadOffsets>);

/// Where an [`OffsetReader`] reads: implemented by the worker, and by tests of connectors.
pub trait ReadOffsets: Send + Sync {
    /// The committed offset of each partition, in the order in which they were asked for.
    fn read<'a>(
        &'a self,
        partitions: &'a [SourcePartition],
    ) -> BoxFuture<'a, Result<Vec<Option<SourceOffset>>, ConnectError>>;
}

impl OffsetReader {
    /// A reader over a store.
    pub fn new(store: Arc<dyn ReadOffsets>) -> Self {
        Self(store)
    }

    /// A reader that knows of no offsets, for tests.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::new(NoOffsets))
    }

    /// The committed offset of a partition, if there is one.
    ///
    /// Cancel safe: it only reads.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or what it holds cannot be understood.
    pub async fn offset(
        &self,
        partition: &SourcePartition,
    ) -> Result<Option<SourceOffset>, ConnectError> {
        let found = self.0.read(std::slice::from_ref(partition)).await?;
        Ok(found.into_iter().next().flatten())
    }

    /// The committed offset of each partition, in the order in which they were asked for.
    ///
    /// Cancel safe: it only reads.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or what it holds cannot be understood.
    pub async fn offsets(
        &self,
        partitions: &[SourcePartition],
    ) -> Result<Vec<Option<SourceOffset>>, ConnectError> {
        self.0.read(partitions).await
    }
}

impl fmt::Debug for OffsetReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OffsetReader").finish_non_exhaustive()
    }
}

struct NoOffsets;

impl ReadOffsets for NoOffsets {
    fn read<'a>(
        &'a self,
        partitions: &'a [SourcePartition],
    ) -> BoxFuture<'a, Result<Vec<Option<SourceOffset>>, ConnectError>> {
        Box::pin(async { Ok(partitions.iter().map(|_| None).collect()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_entries_is_kept_and_does_not_matter() {
        let one = SourcePartition::new([("a", 1), ("b", 2)]);
        let other = SourcePartition::new([("b", 2), ("a", 1)]);
        assert_eq!(one, other);
        assert_eq!(one.to_string(), "{a=1, b=2}");
        assert_eq!(other.to_string(), "{b=2, a=1}");
        let set: std::collections::HashSet<_> = [one, other].into();
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn the_last_entry_of_a_name_counts() {
        let offset = SourceOffset::new([("position", 1), ("position", 2)]);
        assert_eq!(offset, SourceOffset::one(Text::from_static("position"), 2));
        assert_ne!(offset, SourceOffset::new([("position", 2), ("line", 1)]));
        assert_eq!(offset.get("position"), Some(&Value::Int32(2)));
    }

    #[test]
    fn an_offset_of_one_entry_is_as_large_as_the_entry() {
        assert!(size_of::<Option<SourceOffset>>() <= 80);
        assert_eq!(size_of::<Option<SourcePartition>>(), 8);
    }
}
