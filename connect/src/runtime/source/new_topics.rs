//! Topics that a source task has sent its first record to: they are in use once that is written.

use std::future::{Future, pending};
use std::sync::Arc;

use kconnect_client::producer::DeliverySpan;

/// What is known of one record that is on its way.
pub(super) trait Fate {
    /// Whether it is written; nothing if that is not known yet.
    fn is_written(&self) -> Option<bool>;

    /// Waits until that is known. Cancel safe.
    fn known(&self) -> impl Future<Output = ()> + Send;
}

impl Fate for DeliverySpan {
    fn is_written(&self) -> Option<bool> {
        Some(self.try_result()?.is_ok())
    }

    fn known(&self) -> impl Future<Output = ()> + Send {
        self.settled()
    }
}

/// New topics, in the order in which the task met them.
#[derive(Debug)]
pub(super) struct NewTopics<F> {
    sent: Vec<(Arc<str>, F)>,
}

impl<F: Fate> NewTopics<F> {
    pub(super) const fn new() -> Self {
        Self { sent: Vec::new() }
    }

    /// Notes the first record for `topic`.
    pub(super) fn sent(&mut self, topic: &Arc<str>, fate: F) {
        self.sent.push((Arc::clone(topic), fate));
    }

    /// Takes those whose first record is written. Those whose record is not are dropped; the task fails because of them.
    pub(super) fn take_written(&mut self) -> Vec<Arc<str>> {
        let mut written = Vec::new();
        self.sent.retain(|(topic, fate)| {
            let known = fate.is_written();
            if known == Some(true) {
                written.push(Arc::clone(topic));
            }
            known.is_none()
        });
        written
    }

    /// Waits until it is known of the first one's record whether it is written; for ever if there is none. Cancel safe.
    pub(super) async fn known(&self) {
        match self.sent.first() {
            Some((_, fate)) => fate.known().await,
            None => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::rc::Rc;
    use std::task::{Context, Waker};

    use super::*;

    impl Fate for Rc<Cell<Option<bool>>> {
        fn is_written(&self) -> Option<bool> {
            self.get()
        }

        fn known(&self) -> impl Future<Output = ()> + Send {
            let known = self.get().is_some();
            async move {
                if !known {
                    pending::<()>().await;
                }
            }
        }
    }

    fn is_known(topics: &NewTopics<Rc<Cell<Option<bool>>>>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(topics.known()).poll(&mut context).is_ready()
    }

    #[test]
    fn a_topic_is_in_use_when_its_first_record_is_written() {
        let fates: [Rc<Cell<Option<bool>>>; 3] = Default::default();
        let mut topics = NewTopics::new();
        for (topic, fate) in ["a", "b", "c"].into_iter().zip(&fates) {
            topics.sent(&topic.into(), Rc::clone(fate));
        }
        assert!(topics.take_written().is_empty());
        assert!(!is_known(&topics));
        fates[1].set(Some(true));
        assert_eq!(topics.take_written(), ["b".into()]);
        fates[0].set(Some(false));
        assert!(is_known(&topics));
        assert!(topics.take_written().is_empty(), "it is not written");
        fates[2].set(Some(true));
        assert_eq!(topics.take_written(), ["c".into()]);
        assert!(!is_known(&topics));
    }
}
