//! Incremental fetch sessions (KIP-227): what a broker remembers of our last requests, so that a
//! request need only say what changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use kconnect_protocol::TopicPartition;
use kconnect_protocol::messages::fetch::{
    FetchPartition, FetchRequest, FetchTopic, ForgottenTopic,
};
use kconnect_protocol::types::{StrBytes, Uuid};

/// One broker's session.
#[derive(Debug, Default)]
pub(crate) struct FetchSession {
    /// 0: none.
    id: i32,
    /// Of the next request; 0 begins a session and names every partition.
    epoch: i32,
    /// What the broker answers about.
    partitions: BTreeMap<TopicPartition, Asked>,
    names: BTreeMap<Uuid, Arc<str>>,
    /// Whether every topic's id is known, so that versions from 13 on can be spoken.
    has_ids: bool,
}

/// What the broker was last asked about a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) topic_id: Option<Uuid>,
    /// The version of the position that was asked for.
    pub(crate) version: u64,
    pub(crate) partition: FetchPartition,
}

impl FetchSession {
    /// Fills in the session's part of a request for these partitions, in their order.
    pub(crate) fn ask(&mut self, wanted: Vec<(TopicPartition, Asked)>, request: &mut FetchRequest) {
        let has_ids = wanted.iter().all(|(_, asked)| asked.topic_id.is_some());
        if has_ids != self.has_ids {
            self.restart();
        }
        self.has_ids = has_ids;
        request.session_id = self.id;
        request.session_epoch = self.epoch;
        let before = std::mem::take(&mut self.partitions);
        let mut topics = Vec::<FetchTopic>::new();
        for (name, asked) in wanted {
            let known = before.get(&name).filter(|_| self.epoch != 0);
            if known.is_none_or(|known| {
                known.partition != asked.partition || known.topic_id != asked.topic_id
            }) {
                add(&mut topics, &name, &asked);
            }
            self.partitions.insert(name, asked);
        }
        request.topics = topics;
        if self.epoch != 0 {
            request.forgotten_topics = self.forgotten(&before);
        }
        self.names = self
            .partitions
            .iter()
            .filter_map(|(name, asked)| Some((asked.topic_id?, name.topic.clone())))
            .collect();
    }

    /// Those that the broker remembers and that are no longer asked for, or under another id.
    fn forgotten(&self, before: &BTreeMap<TopicPartition, Asked>) -> Vec<ForgottenTopic> {
        let mut topics = Vec::<ForgottenTopic>::new();
        for (name, asked) in before {
            let still = self.partitions.get(name);
            if still.is_some_and(|still| still.topic_id == asked.topic_id) {
                continue;
            }
            let topic_id = asked.topic_id.unwrap_or_default();
            match topics.last_mut() {
                Some(last) if *last.name == *name.topic && last.topic_id == topic_id => {
                    last.partitions.push(name.partition);
                }
                _ => topics.push(ForgottenTopic {
                    name: StrBytes::from_string(name.topic.to_string()),
                    topic_id,
                    partitions: vec![name.partition],
                }),
            }
        }
        topics
    }

    /// The broker answered the request, in this session.
    pub(crate) fn answered(&mut self, session_id: i32) {
        self.id = session_id.max(0);
        self.epoch = match self.id {
            // It keeps none for us: every request names every partition.
            0 => 0,
            _ => self.epoch.checked_add(1).unwrap_or(1),
        };
    }

    /// Nobody knows what the broker remembers: the next request begins a session and ends this one.
    pub(crate) fn restart(&mut self) {
        self.epoch = 0;
    }

    /// The broker has no such session.
    pub(crate) fn is_gone(&mut self) {
        self.id = 0;
        self.epoch = 0;
    }

    pub(crate) fn has_ids(&self) -> bool {
        self.has_ids
    }

    pub(crate) fn asked(&self, name: &TopicPartition) -> Option<&Asked> {
        self.partitions.get(name)
    }

    /// The topic that an answer means, by id or by name.
    pub(crate) fn topic(&self, name: &str, id: Uuid) -> Option<Arc<str>> {
        if !id.is_nil() {
            return self.names.get(&id).cloned();
        }
        let from = TopicPartition::new(name, i32::MIN);
        let (first, _) = self.partitions.range(from..).next()?;
        (*first.topic == *name).then(|| first.topic.clone())
    }
}

/// Appends a partition, to the last topic if it is that one: the order is kept.
fn add(topics: &mut Vec<FetchTopic>, name: &TopicPartition, asked: &Asked) {
    match topics.last_mut() {
        Some(last) if *last.name == *name.topic => last.partitions.push(asked.partition),
        _ => topics.push(FetchTopic {
            name: StrBytes::from_string(name.topic.to_string()),
            topic_id: asked.topic_id.unwrap_or_default(),
            partitions: vec![asked.partition],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for partitions written as `topic-0@17` and shows what the request says.
    fn ask(session: &mut FetchSession, wanted: &str) -> String {
        let mut request = FetchRequest::default();
        session.ask(wanted.split_whitespace().map(asked).collect(), &mut request);
        let topics = request.topics.iter().flat_map(|topic| {
            let name =
                |p: &FetchPartition| format!("{}-{}@{}", &*topic.name, p.partition, p.fetch_offset);
            topic.partitions.iter().map(name).collect::<Vec<_>>()
        });
        let forgotten = request.forgotten_topics.iter().flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|p| format!("!{}-{p}", &*topic.name))
                .collect::<Vec<_>>()
        });
        let all: Vec<_> = topics.chain(forgotten).collect();
        format!(
            "{}/{} {}",
            request.session_id,
            request.session_epoch,
            all.join(" ")
        )
        .trim_end()
        .to_owned()
    }

    fn asked(text: &str) -> (TopicPartition, Asked) {
        let (name, offset) = text.split_once('@').unwrap();
        let (topic, partition) = name.rsplit_once('-').unwrap();
        let partition: i32 = partition.parse().unwrap();
        // Topics written in capitals have an id.
        let topic_id = topic
            .chars()
            .all(char::is_uppercase)
            .then(|| Uuid::from_bytes([topic.as_bytes()[0]; 16]));
        let asked = Asked {
            topic_id,
            version: 1,
            partition: FetchPartition {
                partition,
                current_leader_epoch: None,
                fetch_offset: offset.parse().unwrap(),
                last_fetched_epoch: None,
                log_start_offset: -1,
                partition_max_bytes: 1,
            },
        };
        (TopicPartition::new(topic, partition), asked)
    }

    #[test]
    fn a_session_names_everything_once_and_then_only_what_changed() {
        let mut session = FetchSession::default();
        assert_eq!(
            ask(&mut session, "t-0@5 t-1@7 u-0@0"),
            "0/0 t-0@5 t-1@7 u-0@0"
        );
        session.answered(42);
        assert_eq!(ask(&mut session, "t-0@5 t-1@9 u-0@0"), "42/1 t-1@9");
        session.answered(42);
        assert_eq!(ask(&mut session, "t-1@9 v-0@3"), "42/2 v-0@3 !t-0 !u-0");
        session.answered(42);
        assert_eq!(ask(&mut session, "t-1@9 v-0@3"), "42/3");
    }

    #[test]
    fn a_broker_without_room_for_sessions_hears_everything_each_time() {
        let mut session = FetchSession::default();
        for _ in 0..2 {
            assert_eq!(ask(&mut session, "t-0@5"), "0/0 t-0@5");
            session.answered(0);
        }
    }

    #[test]
    fn a_lost_session_begins_again_and_ends_the_old_one() {
        let mut session = FetchSession::default();
        ask(&mut session, "t-0@5");
        session.answered(42);
        session.restart();
        assert_eq!(ask(&mut session, "t-0@5"), "42/0 t-0@5");
        session.answered(43);
        assert_eq!(ask(&mut session, "t-0@6"), "43/1 t-0@6");
        session.is_gone();
        assert_eq!(ask(&mut session, "t-0@6"), "0/0 t-0@6");
    }

    #[test]
    fn a_topic_without_an_id_begins_a_session_in_names() {
        let mut session = FetchSession::default();
        ask(&mut session, "T-0@5");
        assert!(session.has_ids());
        session.answered(42);
        assert_eq!(ask(&mut session, "T-0@5 u-0@1"), "42/0 T-0@5 u-0@1");
        assert!(!session.has_ids());
    }

    #[test]
    fn answers_are_found_by_id_and_by_name() {
        let mut session = FetchSession::default();
        ask(&mut session, "T-3@5");
        assert_eq!(
            session.topic("", Uuid::from_bytes([b'T'; 16])).as_deref(),
            Some("T")
        );
        assert_eq!(session.topic("", Uuid::from_bytes([b'X'; 16])), None);
        assert_eq!(session.topic("T", Uuid::nil()).as_deref(), Some("T"));
        assert_eq!(session.topic("S", Uuid::nil()), None);
    }

    #[test]
    fn a_topic_that_was_made_anew_is_forgotten_under_its_old_id() {
        let mut session = FetchSession::default();
        ask(&mut session, "T-0@5");
        session.answered(42);
        let (name, mut again) = asked("T-0@0");
        again.topic_id = Some(Uuid::from_bytes([7; 16]));
        let mut request = FetchRequest::default();
        session.ask(vec![(name, again)], &mut request);
        assert_eq!(
            request.forgotten_topics[0].topic_id,
            Uuid::from_bytes([b'T'; 16])
        );
        assert_eq!(request.topics[0].topic_id, Uuid::from_bytes([7; 16]));
    }
}
