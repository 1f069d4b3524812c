//! Records of one batch, followed as one: for who only wants to know how far everything was written.

use std::sync::Arc;

use super::Delivery;
use super::delivery::{Completion, Outcome};
use crate::Error;

/// The fate of records that were sent one after the other and went into one batch.
///
/// It costs no more than one [`Delivery`], however many records it follows.
#[derive(Debug)]
pub struct DeliverySpan {
    completion: Arc<Completion>,
    first: u32,
    last: u32,
}

impl From<&Delivery> for DeliverySpan {
    fn from(delivery: &Delivery) -> Self {
        let (completion, index) = delivery.parts();
        Self {
            completion: Arc::clone(completion),
            first: index,
            last: index,
        }
    }
}

impl DeliverySpan {
    /// Follows a later record as well, if it is in the same batch; false if it is not.
    pub fn extend(&mut self, delivery: &Delivery) -> bool {
        let (completion, index) = delivery.parts();
        let is_same = Arc::ptr_eq(&self.completion, completion);
        if is_same {
            self.last = self.last.max(index);
        }
        is_same
    }

    /// Whether all of the records were written, or why one was not; `None` while that is not known.
    #[must_use]
    pub fn try_result(&self) -> Option<Result<(), Error>> {
        result(&self.completion, self.first, self.last)
    }

    /// Waits until all records of the batch are written or failed, so that [`try_result`](Self::try_result) tells.
    ///
    /// *Cancel safe.*
    pub fn settled(&self) -> impl Future<Output = ()> + Send + use<> {
        Arc::clone(&self.completion).settled()
    }
}

fn result(completion: &Completion, first: u32, last: u32) -> Option<Result<(), Error>> {
    match completion.outcome()? {
        Outcome::Written { .. } => Some(Ok(())),
        Outcome::Failed(error) => Some(Err(error.clone())),
        Outcome::Rejected { others, records } => {
            let mut named = records.iter();
            let named = named.find(|(at, _)| (first..=last).contains(at));
            Some(Err(named.map_or(others, |(_, error)| error).clone()))
        }
        Outcome::Split(parts) => {
            let mut all = Some(Ok(()));
            for (at, (start, part)) in parts.iter().enumerate() {
                let end = parts.get(at + 1).map_or(u32::MAX, |(next, _)| next - 1);
                if end < first || last < *start {
                    continue;
                }
                match result(part, first.max(*start) - start, last.min(end) - start) {
                    Some(Ok(())) => {}
                    failed @ Some(Err(_)) => return failed,
                    None => all = None,
                }
            }
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use kconnect_protocol::types::TopicPartition;

    use super::*;
    use crate::ErrorKind;

    fn completion() -> Arc<Completion> {
        Completion::new(TopicPartition::new("t", 0))
    }

    fn span(completion: &Arc<Completion>, first: u32, last: u32) -> DeliverySpan {
        let mut span = DeliverySpan::from(&Delivery::new(Arc::clone(completion), first, 0));
        assert!(span.extend(&Delivery::new(Arc::clone(completion), last, 0)));
        span
    }

    fn written() -> Outcome {
        Outcome::Written {
            base_offset: Some(0),
            log_append_time: None,
        }
    }

    #[track_caller]
    fn check(span: &DeliverySpan, expected: Option<bool>) {
        assert_eq!(span.try_result().map(|result| result.is_ok()), expected);
    }

    #[test]
    fn records_of_one_batch_are_one_span() {
        let batch = completion();
        let mut span = span(&batch, 3, 9);
        assert!(!span.extend(&Delivery::new(completion(), 0, 0)));
        check(&span, None);
        batch.settle(written());
        check(&span, Some(true));
    }

    #[test]
    fn a_split_batch_was_written_when_every_part_with_a_record_of_the_span_was() {
        let (batch, parts) = (completion(), [completion(), completion(), completion()]);
        let starts = [0, 4, 8].into_iter().zip(parts.iter().cloned());
        let (early, late, all) = (span(&batch, 0, 3), span(&batch, 5, 20), span(&batch, 2, 9));
        batch.settle(Outcome::Split(starts.collect()));
        check(&early, None);
        parts[0].settle(written());
        check(&early, Some(true));
        parts[2].settle(written());
        check(&late, None);
        let error = Error::new(ErrorKind::Misuse, "too large");
        parts[1].settle(Outcome::Failed(error));
        check(&late, Some(false));
        check(&all, Some(false));
        check(&early, Some(true));
    }

    #[test]
    fn a_rejected_batch_names_the_record_of_the_span() {
        let batch = completion();
        let span = span(&batch, 1, 2);
        let error = |text| Error::new(ErrorKind::Misuse, text);
        batch.settle(Outcome::Rejected {
            others: error("because of others"),
            records: [(7, error("seven")), (2, error("two"))].into(),
        });
        let told = span.try_result().and_then(Result::err);
        assert!(told.is_some_and(|error| error.to_string().contains("two")));
    }
}
