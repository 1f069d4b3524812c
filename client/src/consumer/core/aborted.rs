//! Which batches belong to aborted transactions (`isolation.level=read_committed`).

use std::collections::BTreeSet;

use kconnect_protocol::messages::fetch::AbortedTransaction;
use kconnect_protocol::records::{Batch, ControlType};

/// The aborted transactions of one partition's answer, as the batches pass by.
#[derive(Debug, Default)]
pub(crate) struct Aborted {
    /// Those that begin later, the nearest last.
    later: Vec<AbortedTransaction>,
    open: BTreeSet<i64>,
}

impl Aborted {
    /// Not every broker sorts its list, so we do.
    pub(crate) fn new(mut transactions: Vec<AbortedTransaction>) -> Self {
        transactions
            .sort_unstable_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self {
            later: transactions,
            open: BTreeSet::new(),
        }
    }

    /// Whether to skip this batch. Batches are to be shown in order, all of them.
    pub(crate) fn skips(&mut self, batch: &Batch) -> bool {
        while let Some(next) = self
            .later
            .pop_if(|next| next.first_offset <= batch.last_offset())
        {
            self.open.insert(next.producer_id);
        }
        batch.is_transactional() && self.open.contains(&batch.header().producer_id)
    }

    /// A marker passes by. Only ABORT ends an aborted transaction: markers of others are in between.
    pub(crate) fn marker(&mut self, batch: &Batch, kind: ControlType) {
        if kind == ControlType::ABORT {
            self.open.remove(&batch.header().producer_id);
        }
    }
}
