//! Which source offsets may be committed: for each source partition, those before the first record that Kafka does not have yet.
//!
//! Acknowledgements come per batch of the producer, so records of one source partition that went into one batch are one entry,
//! which remembers the last offset only. One slow topic partition holds up the source partitions that write to it and no
//! others (KAFKA-12226).

use std::collections::{HashMap, VecDeque};

use kconnect_client::producer::{Delivery, DeliverySpan};

use crate::api::{SourceOffset, SourcePartition};

/// What a producer says about records of one batch.
pub(crate) trait Acknowledgement {
    /// What it says about a single record.
    type One;
    /// Why a record was not written.
    type Error;

    /// That of a record.
    fn of(one: &Self::One) -> Self;

    /// Takes in a later record; false if it is of another batch.
    fn extend(&mut self, one: &Self::One) -> bool;

    /// Whether the records were written; nothing if that is not known yet.
    fn poll_result(&self) -> Option<Result<(), Self::Error>>;
}

impl Acknowledgement for DeliverySpan {
    type One = Delivery;
    type Error = kconnect_client::Error;

    fn of(one: &Delivery) -> Self {
        one.into()
    }

    fn extend(&mut self, one: &Delivery) -> bool {
        Self::extend(self, one)
    }

    fn poll_result(&self) -> Option<Result<(), kconnect_client::Error>> {
        self.try_result()
    }
}

/// Records of one task on their way to Kafka, in order for each source partition.
#[derive(Debug)]
pub(crate) struct Submitted<A> {
    partitions: Vec<InOrder<A>>,
    by_partition: HashMap<Option<SourcePartition>, usize>,
    /// The partition of the last record: mostly also that of the next one.
    last: usize,
    /// How many partitions there may be before idle ones are forgotten.
    keep: usize,
}

/// So many idle source partitions are no trouble.
const KEEP: usize = 1_024;

/// The records of one source partition.
#[derive(Debug)]
struct InOrder<A> {
    partition: Option<SourcePartition>,
    entries: VecDeque<Entry<A>>,
}

/// Records that are acknowledged together.
#[derive(Debug)]
struct Entry<A> {
    acknowledgement: A,
    /// That of the last of them.
    offset: Option<SourceOffset>,
}

impl<A: Acknowledgement> Submitted<A> {
    pub(crate) fn new() -> Self {
        Self {
            partitions: Vec::new(),
            by_partition: HashMap::new(),
            last: 0,
            keep: KEEP,
        }
    }

    /// Notes a record that was handed to the producer.
    pub(crate) fn submit(
        &mut self,
        partition: Option<&SourcePartition>,
        offset: Option<SourceOffset>,
        acknowledgement: &A::One,
    ) {
        let records = self.records_of(partition);
        if let Some(entry) = records.entries.back_mut()
            && entry.acknowledgement.extend(acknowledgement)
        {
            entry.offset = offset;
        } else {
            let acknowledgement = A::of(acknowledgement);
            records.entries.push_back(Entry {
                acknowledgement,
                offset,
            });
        }
    }

    fn records_of(&mut self, partition: Option<&SourcePartition>) -> &mut InOrder<A> {
        let is_last = self
            .partitions
            .get(self.last)
            .is_some_and(|records| same(records.partition.as_ref(), partition));
        if !is_last {
            let key = partition.cloned();
            self.last = match self.by_partition.get(&key) {
                Some(&at) => at,
                None => {
                    let at = self.partitions.len();
                    self.partitions.push(InOrder {
                        partition: key.clone(),
                        entries: VecDeque::new(),
                    });
                    self.by_partition.insert(key, at);
                    at
                }
            };
        }
        &mut self.partitions[self.last]
    }

    /// Takes what has been acknowledged without a gap, and hands over the last offset of each source partition.
    ///
    /// # Errors
    ///
    /// The first record that was not written; it and its successors stay. Other source partitions are handed over all the
    /// same.
    pub(crate) fn take_acknowledged(
        &mut self,
        mut committable: impl FnMut(&SourcePartition, Option<SourceOffset>),
    ) -> Result<(), A::Error> {
        let mut failed = None;
        for records in &mut self.partitions {
            let mut last = None;
            while let Some(entry) = records.entries.front() {
                match entry.acknowledgement.poll_result() {
                    None => break,
                    Some(Err(error)) => {
                        failed.get_or_insert(error);
                        break;
                    }
                    Some(Ok(())) => last = records.entries.pop_front(),
                }
            }
            if let (Some(partition), Some(entry)) = (&records.partition, last) {
                committable(partition, entry.offset);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Whether Kafka has every record.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.partitions
            .iter()
            .all(|records| records.entries.is_empty())
    }

    /// Forgets source partitions without records once there are very many: a source may name a new one for each file.
    pub(crate) fn forget_idle(&mut self) {
        if self.partitions.len() <= self.keep {
            return;
        }
        self.partitions
            .retain(|records| !records.entries.is_empty());
        self.by_partition = self
            .partitions
            .iter()
            .map(|records| records.partition.clone())
            .zip(0..)
            .collect();
        // Looked at again when there are twice as many: forgetting costs a little for each time there was a new one.
        self.keep = KEEP.max(2 * self.partitions.len());
        self.last = 0;
    }
}

fn same(one: Option<&SourcePartition>, other: Option<&SourcePartition>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.ptr_eq(other) || one == other,
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;
    use crate::data::Text;

    /// A batch: shared by the records in it.
    #[derive(Debug, Clone, Default)]
    struct Batch(Rc<Cell<Option<Result<(), &'static str>>>>);

    impl Batch {
        fn acknowledge(&self) {
            self.0.set(Some(Ok(())));
        }
    }

    impl Acknowledgement for Batch {
        type One = Self;
        type Error = &'static str;

        fn poll_result(&self) -> Option<Result<(), &'static str>> {
            self.0.get()
        }

        fn of(one: &Self) -> Self {
            one.clone()
        }

        fn extend(&mut self, one: &Self) -> bool {
            Rc::ptr_eq(&self.0, &one.0)
        }
    }

    fn partition(name: &str) -> SourcePartition {
        SourcePartition::new([("file", name)])
    }

    fn offset(position: i64) -> Option<SourceOffset> {
        Some(SourceOffset::one(Text::from_static("position"), position))
    }

    /// What can be committed now, as `file=position`.
    fn taken(submitted: &mut Submitted<Batch>) -> Result<Vec<String>, &'static str> {
        let mut taken = Vec::new();
        submitted.take_acknowledged(|partition, offset| {
            taken.push(format!(
                "{partition} {}",
                offset.map_or_else(|| "null".to_owned(), |offset| offset.to_string())
            ));
        })?;
        Ok(taken)
    }

    #[test]
    fn an_offset_can_be_committed_when_all_before_it_are_acknowledged() {
        let (file, other) = (partition("f"), partition("g"));
        let batches: [Batch; 3] = Default::default();
        let mut submitted = Submitted::new();
        submitted.submit(Some(&file), offset(1), &batches[0]);
        submitted.submit(Some(&file), offset(2), &batches[1]);
        submitted.submit(Some(&other), offset(7), &batches[2]);
        submitted.submit(Some(&file), offset(3), &batches[2]);
        batches[2].acknowledge();
        assert_eq!(taken(&mut submitted).unwrap(), ["{file=g} {position=7}"]);
        batches[0].acknowledge();
        assert_eq!(taken(&mut submitted).unwrap(), ["{file=f} {position=1}"]);
        assert!(!submitted.is_empty());
        batches[1].acknowledge();
        assert_eq!(taken(&mut submitted).unwrap(), ["{file=f} {position=3}"]);
        assert!(submitted.is_empty());
        assert_eq!(taken(&mut submitted).unwrap(), [""; 0]);
    }

    #[test]
    fn records_of_one_batch_and_partition_are_one_entry() {
        let (file, batch) = (partition("f"), Batch::default());
        let mut submitted = Submitted::new();
        for position in 1..=1_000 {
            submitted.submit(Some(&file), offset(position), &batch);
        }
        assert_eq!(submitted.partitions[0].entries.len(), 1);
        batch.acknowledge();
        assert_eq!(taken(&mut submitted).unwrap(), ["{file=f} {position=1000}"]);
    }

    #[test]
    fn a_record_that_was_not_written_is_an_error_and_holds_back_what_follows() {
        let file = partition("f");
        let batches: [Batch; 3] = Default::default();
        let mut submitted = Submitted::new();
        for (position, batch) in (1..).zip(&batches) {
            submitted.submit(Some(&file), offset(position), batch);
        }
        batches[0].acknowledge();
        batches[1].0.set(Some(Err("too large")));
        batches[2].acknowledge();
        let mut committed = Vec::new();
        let result = submitted.take_acknowledged(|_, offset| committed.push(offset));
        assert_eq!((result, committed), (Err("too large"), vec![offset(1)]));
        assert_eq!(taken(&mut submitted), Err("too large"));
    }

    #[test]
    fn records_without_a_source_partition_are_waited_for_but_not_committed() {
        let batch = Batch::default();
        let mut submitted = Submitted::new();
        submitted.submit(None, offset(1), &batch);
        assert!(!submitted.is_empty());
        batch.acknowledge();
        assert_eq!(taken(&mut submitted).unwrap(), [""; 0]);
        assert!(submitted.is_empty());
    }

    proptest! {
        /// Whatever order batches are acknowledged in, what is committed has no gap before it.
        #[test]
        fn nothing_is_committed_that_has_a_gap_before_it(
            records in prop::collection::vec((0..3_u8, 0..6_usize), 1..60),
            order in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let batches: [Batch; 6] = Default::default();
            let names = ["a", "b", "c"].map(partition);
            let mut submitted = Submitted::<Batch>::new();
            for (at, &(file, batch)) in (0..).zip(&records) {
                submitted.submit(Some(&names[usize::from(file)]), offset(at), &batches[batch]);
            }
            for batch in order {
                batches[batch].acknowledge();
                submitted.take_acknowledged(|partition, committed| {
                    let position = (0..).zip(&records).find(|&(at, _)| offset(at) == committed);
                    let (limit, _) = position.expect("an offset that was submitted");
                    for (at, &(file, batch)) in (0..=limit).zip(&records) {
                        let done = names[usize::from(file)] != *partition || batches[batch].poll_result().is_some();
                        assert!(done, "{partition}: {at} is not acknowledged");
                    }
                }).unwrap();
            }
            prop_assert!(submitted.is_empty());
        }
    }
}
