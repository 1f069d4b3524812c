//! The house rules that a compiler does not check: headers, sizes, and who may import whom.

#![allow(clippy::unwrap_used, reason = "a test that fails says enough")]

use std::fs;
use std::path::{Path, PathBuf};

/// Code lines (no blanks, comments or inline tests) that a file may have. Aim at 100 to 300.
const CODE_LINES_MAX: usize = 500;

/// Files that may be longer, each with its reason. The list may only shrink.
const LONG_FILES: &[(&str, &str)] = &[];

/// Words that must not occur in the code of a directory: layers kept by what they cannot name.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "protocol/src",
        &[
            "tokio",
            "std::net",
            "std::time::Instant",
            "SystemTime",
            "std::fs",
            "std::thread",
        ],
    ),
    (
        "broker/src/core",
        &[
            "tokio",
            "std::net",
            "Instant::now",
            "SystemTime",
            "std::fs",
            "kconnect_client",
        ],
    ),
    ("connect/src/data", &["tokio", "kconnect_client", "axum"]),
    ("connect/src/rest", &["kconnect_client", "crate::runtime"]),
];

#[test]
fn every_file_says_in_its_first_line_what_it_is() {
    check(|_, text| {
        let first = text
            .lines()
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        (!first.starts_with("//!") && !first.starts_with("#!["))
            .then(|| "does not open with a //! line".to_owned())
    });
}

#[test]
fn files_keep_to_a_readable_size() {
    check(|path, text| {
        let lines = code_lines(text);
        let excused = LONG_FILES.iter().any(|(file, _)| path == *file);
        (lines > CODE_LINES_MAX && !excused)
            .then(|| format!("has {lines} code lines; is it one responsibility?"))
    });
}

#[test]
fn layers_do_not_know_what_lies_above_them() {
    check(|path, text| {
        let code: Vec<&str> = code(text).collect();
        LAYERS
            .iter()
            .filter(|(directory, _)| path.starts_with(directory))
            .flat_map(|(_, words)| words.iter())
            .find(|word| code.iter().any(|line| line.contains(*word)))
            .map(|word| format!("names {word}, which its layer must not know"))
    });
}

#[test]
fn nothing_is_left_half_done() {
    let marks = [
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        "FIXME",
        "XXX",
        "#[ignore",
        "#[should_panic",
    ];
    check(|path, text| {
        if path.ends_with("tests/tidy.rs") {
            return None;
        }
        marks
            .iter()
            .find(|mark| text.contains(**mark))
            .map(|mark| format!("contains {mark}"))
    });
}

#[test]
fn what_the_architecture_names_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.contains('/') && !name.contains([' ', '<', '{', '*']));
    let mut missing: Vec<&str> = named
        .filter(|name| {
            [
                "protocol/",
                "client/",
                "broker/",
                "connect/",
                "tests/",
                "fuzz/",
                "benches/",
                "config/",
                ".ci/",
            ]
            .iter()
            .any(|top| name.starts_with(top))
        })
        .filter(|name| !root().join(name).exists())
        .collect();
    missing.dedup();
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names what is not there: {missing:?}"
    );
}

/// Applies `rule` to every Rust file of the workspace and fails with all complaints at once.
#[track_caller]
fn check(rule: impl Fn(&str, &str) -> Option<String>) {
    let mut files = Vec::new();
    for directory in [
        "protocol", "client", "broker", "connect", "tests", "fuzz", "benches",
    ] {
        collect(&root().join(directory), &mut files);
    }
    assert!(files.len() > 20, "the sources are not where they should be");
    let complaints: Vec<String> = files
        .iter()
        .filter_map(|file| {
            let path = file.strip_prefix(root()).unwrap().to_str().unwrap();
            rule(path, &fs::read_to_string(file).unwrap())
                .map(|complaint| format!("{path} {complaint}"))
        })
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != "corpus" {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The lines of code: neither blank nor comment, and before the inline test module.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let body = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    body.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
}

fn code_lines(text: &str) -> usize {
    code(text).count()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
