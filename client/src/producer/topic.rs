//! A topic's partitions, and which of them the next record goes to (KIP-480, KIP-794).

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use kconnect_protocol::murmur2;

use super::partition::Partition;

/// A topic as it was in the last metadata; a new one takes its place when partitions are added.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// By number, without gaps.
    pub(crate) partitions: Box<[Arc<Partition>]>,
    sticky: Arc<Sticky>,
}

/// The choice of a partition for records without a key: one until it has had a batch's worth of bytes, then another.
#[derive(Debug)]
pub(crate) struct Sticky {
    /// The partition in use; `NONE_YET` before the first.
    current: AtomicU32,
    random: AtomicU64,
}

const NONE_YET: u32 = u32::MAX;

impl Topic {
    pub(crate) fn new(name: Arc<str>, partitions: Vec<Arc<Partition>>, seed: u64) -> Self {
        let sticky = Sticky {
            current: AtomicU32::new(NONE_YET),
            random: AtomicU64::new(seed),
        };
        Self {
            name,
            partitions: partitions.into(),
            sticky: Arc::new(sticky),
        }
    }

    /// The same topic with more partitions.
    pub(crate) fn grown(&self, more: impl IntoIterator<Item = Arc<Partition>>) -> Self {
        let partitions = self.partitions.iter().cloned().chain(more).collect();
        Self {
            name: Arc::clone(&self.name),
            partitions,
            sticky: Arc::clone(&self.sticky),
        }
    }

    /// The partition of a key: the Java client's choice (murmur2).
    pub(crate) fn for_key(&self, key: &[u8]) -> Option<&Arc<Partition>> {
        let count = i32::try_from(self.partitions.len()).ok()?;
        usize::try_from(murmur2::partition_for_key(key, count))
            .ok()
            .and_then(|at| self.partitions.get(at))
    }

    /// The partition for records without a key.
    pub(crate) fn sticky(&self, is_adaptive: bool) -> Option<&Arc<Partition>> {
        let current = self.sticky.current.load(Ordering::Relaxed);
        match self.partitions.get(usize::try_from(current).ok()?) {
            Some(partition) => Some(partition),
            None => {
                self.switch(current, is_adaptive);
                let chosen = self.sticky.current.load(Ordering::Relaxed);
                self.partitions.get(usize::try_from(chosen).ok()?)
            }
        }
    }

    /// Chooses another partition after the one at `from`, unless another thread has done so.
    pub(crate) fn switch_from(&self, from: &Partition, is_adaptive: bool) {
        if let Ok(from) = u32::try_from(from.topic_partition.partition) {
            self.switch(from, is_adaptive);
        }
    }

    fn switch(&self, from: u32, is_adaptive: bool) {
        if self.sticky.current.load(Ordering::Relaxed) == from
            && let Some(to) = choose(&self.partitions, is_adaptive, self.sticky.random())
        {
            let _ = self.sticky.current.compare_exchange(
                from,
                to,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }
}

impl Sticky {
    /// The next number of the SplitMix64 sequence.
    fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        mix(self
            .random
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP))
    }
}

/// Spreads the bits of a number (the finalizer of SplitMix64).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Draws a partition among those with a leader, or among all if none has one.
///
/// Adaptive: with the longest queue among them of n batches, one with a queue of k is drawn n + 1 - k times as often.
fn choose(partitions: &[Arc<Partition>], is_adaptive: bool, random: u64) -> Option<u32> {
    let any_leader = partitions.iter().any(|partition| partition.has_leader());
    let candidates = || {
        partitions
            .iter()
            .filter(|partition| !any_leader || partition.has_leader())
    };
    let longest = candidates().map(|partition| partition.queued()).max()?;
    let weight = |partition: &Partition| match is_adaptive {
        true => u64::from((longest + 1).saturating_sub(partition.queued()).max(1)),
        false => 1,
    };
    let total: u64 = candidates().map(|partition| weight(partition)).sum();
    let mut left = random % total.max(1);
    let chosen = candidates().find(|partition| match left.checked_sub(weight(partition)) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    // Queues change while they are counted: the first one then.
    chosen
        .or_else(|| candidates().next())
        .and_then(|partition| u32::try_from(partition.topic_partition.partition).ok())
}
