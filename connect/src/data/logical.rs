//! The logical types Decimal, Date, Time and Timestamp: which schema names mean them, and how their
//! values stand in the base type.

use super::datetime::MILLIS_PER_DAY;
use super::{DataError, DateTime, Schema, SchemaBuilder, Type};

/// A type that is known by its schema's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogicalType {
    /// `org.apache.kafka.connect.data.Decimal` over bytes.
    Decimal,
    /// `org.apache.kafka.connect.data.Date` over int32: days since 1970-01-01.
    Date,
    /// `org.apache.kafka.connect.data.Time` over int32: milliseconds since midnight.
    Time,
    /// `org.apache.kafka.connect.data.Timestamp` over int64: milliseconds since 1970-01-01.
    Timestamp,
}

impl LogicalType {
    /// The logical type that a schema of this name has.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.strip_prefix("org.apache.kafka.connect.data.")? {
            "Decimal" => Some(Self::Decimal),
            "Date" => Some(Self::Date),
            "Time" => Some(Self::Time),
            "Timestamp" => Some(Self::Timestamp),
            _ => None,
        }
    }

    /// The logical type that the schema has.
    #[must_use]
    pub fn of(schema: &Schema) -> Option<Self> {
        schema.name().and_then(Self::from_name)
    }

    /// The schema name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decimal => decimal::NAME,
            Self::Date => date::NAME,
            Self::Time => time::NAME,
            Self::Timestamp => timestamp::NAME,
        }
    }
}

fn builder(ty: Type, name: &'static str) -> SchemaBuilder {
    SchemaBuilder::new(ty)
        .name(super::Text::from_static(name))
        .version(1)
}

/// Decimals of one scale.
pub mod decimal {
    use super::super::Decimal;
    use super::{DataError, Schema, SchemaBuilder, Type};

    /// The schema name.
    pub const NAME: &str = "org.apache.kafka.connect.data.Decimal";
    /// The parameter that holds the scale.
    pub const SCALE: &str = "scale";

    /// A builder for a schema of decimals with `scale` digits behind the point.
    #[must_use]
    pub fn builder(scale: i32) -> SchemaBuilder {
        super::builder(Type::Bytes, NAME).parameter(SCALE, scale.to_string())
    }

    /// The schema of required decimals with `scale` digits behind the point.
    #[must_use]
    pub fn schema(scale: i32) -> Schema {
        builder(scale).build_plain()
    }

    /// The scale that a schema asks for.
    ///
    /// # Errors
    ///
    /// When the parameter is missing or no number.
    pub fn scale(schema: &Schema) -> Result<i32, DataError> {
        let text = schema
            .parameter(SCALE)
            .ok_or(DataError::DecimalScaleMissing)?;
        text.parse().map_err(|_| DataError::DecimalScaleInvalid)
    }

    /// The bytes that stand for a decimal: its unscaled number, big-endian, in two's complement.
    ///
    /// # Errors
    ///
    /// When its scale is not the schema's.
    pub fn from_logical(schema: &Schema, value: &Decimal) -> Result<Vec<u8>, DataError> {
        let expected = scale(schema)?;
        if value.scale() == expected {
            Ok(value.unscaled_bytes())
        } else {
            Err(DataError::DecimalScale {
                schema: expected,
                value: value.scale(),
            })
        }
    }

    /// The decimal that the bytes stand for.
    ///
    /// # Errors
    ///
    /// When the schema has no scale or there are no bytes.
    pub fn to_logical(schema: &Schema, bytes: &[u8]) -> Result<Decimal, DataError> {
        if bytes.is_empty() {
            return Err(DataError::other("Zero length BigInteger"));
        }
        Ok(Decimal::from_unscaled_bytes(bytes, scale(schema)?))
    }
}

/// Dates without a time of day.
pub mod date {
    use super::{DataError, DateTime, MILLIS_PER_DAY, Schema, SchemaBuilder, Type, check_name};

    /// The schema name.
    pub const NAME: &str = "org.apache.kafka.connect.data.Date";

    /// A builder for a schema of dates.
    #[must_use]
    pub fn builder() -> SchemaBuilder {
        super::builder(Type::Int32, NAME)
    }

    /// The schema of required dates.
    #[must_use]
    pub fn schema() -> Schema {
        builder().build_plain()
    }

    /// Days since 1970-01-01.
    ///
    /// # Errors
    ///
    /// When the schema is not a date's, or the value has a time of day. Days beyond 32 bits wrap,
    /// as in Java.
    pub fn from_logical(schema: &Schema, value: DateTime) -> Result<i32, DataError> {
        check_name(schema, NAME, "Date")?;
        if value.millis().rem_euclid(MILLIS_PER_DAY) != 0 {
            return Err(DataError::DateHasTime);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "Java casts the days to int"
        )]
        Ok((value.millis() / MILLIS_PER_DAY) as i32)
    }

    /// Midnight of that day.
    ///
    /// # Errors
    ///
    /// When the schema is not a date's.
    pub fn to_logical(schema: &Schema, days: i32) -> Result<DateTime, DataError> {
        check_name(schema, NAME, "Date")?;
        Ok(DateTime::from_millis(i64::from(days) * MILLIS_PER_DAY))
    }
}

/// Times of day without a date.
pub mod time {
    use super::{DataError, DateTime, MILLIS_PER_DAY, Schema, SchemaBuilder, Type, check_name};

    /// The schema name.
    pub const NAME: &str = "org.apache.kafka.connect.data.Time";

    /// A builder for a schema of times.
    #[must_use]
    pub fn builder() -> SchemaBuilder {
        super::builder(Type::Int32, NAME)
    }

    /// The schema of required times.
    #[must_use]
    pub fn schema() -> Schema {
        builder().build_plain()
    }

    /// Milliseconds since midnight; a full day is allowed, as in Java.
    ///
    /// # Errors
    ///
    /// When the schema is not a time's, or the value is not within the first day.
    pub fn from_logical(schema: &Schema, value: DateTime) -> Result<i32, DataError> {
        check_name(schema, NAME, "Time")?;
        match i32::try_from(value.millis()) {
            Ok(millis) if (0..=MILLIS_PER_DAY).contains(&value.millis()) => Ok(millis),
            _ => Err(DataError::TimeHasDate),
        }
    }

    /// That time on the first day.
    ///
    /// # Errors
    ///
    /// When the schema is not a time's, or the time is outside of a day.
    pub fn to_logical(schema: &Schema, millis: i32) -> Result<DateTime, DataError> {
        // Java's text says Date here.
        check_name(schema, NAME, "Date")?;
        let millis = i64::from(millis);
        if (0..=MILLIS_PER_DAY).contains(&millis) {
            Ok(DateTime::from_millis(millis))
        } else {
            Err(DataError::TimeOutOfRange)
        }
    }
}

/// Points in time.
pub mod timestamp {
    use super::{DataError, DateTime, Schema, SchemaBuilder, Type, check_name};

    /// The schema name.
    pub const NAME: &str = "org.apache.kafka.connect.data.Timestamp";

    /// A builder for a schema of timestamps.
    #[must_use]
    pub fn builder() -> SchemaBuilder {
        super::builder(Type::Int64, NAME)
    }

    /// The schema of required timestamps.
    #[must_use]
    pub fn schema() -> Schema {
        builder().build_plain()
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    ///
    /// When the schema is not a timestamp's.
    pub fn from_logical(schema: &Schema, value: DateTime) -> Result<i64, DataError> {
        check_name(schema, NAME, "Timestamp")?;
        Ok(value.millis())
    }

    /// That point in time.
    ///
    /// # Errors
    ///
    /// When the schema is not a timestamp's.
    pub fn to_logical(schema: &Schema, millis: i64) -> Result<DateTime, DataError> {
        check_name(schema, NAME, "Timestamp")?;
        Ok(DateTime::from_millis(millis))
    }
}

fn check_name(schema: &Schema, name: &str, shown: &'static str) -> Result<(), DataError> {
    if schema.name() == Some(name) {
        Ok(())
    } else {
        Err(DataError::LogicalMismatch(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decimal;
    use super::*;

    #[test]
    fn logical_values_stand_in_their_base_type_and_back() {
        let schema = decimal::schema(2);
        let value = Decimal::new(-12_345, 2);
        let bytes = decimal::from_logical(&schema, &value).unwrap();
        assert_eq!(bytes, [0xCF, 0xC7]);
        assert_eq!(decimal::to_logical(&schema, &bytes).unwrap(), value);
        let day = date::to_logical(&date::schema(), -3).unwrap();
        assert_eq!(date::from_logical(&date::schema(), day).unwrap(), -3);
        let noon = time::to_logical(&time::schema(), 43_200_000).unwrap();
        assert_eq!(
            time::from_logical(&time::schema(), noon).unwrap(),
            43_200_000
        );
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        let wrong = decimal::from_logical(&decimal::schema(2), &Decimal::new(1, 3)).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "Decimal value has mismatching scale for given Decimal schema. Schema has scale 2, \
             value has scale 3."
        );
        let moment = DateTime::from_millis(MILLIS_PER_DAY + 1);
        assert_eq!(
            date::from_logical(&date::schema(), moment),
            Err(DataError::DateHasTime)
        );
        assert_eq!(
            time::from_logical(&time::schema(), moment),
            Err(DataError::TimeHasDate)
        );
        assert_eq!(
            time::to_logical(&time::schema(), -1),
            Err(DataError::TimeOutOfRange)
        );
        assert!(time::to_logical(&time::schema(), 86_400_000).is_ok());
        assert_eq!(
            timestamp::from_logical(&date::schema(), moment),
            Err(DataError::LogicalMismatch("Timestamp"))
        );
        assert!(decimal::to_logical(&decimal::schema(0), &[]).is_err());
    }
}
