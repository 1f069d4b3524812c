//! Dates and times in the three forms that are recognized, read as leniently as Java's `SimpleDateFormat` does.

use crate::data::datetime::{MILLIS_PER_DAY, days_from_civil};
use crate::data::{DateTime, Schema, SchemaAndValue, date, time, timestamp};

/// What is between two literal characters of a form.
#[derive(Debug, Clone, Copy)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millis,
}

type Form = &'static [(Field, &'static str)];

const DATE: Form = &[(Field::Year, "-"), (Field::Month, "-"), (Field::Day, "")];
const TIME: Form = &[
    (Field::Hour, ":"),
    (Field::Minute, ":"),
    (Field::Second, "."),
    (Field::Millis, "Z"),
];
const TIMESTAMP: Form = &[
    (Field::Year, "-"),
    (Field::Month, "-"),
    (Field::Day, "T"),
    (Field::Hour, ":"),
    (Field::Minute, ":"),
    (Field::Second, "."),
    (Field::Millis, "Z"),
];

/// A text of more bytes is none of the forms.
pub(super) const LENGTH_MAX: usize = 100;

/// The date, time or timestamp that a text of the right length is. Colons may be escaped.
pub(super) fn temporal(text: &str) -> Option<SchemaAndValue> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let text = text.replace("\\:", ":");
    let (form, schema): (Form, fn() -> Schema) = match text.encode_utf16().count() {
        10 => (DATE, date::schema),
        13 => (TIME, time::schema),
        24 => (TIMESTAMP, timestamp::schema),
        _ => return None,
    };
    let point = read(&text, form)?;
    Some(SchemaAndValue::new(Some(schema()), point))
}

/// Fields may be out of their range and carry over; what stands behind the form does not matter.
fn read(text: &str, form: Form) -> Option<DateTime> {
    let mut rest = text;
    let (mut year, mut month, mut day, mut millis) = (1970, 1, 1, 0_i64);
    for &(field, behind) in form {
        let (number, after) = number(rest)?;
        rest = after.strip_prefix(behind)?;
        match field {
            Field::Year => year = number,
            Field::Month => month = number,
            Field::Day => day = number,
            Field::Hour => millis += number * 3_600_000,
            Field::Minute => millis += number * 60_000,
            Field::Second => millis += number * 1000,
            Field::Millis => millis += number,
        }
    }
    let days = days_from_civil(year, month, day);
    Some(DateTime::from_millis(
        days.wrapping_mul(MILLIS_PER_DAY).wrapping_add(millis),
    ))
}

/// A number of 32 bits behind blanks, and what follows it.
fn number(text: &str) -> Option<(i64, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let length = digits
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(length);
    if digits.is_empty() {
        return None;
    }
    let number: i64 = text[..text.len() - rest.len()].parse().unwrap_or(i64::MAX);
    #[allow(
        clippy::cast_possible_truncation,
        reason = "Java keeps the low 32 bits, too"
    )]
    let number = number as i32;
    Some((number.into(), rest))
}
