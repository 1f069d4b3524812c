//! Makes messages that conform to a layout out of any bytes: for tests and fuzz targets, which get
//! deep into the decoders that way.

use bytes::{BufMut, Bytes, BytesMut};

use super::Direction;
use super::layouts::{self, Field, Kind, Plain};
use crate::api::ApiKey;
use crate::wire::Writer;

/// Every API, version and direction that has a layout.
pub fn every_message() -> impl Iterator<Item = (ApiKey, Direction, i16)> {
    let messages =
        layouts::all().flat_map(|layout| layout.versions.iter().map(|v| (layout.api, v)));
    messages.flat_map(|(api, version)| {
        [Direction::Request, Direction::Response].map(|direction| (api, direction, version))
    })
}

/// A message of the given kind whose lengths, counts and values are taken from `entropy`; empty
/// if there is no such message.
#[must_use]
pub fn sample_message(api: ApiKey, direction: Direction, version: i16, entropy: &[u8]) -> Bytes {
    let Some(layout) = layouts::of(api).filter(|layout| layout.versions.contains(version)) else {
        return Bytes::new();
    };
    let fields = match direction {
        Direction::Request => layout.request,
        Direction::Response => layout.response,
    };
    let mut sample = Sample {
        entropy: entropy.iter().copied(),
        version,
        flexible: api.is_flexible(version),
        out: BytesMut::new(),
    };
    sample.structure(fields);
    sample.out.freeze()
}

struct Sample<'a> {
    entropy: std::iter::Copied<std::slice::Iter<'a, u8>>,
    version: i16,
    flexible: bool,
    out: BytesMut,
}

impl Sample<'_> {
    /// The next byte of entropy; zero, which means empty, once it is used up.
    fn byte(&mut self) -> u8 {
        self.entropy.next().unwrap_or(0)
    }

    fn structure(&mut self, fields: &[Field]) {
        let version = self.version;
        let present = || fields.iter().filter(move |field| field.is_in(version));
        for field in present().filter(|field| field.tag.is_none()) {
            self.value(field.kind);
        }
        if self.flexible {
            let known: Vec<_> = present().filter(|field| field.tag.is_some()).collect();
            self.tags(&known);
        }
    }

    /// Some of the known tagged fields, then perhaps one that nobody knows.
    fn tags(&mut self, known: &[&Field]) {
        let chosen: Vec<_> = known.iter().filter(|_| self.byte() & 1 == 1).collect();
        let stranger = self.byte() & 7 == 7;
        self.put_varint(chosen.len() + usize::from(stranger));
        for field in chosen {
            let before = std::mem::take(&mut self.out);
            self.value(field.kind);
            let value = std::mem::replace(&mut self.out, before);
            self.put_varint(field.tag.unwrap_or_default() as usize);
            self.put_varint(value.len());
            self.out.put_slice(&value);
        }
        if stranger {
            let length = usize::from(self.byte() & 3);
            self.put_varint(10_000);
            self.put_varint(length);
            self.fill(length);
        }
    }

    fn value(&mut self, kind: Kind) {
        match kind {
            Kind::Plain(plain) => self.plain(plain),
            Kind::List(plain) => {
                for _ in 0..self.count() {
                    self.plain(plain);
                }
            }
            Kind::Structs(fields) => {
                for _ in 0..self.count() {
                    self.structure(fields);
                }
            }
            Kind::One(fields) => self.structure(fields),
            Kind::Maybe(fields) => {
                if self.byte() & 1 == 1 {
                    self.out.put_i8(1);
                    self.structure(fields);
                } else {
                    self.out.put_i8(-1);
                }
            }
        }
    }

    fn plain(&mut self, plain: Plain) {
        match plain {
            Plain::Fixed(bytes) => self.fill(bytes),
            Plain::Str => {
                let text = self.text();
                self.writer().string("", &text).expect("a few letters");
            }
            Plain::Bytes => {
                let text = self.text();
                self.writer()
                    .bytes("", text.as_bytes())
                    .expect("a few letters");
            }
        }
    }

    fn text(&mut self) -> String {
        let length = self.byte() & 7;
        (0..length)
            .map(|_| char::from(b'a' + (self.byte() & 15)))
            .collect()
    }

    fn count(&mut self) -> usize {
        let count = usize::from(self.byte() & 3);
        self.writer().count("", count).expect("at most three");
        count
    }

    fn fill(&mut self, bytes: usize) {
        for _ in 0..bytes {
            let byte = self.byte();
            self.out.put_u8(byte);
        }
    }

    fn put_varint(&mut self, value: usize) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        self.writer().unsigned_varint(value);
    }

    fn writer(&mut self) -> Writer<'_> {
        Writer::new(&mut self.out, self.flexible)
    }
}
