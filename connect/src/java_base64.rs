//! Base64 as Java's decoder reads it: padding may be missing, unused bits may be set, and what is wrong is said in its words.

/// Why a text is no base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotBase64 {
    /// There is one character alone.
    #[error("Input byte[] should at least have 2 bytes for base64 bytes")]
    TooShort,
    /// Base64 does not have this character.
    #[error("Illegal base64 character {}", signed_hex(*.0))]
    Character(u8),
    /// Padding is where none belongs, or not as long as it has to be.
    #[error("Input byte array has wrong 4-byte ending unit")]
    Padding,
    /// There is one character too many.
    #[error("Last unit does not have enough valid bits")]
    Dangling,
    /// Something follows the padding; it begins at this byte.
    #[error("Input byte array has incorrect ending byte at {0}")]
    AfterPadding(usize),
}

/// A byte in hexadecimal digits, as Java shows one: with a sign.
fn signed_hex(byte: u8) -> String {
    let sign = if byte < 0x80 { "" } else { "-" };
    format!("{sign}{:x}", byte.cast_signed().unsigned_abs())
}

/// The bytes that `text` stands for.
///
/// # Errors
///
/// What is wrong first.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, NotBase64> {
    if text.len() == 1 {
        return Err(NotBase64::TooShort);
    }
    let mut bytes = Vec::with_capacity(text.len().div_ceil(4) * 3);
    let mut unit = Unit::default();
    let mut at = 0;
    while let Some(&character) = text.get(at) {
        at += 1;
        if character == b'=' {
            at += unit.padded_by(text.get(at))?;
            break;
        }
        unit.take(sextet(character)?, &mut bytes);
    }
    unit.end(&mut bytes)?;
    if at < text.len() {
        return Err(NotBase64::AfterPadding(at));
    }
    Ok(bytes)
}

/// Up to four characters, which make three bytes.
#[derive(Default)]
struct Unit {
    characters: u8,
    bits: u32,
}

impl Unit {
    fn take(&mut self, sextet: u32, bytes: &mut Vec<u8>) {
        self.bits |= sextet << (18 - 6 * self.characters);
        self.characters += 1;
        if self.characters == 4 {
            let [_, all @ ..] = self.bits.to_be_bytes();
            bytes.extend(all);
            *self = Self::default();
        }
    }

    /// How many characters of padding follow the first.
    fn padded_by(&self, next: Option<&u8>) -> Result<usize, NotBase64> {
        match (self.characters, next) {
            (0, _) => Err(NotBase64::Padding),
            (2, Some(b'=')) => Ok(1),
            (2, _) => Err(NotBase64::Padding),
            _ => Ok(0),
        }
    }

    fn end(&self, bytes: &mut Vec<u8>) -> Result<(), NotBase64> {
        let [_, first, second, _] = self.bits.to_be_bytes();
        match self.characters {
            1 => return Err(NotBase64::Dangling),
            2 => bytes.push(first),
            3 => bytes.extend([first, second]),
            _ => {}
        }
        Ok(())
    }
}

fn sextet(character: u8) -> Result<u32, NotBase64> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return Err(NotBase64::Character(character)),
    };
    Ok(u32::from(value))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn wrong(text: &str) -> String {
        decode(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn padding_may_be_missing_and_unused_bits_may_be_set() {
        assert_eq!(decode(b""), Ok(Vec::new()));
        for text in ["YWRhOg==", "YWRhOg", "YWRhOh=="] {
            assert_eq!(decode(text.as_bytes()), Ok(b"ada:".to_vec()), "{text}");
        }
        assert_eq!(decode(b"YWQ="), Ok(b"ad".to_vec()));
    }

    #[test]
    fn what_is_wrong_is_said_in_javas_words() {
        for (text, said) in [
            (
                "*",
                "Input byte[] should at least have 2 bytes for base64 bytes",
            ),
            ("***", "Illegal base64 character 2a"),
            ("YW\u{e9}h", "Illegal base64 character -3d"),
            ("YWRh=", "Input byte array has wrong 4-byte ending unit"),
            ("YW=h", "Input byte array has wrong 4-byte ending unit"),
            ("YW=", "Input byte array has wrong 4-byte ending unit"),
            ("Y=", "Last unit does not have enough valid bits"),
            ("YWRhY", "Last unit does not have enough valid bits"),
            (
                "YWQ=YWQ=",
                "Input byte array has incorrect ending byte at 4",
            ),
        ] {
            assert_eq!(wrong(text), said, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_anybody_encodes_is_decoded(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            for encoded in [STANDARD.encode(&bytes), STANDARD_NO_PAD.encode(&bytes)] {
                prop_assert_eq!(decode(encoded.as_bytes()), Ok(bytes.clone()));
            }
        }
    }
}
