//! Decimal numbers of any size with a scale: what Java's `java.math.BigDecimal` holds.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

use num_bigint::{BigInt, Sign};

/// The longest text that is read as a decimal; reading takes time with the square of the length.
const TEXT_MAX: usize = 100_000;

/// The number `unscaled * 10^-scale`.
///
/// Two decimals are equal when value and scale are: `1.0` is not `1.00`, as in Java.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    unscaled: Arc<BigInt>,
    scale: i32,
}

impl Decimal {
    /// The number `unscaled * 10^-scale`.
    pub fn new(unscaled: impl Into<BigInt>, scale: i32) -> Self {
        Self {
            unscaled: Arc::new(unscaled.into()),
            scale,
        }
    }

    /// The digits without their point.
    #[must_use]
    pub fn unscaled(&self) -> &BigInt {
        &self.unscaled
    }

    /// How many digits stand behind the point; negative for zeros before it.
    #[must_use]
    pub fn scale(&self) -> i32 {
        self.scale
    }

    /// The unscaled number in two's complement, big-endian, as short as it gets.
    #[must_use]
    pub fn unscaled_bytes(&self) -> Vec<u8> {
        self.unscaled.to_signed_bytes_be()
    }

    /// The decimal whose unscaled number these bytes are, in two's complement, big-endian.
    #[must_use]
    pub fn from_unscaled_bytes(bytes: &[u8], scale: i32) -> Self {
        Self::new(BigInt::from_signed_bytes_be(bytes), scale)
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }
}

/// A text that is not a decimal number, or one that is longer than 100,000 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number")]
pub struct ParseDecimalError;

/// The grammar of Java's `new BigDecimal(String)` over ASCII digits.
impl FromStr for Decimal {
    type Err = ParseDecimalError;

    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        if text.len() > TEXT_MAX || !text.is_ascii() {
            return Err(ParseDecimalError);
        }
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, &mantissa[1..]),
            Some(b'+') => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return Err(ParseDecimalError);
        }
        let scale = i64::try_from(fraction.len()).map_err(|_| ParseDecimalError)? - exponent;
        let scale = i32::try_from(scale).map_err(|_| ParseDecimalError)?;
        let joined = if fraction.is_empty() {
            None
        } else {
            Some([whole, fraction].concat())
        };
        let unscaled: BigInt = joined
            .as_deref()
            .unwrap_or(whole)
            .parse()
            .map_err(|_| ParseDecimalError)?;
        Ok(Self::new(
            if negative { -unscaled } else { unscaled },
            scale,
        ))
    }
}

fn parse_exponent(text: &str) -> Result<i64, ParseDecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseDecimalError);
    }
    // Leading zeros do not count; eleven digits are beyond every scale.
    let significant = digits.trim_start_matches('0');
    if significant.len() > 10 {
        return Err(ParseDecimalError);
    }
    let value: i64 = if significant.is_empty() {
        0
    } else {
        significant.parse().map_err(|_| ParseDecimalError)?
    };
    Ok(if text.starts_with('-') { -value } else { value })
}

/// As `BigDecimal.toString`: plain while the exponent is small, else `1.2E+10`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        if self.unscaled.sign() == Sign::Minus {
            f.write_char('-')?;
        }
        let scale = i64::from(self.scale);
        let length = i64::try_from(digits.len()).map_err(|_| fmt::Error)?;
        let adjusted = length - 1 - scale;
        if scale == 0 {
            return f.write_str(&digits);
        }
        if scale > 0 && adjusted >= -6 {
            return match usize::try_from(length - scale) {
                Ok(point) if point > 0 => write!(f, "{}.{}", &digits[..point], &digits[point..]),
                _ => {
                    let width = usize::try_from(scale).map_err(|_| fmt::Error)?;
                    write!(f, "0.{digits:0>width$}")
                }
            };
        }
        f.write_str(&digits[..1])?;
        if digits.len() > 1 {
            write!(f, ".{}", &digits[1..])?;
        }
        if adjusted == 0 {
            Ok(())
        } else {
            write!(f, "E{adjusted:+}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_print_as_in_java() {
        for (unscaled, scale, expected) in [
            (123, 0, "123"),
            (-123, 2, "-1.23"),
            (5, 3, "0.005"),
            (5, 7, "5E-7"),
            (0, 6, "0.000000"),
            (0, 7, "0E-7"),
            (1, -3, "1E+3"),
            (1230, -1, "1.230E+4"),
            (0, -2, "0E+2"),
            (12, 8, "1.2E-7"),
        ] {
            assert_eq!(Decimal::new(unscaled, scale).to_string(), expected);
        }
    }

    #[test]
    fn what_is_printed_reads_back() {
        for text in [
            "0",
            "1.20",
            "-0.005",
            "1E+3",
            "5E-7",
            "1.230E+4",
            "0E-7",
            "99999999999999999999.5",
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn only_javas_grammar_is_read() {
        for text in [
            "",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "1.2.3",
            "--1",
            " 1",
            "1_0",
            "0x1",
            "1e99999999999",
            "NaN",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
        assert_eq!("+1.".parse::<Decimal>().unwrap(), Decimal::new(1, 0));
        assert_eq!(".5".parse::<Decimal>().unwrap(), Decimal::new(5, 1));
        assert!("1e2147483648".parse::<Decimal>().is_ok());
        assert!("1e2147483649".parse::<Decimal>().is_err());
        assert!("1".repeat(TEXT_MAX + 1).parse::<Decimal>().is_err());
    }
}
