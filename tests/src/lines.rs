//! Files of lines: written, awaited and compared.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
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

/// The number of complete lines in `file`, 0 if it does not exist.
#[must_use]
pub fn count(file: &Path) -> usize {
    fs::read(file).map_or(0, |bytes| {
        bytes.iter().filter(|&&byte| byte == b'\n').count()
    })
}

/// Waits until `file` has at least `lines` lines; says how many it has if it takes longer than `limit`.
pub fn wait_for_count(file: &Path, lines: usize, limit: Duration) -> Result<()> {
    wait_for(limit, || (count(file) >= lines).then_some(())).ok_or_else(|| {
        format!(
            "{} has {} lines after {limit:?}, not {lines}",
            file.display(),
            count(file)
        )
        .into()
    })
}

/// The numbers at the start of the lines of `file`, in order.
pub fn numbers(file: &Path) -> Result<Vec<usize>> {
    fs::read_to_string(file)?
        .lines()
        .map(|line| {
            let number = line.split_once(' ').map_or(line, |(number, _)| number);
            number
                .parse()
                .map_err(|_| format!("{}: a torn line {line:?}", file.display()).into())
        })
        .collect()
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
}
