//! The stream that Java's serialization makes of a `HashMap<byte[], byte[]>`: read and written.
//!
//! ```text
//! aced 0005                                magic, version
//! 73 72 "java.util.HashMap" uid 03 0002    object of a class with two fields that writes more itself
//!    'F' "loadFactor" 'I' "threshold" 78 70
//!    loadFactor threshold
//! 77 08 capacity size                      block of 8 bytes
//! 75 72 "[B" uid 02 0000 78 70 length ...  array of bytes; the class is described once,
//! 75 71 007e0002 length ...                after that there is a reference to it
//! 70                                       null
//! 78                                       end
//! ```

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::storage::offsets::StoredOffset;

const MAGIC: &[u8] = &[0xAC, 0xED, 0x00, 0x05];
const TC_NULL: u8 = 0x70;
const TC_REFERENCE: u8 = 0x71;
const TC_CLASSDESC: u8 = 0x72;
const TC_OBJECT: u8 = 0x73;
const TC_ARRAY: u8 = 0x75;
const TC_BLOCKDATA: u8 = 0x77;
const TC_ENDBLOCKDATA: u8 = 0x78;
/// The number of the first class or object that is described in a stream.
const FIRST_HANDLE: u32 = 0x007E_0000;

const HASH_MAP: &str = "java.util.HashMap";
const HASH_MAP_UID: u64 = 0x0507_DAC1_C316_60D1;
const BYTE_ARRAY: &str = "[B";
const BYTE_ARRAY_UID: u64 = 0xACF3_17F8_0608_54E0;
/// Serializable, and with a `writeObject` method of its own.
const HASH_MAP_FLAGS: u8 = 3;
const BYTE_ARRAY_FLAGS: u8 = 2;

/// Why bytes are not such a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamError {
    what: What,
    /// Bytes from the start.
    at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// The stream ends in the middle.
    Truncated,
    /// No stream of Java's serialization.
    NoStream,
    /// A map of another class.
    OtherClass(String),
    /// Something that such a map does not hold.
    Unexpected {
        tag: u8,
        expected: &'static str,
    },
    /// The class is known, but not with these fields.
    OtherFields,
    BadReference,
    NegativeSize,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Truncated => f.write_str("it ends in the middle"),
            What::NoStream => f.write_str("it does not start as a Java serialization stream"),
            What::OtherClass(name) => write!(f, "expected {HASH_MAP} but found {name:?}"),
            What::Unexpected { tag, expected } => {
                write!(f, "expected {expected} but found type code 0x{tag:02x}")
            }
            What::OtherFields => write!(f, "the fields of {HASH_MAP} are not the known ones"),
            What::BadReference => f.write_str("a reference leads to nothing that fits"),
            What::NegativeSize => f.write_str("a size is negative"),
        }?;
        write!(f, " (at byte {})", self.at)
    }
}

impl std::error::Error for StreamError {}

/// Reads a stream. Entries with a null key, which no worker writes, are left out.
pub(crate) fn read(stream: &Bytes) -> Result<Vec<StoredOffset>, StreamError> {
    let mut reader = Reader {
        stream,
        at: 0,
        handles: Vec::new(),
    };
    if !stream.starts_with(MAGIC) {
        let what = if MAGIC.starts_with(stream) {
            What::Truncated
        } else {
            What::NoStream
        };
        return Err(StreamError {
            what,
            at: stream.len().min(MAGIC.len()),
        });
    }
    reader.at = MAGIC.len();
    reader.hash_map()
}

/// What a number in the stream may refer to.
#[derive(Clone)]
enum Handle {
    /// The class of byte arrays.
    ByteArrayClass,
    /// An array that was there before.
    Array(Bytes),
    /// Something that nothing here refers to.
    Other,
}

struct Reader<'a> {
    stream: &'a Bytes,
    at: usize,
    handles: Vec<Handle>,
}

impl Reader<'_> {
    fn error<T>(&self, what: What) -> Result<T, StreamError> {
        Err(StreamError { what, at: self.at })
    }

    fn take(&mut self, length: usize) -> Result<Bytes, StreamError> {
        let end = self
            .at
            .checked_add(length)
            .filter(|&end| end <= self.stream.len());
        let Some(end) = end else {
            self.at = self.stream.len();
            return self.error(What::Truncated);
        };
        let taken = self.stream.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StreamError> {
        let bytes = self.take(N)?;
        <[u8; N]>::try_from(&bytes[..]).or_else(|_| self.error(What::Truncated))
    }

    fn u8(&mut self) -> Result<u8, StreamError> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, StreamError> {
        self.array().map(u16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, StreamError> {
        self.array().map(i32::from_be_bytes)
    }

    fn size(&mut self) -> Result<usize, StreamError> {
        let size = self.i32()?;
        usize::try_from(size).or_else(|_| self.error(What::NegativeSize))
    }

    fn expect(&mut self, tag: u8, expected: &'static str) -> Result<(), StreamError> {
        let found = self.u8()?;
        if found == tag {
            Ok(())
        } else {
            self.unexpected(found, expected)
        }
    }

    fn unexpected<T>(&mut self, tag: u8, expected: &'static str) -> Result<T, StreamError> {
        self.at -= 1;
        self.error(What::Unexpected { tag, expected })
    }

    /// A class name: two bytes of length and text.
    fn name(&mut self) -> Result<Bytes, StreamError> {
        let length = self.u16()?;
        self.take(length.into())
    }

    fn hash_map(&mut self) -> Result<Vec<StoredOffset>, StreamError> {
        self.expect(TC_OBJECT, "an object")?;
        self.expect(TC_CLASSDESC, "a class")?;
        self.hash_map_class()?;
        self.handles.push(Handle::Other);
        // Load factor and threshold are of no use here.
        self.take(8)?;
        self.expect(TC_BLOCKDATA, "a block of data")?;
        let length = self.u8()?;
        if length != 8 {
            return self.unexpected(length, "8 bytes of data");
        }
        // The capacity is of no use either.
        self.i32()?;
        let size = self.size()?;
        let mut offsets = Vec::new();
        for _ in 0..size {
            let key = self.byte_array()?;
            let value = self.byte_array()?;
            if let Some(key) = key {
                offsets.push((key, value));
            }
        }
        self.expect(TC_ENDBLOCKDATA, "the end of the map")?;
        Ok(offsets)
    }

    fn hash_map_class(&mut self) -> Result<(), StreamError> {
        let start = self.at;
        let name = self.name()?;
        if name != HASH_MAP {
            self.at = start;
            return self.error(What::OtherClass(
                String::from_utf8_lossy(&name).into_owned(),
            ));
        }
        self.take(8)?;
        self.handles.push(Handle::Other);
        let flags = self.u8()?;
        let fields = self.u16()?;
        let known = flags == HASH_MAP_FLAGS
            && fields == 2
            && (self.u8()?, &self.name()?[..]) == (b'F', b"loadFactor")
            && (self.u8()?, &self.name()?[..]) == (b'I', b"threshold");
        if !known {
            return self.error(What::OtherFields);
        }
        self.expect(TC_ENDBLOCKDATA, "no annotation of the class")?;
        self.expect(TC_NULL, "no superclass")
    }

    /// An array, a reference to one, or null.
    fn byte_array(&mut self) -> Result<Option<Bytes>, StreamError> {
        match self.u8()? {
            TC_NULL => Ok(None),
            TC_REFERENCE => match self.reference()? {
                Handle::Array(bytes) => Ok(Some(bytes)),
                _ => self.error(What::BadReference),
            },
            TC_ARRAY => {
                self.byte_array_class()?;
                let handle = self.handles.len();
                self.handles.push(Handle::Other);
                let length = self.size()?;
                let bytes = self.take(length)?;
                self.handles[handle] = Handle::Array(bytes.clone());
                Ok(Some(bytes))
            }
            tag => self.unexpected(tag, "a byte array"),
        }
    }

    fn byte_array_class(&mut self) -> Result<(), StreamError> {
        match self.u8()? {
            TC_REFERENCE => match self.reference()? {
                Handle::ByteArrayClass => Ok(()),
                _ => self.error(What::BadReference),
            },
            TC_CLASSDESC => {
                let start = self.at;
                let name = self.name()?;
                if name != BYTE_ARRAY {
                    self.at = start;
                    let name = String::from_utf8_lossy(&name).into_owned();
                    return self.error(What::OtherClass(name));
                }
                self.take(8)?;
                self.handles.push(Handle::ByteArrayClass);
                self.u8()?;
                if self.u16()? != 0 {
                    return self.error(What::OtherFields);
                }
                self.expect(TC_ENDBLOCKDATA, "no annotation of the class")?;
                self.expect(TC_NULL, "no superclass")
            }
            tag => self.unexpected(tag, "the class of byte arrays"),
        }
    }

    fn reference(&mut self) -> Result<Handle, StreamError> {
        let number = u32::from_be_bytes(self.array()?);
        let index = number
            .checked_sub(FIRST_HANDLE)
            .and_then(|index| usize::try_from(index).ok());
        match index.and_then(|index| self.handles.get(index)) {
            Some(handle) => Ok(handle.clone()),
            None => self.error(What::BadReference),
        }
    }
}

/// Writes a stream as Java would, if its map held the entries in this order.
pub(crate) fn write<'a>(
    offsets: impl ExactSizeIterator<Item = (&'a Bytes, Option<&'a Bytes>)>,
) -> Result<Bytes, TooLarge> {
    let size = i32::try_from(offsets.len()).map_err(|_| TooLarge)?;
    let (capacity, threshold) = table(size);
    let mut out = BytesMut::new();
    out.put_slice(MAGIC);
    out.put_u8(TC_OBJECT);
    out.put_u8(TC_CLASSDESC);
    put_name(&mut out, HASH_MAP);
    out.put_u64(HASH_MAP_UID);
    out.put_u8(HASH_MAP_FLAGS);
    out.put_u16(2);
    out.put_u8(b'F');
    put_name(&mut out, "loadFactor");
    out.put_u8(b'I');
    put_name(&mut out, "threshold");
    out.put_u8(TC_ENDBLOCKDATA);
    out.put_u8(TC_NULL);
    out.put_f32(0.75);
    out.put_i32(threshold);
    out.put_u8(TC_BLOCKDATA);
    out.put_u8(8);
    out.put_i32(capacity);
    out.put_i32(size);
    let mut class_is_known = false;
    for (key, value) in offsets {
        put_array(&mut out, key, &mut class_is_known)?;
        match value {
            Some(value) => put_array(&mut out, value, &mut class_is_known)?,
            None => out.put_u8(TC_NULL),
        }
    }
    out.put_u8(TC_ENDBLOCKDATA);
    Ok(out.freeze())
}

/// More entries or longer ones than a Java map can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Capacity and threshold of a `HashMap` into which so many entries were put one by one.
fn table(size: i32) -> (i32, i32) {
    let mut capacity = 16;
    while size > capacity / 4 * 3 && capacity < 1 << 30 {
        capacity *= 2;
    }
    // An empty map has no table yet.
    (capacity, if size == 0 { 0 } else { capacity / 4 * 3 })
}

fn put_name(out: &mut BytesMut, name: &str) {
    out.put_u16(u16::try_from(name.len()).unwrap_or(u16::MAX));
    out.put_slice(name.as_bytes());
}

fn put_array(out: &mut BytesMut, bytes: &[u8], class_is_known: &mut bool) -> Result<(), TooLarge> {
    out.put_u8(TC_ARRAY);
    if *class_is_known {
        // The map's class is the first that was described, the map the second.
        out.put_u8(TC_REFERENCE);
        out.put_u32(FIRST_HANDLE + 2);
    } else {
        out.put_u8(TC_CLASSDESC);
        put_name(out, BYTE_ARRAY);
        out.put_u64(BYTE_ARRAY_UID);
        out.put_u8(BYTE_ARRAY_FLAGS);
        out.put_u16(0);
        out.put_u8(TC_ENDBLOCKDATA);
        out.put_u8(TC_NULL);
        *class_is_known = true;
    }
    out.put_i32(i32::try_from(bytes.len()).map_err(|_| TooLarge)?);
    out.put_slice(bytes);
    Ok(())
}
