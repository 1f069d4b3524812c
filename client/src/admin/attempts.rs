//! Attempts at something about several items: those that succeed or fail for good are done, the others are tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use kconnect_protocol::ErrorCode;

use super::Results;
use crate::cluster::Retry;
use crate::error::{Error, ErrorKind};

/// What one attempt brought for one item.
#[derive(Debug)]
pub(super) enum Outcome<T> {
    /// That is the result.
    Done(Result<T, Error>),
    /// It may be another one next time.
    Again(Error),
}

impl<T> Outcome<T> {
    /// An item's error code, or its result: again for the codes in `again`.
    pub(super) fn of(
        code: ErrorCode,
        message: Option<&str>,
        again: &[ErrorCode],
        result: impl FnOnce() -> T,
    ) -> Self {
        match code.check() {
            Ok(()) => Self::Done(Ok(result())),
            Err(code) if again.contains(&code) => Self::Again(Error::broker_says(code, message)),
            Err(code) => Self::Done(Err(Error::broker_says(code, message))),
        }
    }

    /// What became of an item whose request failed.
    pub(super) fn failed(error: Error) -> Self {
        if error.is_retriable() {
            Self::Again(error)
        } else {
            Self::Done(Err(error))
        }
    }
}

/// The attempts at something about several items.
#[derive(Debug)]
pub(super) struct Attempts<K, T> {
    retry: Retry,
    is_first: bool,
    /// Items without a result, and why the last attempt brought none.
    pending: BTreeMap<K, Option<Error>>,
    results: Results<K, T>,
}

impl<K: Ord + Clone, T> Attempts<K, T> {
    pub(super) fn new(items: impl IntoIterator<Item = K>, retry: Retry) -> Self {
        Self {
            retry,
            is_first: true,
            pending: items.into_iter().map(|item| (item, None)).collect(),
            results: BTreeMap::new(),
        }
    }

    /// The items of the next attempt, after a pause; `None` when every item has its result.
    pub(super) async fn next(&mut self) -> Option<Vec<K>> {
        if !std::mem::take(&mut self.is_first)
            && let Some(error) = self.pending.values().flatten().next()
            && self.retry.pause(error.clone()).await.is_err()
        {
            self.give_up();
        }
        let pending: Vec<K> = self.pending.keys().cloned().collect();
        (!pending.is_empty()).then_some(pending)
    }

    /// How long the next attempt may take.
    pub(super) fn left(&self) -> Duration {
        self.retry.left()
    }

    /// Takes what an attempt brought. An item that it does not mention is left out by a broker that misbehaves.
    pub(super) fn take(&mut self, brought: Result<Vec<(K, Outcome<T>)>, Error>) {
        let brought = match brought {
            Ok(brought) => brought,
            Err(error) => {
                let failed = |item: &K| (item.clone(), Outcome::failed(error.clone()));
                self.pending.keys().map(failed).collect()
            }
        };
        let mut asked = std::mem::take(&mut self.pending);
        for (item, outcome) in brought {
            if asked.remove(&item).is_none() {
                continue;
            }
            match outcome {
                Outcome::Done(result) => drop(self.results.insert(item, result)),
                Outcome::Again(error) => drop(self.pending.insert(item, Some(error))),
            }
        }
        for item in asked.into_keys() {
            let error = Error::new(
                ErrorKind::BrokerMisbehaved,
                "the answer leaves out what was asked for",
            );
            self.results.insert(item, Err(error));
        }
    }

    /// The results; `doing` says what was being done to an item, for its error.
    pub(super) fn finish(mut self, doing: impl Fn(&K) -> String) -> Results<K, T> {
        self.give_up();
        let named = |(item, result): (K, Result<T, Error>)| {
            let result = result.map_err(|error| error.during(doing(&item)));
            (item, result)
        };
        self.results.into_iter().map(named).collect()
    }

    fn give_up(&mut self) {
        for (item, error) in std::mem::take(&mut self.pending) {
            let error =
                error.unwrap_or_else(|| Error::new(ErrorKind::Timeout, "there was no time left"));
            self.results.insert(item, Err(error));
        }
    }
}
