//! What fuzz targets and their replay in the tests run: one function per target, which takes any bytes and panics if
//! something is wrong. Nobody else should use it.

use std::path::Path;

use bytes::Bytes;
use kconnect_client::config::Properties;

use crate::api::{Converter, HeaderConverter, RawHeaders, Role};
use crate::config::parse_properties;
use crate::converters::{JsonConverter, SimpleHeaderConverter};
use crate::data::Headers;
use crate::distributed::config_log::{ConfigRecord, ConfigState};
use crate::distributed::protocol::{Assignment, MemberMetadata, Protocol};
use crate::distributed::status_log::StatusState;
use crate::storage::offset_stream;
use crate::worker::connector_file;

/// A target: it panics if something is wrong.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: [(&str, Target); 7] = [
    ("config_files", config_files),
    ("offsets_file", offsets_file),
    ("json_converter", json_converter),
    ("header_values", header_values),
    ("internal_topics", internal_topics),
    ("connect_group", connect_group),
    ("mem", mem),
];

/// A property file and a connector file. What is read from properties is read again from what Java would write of it.
fn config_files(data: &[u8]) {
    let path = Path::new("file");
    let _ = connector_file::parse(path, data);
    let Ok(properties) = parse_properties(path, data) else {
        return;
    };
    let mut text = String::new();
    for (key, value) in properties.iter() {
        text.push_str(&format!("{}={}\n", escaped(key), escaped(value)));
    }
    let again = parse_properties(path, text.as_bytes()).expect("escaped properties are readable");
    assert!(properties.iter().eq(again.iter()), "{text}");
}

/// With every character as an escape, the way that Java writes those outside of ASCII.
fn escaped(text: &str) -> String {
    text.encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect()
}

/// The file of a Java worker. What is read is read again from what we write of it.
fn offsets_file(data: &[u8]) {
    let Ok(offsets) = offset_stream::read(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let entries = offsets.iter().map(|(key, value)| (key, value.as_ref()));
    let written = offset_stream::write(entries).expect("no more than was read");
    let again = offset_stream::read(&written).expect("our own stream");
    assert_eq!(again, offsets);
}

/// A message for a sink, with schemas and without. What was read and can be written stays the same from then on.
fn json_converter(data: &[u8]) {
    for schemas in ["true", "false"] {
        let config = Properties::from([("schemas.enable", schemas)]);
        let mut converter =
            <JsonConverter as Converter>::new(&config, Role::Value).expect("a configuration");
        let Some(once) = rewritten(&mut converter, data) else {
            continue;
        };
        // JSON has no number for it: as text it is read as zero, here as in Java.
        if String::from_utf8_lossy(&once).contains("Infinity\"") {
            continue;
        }
        let twice = rewritten(&mut converter, &once).expect("our own JSON");
        assert!(
            once == twice,
            "{:?} {:?}",
            String::from_utf8_lossy(&once),
            String::from_utf8_lossy(&twice)
        );
    }
}

fn rewritten(converter: &mut JsonConverter, data: &[u8]) -> Option<Vec<u8>> {
    let value = Some(Bytes::copy_from_slice(data));
    let read = converter.to_connect_data("t", &RawHeaders::new(), value);
    let read = read.ok()?;
    let mut out = Vec::new();
    let written = converter.from_connect_data(
        "t",
        &mut RawHeaders::new(),
        read.schema.as_ref(),
        &read.value,
        &mut out,
    );
    written.ok()?.map(<[u8]>::to_vec)
}

/// The value of a header. Whatever the bytes are, they are a value that fits its schema and can be written.
fn header_values(data: &[u8]) {
    let mut converter = SimpleHeaderConverter;
    let value = Some(Bytes::copy_from_slice(data));
    let read = converter
        .to_connect_header("t", "h", value)
        .expect("all bytes are a value");
    let mut out = Vec::new();
    converter
        .from_connect_header("t", "h", read.schema.as_ref(), &read.value, &mut out)
        .expect("all values have a text");
    Headers::new()
        .add("h", read)
        .expect("a value that fits its schema");
}

/// Records of the config and status topics: lines of a key, a tab and a value, which is missing in a tombstone.
fn internal_topics(data: &[u8]) {
    let (mut configs, mut statuses) = (ConfigState::new(), StatusState::default());
    for line in data.split(|&byte| byte == b'\n') {
        let mut parts = line.splitn(2, |&byte| byte == b'\t');
        let Some(Ok(key)) = parts.next().map(std::str::from_utf8) else {
            continue;
        };
        let value = parts.next();
        statuses.apply(key, value);
        let Ok(record) = ConfigRecord::decode(key, value) else {
            continue;
        };
        let again = ConfigRecord::decode(&record.key(), record.value().as_deref());
        assert_eq!(again.as_ref().ok(), Some(&record), "{key}");
        configs.apply(record);
    }
}

/// What members of a cluster tell each other. What is read is read again from what we write of it.
fn connect_group(data: &[u8]) {
    if let Ok(mut member) = MemberMetadata::decode(data) {
        if let Some(assignment) = &mut member.allocation {
            // As below.
            assignment.version = assignment.version.max(1);
        }
        let again = MemberMetadata::decode(&member.encode(Protocol::Sessioned));
        assert_eq!(again.as_ref(), Ok(&member));
    }
    if let Ok(mut assignment) = Assignment::decode(data) {
        // The first version has neither of them.
        assignment.version = assignment.version.max(1);
        let again = Assignment::decode(&assignment.encode());
        assert_eq!(again.as_ref(), Ok(&assignment));
    }
}

/// What takes the place of libc's functions on memory: where to, where from, how much in two bytes, and the memory.
fn mem(data: &[u8]) {
    if let [to, from, low, high, memory @ ..] = data {
        let n = u16::from_le_bytes([*low, *high]);
        #[cfg(target_arch = "x86_64")]
        crate::mem::check(memory, (*to).into(), (*from).into(), n.into());
        // Elsewhere libc's own are used.
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (to, from, n, memory);
    }
}
