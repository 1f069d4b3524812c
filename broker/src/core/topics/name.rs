//! What a topic may be called.

/// Leaves room for `-` and a partition's number in a file name of 255 bytes.
const LENGTH_MAX: usize = 249;

/// Whether a topic may have this name; the text says why not, in Kafka's words.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Err("Topic name is invalid: the empty string is not allowed".to_owned()),
        "." | ".." => Err("Topic name is invalid: '.' or '..' is not allowed".to_owned()),
        long if long.len() > LENGTH_MAX => Err(format!(
            "Topic name is invalid: the length of '{long}' is longer than the max allowed length \
             {LENGTH_MAX}"
        )),
        name if !name.chars().all(legal) => Err(format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII \
             alphanumerics, '.', '_' and '-'"
        )),
        _ => Ok(()),
    }
}

/// Whether two topics would have the same metrics, in which `.` and `_` are the same.
pub(crate) fn collide(a: &str, b: &str) -> bool {
    let plain = |c: u8| if c == b'.' { b'_' } else { c };
    a.len() == b.len() && a.bytes().map(plain).eq(b.bytes().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_to_kafkas_alphabet() {
        for good in ["a", "__consumer_offsets", "a.b-c_D9", &"x".repeat(249)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_that_differ_in_dots_and_underscores_alone_collide() {
        assert!(collide("a.b", "a_b"));
        assert!(!collide("a.b", "a-b"));
        assert!(!collide("a", "a."));
    }
}
