//! A set of connectors and tasks, the currency of an assignment.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::runtime::ConnectorTaskId;

/// Connectors and tasks that a worker runs, gets or gives up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Names of connectors: the connector instance itself, without its tasks.
    pub connectors: BTreeSet<Arc<str>>,
    /// Tasks.
    pub tasks: BTreeSet<ConnectorTaskId>,
}

impl Work {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connectors.is_empty() && self.tasks.is_empty()
    }

    /// Connectors and tasks together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connectors.len() + self.tasks.len()
    }

    /// Adds everything of `other`.
    pub fn add(&mut self, other: &Self) {
        self.connectors.extend(other.connectors.iter().cloned());
        self.tasks.extend(other.tasks.iter().cloned());
    }

    /// Takes away everything of `other`.
    pub fn remove(&mut self, other: &Self) {
        self.connectors
            .retain(|connector| !other.connectors.contains(connector));
        self.tasks.retain(|task| !other.tasks.contains(task));
    }

    /// What is in here and in none of `others`.
    #[must_use]
    pub fn without(&self, others: &[&Self]) -> Self {
        let mut rest = self.clone();
        for other in others {
            rest.remove(other);
        }
        rest
    }

    /// What is in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        Self {
            connectors: self
                .connectors
                .intersection(&other.connectors)
                .cloned()
                .collect(),
            tasks: self.tasks.intersection(&other.tasks).cloned().collect(),
        }
    }

    /// Whether anything is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        !self.connectors.is_disjoint(&other.connectors) || !self.tasks.is_disjoint(&other.tasks)
    }
}

impl<'a> FromIterator<&'a Self> for Work {
    fn from_iter<I: IntoIterator<Item = &'a Self>>(parts: I) -> Self {
        parts.into_iter().fold(Self::default(), |mut all, part| {
            all.add(part);
            all
        })
    }
}
