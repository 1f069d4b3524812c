//! What is asked of the offsets file: Java's bytes both ways, and no loss whatever is in it.

use super::*;

/// Written by Java (JDK 17): `["c",{"filename":"f"}]` to `{"position":5}`, `k2` to null.
const JAVA: &str = "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a\
     6c6f6164466163746f724900097468726573686f6c6478703f4000000000000c770800000010000000\
     02757200025b42acf317f8060854e0020000787000000016\
     5b2263222c7b2266696c656e616d65223a2266227d5d7571007e00020000000e\
     7b22706f736974696f6e223a357d7571007e0002000000026b327078";

fn unhex(hex: &str) -> Bytes {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap())
        .collect()
}

fn java_offsets() -> Vec<StoredOffset> {
    vec![
        (
            Bytes::from_static(br#"["c",{"filename":"f"}]"#),
            Some(Bytes::from_static(br#"{"position":5}"#)),
        ),
        (Bytes::from_static(b"k2"), None),
    ]
}

fn write(offsets: &[StoredOffset]) -> Bytes {
    stream::write(offsets.iter().map(|(key, value)| (key, value.as_ref()))).unwrap()
}

#[test]
fn a_file_of_javas_is_read_and_written_byte_for_byte() {
    let java = unhex(JAVA);
    assert_eq!(stream::read(&java).unwrap(), java_offsets());
    assert_eq!(write(&java_offsets()), java);
}

#[test]
fn an_array_that_java_wrote_once_and_referred_to_is_found() {
    // The value of the second entry is the same object as that of the first.
    let mut shared = unhex(JAVA).to_vec();
    let end = shared.len() - 2;
    shared.splice(end.., [0x71, 0x00, 0x7E, 0x00, 0x04, 0x78]);
    let offsets = stream::read(&shared.into()).unwrap();
    assert_eq!(offsets[1].1, offsets[0].1);
}

#[test]
fn the_table_grows_as_javas_does() {
    for (entries, capacity, threshold) in [
        (0, 16, 0),
        (1, 16, 12),
        (12, 16, 12),
        (13, 32, 24),
        (24, 32, 24),
        (25, 64, 48),
    ] {
        let offsets: Vec<_> = (0..entries)
            .map(|index| (Bytes::from(format!("key {index}")), None))
            .collect();
        let stream = write(&offsets);
        let number = |at: usize| i32::from_be_bytes(stream[at..at + 4].try_into().unwrap());
        // Behind the class: load factor, threshold, block header, capacity, size.
        let fields = JAVA.find("3f400000").unwrap() / 2;
        assert_eq!(
            (number(fields + 10), number(fields + 4)),
            (capacity, threshold),
            "{entries}"
        );
        assert_eq!(stream::read(&stream).unwrap(), offsets);
    }
}

#[test]
fn a_stream_cut_anywhere_is_an_error() {
    let java = unhex(JAVA);
    for end in 0..java.len() {
        let error = stream::read(&java.slice(..end)).unwrap_err();
        assert!(
            error.to_string().starts_with("it ends in the middle"),
            "{end}: {error}"
        );
    }
}

#[test]
fn damaged_bytes_are_never_a_panic_or_a_large_allocation() {
    let java = unhex(JAVA);
    for at in 0..java.len() {
        for value in [0, 1, 0x70, 0x71, 0x72, 0x75, 0x78, 0x7F, 0xFF] {
            let mut damaged = java.to_vec();
            damaged[at] = value;
            drop(stream::read(&damaged.into()));
        }
    }
}

#[test]
fn what_java_did_not_write_is_named() {
    let text = |bytes: &[u8]| {
        stream::read(&Bytes::copy_from_slice(bytes))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        text(b"{\"position\":5}"),
        "it does not start as a Java serialization stream (at byte 4)"
    );
    let other = unhex(&JAVA.replace("486173684d6170", "547265654d6170"));
    assert_eq!(
        text(&other),
        "expected java.util.HashMap but found \"java.util.TreeMap\" (at byte 6)"
    );
    let string = unhex("aced0005740003616263");
    assert_eq!(
        text(&string),
        "expected an object but found type code 0x74 (at byte 4)"
    );
}

#[tokio::test]
async fn offsets_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    let store = FileOffsetStore::open(&path).await.unwrap();
    assert!(store.all().await.unwrap().is_empty());
    store.set(java_offsets()).await.unwrap();
    store
        .set(vec![("k3".into(), Some("v3".into()))])
        .await
        .unwrap();
    drop(store);
    let again = FileOffsetStore::open(&path).await.unwrap();
    let keys = [
        Bytes::from("k3"),
        "k2".into(),
        java_offsets()[0].0.clone(),
        "k4".into(),
    ];
    let values = again.get(&keys).await.unwrap();
    let expected = [Some("v3".into()), None, java_offsets()[0].1.clone(), None];
    assert_eq!(values, expected);
    assert_eq!(again.all().await.unwrap().len(), 3);
    let names = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["offsets", "offsets.lock"]);
}

#[tokio::test]
async fn a_file_is_one_workers_at_a_time_by_whatever_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    let first = FileOffsetStore::open(&path).await.unwrap();
    first.set(java_offsets()).await.unwrap();
    let other_name = directory.path().join(".").join("offsets");
    let error = FileOffsetStore::open(&other_name).await.unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with(&format!(
            "the offsets file {} is in use by another worker",
            other_name.display()
        )),
        "{error}"
    );
    drop(first);
    let next = FileOffsetStore::open(&other_name).await.unwrap();
    assert_eq!(next.all().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_that_cannot_be_locked_is_used_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    fs::create_dir(directory.path().join("offsets.lock")).unwrap();
    let store = FileOffsetStore::open(&path).await.unwrap();
    store.set(java_offsets()).await.unwrap();
    assert_eq!(store.all().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_empty_file_holds_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let store = FileOffsetStore::open(file.path()).await.unwrap();
    assert!(store.all().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_is_not_understood_is_named_and_stays_as_it_is() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let java = unhex(JAVA);
    for content in [&b"garbage"[..], &java[..40], &java[..java.len() - 1]] {
        fs::write(file.path(), content).unwrap();
        let error = FileOffsetStore::open(file.path()).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&file.path().display().to_string()),
            "{error}"
        );
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(fs::read(file.path()).unwrap(), content);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_keeps_what_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gone").join("offsets");
    let store = FileOffsetStore::open(&path).await.unwrap();
    let error = store.set(java_offsets()).await.unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    assert!(
        store.all().await.unwrap().is_empty(),
        "what is not in the file is not in memory"
    );
    let error = FileOffsetStore::open(directory.path()).await.unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_and_permissions_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let (real, link) = (directory.path().join("real"), directory.path().join("link"));
    fs::write(&real, b"").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&real, &link).unwrap();
    let store = FileOffsetStore::open(&link).await.unwrap();
    store.set(java_offsets()).await.unwrap();
    drop(store);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        FileOffsetStore::open(&real)
            .await
            .unwrap()
            .all()
            .await
            .unwrap()
            .len(),
        2
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_device_is_written_to_and_not_replaced() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("null");
    symlink("/dev/null", &link).unwrap();
    let store = FileOffsetStore::open(&link).await.unwrap();
    store.set(java_offsets()).await.unwrap();
    assert!(
        fs::metadata("/dev/null")
            .unwrap()
            .file_type()
            .is_char_device()
    );
    assert_eq!(store.all().await.unwrap().len(), 2);
}

#[tokio::test]
async fn writes_that_overlap_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    let store = FileOffsetStore::open(&path).await.unwrap();
    let writes: Vec<_> = (0..20)
        .map(|index| {
            let store = store.clone();
            tokio::task::spawn(async move {
                store
                    .set(vec![(format!("key {index}").into(), None)])
                    .await
                    .unwrap();
            })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    drop(store);
    assert_eq!(
        FileOffsetStore::open(&path)
            .await
            .unwrap()
            .all()
            .await
            .unwrap()
            .len(),
        20
    );
}
