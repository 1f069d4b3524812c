//! Faults that a test asks for: what a real broker does on a bad day, on demand.
//!
//! ```
//! use kconnect_broker::{Fault, Faults};
//! use kconnect_protocol::{ApiKey, ErrorCode};
//!
//! # fn example(faults: &Faults) {
//! // The first two batches for orders-0 are refused.
//! let error = Fault::error(ApiKey::PRODUCE, ErrorCode::NotLeaderOrFollower);
//! faults.inject(error.topic("orders").partition(0).times(2));
//! // The next commit is applied, and nobody hears of it.
//! faults.inject(Fault::lose_answer(ApiKey::OFFSET_COMMIT));
//! # }
//! ```

mod fault;

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use kconnect_protocol::ApiKey;

pub(crate) use self::fault::{Aftermath, Effect};
pub use self::fault::{Fault, RequestView};

/// The faults of a broker. A clone is another handle to the same ones.
#[derive(Clone, Default)]
pub struct Faults {
    table: Arc<Mutex<Table>>,
}

/// Names a fault that was injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId(u64);

#[derive(Default)]
struct Table {
    next: u64,
    active: BTreeMap<FaultId, Fault>,
    hits: BTreeMap<FaultId, u32>,
    requests: BTreeMap<ApiKey, u64>,
    waiting: Vec<Waker>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults")
            .field("active", &self.table().active)
            .finish_non_exhaustive()
    }
}

impl Faults {
    /// Makes a fault happen from now on. Of several that fit a request the one injected first does.
    pub fn inject(&self, fault: Fault) -> FaultId {
        let mut table = self.table();
        let id = FaultId(table.next);
        table.next += 1;
        table.active.insert(id, fault);
        id
    }

    /// Ends a fault; requests that it holds back stay where they are.
    pub fn remove(&self, id: FaultId) {
        self.table().active.remove(&id);
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.table().active.clear();
    }

    /// How often a fault has happened.
    #[must_use]
    pub fn hits(&self, id: FaultId) -> u32 {
        self.table().hits.get(&id).copied().unwrap_or(0)
    }

    /// Waits until a fault has happened `times` times.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn hit(&self, id: FaultId, times: u32) {
        self.until(|table| table.hits.get(&id).is_some_and(|hits| *hits >= times))
            .await;
    }

    /// How many requests of an API have come, those with a fault included.
    #[must_use]
    pub fn requests(&self, api: ApiKey) -> u64 {
        self.table().requests.get(&api).copied().unwrap_or(0)
    }

    /// Waits until `count` requests of an API have come since the broker was started.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn requested(&self, api: ApiKey, count: u64) {
        self.until(|table| table.requests.get(&api).is_some_and(|n| *n >= count))
            .await;
    }

    async fn until(&self, reached: impl Fn(&Table) -> bool) {
        poll_fn(|context| {
            let mut table = self.table();
            if reached(&table) {
                return Poll::Ready(());
            }
            table.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Counts a request, and finds out what is to go wrong with it; `view` is made if a fault may fit.
    pub(crate) fn strike<'a>(
        &self,
        api: ApiKey,
        view: impl FnOnce() -> RequestView<'a>,
    ) -> Option<Effect> {
        let mut table = self.table();
        *table.requests.entry(api).or_default() += 1;
        let effect = if table.active.values().any(|fault| fault.may_fit(api)) {
            table.find(&view())
        } else {
            None
        };
        let waiting = std::mem::take(&mut table.waiting);
        drop(table);
        waiting.into_iter().for_each(Waker::wake);
        effect
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic under the lock leaves nothing half done in here.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn find(&mut self, view: &RequestView<'_>) -> Option<Effect> {
        let mut struck = None;
        for (id, fault) in &mut self.active {
            if fault.strikes(view) {
                struck = Some((*id, fault.effect(), fault.is_spent()));
                break;
            }
        }
        let (id, effect, spent) = struck?;
        *self.hits.entry(id).or_default() += 1;
        if spent {
            self.active.remove(&id);
        }
        tracing::debug!(api = %view.api, ?effect, "a fault happens");
        Some(effect)
    }
}

#[cfg(test)]
mod tests {
    use kconnect_protocol::ErrorCode;

    use super::*;

    fn strike(faults: &Faults, api: ApiKey, partitions: &[(&str, i32)]) -> Option<Effect> {
        let partitions: Vec<_> = partitions
            .iter()
            .map(|(topic, partition)| ((*topic).to_owned(), *partition))
            .collect();
        faults.strike(api, || RequestView {
            api,
            version: 0,
            client_id: Some("test"),
            partitions,
        })
    }

    #[test]
    fn a_fault_happens_once_unless_told_otherwise() {
        let faults = Faults::default();
        let id = faults.inject(Fault::silence(ApiKey::FETCH));
        assert_eq!(strike(&faults, ApiKey::PRODUCE, &[]), None);
        assert_eq!(strike(&faults, ApiKey::FETCH, &[]), Some(Effect::Silence));
        assert_eq!(strike(&faults, ApiKey::FETCH, &[]), None);
        assert_eq!((faults.hits(id), faults.requests(ApiKey::FETCH)), (1, 2));
    }

    #[test]
    fn the_first_requests_can_be_let_through() {
        let faults = Faults::default();
        faults.inject(Fault::disconnect(ApiKey::FETCH).skip(1).times(2));
        let happened: Vec<_> = (0..4)
            .map(|_| strike(&faults, ApiKey::FETCH, &[]).is_some())
            .collect();
        assert_eq!(happened, [false, true, true, false]);
    }

    #[test]
    fn a_fault_can_be_kept_to_one_partition() {
        let faults = Faults::default();
        let error = Fault::error(ApiKey::PRODUCE, ErrorCode::NotLeaderOrFollower);
        faults.inject(error.topic("t").partition(1).always());
        assert_eq!(
            strike(&faults, ApiKey::PRODUCE, &[("t", 0), ("u", 1)]),
            None
        );
        let struck = strike(&faults, ApiKey::PRODUCE, &[("u", 0), ("t", 1)]);
        assert_eq!(
            struck,
            Some(Effect::Error {
                error: ErrorCode::NotLeaderOrFollower,
                topic: Some("t".to_owned()),
                partition: Some(1),
            })
        );
        faults.clear();
        assert_eq!(strike(&faults, ApiKey::PRODUCE, &[("t", 1)]), None);
    }

    #[test]
    fn a_predicate_sees_the_request() {
        let faults = Faults::default();
        faults.inject(Fault::any_api_silence().when(|r| r.client_id == Some("other")));
        assert_eq!(strike(&faults, ApiKey::FETCH, &[]), None);
    }
}
