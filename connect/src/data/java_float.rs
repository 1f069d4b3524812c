//! Floating point numbers as Java prints them.
//!
//! The digits are those of JDK 19 and later, the shortest that read back as the same number. Older
//! JDKs print a digit more for a few numbers (`2.0E-3` and `2.2E-322` are the known examples of the
//! two families); they read back the same.

use std::fmt::{self, Write};

/// Writes what `Double.toString` gives.
pub(crate) fn write_f64(out: &mut impl Write, number: f64) -> fmt::Result {
    let mut digits = Scratch::default();
    if number.is_finite() && number != 0.0 {
        let magnitude = number.abs();
        write!(digits, "{magnitude:e}")?;
        if digits.has_one_digit() {
            digits = Scratch::default();
            write!(digits, "{magnitude:.1e}")?;
        }
    }
    write_java(out, class(number), &digits)
}

/// Writes what `Float.toString` gives.
pub(crate) fn write_f32(out: &mut impl Write, number: f32) -> fmt::Result {
    let mut digits = Scratch::default();
    if number.is_finite() && number != 0.0 {
        let magnitude = number.abs();
        write!(digits, "{magnitude:e}")?;
        if digits.has_one_digit() {
            digits = Scratch::default();
            write!(digits, "{magnitude:.1e}")?;
        }
    }
    write_java(out, class(f64::from(number)), &digits)
}

#[derive(Clone, Copy)]
enum Class {
    Nan,
    Infinite { negative: bool },
    Zero { negative: bool },
    Finite { negative: bool },
}

fn class(number: f64) -> Class {
    let negative = number.is_sign_negative();
    if number.is_nan() {
        Class::Nan
    } else if number.is_infinite() {
        Class::Infinite { negative }
    } else if number == 0.0 {
        Class::Zero { negative }
    } else {
        Class::Finite { negative }
    }
}

fn write_java(out: &mut impl Write, class: Class, scientific: &Scratch) -> fmt::Result {
    let negative = match class {
        Class::Nan => return out.write_str("NaN"),
        Class::Infinite { negative: false } => return out.write_str("Infinity"),
        Class::Infinite { negative: true } => return out.write_str("-Infinity"),
        Class::Zero { negative: false } => return out.write_str("0.0"),
        Class::Zero { negative: true } => return out.write_str("-0.0"),
        Class::Finite { negative } => negative,
    };
    if negative {
        out.write_char('-')?;
    }
    let (mantissa, exponent) = scientific.as_str().split_once('e').ok_or(fmt::Error)?;
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    match usize::try_from(exponent) {
        Ok(0) => write!(out, "{first}.{rest}"),
        Ok(shift) if shift < 7 => {
            let rest = if rest == "0" { "" } else { rest };
            out.write_str(first)?;
            if rest.len() > shift {
                write!(out, "{}.{}", &rest[..shift], &rest[shift..])
            } else {
                write!(out, "{rest:0<shift$}.0")
            }
        }
        Err(_) if exponent >= -3 => {
            out.write_str(
                ["0.", "0.0", "0.00"][usize::from(exponent < -1) + usize::from(exponent < -2)],
            )?;
            out.write_str(first)?;
            if rest == "0" {
                Ok(())
            } else {
                out.write_str(rest)
            }
        }
        _ => write!(out, "{first}.{rest}E{exponent}"),
    }
}

/// Room for the digits of one number: 17 digits, a point, `e-` and three digits of exponent.
#[derive(Default)]
struct Scratch {
    bytes: [u8; 32],
    len: usize,
}

impl Scratch {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    fn has_one_digit(&self) -> bool {
        self.bytes[1] == b'e'
    }
}

impl Write for Scratch {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: f64, expected: &str) {
        let mut text = String::new();
        write_f64(&mut text, number).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn doubles_print_as_in_java() {
        check(0.0, "0.0");
        check(-0.0, "-0.0");
        check(1.0, "1.0");
        check(-1.5, "-1.5");
        check(100.0, "100.0");
        check(123_456.789, "123456.789");
        check(1_234_567.0, "1234567.0");
        check(9_999_999.0, "9999999.0");
        check(10_000_000.0, "1.0E7");
        check(1.0e10, "1.0E10");
        check(1.25e22, "1.25E22");
        check(0.1, "0.1");
        check(0.001, "0.001");
        check(0.012_345, "0.012345");
        check(0.000_999, "9.99E-4");
        check(f64::MIN_POSITIVE, "2.2250738585072014E-308");
        check(4.9e-324, "4.9E-324");
        check(f64::MAX, "1.7976931348623157E308");
        check(f64::NAN, "NaN");
        check(f64::NEG_INFINITY, "-Infinity");
    }

    #[test]
    fn floats_have_the_digits_of_a_float() {
        let mut text = String::new();
        for number in [0.1_f32, 3.4e38, 1.4e-45, 16_777_216.0] {
            write_f32(&mut text, number).unwrap();
            text.push(' ');
        }
        assert_eq!(text, "0.1 3.4E38 1.4E-45 1.6777216E7 ");
    }

    #[test]
    fn every_printed_double_reads_back() {
        let mut bits: u64 = 0x9E37_79B9_7F4A_7C15;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(1);
            let number = f64::from_bits(bits);
            if number.is_finite() {
                let mut text = String::new();
                write_f64(&mut text, number).unwrap();
                assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits, "{text}");
            }
        }
    }
}
