//! A client and a cluster of scripted brokers in memory, with the clock stopped.

mod fake;

use fake::{Fake, Host};
use kafka_protocol::messages::DescribeClusterRequest;
use kconnect_protocol::types::LeaderEpoch;
use kconnect_protocol::{ErrorCode, TopicPartition, VersionRange};

use super::*;
use crate::net::now;

const LONG: Duration = Duration::from_secs(60);
const REQUEST: Duration = Duration::from_secs(30);

fn client(fake: &Fake, servers: &str) -> Cluster {
    client_of(fake, &CommonConfig::new(servers))
}

fn client_of(fake: &Fake, config: &CommonConfig) -> Cluster {
    let options = ClusterOptions {
        dialer: Some(Arc::new(fake.clone())),
        seed: Some(5),
        ..ClusterOptions::default()
    };
    Cluster::new(config, &options).unwrap()
}

async fn describe(cluster: &Cluster, target: Target<'_>) -> Result<String, Error> {
    let request = DescribeClusterRequest::default();
    let answer = cluster
        .request(target, Purpose::General, request, REQUEST)
        .await;
    answer.map(|response| response.cluster_id.to_string())
}

#[tokio::test(start_paused = true)]
async fn any_bootstrap_server_is_enough() {
    let fake = Fake::new();
    let cluster = client(&fake, "gone:1,two:2,also-gone:1");
    let metadata = cluster.brokers(now() + LONG).await.unwrap();
    assert_eq!(
        metadata
            .brokers()
            .map(|broker| broker.id.0)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_bootstrap_connection_becomes_that_of_the_broker_at_its_address() {
    let fake = Fake::new();
    let cluster = client(&fake, "two:2");
    assert_eq!(describe(&cluster, Target::Any).await.unwrap(), "c");
    assert_eq!(
        describe(&cluster, Target::Broker(BrokerId(2)))
            .await
            .unwrap(),
        "c"
    );
    assert_eq!(fake.state().dialed, ["two:2"]);
    assert_eq!(describe(&cluster, Target::Controller).await.unwrap(), "c");
    assert_eq!(fake.state().dialed, ["two:2", "one:1"]);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_away_is_waited_for_until_the_deadline() {
    let fake = Fake::new();
    fake.set("one:1", Host::Refuses);
    let cluster = client(&fake, "one:1");
    let started = now();
    let error = cluster.topics(&["t"], started + LONG).await.unwrap_err();
    assert_eq!(now() - started, LONG);
    assert_eq!(error.kind(), ErrorKind::Network);
    assert_eq!(
        error.to_string(),
        "while asking about topic `t`: while asking for metadata: \
         cannot connect to bootstrap server one:1: nobody listens"
    );
    let attempts = fake.state().dialed.len();
    assert!(
        (55..=90).contains(&attempts),
        "{attempts} attempts in a minute"
    );
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_comes_back_is_found() {
    let fake = Fake::new();
    fake.set("one:1", Host::Refuses);
    let cluster = client(&fake, "one:1");
    let deadline = now() + LONG;
    let (found, ()) = tokio::join!(cluster.brokers(deadline), async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        fake.set("one:1", Host::Serves);
    });
    found.unwrap();
    assert!(now() < deadline - Duration::from_secs(35));
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_has_not_heard_of_its_cluster_yet_is_asked_again() {
    let fake = Fake::new();
    let brokers = std::mem::take(&mut fake.state().brokers);
    let cluster = client(&fake, "one:1");
    let error = cluster.brokers(now() + LONG).await.unwrap_err();
    assert!(error.to_string().contains("it is starting"), "{error}");
    let (found, ()) = tokio::join!(cluster.brokers(now() + LONG), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        fake.state().brokers = brokers;
    });
    assert_eq!(found.unwrap().brokers().len(), 2);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_no_attempt_can_cure_is_said_at_once() {
    let fake = Fake::new();
    fake.set("one:1", Host::SpeaksTls);
    let cluster = client(&fake, "one:1");
    let started = now();
    let error = cluster.topics(&["t"], started + LONG).await.unwrap_err();
    assert_eq!(
        (error.kind(), now() - started),
        (ErrorKind::BrokerMisbehaved, Duration::ZERO)
    );
    assert!(
        error.to_string().contains("one:1") && error.to_string().contains("TLS"),
        "{error}"
    );
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_wants_a_login_is_named() {
    let fake = Fake::new();
    fake.set("one:1", Host::Hangs);
    let cluster = client(&fake, "one:1");
    let error = cluster.brokers(now() + LONG).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does this listener expect SASL?"),
        "{error}"
    );
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_exist_yet_is_waited_for() {
    let fake = Fake::new();
    let cluster = client(&fake, "one:1");
    let deadline = now() + LONG;
    let (known, ()) = tokio::join!(cluster.topics(&["t"], deadline), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        fake.state()
            .topics
            .insert("t".to_owned(), Err(ErrorCode::LeaderNotAvailable));
        tokio::time::sleep(Duration::from_secs(3)).await;
        fake.state().topics.insert("t".to_owned(), Ok(2));
    });
    let partition = TopicPartition::new("t", 0);
    assert_eq!(
        known.unwrap().leader(&partition).map(|broker| broker.id),
        Some(BrokerId(2))
    );
    assert!(fake.asked(ApiKey::METADATA) < 15);
    // Known is known: nobody is asked again.
    let asked = fake.asked(ApiKey::METADATA);
    cluster.topics(&["t"], now()).await.unwrap();
    assert_eq!(fake.asked(ApiKey::METADATA), asked);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_never_comes_is_an_error_that_says_so() {
    let fake = Fake::new();
    let cluster = client(&fake, "one:1");
    let error = cluster.topics(&["t"], now() + LONG).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
    assert!(
        error
            .to_string()
            .starts_with("while asking about topic `t`: "),
        "{error}"
    );
    // Nobody wants it any more, so it is not asked for any more.
    let asked = fake.asked(ApiKey::METADATA);
    tokio::time::sleep(LONG).await;
    assert_eq!(fake.asked(ApiKey::METADATA), asked);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_may_not_be_seen_is_an_error_at_once() {
    let fake = Fake::new();
    fake.state()
        .topics
        .insert("t".to_owned(), Err(ErrorCode::TopicAuthorizationFailed));
    let cluster = client(&fake, "one:1");
    let started = now();
    let error = cluster.topics(&["t"], started + LONG).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TopicAuthorizationFailed));
    assert_eq!(now(), started);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn each_purpose_has_its_own_connection_and_all_who_ask_share_it() {
    let fake = Fake::new();
    let cluster = client(&fake, "two:2");
    cluster.brokers(now() + LONG).await.unwrap();
    let broker = BrokerId(1);
    let (one, two, three) = tokio::join!(
        cluster.connection(broker, Purpose::Fetch),
        cluster.connection(broker, Purpose::Fetch),
        cluster.connection(broker, Purpose::Produce),
    );
    for connection in [one, two, three] {
        assert_eq!(connection.unwrap().peer().broker, Some(broker));
    }
    cluster.connection(broker, Purpose::Fetch).await.unwrap();
    assert_eq!(fake.state().dialed, ["two:2", "one:1", "one:1"]);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn attempts_to_reach_a_broker_are_apart() {
    let fake = Fake::new();
    let cluster = client(&fake, "two:2");
    cluster.brokers(now() + LONG).await.unwrap();
    fake.set("one:1", Host::Refuses);
    let started = now();
    let mut attempts = 0;
    while now() < started + LONG {
        let error = cluster
            .connection(BrokerId(1), Purpose::Produce)
            .await
            .unwrap_err();
        assert!(!error.may_have_taken_effect());
        attempts += 1;
    }
    assert!(
        (55..=90).contains(&attempts),
        "{attempts} attempts in a minute"
    );
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_not_known_is_an_error() {
    let fake = Fake::new();
    let cluster = client(&fake, "two:2");
    cluster.brokers(now() + LONG).await.unwrap();
    let error = cluster
        .connection(BrokerId(7), Purpose::Produce)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_moved_is_reached_at_its_new_address() {
    let fake = Fake::new();
    let cluster = client(&fake, "two:2");
    assert!(
        describe(&cluster, Target::Broker(BrokerId(1)))
            .await
            .is_ok()
    );
    fake.state().brokers.insert(1, "new:3".to_owned());
    fake.set("one:1", Host::Refuses);
    fake.set("new:3", Host::Serves);
    cluster.refreshed("test", now() + LONG).await.unwrap();
    assert!(
        describe(&cluster, Target::Broker(BrokerId(1)))
            .await
            .is_ok()
    );
    assert_eq!(
        fake.state().dialed.last().map(String::as_str),
        Some("new:3")
    );
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_starts_again_from_its_bootstrap_servers_when_all_brokers_are_gone() {
    let fake = Fake::new();
    let cluster = client(&fake, "front:9,two:2");
    cluster.brokers(now() + LONG).await.unwrap();
    for gone in ["one:1", "two:2"] {
        fake.set(gone, Host::Refuses);
    }
    fake.state().brokers = [(8, "eight:8".to_owned())].into();
    fake.set("front:9", Host::Serves);
    fake.set("eight:8", Host::Serves);
    let metadata = cluster.refreshed("test", now() + LONG).await.unwrap();
    assert_eq!(
        metadata
            .brokers()
            .map(|broker| broker.id.0)
            .collect::<Vec<_>>(),
        [8]
    );
    assert!(describe(&cluster, Target::Any).await.is_ok());
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_closed_for_idleness_is_replaced() {
    let fake = Fake::new();
    let mut config = CommonConfig::new("two:2");
    config.connections_max_idle = crate::config::IdleTime::AtMost(Duration::from_secs(10));
    let cluster = client_of(&fake, &config);
    for _ in 0..3 {
        assert!(
            describe(&cluster, Target::Broker(BrokerId(2)))
                .await
                .is_ok()
        );
        tokio::time::sleep(Duration::from_secs(11)).await;
    }
    assert_eq!(fake.state().dialed, ["two:2"; 3]);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_is_looked_up_once() {
    let fake = Fake::new();
    fake.state().coordinators = vec![
        Err(ErrorCode::CoordinatorNotAvailable),
        Err(ErrorCode::CoordinatorLoadInProgress),
        Ok(2),
    ];
    let cluster = client(&fake, "two:2");
    let group = Target::GroupCoordinator("g");
    assert!(describe(&cluster, group).await.is_ok());
    assert!(describe(&cluster, group).await.is_ok());
    assert_eq!(fake.asked(ApiKey::FIND_COORDINATOR), 3);
    cluster.forget_coordinator(CoordinatorKind::Group, "g");
    fake.state().coordinators = vec![Err(ErrorCode::GroupAuthorizationFailed)];
    let error = describe(&cluster, group).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GroupAuthorizationFailed));
    assert!(
        error
            .to_string()
            .starts_with("while looking for the coordinator of group `g`: "),
        "{error}"
    );
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_cannot_be_reached_is_forgotten() {
    let fake = Fake::new();
    let cluster = client(&fake, "two:2");
    let group = Target::GroupCoordinator("g");
    assert!(describe(&cluster, group).await.is_ok());
    fake.set("one:1", Host::Refuses);
    fake.state().coordinators = vec![Ok(2)];
    assert_eq!(
        describe(&cluster, group).await.unwrap_err().kind(),
        ErrorKind::Network
    );
    assert!(describe(&cluster, group).await.is_ok());
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_is_found_and_a_missing_one_is_an_error() {
    let fake = Fake::new();
    fake.state().topics.insert("t".to_owned(), Ok(1));
    let cluster = client(&fake, "two:2");
    let partition = TopicPartition::new("t", 0);
    assert!(describe(&cluster, Target::Leader(&partition)).await.is_ok());
    assert_eq!(fake.state().dialed, ["two:2", "one:1"]);
    fake.state().topics.insert("t".to_owned(), Ok(-1));
    cluster.refreshed("test", now() + LONG).await.unwrap();
    let error = describe(&cluster, Target::Leader(&partition))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::LeaderNotAvailable));
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_a_broker_lacks_is_an_error_that_names_it() {
    let fake = Fake::new();
    fake.state().describe_cluster = VersionRange::new(3, 9);
    let cluster = client(&fake, "two:2");
    let error = describe(&cluster, Target::Broker(BrokerId(2)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokerIncompatible);
    assert!(
        error.to_string().starts_with("needs DescribeCluster <= "),
        "{error}"
    );
    let version = cluster
        .negotiated_version(BrokerId(2), ApiKey::METADATA)
        .await
        .unwrap();
    assert_eq!(version, 13);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_told_along_the_way_is_believed_and_watched() {
    let fake = Fake::new();
    fake.state().topics.insert("t".to_owned(), Ok(1));
    let cluster = client(&fake, "two:2");
    cluster.topics(&["t"], now() + LONG).await.unwrap();
    let mut watch = cluster.watch();
    let partition = TopicPartition::new("t", 0);
    let hint = LeaderHint {
        partition: partition.clone(),
        leader: BrokerId(2),
        leader_epoch: LeaderEpoch(1),
        broker: None,
    };
    cluster.learn(&[hint]);
    let metadata = watch.changed().await;
    assert_eq!(
        metadata.leader(&partition).map(|broker| broker.id),
        Some(BrokerId(2))
    );
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn held_topics_are_kept_up_to_date() {
    let fake = Fake::new();
    fake.state().topics.insert("t".to_owned(), Ok(1));
    let cluster = client(&fake, "two:2");
    let mut watch = cluster.watch();
    let mut interest = cluster.interest();
    interest.set(["t".into()]);
    while watch.changed().await.topic("t").is_none() {}
    fake.state().topics.insert("t".to_owned(), Ok(2));
    let partition = TopicPartition::new("t", 0);
    let started = now();
    while watch
        .changed()
        .await
        .leader(&partition)
        .map(|broker| broker.id)
        != Some(BrokerId(2))
    {}
    assert_eq!((now() - started).as_secs(), 300);
    interest.set_all(true);
    fake.state().topics.insert("u".to_owned(), Ok(2));
    while watch.changed().await.topic("u").is_none() {}
    drop(interest);
    cluster.close().await;
}

#[tokio::test(start_paused = true)]
async fn everything_ends_with_the_last_handle() {
    let fake = Fake::new();
    let cluster = client(&fake, "two:2");
    let connection = {
        cluster.brokers(now() + LONG).await.unwrap();
        cluster
            .connection(BrokerId(2), Purpose::General)
            .await
            .unwrap()
    };
    drop(cluster.clone());
    assert!(!connection.is_closed());
    drop(cluster);
    connection.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_says_so() {
    let fake = Fake::new();
    let cluster = client(&fake, "two:2");
    let deadline = now() + LONG;
    let (waiting, ()) = tokio::join!(cluster.topics(&["t"], deadline), cluster.close());
    assert_eq!(waiting.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        cluster.brokers(deadline).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(
        describe(&cluster, Target::Any).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[test]
fn a_client_needs_addresses_a_runtime_and_a_protocol_that_is_there() {
    let options = ClusterOptions::default();
    let mut config = CommonConfig::new("a:1");
    let error = Cluster::new(&config, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    config.security_protocol = crate::config::SecurityProtocol::Ssl;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    for (config, text) in [
        (
            config,
            "Invalid value SSL for configuration security.protocol: only PLAINTEXT is there yet",
        ),
        (
            CommonConfig::new("nonsense"),
            "Invalid url in bootstrap.servers: nonsense: expected host:port",
        ),
        (
            CommonConfig::new(""),
            "Missing required configuration \"bootstrap.servers\" which has no default value.",
        ),
    ] {
        let error = Cluster::new(&config, &options).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Config, text)
        );
    }
}
