//! A value of a text: null, booleans, numbers, dates and times, arrays, maps, and strings for all else.

use super::merge::{Merger, align, align_map};
use super::temporal::{LENGTH_MAX, temporal};
use super::tokens::{Tokens, is_blank, trim};
use crate::data::{Decimal, Map, Schema, SchemaAndValue, SchemaBuilder, Text, Value, decimal};

/// The deepest nesting that is read.
const DEPTH_MAX: usize = 200;

/// A text with arrays or maps nested more than 200 deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("arrays or maps are nested more than {DEPTH_MAX} deep")]
pub struct TooDeep;

/// Why there is no array or map.
#[derive(Debug)]
enum Failure {
    /// It is a string that looks like one.
    NoValue,
    TooDeep,
}

/// The value that a text looks like, with its schema. A string shares the text's buffer.
///
/// # Errors
///
/// When arrays or maps are nested too deep.
pub fn parse(text: &Text) -> Result<SchemaAndValue, TooDeep> {
    if text.is_empty() {
        return Ok(string(text.clone()));
    }
    let mut parser = Parser {
        text,
        tokens: Tokens::new(text),
        depth: 0,
    };
    match parser.value(false) {
        Ok(value) => Ok(value.unwrap_or(SchemaAndValue::NULL)),
        Err(Failure::NoValue) => Ok(string(text.clone())),
        Err(Failure::TooDeep) => Err(TooDeep),
    }
}

struct Parser<'a> {
    text: &'a Text,
    tokens: Tokens<'a>,
    depth: usize,
}

fn string(text: impl Into<Text>) -> SchemaAndValue {
    SchemaAndValue::new(Some(Schema::string()), text.into())
}

impl Parser<'_> {
    /// The next value; none is null. What is `embedded` is part of an array or map.
    fn value(&mut self, embedded: bool) -> Result<Option<SchemaAndValue>, Failure> {
        if !self.tokens.has_next() {
            return Ok(None);
        }
        if embedded && self.tokens.take("\"") {
            return Ok(Some(self.quoted()));
        }
        if self.literal(embedded, "null") {
            return Ok(None);
        }
        for value in [true, false] {
            if self.literal(embedded, if value { "true" } else { "false" }) {
                return Ok(Some(SchemaAndValue::new(Some(Schema::boolean()), value)));
            }
        }
        let start = self.tokens.mark();
        match self.container() {
            Ok(Some(container)) => return Ok(Some(container)),
            Ok(None) => {}
            Err(Failure::NoValue) => self.tokens.rewind(start),
            Err(Failure::TooDeep) => return Err(Failure::TooDeep),
        }
        let token = self.tokens.next();
        if is_blank(token) {
            return Ok(Some(string(token)));
        }
        self.scalar(embedded, trim(token)).map(Some)
    }

    /// Takes a literal. At the top it has to be all there is.
    fn literal(&mut self, embedded: bool, literal: &str) -> bool {
        let start = self.tokens.mark();
        if self.tokens.take(literal) && (embedded || !self.tokens.has_next()) {
            return true;
        }
        self.tokens.rewind(start);
        false
    }

    fn container(&mut self) -> Result<Option<SchemaAndValue>, Failure> {
        let read: fn(&mut Self) -> _ = if self.tokens.take("[") {
            Self::array
        } else if self.tokens.take("{") {
            Self::map
        } else {
            return Ok(None);
        };
        if self.depth == DEPTH_MAX {
            return Err(Failure::TooDeep);
        }
        self.depth += 1;
        let container = read(self);
        self.depth -= 1;
        container.map(Some)
    }

    fn array(&mut self) -> Result<SchemaAndValue, Failure> {
        let mut items = Vec::new();
        let mut merger = Merger::default();
        while self.tokens.has_next() {
            if self.tokens.take("]") {
                let schema = merger.schema();
                if let Some(schema) = &schema {
                    items = align(schema, &items).ok_or(Failure::NoValue)?;
                }
                let schema = SchemaBuilder::array_of(schema).build().ok();
                return Ok(SchemaAndValue::new(schema, items));
            }
            if self.tokens.take(",") {
                return Err(Failure::NoValue);
            }
            let item = self.value(true)?;
            merger.merge(item.as_ref());
            items.push(item.map_or(Value::Null, |item| item.value));
            let start = self.tokens.mark();
            if self.tokens.take("]") {
                self.tokens.rewind(start);
            } else if !self.tokens.take(",") {
                return Err(Failure::NoValue);
            }
        }
        Err(Failure::NoValue)
    }

    fn map(&mut self) -> Result<SchemaAndValue, Failure> {
        let mut map = Map::new();
        let (mut keys, mut values) = (Merger::default(), Merger::default());
        while self.tokens.has_next() {
            if self.tokens.take("}") {
                let (keys, values) = (keys.schema(), values.schema());
                let values = values.filter(|_| keys.is_some());
                if let Some(keys) = &keys {
                    map = align_map(keys, values.as_ref(), &map).ok_or(Failure::NoValue)?;
                }
                let schema = SchemaBuilder::map_of(keys, values).build().ok();
                return Ok(SchemaAndValue::new(schema, map));
            }
            if self.tokens.take(",") {
                return Err(Failure::NoValue);
            }
            let key = self.value(true)?.ok_or(Failure::NoValue)?;
            if !self.tokens.take(":") {
                return Err(Failure::NoValue);
            }
            let value = self.value(true)?;
            keys.merge(Some(&key));
            values.merge(value.as_ref());
            map.insert(key.value, value.map_or(Value::Null, |value| value.value));
            // It may be missing.
            self.tokens.take(",");
        }
        Err(Failure::NoValue)
    }

    fn quoted(&mut self) -> SchemaAndValue {
        let mut content = String::new();
        while self.tokens.has_next() && !self.tokens.take("\"") {
            content.push_str(self.tokens.next());
        }
        temporal(&content).unwrap_or_else(|| string(content))
    }

    /// A date, time or number; or the whole text as a string.
    fn scalar(&mut self, embedded: bool, token: &str) -> Result<SchemaAndValue, Failure> {
        let first = token.chars().next();
        let is_digit = first.is_some_and(|first| first.is_ascii_digit());
        if is_digit && let Some(temporal) = self.temporal(token) {
            return Ok(temporal);
        }
        if (is_digit || matches!(first, Some('+' | '-')))
            && let Ok(number) = token.parse::<Decimal>()
        {
            return Ok(self::number(number));
        }
        if embedded {
            return Err(Failure::NoValue);
        }
        Ok(string(self.text))
    }

    /// A date, or a time, whose colons make five tokens of it.
    fn temporal(&mut self, token: &str) -> Option<SchemaAndValue> {
        let start = self.tokens.mark();
        if let Some(remainder) = self.tokens.next_few(4)
            && token.len() + remainder.len() <= LENGTH_MAX
            && let Some(found) = temporal(&[token, remainder].concat())
        {
            return Some(found);
        }
        self.tokens.rewind(start);
        temporal(token)
    }
}

/// A number under the smallest schema that holds it: an integer, a float, a double, or else a decimal.
fn number(decimal: Decimal) -> SchemaAndValue {
    if let Some(whole) = whole(&decimal) {
        return if let Ok(number) = i8::try_from(whole) {
            SchemaAndValue::new(Some(Schema::int8()), number)
        } else if let Ok(number) = i16::try_from(whole) {
            SchemaAndValue::new(Some(Schema::int16()), number)
        } else if let Ok(number) = i32::try_from(whole) {
            SchemaAndValue::new(Some(Schema::int32()), number)
        } else {
            SchemaAndValue::new(Some(Schema::int64()), whole)
        };
    }
    if decimal.scale() != 0 {
        let text = decimal.to_string();
        if let Ok(number) = text.parse::<f32>()
            && number.is_finite()
        {
            return SchemaAndValue::new(Some(Schema::float32()), number);
        }
        if let Ok(number) = text.parse::<f64>()
            && number.is_finite()
        {
            return SchemaAndValue::new(Some(Schema::float64()), number);
        }
    }
    SchemaAndValue::new(Some(decimal::schema(decimal.scale())), decimal)
}

/// The number as an integer, if it is one and has no more than 64 bits.
fn whole(decimal: &Decimal) -> Option<i64> {
    let scale = decimal.scale();
    let digits = decimal.unscaled();
    if digits.sign() == num_bigint::Sign::NoSign {
        return Some(0);
    }
    if scale <= 0 {
        // More than 19 digits are too many, whatever they are.
        let zeros = scale.checked_neg().filter(|&zeros| zeros < 20)?;
        let factor = num_bigint::BigInt::from(10).pow(zeros.unsigned_abs());
        return i64::try_from(digits * factor).ok();
    }
    // What ends in zeros behind the point: `1.500` does not, `1.000` does.
    let text = digits.to_string();
    let point = text.len().checked_sub(usize::try_from(scale).ok()?)?;
    let (front, fraction) = text.split_at(point);
    if fraction.bytes().any(|digit| digit != b'0') {
        return None;
    }
    front.parse().ok()
}
