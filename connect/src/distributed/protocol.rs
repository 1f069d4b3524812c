//! The bytes that Connect workers carry in JoinGroup and SyncGroup: member metadata and assignments, versions 0 to 2.
//!
//! Integers are big-endian, strings have an `int16` length, arrays an `int32` count (-1 for none). A task number of -1
//! means the connector itself. Version 2 is version 1 with another number: it says that requests between workers are
//! signed (KIP-507). Incremental cooperative rebalancing is KIP-415.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Work;
use crate::runtime::ConnectorTaskId;

/// The group protocols, in the order in which a worker that speaks them all prefers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// `default`: eager, every rebalance stops all work.
    Eager,
    /// `compatible`: incremental cooperative.
    Compatible,
    /// `sessioned`: incremental cooperative, with signed requests between workers.
    Sessioned,
}

impl Protocol {
    /// Its name in the group, which for eager is not its name in the configuration.
    #[must_use]
    pub const fn group_name(self) -> &'static str {
        match self {
            Self::Eager => "default",
            Self::Compatible => "compatible",
            Self::Sessioned => "sessioned",
        }
    }

    /// The protocol with this name in the group.
    #[must_use]
    pub fn from_group_name(name: &str) -> Option<Self> {
        [Self::Eager, Self::Compatible, Self::Sessioned]
            .into_iter()
            .find(|protocol| protocol.group_name() == name)
    }

    /// The version number of its messages.
    #[must_use]
    pub const fn version(self) -> i16 {
        match self {
            Self::Eager => 0,
            Self::Compatible => 1,
            Self::Sessioned => 2,
        }
    }

    /// What a worker configured for this protocol offers when it joins, preferred first.
    #[must_use]
    pub fn offered(self) -> &'static [Self] {
        match self {
            Self::Eager => &[Self::Eager],
            Self::Compatible => &[Self::Compatible, Self::Eager],
            Self::Sessioned => &[Self::Sessioned, Self::Compatible, Self::Eager],
        }
    }
}

/// What a worker tells the group when it joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberMetadata {
    /// Where its REST API can be reached by other workers.
    pub url: String,
    /// The offset up to which it has read the config topic; -1 before the first record.
    pub config_offset: i64,
    /// What it runs now; `None` if it runs nothing, or speaks the eager protocol.
    pub allocation: Option<Assignment>,
}

/// What the leader tells a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Version of the message: 0 eager, 1 compatible, 2 sessioned.
    pub version: i16,
    /// Whether the assignment holds.
    pub error: AssignmentError,
    /// Member id of the leader.
    pub leader: String,
    /// The leader's REST address.
    pub leader_url: String,
    /// The offset of the config topic that the assignment was made with.
    pub config_offset: i64,
    /// Work to start; in the eager protocol all of the worker's work.
    pub assigned: Work,
    /// Work to stop; always empty in the eager protocol.
    pub revoked: Work,
    /// Milliseconds after which the worker shall join again; 0 for not.
    pub delay_ms: i32,
}

/// Why an assignment does not hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AssignmentError {
    /// It holds.
    #[default]
    None,
    /// The leader had not read the config topic as far as another member: read on and join again.
    ConfigMismatch,
    /// A code of a newer protocol.
    Other(i16),
}

impl AssignmentError {
    const fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::ConfigMismatch => 1,
            Self::Other(code) => code,
        }
    }

    const fn from_code(code: i16) -> Self {
        match code {
            0 => Self::None,
            1 => Self::ConfigMismatch,
            code => Self::Other(code),
        }
    }
}

/// Bytes from another worker that do not follow the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The message ends inside the named field, or the field's length exceeds what is left.
    #[error("a Connect group message ends inside {0}")]
    Truncated(&'static str),
    /// A string is not UTF-8.
    #[error("{0} of a Connect group message is not UTF-8")]
    NotUtf8(&'static str),
    /// A negative version, length or count where there cannot be one.
    #[error("{0} of a Connect group message is {1}")]
    OutOfRange(&'static str, i64),
}

impl MemberMetadata {
    /// The bytes for a JoinGroup request under `protocol`.
    #[must_use]
    pub fn encode(&self, protocol: Protocol) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(protocol.version());
        put_string(&mut out, &self.url);
        out.put_i64(self.config_offset);
        if protocol != Protocol::Eager {
            match &self.allocation {
                None => out.put_i32(-1),
                Some(allocation) => {
                    let bytes = allocation.encode();
                    put_length(&mut out, bytes.len());
                    out.put_slice(&bytes);
                }
            }
        }
        out.freeze()
    }

    /// Reads what a member said.
    ///
    /// # Errors
    /// If the bytes do not follow the protocol. Never panics, never allocates more than the bytes are long.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let mut input = Input(bytes);
        let version = input.version()?;
        let url = input.string("url")?;
        let config_offset = input.i64("config offset")?;
        let allocation = if version == 0 || input.0.is_empty() {
            None
        } else {
            input
                .nullable_bytes("allocation")?
                .map(Assignment::decode)
                .transpose()?
        };
        Ok(Self {
            url,
            config_offset,
            allocation,
        })
    }
}

impl Assignment {
    /// The bytes for a SyncGroup request, laid out as `version` says.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(self.version);
        out.put_i16(self.error.code());
        put_string(&mut out, &self.leader);
        put_string(&mut out, &self.leader_url);
        out.put_i64(self.config_offset);
        put_work(&mut out, &self.assigned);
        if self.version > 0 {
            put_work(&mut out, &self.revoked);
            out.put_i32(self.delay_ms);
        }
        out.freeze()
    }

    /// Reads what the leader said.
    ///
    /// # Errors
    /// As [`MemberMetadata::decode`]. Fields missing at the end have their defaults, so that an eager assignment is read
    /// as well.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let mut input = Input(bytes);
        let version = input.version()?;
        Ok(Self {
            version,
            error: AssignmentError::from_code(input.i16("error")?),
            leader: input.string("leader")?,
            leader_url: input.string("leader url")?,
            config_offset: input.i64("config offset")?,
            assigned: input.work("assignment")?,
            revoked: if input.0.is_empty() {
                Work::default()
            } else {
                input.work("revoked")?
            },
            delay_ms: if input.0.is_empty() {
                0
            } else {
                input.i32("delay")?
            },
        })
    }
}

/// The task number that stands for the connector itself.
const CONNECTOR: i32 = -1;

fn put_string(out: &mut BytesMut, text: &str) {
    // Connector names and addresses are far below 32 KiB; a longer one is cut rather than written with a wrong length.
    let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
    out.put_i16(length);
    out.put_slice(&text.as_bytes()[..usize::from(length.unsigned_abs())]);
}

fn put_length(out: &mut BytesMut, length: usize) {
    out.put_i32(i32::try_from(length).unwrap_or(i32::MAX));
}

fn put_work(out: &mut BytesMut, work: &Work) {
    let mut by_connector: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
    for connector in &work.connectors {
        by_connector.entry(connector).or_default().push(CONNECTOR);
    }
    for task in &work.tasks {
        by_connector
            .entry(&task.connector)
            .or_default()
            .push(i32::try_from(task.task).unwrap_or(i32::MAX));
    }
    put_length(out, by_connector.len());
    for (connector, tasks) in by_connector {
        put_string(out, connector);
        put_length(out, tasks.len());
        tasks.into_iter().for_each(|task| out.put_i32(task));
    }
}

/// Reads fields from the front; each read says which field it was for.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn version(&mut self) -> Result<i16, ProtocolError> {
        let version = self.i16("version")?;
        if version < 0 {
            Err(ProtocolError::OutOfRange("version", version.into()))
        } else {
            Ok(version)
        }
    }

    fn i16(&mut self, field: &'static str) -> Result<i16, ProtocolError> {
        self.0
            .try_get_i16()
            .map_err(|_| ProtocolError::Truncated(field))
    }

    fn i32(&mut self, field: &'static str) -> Result<i32, ProtocolError> {
        self.0
            .try_get_i32()
            .map_err(|_| ProtocolError::Truncated(field))
    }

    fn i64(&mut self, field: &'static str) -> Result<i64, ProtocolError> {
        self.0
            .try_get_i64()
            .map_err(|_| ProtocolError::Truncated(field))
    }

    fn take(&mut self, length: i64, field: &'static str) -> Result<&'a [u8], ProtocolError> {
        let length =
            usize::try_from(length).map_err(|_| ProtocolError::OutOfRange(field, length))?;
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(ProtocolError::Truncated(field))?;
        self.0 = rest;
        Ok(taken)
    }

    fn string(&mut self, field: &'static str) -> Result<String, ProtocolError> {
        let length = self.i16(field)?;
        let bytes = self.take(length.into(), field)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| ProtocolError::NotUtf8(field))
    }

    fn nullable_bytes(&mut self, field: &'static str) -> Result<Option<&'a [u8]>, ProtocolError> {
        match self.i32(field)? {
            -1 => Ok(None),
            length => self.take(length.into(), field).map(Some),
        }
    }

    /// A count of things that take at least `least` bytes each, or `None` for a null array.
    fn count(&mut self, least: usize, field: &'static str) -> Result<Option<usize>, ProtocolError> {
        let count = self.i32(field)?;
        if count == -1 {
            return Ok(None);
        }
        let count =
            usize::try_from(count).map_err(|_| ProtocolError::OutOfRange(field, count.into()))?;
        if count > self.0.len() / least {
            Err(ProtocolError::Truncated(field))
        } else {
            Ok(Some(count))
        }
    }

    fn work(&mut self, field: &'static str) -> Result<Work, ProtocolError> {
        let mut work = Work::default();
        for _ in 0..self.count(6, field)?.unwrap_or(0) {
            let connector: Arc<str> = self.string("connector")?.into();
            for _ in 0..self.count(4, "tasks")?.unwrap_or(0) {
                match self.i32("task")? {
                    CONNECTOR => {
                        work.connectors.insert(Arc::clone(&connector));
                    }
                    number => {
                        let task = u32::try_from(number)
                            .map_err(|_| ProtocolError::OutOfRange("task", number.into()))?;
                        work.tasks.insert(ConnectorTaskId::new(&connector, task));
                    }
                }
            }
        }
        Ok(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    fn work(connectors: &[&str], tasks: &[(&str, u32)]) -> Work {
        Work {
            connectors: connectors.iter().map(|&name| name.into()).collect(),
            tasks: tasks
                .iter()
                .map(|&(name, task)| ConnectorTaskId::new(&name.into(), task))
                .collect(),
        }
    }

    fn assignment() -> Assignment {
        Assignment {
            version: 2,
            leader: "connect-1".to_owned(),
            leader_url: "http://127.0.0.1:8083/".to_owned(),
            config_offset: 17,
            assigned: work(&["a"], &[("a", 0), ("a", 1)]),
            revoked: work(&[], &[("b", 3)]),
            delay_ms: 300_000,
            ..Assignment::default()
        }
    }

    #[test]
    fn a_fresh_java_worker_joins_with_these_bytes() {
        // From the three protocols of the first JoinGroup that a Java worker 4.3 sent.
        let url = "http://127.0.0.1:18083/".to_owned();
        let metadata = MemberMetadata {
            url,
            config_offset: -1,
            allocation: None,
        };
        let tail = "0017687474703a2f2f3132372e302e302e313a31383038332fffffffffffffffff";
        assert_eq!(
            metadata.encode(Protocol::Sessioned)[..],
            hex(&format!("0002{tail}ffffffff"))
        );
        assert_eq!(
            metadata.encode(Protocol::Compatible)[..],
            hex(&format!("0001{tail}ffffffff"))
        );
        assert_eq!(
            metadata.encode(Protocol::Eager)[..],
            hex(&format!("0000{tail}"))
        );
        for protocol in Protocol::Sessioned.offered() {
            assert_eq!(
                MemberMetadata::decode(&metadata.encode(*protocol)),
                Ok(metadata.clone())
            );
        }
    }

    #[test]
    fn an_empty_assignment_of_a_java_leader_is_read_and_written_the_same() {
        let member = "636f6e6e6563742d3132372e302e302e313a31383038332d62643565343762662d323765382d343931362d613134642d373239326236353163656230";
        let url = "0017687474703a2f2f3132372e302e302e313a31383038332f";
        let bytes = hex(&format!(
            "00020000003c{member}{url}ffffffffffffffff000000000000000000000000"
        ));
        let read = Assignment::decode(&bytes).unwrap();
        assert_eq!(read.leader_url, "http://127.0.0.1:18083/");
        assert!(read.assigned.is_empty() && read.revoked.is_empty());
        assert_eq!(read.encode()[..], bytes);
    }

    #[test]
    fn assignments_survive_in_every_version() {
        for version in 0..=2 {
            let mut written = Assignment {
                version,
                ..assignment()
            };
            if version == 0 {
                written.revoked = Work::default();
                written.delay_ms = 0;
            }
            assert_eq!(Assignment::decode(&written.encode()), Ok(written));
        }
    }

    #[test]
    fn an_allocation_travels_inside_the_metadata() {
        let metadata = MemberMetadata {
            url: "http://h:1/".to_owned(),
            config_offset: 5,
            allocation: Some(assignment()),
        };
        assert_eq!(
            MemberMetadata::decode(&metadata.encode(Protocol::Sessioned)),
            Ok(metadata.clone())
        );
        let eager = MemberMetadata::decode(&metadata.encode(Protocol::Eager)).unwrap();
        assert_eq!(eager.allocation, None);
    }

    #[test]
    fn cut_anywhere_it_is_an_error_or_an_older_message() {
        let whole = assignment().encode();
        let older = Assignment {
            version: 0,
            ..assignment()
        }
        .encode()
        .len();
        for length in 0..whole.len() {
            let read = Assignment::decode(&whole[..length]);
            let may_end_here = length == older || length == whole.len() - 4;
            assert_eq!(read.is_ok(), may_end_here, "cut at {length}: {read:?}");
        }
    }

    #[test]
    fn a_count_beyond_the_message_is_refused_before_anything_is_allocated() {
        let mut bytes = assignment().encode().to_vec();
        let at = 2 + 2 + 2 + "connect-1".len() + 2 + "http://127.0.0.1:8083/".len() + 8;
        bytes[at..at + 4].copy_from_slice(&i32::MAX.to_be_bytes());
        assert_eq!(
            Assignment::decode(&bytes),
            Err(ProtocolError::Truncated("assignment"))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Assignment::decode(&bytes);
            let _ = MemberMetadata::decode(&bytes);
        }
    }
}
