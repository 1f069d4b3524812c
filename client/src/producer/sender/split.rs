//! A batch that is too large for the broker goes on as two.

use std::sync::Arc;

use kconnect_protocol::records::{Batches, Header, RecordBatchBuilder, SealedBatch};

use super::{Sender, drain::compress};
use crate::producer::{
    batch::{ProducerBatch, Stamp},
    delivery::Outcome,
    errors,
    identity::advance,
    partition::PartitionId,
};

/// The most that the records of one batch may unpack to, when it is split.
const UNPACKED_BYTES_MAX: usize = 1 << 30;

impl Sender {
    /// Puts two halves in the place of a batch of at least two records. They share its sequence numbers, so that the
    /// batches after it keep theirs.
    pub(super) fn split(&mut self, id: PartitionId, at: usize) {
        let codec = self.terms.compression;
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        let Some(batch) = queue.batches.get_mut(at) else {
            return;
        };
        let halves = match halve(batch) {
            Ok(halves) => halves,
            Err(error) => {
                let error = errors::cannot_split(&queue.partition.topic_partition, &*error);
                return self.fail(id, at, |batch| batch.failure(&error));
            }
        };
        // Taken out by hand: its sequence leaves no gap, the halves have it.
        let Some(mut whole) = queue.batches.remove(at) else {
            return;
        };
        let mut stamp = whole.stamp;
        let mut parts = Vec::new();
        let mut first = 0;
        for (offset, half) in halves.into_iter().enumerate() {
            let (half_id, memory) = (queue.batch_id(), whole.memory.split(half.size()));
            let records = u32::try_from(half.len()).unwrap_or(u32::MAX);
            let mut part = ProducerBatch::new(
                half_id,
                half,
                whole.fate.part(records),
                memory,
                whole.created,
            );
            part.attempts = whole.attempts;
            part.set_stamp(stamp);
            stamp = stamp.map(|stamp| Stamp {
                base_sequence: advance(stamp.base_sequence, records),
                ..stamp
            });
            parts.push((first, Arc::clone(part.fate.completion())));
            first += records;
            queue.batches.insert(at + offset, part);
            compress(queue, at + offset, codec, &mut self.actions);
        }
        whole.fate.settle(Outcome::Split(parts.into()));
        queue.rewind();
    }
}

/// The first and the second half of a batch's records.
fn halve(
    batch: &mut ProducerBatch,
) -> Result<[SealedBatch; 2], Box<dyn std::error::Error + Send + Sync>> {
    let bytes = batch.bytes().ok_or("it is being compressed")?;
    let half = batch.records / 2;
    let mut builders = [
        RecordBatchBuilder::new(usize::MAX),
        RecordBatchBuilder::new(usize::MAX),
    ];
    let whole = Batches::new(bytes).next().ok_or("it is empty")??;
    let records = whole.records(UNPACKED_BYTES_MAX)?;
    for (index, record) in (0_u32..).zip(records.iter()) {
        let record = record?;
        let headers: Vec<Header<'_>> = record.headers.iter().collect();
        let builder = &mut builders[usize::from(index >= half)];
        builder.append_parts(
            record.timestamp,
            record.key,
            record.value,
            headers.into_iter(),
        )?;
    }
    Ok(builders.map(RecordBatchBuilder::seal))
}
