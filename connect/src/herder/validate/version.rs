//! Versions of plugins and ranges of them, in Maven's notation: `1.2`, `[1.0,2.0)`, `(,1.0],[1.2,)`.

use std::cmp::Ordering;
use std::fmt;

/// Which versions of a plugin will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VersionRange {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    low: Option<(String, bool)>,
    high: Option<(String, bool)>,
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl VersionRange {
    /// Reads a requirement. `latest` and no requirement at all are `None`; a version alone is that version and no other.
    ///
    /// # Errors
    ///
    /// With Maven's words for what is wrong.
    pub(super) fn parse(text: Option<&str>) -> Result<Option<Self>, String> {
        let Some(text) = text.filter(|text| *text != "latest").map(str::trim) else {
            return Ok(None);
        };
        if !text.starts_with(['[', '(']) {
            if text.contains(['[', ']', '(', ')', ',']) {
                return Err(format!(
                    "Only fully-qualified sets allowed in multiple set scenario: {text}"
                ));
            }
            let version = Some((text.to_owned(), true));
            let part = Part {
                low: version.clone(),
                high: version,
            };
            return Ok(Some(Self {
                text: format!("[{text}]"),
                parts: vec![part],
            }));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if !rest.starts_with(['[', '(']) {
                return Err(format!(
                    "Only fully-qualified sets allowed in multiple set scenario: {text}"
                ));
            }
            let end = rest
                .find([']', ')'])
                .ok_or_else(|| format!("Unbounded range: {rest}"))?;
            parts.push(Part::parse(&rest[..=end])?);
            rest = rest[end + 1..].trim_start_matches(',').trim();
        }
        Ok(Some(Self {
            text: text.to_owned(),
            parts,
        }))
    }

    /// Whether `version` is in the range.
    pub(super) fn contains(&self, version: &str) -> bool {
        self.parts.iter().any(|part| part.contains(version))
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, String> {
        let (from, to) = (text.starts_with('['), text.ends_with(']'));
        let inside = text[1..text.len() - 1].trim();
        let Some((low, high)) = inside.split_once(',') else {
            if !(from && to) {
                return Err(format!("Single version must be surrounded by []: {text}"));
            }
            let version = Some((inside.to_owned(), true));
            return Ok(Self {
                low: version.clone(),
                high: version,
            });
        };
        let (low, high) = (low.trim(), high.trim());
        if !low.is_empty() && !high.is_empty() {
            match compare(low, high) {
                Ordering::Equal => {
                    return Err(format!("Range cannot have identical boundaries: {text}"));
                }
                Ordering::Greater => return Err(format!("Range defies version ordering: {text}")),
                Ordering::Less => {}
            }
        }
        let bound = |text: &str, included| (!text.is_empty()).then(|| (text.to_owned(), included));
        Ok(Self {
            low: bound(low, from),
            high: bound(high, to),
        })
    }

    fn contains(&self, version: &str) -> bool {
        let above = self
            .low
            .as_ref()
            .is_none_or(|(low, included)| match compare(version, low) {
                Ordering::Greater => true,
                Ordering::Equal => *included,
                Ordering::Less => false,
            });
        let below =
            self.high
                .as_ref()
                .is_none_or(|(high, included)| match compare(version, high) {
                    Ordering::Less => true,
                    Ordering::Equal => *included,
                    Ordering::Greater => false,
                });
        above && below
    }
}

/// The order of two versions: numbers as numbers, `alpha` < `beta` < `milestone` < `rc` < `snapshot` < release < others.
fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (items(one), items(other));
    let nothing = Item::Number(0);
    let longest = one.len().max(other.len());
    (0..longest)
        .map(|at| {
            let item = |of: &[Item]| of.get(at).cloned();
            match (item(&one), item(&other)) {
                (Some(one), Some(other)) => one.cmp(&other),
                (Some(one), None) => one.cmp(&one.end(&nothing)),
                (None, Some(other)) => other.end(&nothing).cmp(&other),
                (None, None) => Ordering::Equal,
            }
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// A part of a version; numbers come after words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Word(u8, String),
    Number(u64),
}

impl Item {
    /// What stands in the place of an item that is not there: 0, or the release.
    fn end(&self, zero: &Self) -> Self {
        match self {
            Self::Number(_) => zero.clone(),
            Self::Word(..) => word(""),
        }
    }
}

fn word(text: &str) -> Item {
    let rank = match text {
        "a" | "alpha" => 0,
        "b" | "beta" => 1,
        "m" | "milestone" => 2,
        "rc" | "cr" => 3,
        "snapshot" => 4,
        "" | "ga" | "final" | "release" => 5,
        "sp" => 6,
        _ => 7,
    };
    let text = if rank == 7 {
        text.to_owned()
    } else {
        String::new()
    };
    Item::Word(rank, text)
}

fn items(version: &str) -> Vec<Item> {
    let version = version.to_ascii_lowercase();
    let mut items = Vec::new();
    for part in version.split(['.', '-', '_', '+']) {
        let mut rest = part;
        while let Some(first) = rest.chars().next() {
            let is_digit = first.is_ascii_digit();
            let end = rest
                .find(|c: char| c.is_ascii_digit() != is_digit)
                .unwrap_or(rest.len());
            let (item, after) = rest.split_at(end);
            items.push(match item.parse() {
                Ok(number) => Item::Number(number),
                Err(_) => word(item),
            });
            rest = after;
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, version: &str) -> bool {
        VersionRange::parse(Some(range))
            .unwrap()
            .unwrap()
            .contains(version)
    }

    fn refused(range: &str) -> String {
        VersionRange::parse(Some(range)).unwrap_err()
    }

    #[test]
    fn ranges_are_mavens() {
        assert!(contains("4.3.0", "4.3.0") && !contains("4.3.0", "4.3.1"));
        assert!(contains("[1.0,2.0)", "1.9") && !contains("[1.0,2.0)", "2.0"));
        assert!(contains("(,1.0],[1.2,)", "1.2") && !contains("(,1.0],[1.2,)", "1.1"));
        assert_eq!(VersionRange::parse(Some("latest")), Ok(None));
        assert_eq!(refused("[1.0"), "Unbounded range: [1.0");
        assert_eq!(
            refused("(1.0)"),
            "Single version must be surrounded by []: (1.0)"
        );
        assert_eq!(
            refused("[2.0,1.0]"),
            "Range defies version ordering: [2.0,1.0]"
        );
        assert_eq!(
            refused("[1.0,1.0]"),
            "Range cannot have identical boundaries: [1.0,1.0]"
        );
    }

    #[test]
    fn versions_are_ordered_by_what_they_mean() {
        for (low, high) in [
            ("1.9", "1.10"),
            ("1.0-alpha", "1.0-beta"),
            ("1.0-rc1", "1.0"),
            ("1.0-SNAPSHOT", "1.0"),
            ("1.0", "1.0-sp"),
            ("1.0", "1.0.1"),
        ] {
            assert_eq!(compare(low, high), Ordering::Less, "{low} {high}");
            assert_eq!(compare(high, low), Ordering::Greater, "{low} {high}");
        }
        assert_eq!(compare("1.0", "1.0.0"), Ordering::Equal);
    }
}
