//! Questions, answers and failures, with a clock of the test's own.

use kconnect_protocol::StrBytes;
use kconnect_protocol::messages::metadata::{
    MetadataBroker, MetadataPartition, MetadataResponse, MetadataTopic,
};

use super::*;

const MAX_AGE: Duration = Duration::from_mins(5);
const PAUSE_MIN: Duration = Duration::from_millis(80);
const PAUSE_MAX: Duration = Duration::from_secs(1);

struct World {
    refresh: Refresh,
    metadata: Metadata,
    now: Instant,
}

impl World {
    fn new(rebootstrap: bool) -> Self {
        let settings = RefreshSettings {
            max_age: MAX_AGE,
            backoff: Backoff::new(Duration::from_millis(100), PAUSE_MAX),
            bootstrap: 2,
            rebootstrap,
            rebootstrap_trigger: Duration::from_secs(60),
        };
        Self {
            refresh: Refresh::new(settings, Random::seeded(3)),
            metadata: Metadata::default(),
            now: Instant::now(),
        }
    }

    /// Everything was asked and answered once: brokers 1 and 2, no topics.
    fn settled() -> Self {
        let mut world = Self::new(true);
        world.refresh.start();
        world.ask().unwrap();
        world.answer(&[]);
        world.now += PAUSE_MAX;
        world
    }

    fn ask(&mut self) -> Option<Ask> {
        self.refresh
            .poll(self.now, &self.metadata, |broker| broker == BrokerId(2))
    }

    /// An answer that tells brokers 1 and 2 and these topics.
    fn answer(&mut self, topics: &[&'static str]) {
        let topic = |name: &&'static str| MetadataTopic {
            name: Some(StrBytes::from_static_str(name)),
            partitions: vec![MetadataPartition::default()],
            ..MetadataTopic::default()
        };
        let response = MetadataResponse {
            brokers: [1, 2]
                .map(|id| MetadataBroker {
                    node_id: BrokerId(id),
                    host: StrBytes::from_static_str("b"),
                    port: 1,
                    rack: None,
                })
                .into(),
            topics: topics.iter().map(topic).collect(),
            ..MetadataResponse::default()
        };
        let merged = self.metadata.merged(response, &Scope::Topics(Vec::new()));
        let is_equivalent = merged.is_equivalent(&self.metadata);
        self.metadata = merged;
        self.refresh.succeeded(self.now, is_equivalent, false);
    }

    fn fail(&mut self) -> bool {
        self.refresh.failed(self.now, &self.metadata)
    }

    /// How long until the next question.
    fn due_in(&self) -> Option<Duration> {
        let due = self.refresh.poll_timeout(self.now, &self.metadata)?;
        Some(due.saturating_duration_since(self.now))
    }

    #[track_caller]
    fn asks_about(&mut self, expected: &[&str]) {
        let ask = self.ask().expect("a question is due");
        assert_eq!(ask.scope, scope(expected));
    }
}

fn scope(names: &[&str]) -> Scope {
    Scope::Topics(names.iter().map(|name| Arc::from(*name)).collect())
}

#[test]
fn nothing_is_asked_before_somebody_wants_something() {
    let mut world = World::new(true);
    assert_eq!((world.ask(), world.due_in()), (None, None));
    world.refresh.hold(&"t".into());
    assert_eq!(world.due_in(), Some(Duration::ZERO));
    let ask = world.ask().unwrap();
    assert!(
        matches!(ask.peer, PeerKey::Bootstrap(_)) && ask.scope == scope(&["t"]) && ask.number == 1
    );
}

#[test]
fn one_question_at_a_time() {
    let mut world = World::new(true);
    world.refresh.start();
    assert!(world.ask().is_some() && world.ask().is_none());
    assert_eq!(world.due_in(), None);
}

#[test]
fn metadata_is_asked_for_again_when_it_is_old() {
    let mut world = World::settled();
    assert!(world.ask().is_none());
    assert_eq!(world.due_in(), Some(MAX_AGE - PAUSE_MAX));
    world.now += MAX_AGE;
    world.asks_about(&[]);
}

#[test]
fn a_connected_broker_is_asked_first_and_then_again() {
    let mut world = World::settled();
    for _ in 0..3 {
        world.refresh.invalidate();
        assert_eq!(
            world.ask().map(|ask| ask.peer),
            Some(PeerKey::Broker(BrokerId(2)))
        );
        world.answer(&[]);
        world.now += PAUSE_MAX;
    }
}

#[test]
fn a_new_topic_is_asked_for_at_once_and_alone() {
    let mut world = World::settled();
    world.refresh.hold(&"old".into());
    world.ask().unwrap();
    world.answer(&["old"]);
    world.refresh.hold(&"new".into());
    assert_eq!(world.due_in(), Some(Duration::ZERO));
    world.asks_about(&["new"]);
}

#[test]
fn a_topic_that_does_not_exist_is_asked_for_with_growing_pauses() {
    let mut world = World::settled();
    world.refresh.hold(&"missing".into());
    let mut pauses = Vec::new();
    for _ in 0..8 {
        world.asks_about(&["missing"]);
        world.answer(&[]);
        let pause = world.due_in().unwrap();
        pauses.push(pause);
        world.now += pause;
    }
    assert!(
        pauses[0] >= PAUSE_MIN && pauses[7] >= Duration::from_millis(800),
        "{pauses:?}"
    );
}

#[test]
fn a_topic_that_nobody_holds_any_more_is_kept_for_a_while_and_then_not_asked_for() {
    let mut world = World::settled();
    let topic = Arc::from("t");
    world.refresh.hold(&topic);
    world.refresh.used(world.now, &topic);
    world.refresh.release(&topic);
    assert!(world.refresh.is_wanted("t") && world.ask().is_none());
    world.now += MAX_AGE - PAUSE_MAX;
    world.asks_about(&["t"]);
    world.answer(&["t"]);
    world.now += MAX_AGE;
    world.asks_about(&[]);
    assert!(!world.refresh.is_wanted("t"));
}

#[test]
fn a_topic_is_held_until_its_last_holder_lets_go() {
    let mut world = World::settled();
    let topic = Arc::from("t");
    world.refresh.hold(&topic);
    world.refresh.hold(&topic);
    world.refresh.release(&topic);
    assert!(world.refresh.is_wanted("t"));
    world.refresh.release(&topic);
    assert!(!world.refresh.is_wanted("t"));
    // Once more than it was held: nothing happens.
    world.refresh.release(&topic);
}

#[test]
fn all_topics_are_asked_for_as_long_as_somebody_wants_all() {
    let mut world = World::settled();
    world.refresh.hold_all();
    assert_eq!(world.ask().map(|ask| ask.scope), Some(Scope::All));
    world.answer(&["x"]);
    assert!(world.refresh.is_wanted("x"));
    world.refresh.release_all();
    world.now += MAX_AGE;
    world.asks_about(&[]);
}

#[test]
fn complaints_without_news_do_not_become_a_busy_loop() {
    let mut world = World::settled();
    let start = world.now;
    let mut asked = 0;
    while world.now < start + Duration::from_secs(10) {
        world.refresh.invalidate();
        world.now += world.due_in().unwrap();
        world.ask().unwrap();
        world.answer(&[]);
        asked += 1;
    }
    assert!(
        (8..=16).contains(&asked),
        "{asked} questions in ten seconds"
    );
}

#[test]
fn a_complaint_during_a_question_is_answered_by_the_next_one() {
    let mut world = World::settled();
    world.refresh.invalidate();
    let first = world.ask().unwrap().number;
    assert_eq!(world.refresh.invalidate(), first + 1);
    world.answer(&[]);
    world.now += PAUSE_MAX;
    assert_eq!(world.ask().map(|ask| ask.number), Some(first + 1));
}

#[test]
fn everybody_is_asked_once_before_a_pause() {
    let mut world = World::settled();
    world.refresh.invalidate();
    let mut asked = Vec::new();
    loop {
        asked.push(world.ask().expect("no pause within a round").peer);
        if world.fail() {
            break;
        }
    }
    assert_eq!(
        asked[..2],
        [PeerKey::Broker(BrokerId(2)), PeerKey::Broker(BrokerId(1))]
    );
    asked.sort();
    assert_eq!(asked[2..], [PeerKey::Bootstrap(0), PeerKey::Bootstrap(1)]);
    assert!(world.ask().is_none());
    assert!(world.due_in().unwrap() >= PAUSE_MIN);
    world.now += PAUSE_MAX;
    assert!(world.ask().is_some());
}

#[test]
fn bootstrap_servers_are_not_asked_again_where_that_is_not_wanted() {
    let mut world = World::new(false);
    world.refresh.start();
    world.ask().unwrap();
    assert!(!world.fail());
    world.ask().unwrap();
    world.answer(&[]);
    world.now += PAUSE_MAX;
    world.refresh.invalidate();
    for is_last in [false, true] {
        assert!(matches!(world.ask().unwrap().peer, PeerKey::Broker(_)));
        assert_eq!(world.fail(), is_last);
    }
}

#[test]
fn bootstrap_servers_are_asked_first_when_nobody_answers_for_long() {
    let mut world = World::settled();
    world.refresh.invalidate();
    world.ask().unwrap();
    world.now += Duration::from_secs(60);
    world.fail();
    assert!(matches!(world.ask().unwrap().peer, PeerKey::Bootstrap(_)));
    world.answer(&[]);
    world.now += PAUSE_MAX;
    world.refresh.invalidate();
    assert!(matches!(world.ask().unwrap().peer, PeerKey::Broker(_)));
}

#[test]
fn a_broker_can_send_the_client_back_to_its_bootstrap_servers() {
    let mut world = World::settled();
    world.refresh.invalidate();
    world.ask().unwrap();
    world.refresh.succeeded(world.now, false, true);
    world.now += world.due_in().unwrap();
    assert!(matches!(world.ask().unwrap().peer, PeerKey::Bootstrap(_)));
}

#[test]
fn a_question_that_failed_is_asked_again() {
    let mut world = World::settled();
    world.refresh.invalidate();
    world.ask().unwrap();
    world.fail();
    world.asks_about(&[]);
}
