//! How the messages of each API lie in their bytes, in every version: the table that the walker
//! follows.
//!
//! A layout has a message's fields in their order, each with the versions that have it. Tagged
//! fields stand last. What may be null in some version is taken as nullable in all: the generated
//! decoders know better and refuse.

mod cluster;
mod group;
mod security;
mod topic;
mod transaction;

use crate::api::{ApiKey, VersionRange};

/// The messages of one API.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) api: ApiKey,
    /// The versions that the generated decoders read.
    pub(crate) versions: VersionRange,
    pub(crate) request: &'static [Field],
    pub(crate) response: &'static [Field],
}

/// A field, and the versions that have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) kind: Kind,
    since: i16,
    until: i16,
    pub(crate) tag: Option<u32>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Plain(Plain),
    /// An array of values without fields.
    List(Plain),
    /// An array of structures.
    Structs(&'static [Field]),
    /// A structure.
    One(&'static [Field]),
    /// A byte, 1 if a structure follows.
    Maybe(&'static [Field]),
}

/// A value without fields.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plain {
    /// That many bytes.
    Fixed(usize),
    Str,
    Bytes,
}

/// The layout of an API, if its messages can be read.
pub(crate) fn of(api: ApiKey) -> Option<&'static Layout> {
    all().find(|layout| layout.api == api)
}

/// Every layout.
pub(crate) fn all() -> impl Iterator<Item = &'static Layout> {
    [
        group::GROUPS,
        topic::TOPICS,
        transaction::TRANSACTIONS,
        cluster::CLUSTER,
        security::SECURITY,
    ]
    .into_iter()
    .flatten()
}

const I8: Field = fixed(1);
const I16: Field = fixed(2);
const I32: Field = fixed(4);
const I64: Field = fixed(8);
const F64: Field = fixed(8);
const UUID: Field = fixed(16);
const STR: Field = field(Kind::Plain(Plain::Str));
const BYTES: Field = field(Kind::Plain(Plain::Bytes));

const fn fixed(bytes: usize) -> Field {
    field(Kind::Plain(Plain::Fixed(bytes)))
}

const fn list(of: Field) -> Field {
    match of.kind {
        Kind::Plain(plain) => field(Kind::List(plain)),
        _ => panic!("a list is of values without fields"),
    }
}

const fn structs(fields: &'static [Field]) -> Field {
    field(Kind::Structs(fields))
}

const fn one(fields: &'static [Field]) -> Field {
    field(Kind::One(fields))
}

const fn maybe(fields: &'static [Field]) -> Field {
    field(Kind::Maybe(fields))
}

const fn field(kind: Kind) -> Field {
    Field {
        kind,
        since: 0,
        until: i16::MAX,
        tag: None,
    }
}

impl Field {
    const fn since(mut self, version: i16) -> Self {
        self.since = version;
        self
    }

    const fn until(mut self, version: i16) -> Self {
        self.until = version;
        self
    }

    const fn tag(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Whether `version` has this field.
    pub(crate) const fn is_in(&self, version: i16) -> bool {
        self.since <= version && version <= self.until
    }
}

impl Layout {
    const fn new(
        api: ApiKey,
        min: i16,
        max: i16,
        request: &'static [Field],
        response: &'static [Field],
    ) -> Self {
        Self {
            api,
            versions: VersionRange::new(min, max),
            request,
            response,
        }
    }
}
