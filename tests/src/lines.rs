//! Files of lines: written, awaited and compared.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::process::wait_for;

/// Line `number`, `width` characters long without its end: the number, then filling that depends on it.
#[must_use]
pub fn line(number: usize, width: usize) -> String {
    let mut text = format!("{number:010} ");
    let filling = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = number.wrapping_mul(0x9E37_79B9).wrapping_add(1);
    while text.len() < width {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(filling[(state >> 33) % filling.len()]));
    }
    text.truncate(width);
    text
}

/// Writes lines `numbers` of `width` characters to the end of `file`.
pub fn append(file: &Path, numbers: std::ops::Range<usize>, width: usize) -> Result<()> {
    let mut out = BufWriter::new(File::options().create(true).append(true).open(file)?);
    for number in numbers {
        writeln!(out, "{}", line(number, width))?;
    }
    Ok(out.flush()?)
}

/// Counts the lines of a file that grows, reading each byte once.
#[derive(Debug)]
pub struct LineCounter {
    path: PathBuf,
    read: u64,
    lines: usize,
}

impl LineCounter {
    /// A counter for `file`, which need not exist yet.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        Self {
            path: file.to_owned(),
            read: 0,
            lines: 0,
        }
    }

    /// The number of complete lines by now, 0 if the file does not exist.
    pub fn count(&mut self) -> usize {
        let mut bytes = Vec::new();
        let grown = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut bytes)
        });
        if grown.is_ok() {
            self.read += bytes.len() as u64;
            self.lines += bytes.iter().filter(|&&byte| byte == b'\n').count();
        }
        self.lines
    }

    /// Waits until the file has at least `lines` lines; says how many it has if it takes longer than `limit`.
    pub fn wait_for(&mut self, lines: usize, limit: Duration) -> Result<()> {
        if wait_for(limit, || (self.count() >= lines).then_some(())).is_some() {
            return Ok(());
        }
        Err(format!(
            "{} has {} lines after {limit:?}, not {lines}",
            self.path.display(),
            self.lines
        )
        .into())
    }
}

/// The number of complete lines in `file`, 0 if it does not exist.
#[must_use]
pub fn count(file: &Path) -> usize {
    LineCounter::new(file).count()
}

/// Waits until `file` has at least `lines` lines; says how many it has if it takes longer than `limit`.
pub fn wait_for_count(file: &Path, lines: usize, limit: Duration) -> Result<()> {
    LineCounter::new(file).wait_for(lines, limit)
}

/// What a file of lines that [`append`] made holds after writers were killed in the middle of their work.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The numbers of the whole lines, in order.
    pub numbers: Vec<usize>,
    /// Beginnings of lines whose writer was killed before their end.
    pub torn: usize,
}

/// Reads a file of lines of `width` characters; anything in it that is neither a line of ours nor the beginning of
/// one is an error.
pub fn read(file: &Path, width: usize) -> Result<Found> {
    let mut found = Found::default();
    let text = fs::read_to_string(file)?;
    for text in text.split_terminator('\n') {
        let whole = text.split_at_checked(text.len().saturating_sub(width));
        let (torn, whole) = match whole.and_then(|(before, last)| Some((before, number(last)?))) {
            Some((before, number)) if line(number, width) == text[before.len()..] => {
                (before, Some(number))
            }
            _ => (text, None),
        };
        if !is_beginning(torn, width) {
            return Err(format!("{}: not a line of ours: {text:?}", file.display()).into());
        }
        found.torn += usize::from(!torn.is_empty());
        found.numbers.extend(whole);
    }
    Ok(found)
}

fn number(text: &str) -> Option<usize> {
    text.split_once(' ')?.0.parse().ok()
}

/// Whether `text` is the beginning of a line, the empty one included.
fn is_beginning(text: &str, width: usize) -> bool {
    match text.split_once(' ') {
        Some((number, _)) => number.parse().is_ok_and(|number| {
            let line = line(number, width);
            line.starts_with(text) && line != text
        }),
        None => text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_width_and_differs_from_the_next() {
        assert_eq!(line(7, 100).len(), 100);
        assert_ne!(line(7, 100)[11..], line(8, 100)[11..]);
        assert_eq!(line(7, 100), line(7, 100));
    }

    #[test]
    fn a_growing_file_is_counted_without_reading_it_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lines");
        let mut counter = LineCounter::new(&file);
        assert_eq!(counter.count(), 0);
        append(&file, 0..3, 20).unwrap();
        assert_eq!(counter.count(), 3);
        append(&file, 3..5, 20).unwrap();
        assert_eq!(counter.count(), 5);
    }

    #[test]
    fn torn_lines_are_told_from_whole_and_from_foreign_ones() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lines");
        let (one, two) = (line(1, 40), line(2, 40));
        fs::write(
            &file,
            format!("{one}\n{}\n{}{two}\n{one}", &two[..7], &two[..20]),
        )
        .unwrap();
        let expected = Found {
            numbers: vec![1, 2, 1],
            torn: 2,
        };
        assert_eq!(read(&file, 40).unwrap(), expected);
        fs::write(&file, format!("{one}x\n")).unwrap();
        assert!(read(&file, 40).is_err());
    }
}
