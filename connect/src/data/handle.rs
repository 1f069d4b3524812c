//! A value that many share: counted, or static and not even counted.

use std::ops::Deref;
use std::sync::Arc;

/// A value that many share. A clone of a static one touches no counter, which all threads would write to for each record.
#[derive(Debug)]
pub(super) enum Handle<T: 'static> {
    Counted(Arc<T>),
    Static(&'static T),
}

impl<T> Handle<T> {
    pub(super) fn ptr_eq(&self, other: &Self) -> bool {
        std::ptr::eq(&**self, &**other)
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Counted(counted) => Self::Counted(Arc::clone(counted)),
            Self::Static(shared) => Self::Static(shared),
        }
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Counted(counted) => counted,
            Self::Static(shared) => shared,
        }
    }
}
