//! What goes wrong between bytes and meaning: small, `Copy`, and naming the field.

use thiserror::Error;

/// Bytes from outside that do not make the message that they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct DecodeError {
    /// The field that was being read, such as `MetadataResponse.brokers`.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: DecodeReason,
}

impl DecodeError {
    /// An error at `field`.
    #[must_use]
    pub const fn new(field: &'static str, reason: DecodeReason) -> Self {
        Self { field, reason }
    }
}

/// Why a field cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The bytes end inside of the field.
    #[error("needs {needed} bytes, {left} are left")]
    Truncated {
        /// Bytes that the field takes, at least.
        needed: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// A length is negative, or larger than the bytes that are left.
    #[error("a length of {length} does not fit {left} bytes")]
    Length {
        /// The length as it was sent.
        length: i64,
        /// Bytes that are there.
        left: usize,
    },
    /// An array has a negative count, or one that cannot fit into the bytes that are left.
    #[error("{count} elements do not fit {left} bytes")]
    Count {
        /// The count as it was sent.
        count: i64,
        /// Bytes that are there.
        left: usize,
    },
    /// A variable-length integer is longer than its type allows.
    #[error("a variable-length integer does not end")]
    Varint,
    /// A text is not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// A value that must be there is null.
    #[error("null is not allowed")]
    Null,
    /// A value that the field cannot have.
    #[error("{value} is not a legal value")]
    Value {
        /// The value as it was sent.
        value: i64,
    },
    /// Bytes follow where the value should have ended.
    #[error("{left} bytes too many")]
    Excess {
        /// Bytes that are left over.
        left: usize,
    },
    /// The version is not one that can be read.
    #[error("version {version} cannot be read")]
    Version {
        /// The version asked for.
        version: i16,
    },
    /// The message is larger than anything that is read into memory at once.
    #[error("{length} bytes are more than the limit of {max}")]
    TooLarge {
        /// The message's size.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// The generated decoder refused the value.
    #[error("not a legal message")]
    Refused,
}

/// A message that cannot be written as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct EncodeError {
    /// The field that was being written, such as `ProduceRequest.topics`.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: EncodeReason,
}

impl EncodeError {
    /// An error at `field`.
    #[must_use]
    pub const fn new(field: &'static str, reason: EncodeReason) -> Self {
        Self { field, reason }
    }
}

/// Why a field cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeReason {
    /// The value is longer than its length field can say.
    #[error("{length} is longer than the limit of {max}")]
    TooLong {
        /// Bytes or elements.
        length: usize,
        /// The most that can be said.
        max: usize,
    },
    /// The version has no way to say this.
    #[error("cannot be said in version {version}")]
    NotInVersion {
        /// The version asked for.
        version: i16,
    },
    /// The version is not one that can be written.
    #[error("version {version} cannot be written")]
    Version {
        /// The version asked for.
        version: i16,
    },
    /// The generated encoder refused the value.
    #[error("the message has a value that version {version} does not have")]
    Refused {
        /// The version asked for.
        version: i16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_field_and_the_numbers() {
        let error = DecodeError::new(
            "MetadataResponse.brokers",
            DecodeReason::Count {
                count: 16_781_824,
                left: 9,
            },
        );
        assert_eq!(
            error.to_string(),
            "MetadataResponse.brokers: 16781824 elements do not fit 9 bytes"
        );
    }
}
