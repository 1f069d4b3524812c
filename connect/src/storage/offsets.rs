//! Source offsets as bytes in a store: keys `["connector",{partition}]`, values `{offset}`, both JSON.
//!
//! Keys are compared by their bytes, here and by Java's worker, so they are written as that one
//! writes them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tracing::error;

use crate::api::{
    BoxFuture, ConnectError, ErrorKind, OffsetReader, ReadOffsets, SourceOffset, SourcePartition,
};
use crate::converters::json;
use crate::data::{Map, Text, Value};

/// Offsets by key; a none is a tombstone, which forgets what was stored before.
pub(crate) type StoredOffset = (Bytes, Option<Bytes>);

/// Keeps offsets: in memory, in a file, in a topic.
pub(crate) trait OffsetStore: Send + Sync {
    /// The value of each key, in the order in which they are asked for.
    fn get<'a>(
        &'a self,
        keys: &'a [Bytes],
    ) -> BoxFuture<'a, Result<Vec<Option<Bytes>>, ConnectError>>;

    /// Stores these values. They are safe when it returns.
    ///
    /// Cancel safe: what was begun goes on.
    fn set(&self, offsets: Vec<StoredOffset>) -> BoxFuture<'_, Result<(), ConnectError>>;

    /// Everything that is stored.
    fn all(&self) -> BoxFuture<'_, Result<Vec<StoredOffset>, ConnectError>>;
}

/// The source offsets of one connector in a store.
#[derive(Clone)]
pub(crate) struct ConnectorOffsets {
    connector: Arc<str>,
    store: Arc<dyn OffsetStore>,
}

impl ConnectorOffsets {
    pub(crate) fn new(connector: Arc<str>, store: Arc<dyn OffsetStore>) -> Self {
        Self { connector, store }
    }

    /// What the connector and its tasks read them with.
    pub(crate) fn reader(&self) -> OffsetReader {
        OffsetReader::new(Arc::new(self.clone()))
    }

    /// Stores offsets; a none is a tombstone. They are safe when it returns.
    ///
    /// # Errors
    ///
    /// When an offset holds what is no primitive value (nothing is stored then), or the store fails.
    pub(crate) async fn write<'a>(
        &self,
        offsets: impl IntoIterator<Item = (&'a SourcePartition, &'a Option<SourceOffset>)>,
    ) -> Result<(), ConnectError> {
        let offsets = offsets
            .into_iter()
            .map(|(partition, offset)| {
                let key = self.key(Some(partition))?;
                Ok((key, value(offset.as_ref())?))
            })
            .collect::<Result<Vec<_>, ConnectError>>()?;
        self.store.set(offsets).await
    }

    /// Stores what an operator wants. A partition that is stored already keeps its key, in whatever order its entries
    /// were given now; all is safe when it returns.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub(crate) async fn change(
        &self,
        changes: &[(Option<SourcePartition>, Option<SourceOffset>)],
    ) -> Result<(), ConnectError> {
        let own = self.stored().await?;
        let known: HashMap<SourcePartition, Bytes> = own
            .into_iter()
            .map(|stored| (stored.partition, stored.key))
            .collect();
        let offsets = changes
            .iter()
            .map(|(partition, offset)| {
                let known = partition
                    .as_ref()
                    .and_then(|partition| known.get(partition));
                let key = match known {
                    Some(key) => key.clone(),
                    None => self.key(partition.as_ref())?,
                };
                Ok((key, value(offset.as_ref())?))
            })
            .collect::<Result<Vec<_>, ConnectError>>()?;
        self.store.set(offsets).await
    }

    /// The source partitions of this connector that have an offset. Keys of others, and keys that are not understood, are
    /// left out.
    pub(crate) async fn partitions(&self) -> Result<Vec<SourcePartition>, ConnectError> {
        let stored = self.stored().await?;
        Ok(stored
            .into_iter()
            .filter(|stored| stored.value.is_some())
            .map(|stored| stored.partition)
            .collect())
    }

    /// Every offset of this connector that is stored and is no tombstone; one that cannot be read is logged and left out.
    pub(crate) async fn all(&self) -> Result<Vec<(SourcePartition, SourceOffset)>, ConnectError> {
        let mut offsets = Vec::new();
        for stored in self.stored().await? {
            match stored.value.map(read_offset) {
                None => {}
                Some(Ok(offset)) => offsets.push((stored.partition, offset)),
                Some(Err(problem)) => error!(
                    connector = &*self.connector,
                    partition = %stored.partition,
                    "a stored source offset cannot be read, and is left out: {problem:?}"
                ),
            }
        }
        Ok(offsets)
    }

    async fn stored(&self) -> Result<Vec<Stored>, ConnectError> {
        let stored = self.store.all().await?.into_iter();
        Ok(stored
            .filter_map(|(key, value)| {
                let (connector, partition) = read_key(key.clone())?;
                (connector == *self.connector).then_some(Stored {
                    key,
                    partition,
                    value,
                })
            })
            .collect())
    }

    fn key(&self, partition: Option<&SourcePartition>) -> Result<Bytes, ConnectError> {
        let mut key = b"[".to_vec();
        json::write_string(&mut key, &self.connector);
        key.push(b',');
        match partition {
            Some(partition) => write_entries(&mut key, partition.iter())?,
            None => key.extend_from_slice(b"null"),
        }
        key.push(b']');
        Ok(key.into())
    }
}

/// An entry of the store that is the connector's.
struct Stored {
    key: Bytes,
    partition: SourcePartition,
    value: Option<Bytes>,
}

impl ReadOffsets for ConnectorOffsets {
    fn read<'a>(
        &'a self,
        partitions: &'a [SourcePartition],
    ) -> BoxFuture<'a, Result<Vec<Option<SourceOffset>>, ConnectError>> {
        Box::pin(async move {
            let keys = partitions.iter().map(|partition| self.key(Some(partition)));
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            let values = self.store.get(&keys).await?;
            values
                .into_iter()
                .map(|value| value.map(read_offset).transpose())
                .collect()
        })
    }
}

impl fmt::Debug for ConnectorOffsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorOffsets")
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}

/// What is stored of an offset; none is a tombstone.
fn value(offset: Option<&SourceOffset>) -> Result<Option<Bytes>, ConnectError> {
    let Some(offset) = offset else {
        return Ok(None);
    };
    let mut out = Vec::new();
    write_entries(&mut out, offset.iter())?;
    Ok(Some(out.into()))
}

fn write_entries<'a>(
    out: &mut Vec<u8>,
    entries: impl Iterator<Item = (&'a Text, &'a Value)>,
) -> Result<(), ConnectError> {
    out.push(b'{');
    for (index, (name, value)) in entries.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        check_primitive(name, value)?;
        json::write_string(out, name);
        out.push(b':');
        json::write_schemaless(out, value)?;
    }
    out.push(b'}');
    Ok(())
}

/// Whether an entry of a source partition or offset can be stored.
///
/// # Errors
///
/// With Kafka Connect's text when it cannot.
pub(crate) fn check_primitive(name: &str, value: &Value) -> Result<(), ConnectError> {
    let what = match value.ty() {
        Some(ty) if ty.is_primitive() => return Ok(()),
        None if value.is_null() => return Ok(()),
        Some(ty) => ty.to_string(),
        None => format!("class {}", value.java_class()),
    };
    let text = format!(
        "Offsets may only contain primitive types as values, but field {name} contains {what}"
    );
    Err(ConnectError::of(ErrorKind::Data, text))
}

/// Connector and partition of a key; none if the key is not like that.
fn read_key(key: Bytes) -> Option<(Text, SourcePartition)> {
    let Ok(Value::Array(parts)) = json::read_schemaless(key) else {
        return None;
    };
    match parts.as_slice() {
        [Value::String(connector), Value::Map(partition)] => {
            Some((connector.clone(), SourcePartition::new(entries(partition)?)))
        }
        _ => None,
    }
}

fn read_offset(value: Bytes) -> Result<SourceOffset, ConnectError> {
    let not_a_map = || ConnectError::of(ErrorKind::Data, "Offsets must be specified as a Map");
    let value = json::read_schemaless(value).map_err(|error| {
        ConnectError::of(ErrorKind::Data, "a stored source offset is not JSON").caused_by(error)
    })?;
    let Value::Map(map) = value else {
        return Err(not_a_map());
    };
    Ok(SourceOffset::new(entries(&map).ok_or_else(not_a_map)?))
}

fn entries(map: &Map) -> Option<Vec<(Text, Value)>> {
    let entries = map.iter().map(|(name, value)| match name {
        Value::String(name) => Some((name.clone(), value.clone())),
        _ => None,
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryOffsetStore;

    fn offsets() -> (ConnectorOffsets, Arc<MemoryOffsetStore>) {
        let store = Arc::new(MemoryOffsetStore::default());
        (ConnectorOffsets::new("c".into(), store.clone()), store)
    }

    #[tokio::test]
    async fn offsets_are_stored_as_java_writes_them() {
        let (offsets, store) = offsets();
        let partition = SourcePartition::new([("filename", "a\"b")]);
        let offset = Some(SourceOffset::new([("position", 5_i64)]));
        offsets.write([(&partition, &offset)]).await.unwrap();
        let (key, value) = store.all().await.unwrap().pop().unwrap();
        assert_eq!(&key[..], br#"["c",{"filename":"a\"b"}]"#);
        assert_eq!(value.as_deref(), Some(&br#"{"position":5}"#[..]));
        assert_eq!(offsets.reader().offset(&partition).await.unwrap(), offset);
    }

    #[tokio::test]
    async fn a_tombstone_forgets() {
        let (offsets, _) = offsets();
        let partition = SourcePartition::new([("filename", "f")]);
        let offset = Some(SourceOffset::new([("position", 5_i64)]));
        offsets.write([(&partition, &offset)]).await.unwrap();
        offsets.write([(&partition, &None)]).await.unwrap();
        assert_eq!(offsets.reader().offset(&partition).await.unwrap(), None);
        assert!(offsets.all().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn only_the_offsets_of_the_connector_are_listed() {
        let (offsets, store) = offsets();
        let entries = [
            (&br#"["c",{"filename":"f"}]"#[..], &br#"{"position":7}"#[..]),
            (br#"["other",{"filename":"f"}]"#, br#"{"position":8}"#),
            (br#"["c"]"#, b"{}"),
            (b"\xff", b"{}"),
        ];
        let entries =
            entries.map(|(key, value)| (Bytes::from_static(key), Some(Bytes::from_static(value))));
        store.set(entries.to_vec()).await.unwrap();
        let expected = (
            SourcePartition::new([("filename", "f")]),
            SourceOffset::new([("position", 7_i64)]),
        );
        assert_eq!(offsets.all().await.unwrap(), [expected]);
    }

    #[tokio::test]
    async fn a_partition_keeps_its_stored_key_however_an_operator_orders_it() {
        let (offsets, store) = offsets();
        let partition = SourcePartition::new([("db", "d"), ("table", "t")]);
        let offset = |position: i64| Some(SourceOffset::new([("position", position)]));
        offsets.write([(&partition, &offset(5))]).await.unwrap();
        let same = SourcePartition::new([("table", "t"), ("db", "d")]);
        let new = SourcePartition::new([("db", "e")]);
        let changes = [
            (Some(same), offset(6)),
            (Some(new), offset(1)),
            (None, None),
        ];
        offsets.change(&changes).await.unwrap();
        assert_eq!(
            offsets.reader().offset(&partition).await.unwrap(),
            offset(6)
        );
        let mut keys: Vec<_> = store.all().await.unwrap();
        keys.sort();
        let keys: Vec<_> = keys.iter().map(|(key, _)| &key[..]).collect();
        let expected: [&[u8]; 3] = [
            br#"["c",null]"#,
            br#"["c",{"db":"d","table":"t"}]"#,
            br#"["c",{"db":"e"}]"#,
        ];
        assert_eq!(keys, expected);
        assert_eq!(offsets.partitions().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn an_offset_that_cannot_be_read_does_not_hide_the_others() {
        let (offsets, store) = offsets();
        let entries = [
            (&br#"["c",{"filename":"f"}]"#[..], &b"7"[..]),
            (br#"["c",{"filename":"g"}]"#, br#"{"position":8}"#),
        ];
        let entries =
            entries.map(|(key, value)| (Bytes::from_static(key), Some(Bytes::from_static(value))));
        store.set(entries.to_vec()).await.unwrap();
        assert_eq!(offsets.all().await.unwrap().len(), 1);
        assert_eq!(offsets.partitions().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_is_no_primitive_value_is_refused() {
        let (offsets, store) = offsets();
        let partition = SourcePartition::new([("filename", "f")]);
        let wrong = Some(SourceOffset::new([("list", Value::array(vec![]))]));
        let error = offsets.write([(&partition, &wrong)]).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Offsets may only contain primitive types as values, but field list contains ARRAY"
        );
        assert!(store.all().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn an_offset_that_cannot_be_read_is_an_error_and_no_fresh_start() {
        let (offsets, store) = offsets();
        let partition = SourcePartition::new([("filename", "f")]);
        let key = Bytes::from_static(br#"["c",{"filename":"f"}]"#);
        for broken in [&b"{\"position\":"[..], b"5", b"\xff"] {
            store
                .set(vec![(key.clone(), Some(Bytes::from_static(broken)))])
                .await
                .unwrap();
            assert!(offsets.reader().offset(&partition).await.is_err());
        }
    }
}
