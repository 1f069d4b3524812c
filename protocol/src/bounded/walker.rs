//! Follows a layout through a message and holds every length and count against the bytes left.

use super::layouts::{Field, Kind, Plain};
use crate::error::{DecodeError, DecodeReason};
use crate::wire::Reader;

type Result<T> = std::result::Result<T, DecodeError>;

/// One walk through one message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walker {
    /// The API's name, for errors.
    pub(super) name: &'static str,
    pub(super) version: i16,
    pub(super) flexible: bool,
}

impl Walker {
    /// Passes over a structure and the tagged fields at its end.
    pub(super) fn structure(self, r: &mut Reader<'_>, fields: &[Field]) -> Result<()> {
        for field in self.present(fields).filter(|field| field.tag.is_none()) {
            self.value(r, field.kind)?;
        }
        r.tags(self.name, |tag, r| {
            let known = self.present(fields).find(|field| field.tag == Some(tag));
            match known {
                Some(field) => self.tagged_value(r, field.kind),
                None => Ok(()),
            }
        })
    }

    /// The generated decoders read a known tag's value without regard to its length, so the two
    /// must agree.
    fn tagged_value(self, r: &mut Reader<'_>, kind: Kind) -> Result<()> {
        self.value(r, kind)?;
        match r.left() {
            0 => Ok(()),
            left => Err(DecodeError::new(self.name, DecodeReason::Excess { left })),
        }
    }

    fn value(self, r: &mut Reader<'_>, kind: Kind) -> Result<()> {
        match kind {
            Kind::Plain(plain) => self.plain(r, plain),
            Kind::List(plain) => self.list(r, plain),
            Kind::Structs(fields) => {
                let count = r.nullable_count(self.name, self.structure_min(fields))?;
                for _ in 0..count.unwrap_or(0) {
                    self.structure(r, fields)?;
                }
                Ok(())
            }
            Kind::One(fields) => self.structure(r, fields),
            Kind::Maybe(fields) => match r.i8(self.name)? {
                1 => self.structure(r, fields),
                _ => Ok(()),
            },
        }
    }

    fn plain(self, r: &mut Reader<'_>, plain: Plain) -> Result<()> {
        match plain {
            Plain::Fixed(bytes) => r.skip(self.name, bytes),
            Plain::Str => r.skip_string(self.name),
            Plain::Bytes => r.skip_bytes(self.name),
        }
    }

    fn list(self, r: &mut Reader<'_>, plain: Plain) -> Result<()> {
        let count = r
            .nullable_count(self.name, self.plain_min(plain))?
            .unwrap_or(0);
        match plain {
            Plain::Fixed(bytes) => r.skip(self.name, count.saturating_mul(bytes)),
            Plain::Str | Plain::Bytes => (0..count).try_for_each(|_| self.plain(r, plain)),
        }
    }

    /// The least bytes that such a structure takes.
    fn structure_min(self, fields: &[Field]) -> usize {
        let values: usize = self
            .present(fields)
            .filter(|field| field.tag.is_none())
            .map(|field| self.value_min(field.kind))
            .sum();
        values + usize::from(self.flexible)
    }

    fn value_min(self, kind: Kind) -> usize {
        match kind {
            Kind::Plain(plain) => self.plain_min(plain),
            Kind::List(_) | Kind::Structs(_) if self.flexible => 1,
            Kind::List(_) | Kind::Structs(_) => 4,
            Kind::One(fields) => self.structure_min(fields),
            Kind::Maybe(_) => 1,
        }
    }

    fn plain_min(self, plain: Plain) -> usize {
        match plain {
            Plain::Fixed(bytes) => bytes,
            Plain::Str | Plain::Bytes if self.flexible => 1,
            Plain::Str => 2,
            Plain::Bytes => 4,
        }
    }

    fn present(self, fields: &[Field]) -> impl Iterator<Item = &Field> {
        fields.iter().filter(move |field| field.is_in(self.version))
    }
}
