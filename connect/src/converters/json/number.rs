//! JSON numbers as Java's `intValue`, `longValue`, `floatValue` and `doubleValue` give them.

use super::reader::Number;
use crate::data::Decimal;

impl Number<'_> {
    /// The lower 64 bits of the number without its fraction: larger numbers wrap, as in Java.
    pub(crate) fn to_i64(self) -> i64 {
        let (negative, text) = match self.text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, self.text),
        };
        let magnitude = if self.integral {
            digits(text.bytes(), 0)
        } else {
            whole_part(text)
        };
        let value = magnitude.cast_signed();
        if negative {
            value.wrapping_neg()
        } else {
            value
        }
    }

    /// The lower 32 bits of [`to_i64`](Self::to_i64).
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Java's intValue keeps the lower bits"
    )]
    pub(crate) fn to_i32(self) -> i32 {
        self.to_i64() as i32
    }

    /// The number, when it is an integer of 32 bits: what Java reads as an `IntNode`.
    pub(crate) fn as_exact_i32(self) -> Option<i32> {
        if self.integral {
            self.text.parse().ok()
        } else {
            None
        }
    }

    /// The nearest double; there is no negative zero, as decimals have none.
    pub(crate) fn to_f64(self) -> f64 {
        self.text
            .parse::<f64>()
            .map_or(f64::NAN, |number| if number == 0.0 { 0.0 } else { number })
    }

    /// The nearest float; there is no negative zero.
    pub(crate) fn to_f32(self) -> f32 {
        self.text
            .parse::<f32>()
            .map_or(f32::NAN, |number| if number == 0.0 { 0.0 } else { number })
    }

    /// The number with all of its digits.
    pub(crate) fn to_decimal(self) -> Decimal {
        self.text.parse().unwrap_or_else(|_| Decimal::new(0, 0))
    }
}

/// The lower 64 bits of `start` followed by these digits.
fn digits(digits: impl Iterator<Item = u8>, start: u64) -> u64 {
    digits.fold(start, |value, digit| {
        value
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit.wrapping_sub(b'0')))
    })
}

/// The lower 64 bits of what stands before the point, once the exponent has moved it.
fn whole_part(text: &str) -> u64 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let length = i64::try_from(whole.len())
        .unwrap_or(i64::MAX)
        .saturating_add(exponent);
    let Ok(length) = usize::try_from(length) else {
        return 0;
    };
    let all = whole.bytes().chain(fraction.bytes());
    let zeros = length.saturating_sub(whole.len() + fraction.len());
    // 64 zeros in the decimal system are at least 64 zeros in the binary one.
    if zeros >= 64 {
        return 0;
    }
    digits(
        std::iter::repeat_n(b'0', zeros),
        digits(all.take(length), 0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: i64) {
        let integral = !text.contains(['.', 'e', 'E']);
        assert_eq!(Number { text, integral }.to_i64(), expected, "{text}");
    }

    #[test]
    fn numbers_wrap_and_lose_their_fraction_as_in_java() {
        check("0", 0);
        check("-007", -7);
        check("9223372036854775807", i64::MAX);
        check("-9223372036854775808", i64::MIN);
        check("9223372036854775808", i64::MIN);
        check("12345678901234567890123", 4_807_115_922_877_859_019);
        check("2.9", 2);
        check("-2.9", -2);
        check("0.9e1", 9);
        check("12.345e2", 1234);
        check("12.345e-2", 0);
        check("1e3", 1000);
        check("1e19", 0x8AC7_2304_89E8_0000_u64.cast_signed());
        check("1e64", 0);
        check("1e2000000000", 0);
        check("1e-2000000000", 0);
    }

    #[test]
    fn there_is_no_negative_zero() {
        let zero = Number {
            text: "-0.0",
            integral: false,
        };
        assert!(zero.to_f64().is_sign_positive());
        assert!(zero.to_f32().is_sign_positive());
    }
}
