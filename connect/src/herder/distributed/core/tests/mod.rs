//! What a cluster of workers does, told as stories, and a hundred stories more by chance.

mod cluster;
mod restarts;

use self::cluster::{Cluster, MAX_DELAY};
use super::*;
use crate::distributed::status_log::encode_status;
use crate::runtime::State;
use crate::runtime::event::{ConnectorEvent, TaskEvent, WorkerEvent};

fn started(protocol: Protocol, seed: u64) -> Cluster {
    let mut cluster = Cluster::new(protocol, 3, seed);
    cluster.settle();
    cluster.put("a", 3);
    cluster.put("b", 5);
    cluster.settle();
    cluster.check_all_runs();
    cluster
}

#[test]
fn a_connector_and_its_tasks_are_spread_over_the_workers() {
    let cluster = started(Protocol::Sessioned, 1);
    let loads: Vec<usize> = cluster
        .workers
        .values()
        .map(|worker| worker.running.len())
        .collect();
    assert!(
        loads.iter().all(|&load| (2..=5).contains(&load)),
        "{loads:?}"
    );
}

#[test]
fn the_eager_protocol_runs_everything_as_well() {
    started(Protocol::Eager, 2);
}

#[test]
fn only_the_leader_changes_configurations_and_others_say_where_it_is() {
    let mut cluster = started(Protocol::Sessioned, 3);
    let follower = Arc::clone(cluster.workers.keys().last().unwrap());
    let ticket = cluster.order(&follower, Order::Delete { name: "a".into() });
    let answer = &cluster.workers[&follower].answers[&ticket];
    assert_eq!(
        answer,
        &Err(HerderError::Elsewhere("http://w1/".to_owned()))
    );
}

#[test]
fn a_deleted_connector_stops_everywhere_and_leaves_no_status() {
    let mut cluster = started(Protocol::Sessioned, 4);
    cluster
        .order_leader(|| Order::Delete { name: "a".into() })
        .unwrap();
    cluster.settle();
    cluster.check_all_runs();
    for worker in cluster.workers.values() {
        assert!(
            worker
                .core
                .statuses
                .connectors
                .keys()
                .all(|name| **name != *"a")
        );
        assert!(
            worker
                .core
                .statuses
                .tasks
                .keys()
                .all(|id| *id.connector != *"a")
        );
    }
}

#[test]
fn any_worker_pauses_and_resumes_without_a_rebalance() {
    let mut cluster = started(Protocol::Sessioned, 5);
    let generation = cluster.generation;
    let follower = Arc::clone(cluster.workers.keys().last().unwrap());
    cluster.order(
        &follower,
        Order::SetTarget {
            name: "b".into(),
            target: TargetState::Paused,
        },
    );
    cluster.settle();
    for worker in cluster.workers.values() {
        let status = worker.core.status_of("b").unwrap();
        assert_eq!(status.connector.state, State::Paused);
        assert!(
            status
                .tasks
                .iter()
                .all(|task| task.state.state == State::Paused)
        );
    }
    cluster.order(
        &follower,
        Order::SetTarget {
            name: "b".into(),
            target: TargetState::Started,
        },
    );
    cluster.settle();
    cluster.check_all_runs();
    assert_eq!(cluster.generation, generation);
}

#[test]
fn a_stopped_connector_has_no_tasks_and_gets_them_back_when_it_is_resumed() {
    let mut cluster = started(Protocol::Sessioned, 6);
    cluster
        .order_leader(|| Order::SetTarget {
            name: "b".into(),
            target: TargetState::Stopped,
        })
        .unwrap();
    cluster.settle();
    let running = || cluster.workers.values().flat_map(|worker| &worker.running);
    assert!(running().any(|part| part == "b") && !running().any(|part| part.starts_with("b-")));
    assert_eq!(
        cluster.workers["w1"]
            .core
            .status_of("b")
            .unwrap()
            .connector
            .state,
        State::Stopped
    );
    cluster.order(
        "w1",
        Order::SetTarget {
            name: "b".into(),
            target: TargetState::Started,
        },
    );
    cluster.settle();
    cluster.check_all_runs();
}

#[test]
fn a_stopped_connector_takes_no_tasks_that_come_late() {
    let mut cluster = started(Protocol::Sessioned, 14);
    let leader = cluster.leader();
    let put_tasks = |cluster: &mut Cluster, configs: Vec<ConfigMap>| {
        let name = "b".into();
        let ticket = cluster.order(&leader, Order::PutTasks { name, configs });
        let answers = &mut cluster.workers.get_mut(&leader).unwrap().answers;
        answers.remove(&ticket)
    };
    let stop = Order::SetTarget {
        name: "b".into(),
        target: TargetState::Stopped,
    };
    let one = || vec![ConfigMap::new()];
    let refused = || {
        let text = "Cannot submit non-empty set of task configs for stopped connector b";
        Some(Err(HerderError::BadRequest(text.to_owned())))
    };
    // What stops it has not been read back yet.
    let ticket = cluster.order(&leader, stop);
    assert_eq!(cluster.workers[&leader].answers.get(&ticket), None);
    assert_eq!(put_tasks(&mut cluster, one()), refused());
    cluster.settle();
    assert_eq!(put_tasks(&mut cluster, one()), refused());
    assert_eq!(put_tasks(&mut cluster, Vec::new()), None);
    cluster.settle();
    let check = cluster.order_leader(|| Order::HoldStopped { name: "b".into() });
    assert!(check.is_ok(), "{check:?}");
}

#[test]
fn a_connector_counts_as_stopped_when_its_tasks_have_ended_on_every_worker() {
    for (protocol, seed) in [Protocol::Sessioned, Protocol::Eager]
        .into_iter()
        .flat_map(|protocol| (0..50).map(move |seed| (protocol, seed)))
    {
        let mut cluster = started(protocol, seed);
        // One task, which most of the time is not the leader's.
        cluster.put("c", 1);
        cluster.settle();
        let leader = cluster.leader();
        let answer = |cluster: &mut Cluster, order: Order| {
            let ticket = cluster.order(&leader, order);
            loop {
                let answers = &mut cluster.workers.get_mut(&leader).unwrap().answers;
                if let Some(answer) = answers.remove(&ticket) {
                    return answer.unwrap();
                }
                assert!(cluster.step(), "no answer with seed {seed}");
            }
        };
        for name in ["b", "c"].map(Arc::<str>::from) {
            let stop = Order::SetTarget {
                name: Arc::clone(&name),
                target: TargetState::Stopped,
            };
            answer(&mut cluster, stop);
            let hold = Order::HoldStopped {
                name: Arc::clone(&name),
            };
            answer(&mut cluster, hold);
            for worker in cluster.workers.values() {
                let ended = worker.core.tasks.all_within(|id| id.connector != name);
                assert!(ended, "{} runs {name}'s, seed {seed}", worker.id);
            }
        }
    }
}

#[test]
fn task_configurations_of_a_paused_connector_are_not_sent() {
    let mut cluster = started(Protocol::Sessioned, 15);
    let (id, name) = follower_with(&cluster, |work| work.connectors.first().cloned());
    let target = TargetState::Paused;
    let pause = Order::SetTarget {
        name: Arc::clone(&name),
        target,
    };
    cluster.order(&id, pause);
    cluster.settle();
    let now = cluster.now;
    let core = &mut cluster.workers.get_mut(&id).unwrap().core;
    core.take_task_configs(now, &name, vec![Arc::new(ConfigMap::new())]);
    assert!(core.poll_action().is_none());
    assert_eq!(core.handover.deadline(), None);
}

#[test]
fn a_changed_connector_restarts_where_it_is_and_changes_its_tasks() {
    let mut cluster = started(Protocol::Sessioned, 7);
    cluster.put("a", 6);
    cluster.settle();
    cluster.check_all_runs();
    assert_eq!(cluster.workers["w1"].core.config.tasks_of("a").count(), 6);
}

/// A worker that does not lead, and the part of its work that `select` finds.
fn follower_with<T>(cluster: &Cluster, select: impl Fn(&Work) -> Option<T>) -> (Arc<str>, T) {
    let mut followers = cluster.workers.values();
    followers
        .find_map(|worker| {
            let core = &worker.core;
            let found = select(core.group.assigned()).filter(|_| !core.group.is_leader());
            found.map(|found| (Arc::clone(&worker.id), found))
        })
        .expect("a follower with work")
}

#[test]
fn newer_task_configurations_are_sent_after_those_that_are_on_their_way() {
    let mut cluster = started(Protocol::Sessioned, 11);
    let (id, name) = follower_with(&cluster, |work| work.connectors.first().cloned());
    let now = cluster.now;
    let core = &mut cluster.workers.get_mut(&id).unwrap().core;
    let configs = |text: &str| {
        vec![Arc::new(ConfigMap::from([(
            "n".to_owned(),
            text.to_owned(),
        )]))]
    };
    let sent = |core: &mut Core| match core.poll_action() {
        Some(Action::SendTaskConfigs { configs, .. }) => Some(configs[0]["n"].clone()),
        Some(other) => panic!("{other:?}"),
        None => None,
    };
    core.take_task_configs(now, &name, configs("first"));
    assert_eq!(sent(core).as_deref(), Some("first"));
    core.take_task_configs(now, &name, configs("second"));
    core.take_task_configs(now, &name, configs("third"));
    assert_eq!(sent(core), None);
    core.handle_sent(now, &name, Ok(()));
    assert_eq!(sent(core).as_deref(), Some("third"));
    core.handle_sent(now, &name, Ok(()));
    assert_eq!(sent(core), None);
}

#[test]
fn task_configurations_of_a_connector_that_went_elsewhere_are_not_sent_again() {
    let mut cluster = started(Protocol::Sessioned, 12);
    let (id, name) = follower_with(&cluster, |work| work.connectors.first().cloned());
    let now = cluster.now;
    let core = &mut cluster.workers.get_mut(&id).unwrap().core;
    let config = ConfigMap::from([("n".to_owned(), "old".to_owned())]);
    core.take_task_configs(now, &name, vec![Arc::new(config)]);
    core.handle_sent(now, &name, Err(HerderError::rebalancing()));
    assert!(core.handover.deadline().is_some());
    core.handle_lost(now, "a test says so");
    core.handle_timeout(now + Duration::from_secs(1));
    assert_eq!(core.handover.deadline(), None);
}

#[test]
fn a_restart_of_what_goes_to_another_worker_is_answered() {
    let mut cluster = started(Protocol::Sessioned, 13);
    let (id, task) = follower_with(&cluster, |work| work.tasks.first().cloned());
    let ticket = cluster.order(&id, Order::RestartTask(task));
    let now = cluster.now;
    let core = &mut cluster.workers.get_mut(&id).unwrap().core;
    core.handle_lost(now, "a test says so");
    let answers = std::iter::from_fn(|| core.poll_action());
    let answers: Vec<_> = answers
        .filter(|action| matches!(action, Action::Answer { ticket: of, answer: Err(HerderError::Conflict(_)) } if *of == ticket))
        .collect();
    assert_eq!(answers.len(), 1);
}

/// A worker stands still for so long that others get its work. When it goes on it knows nothing of that and says that it has
/// stopped everything, as the last word in the status topic.
#[test]
fn what_a_worker_says_too_late_is_said_again_by_the_one_that_has_the_work() {
    let mut cluster = started(Protocol::Sessioned, 14);
    let (id, name) = follower_with(&cluster, |work| work.connectors.first().cloned());
    let key = StatusKey::Connector(Arc::clone(&name));
    let core = &mut cluster.workers.get_mut(&id).unwrap().core;
    let own = core.statuses.get(&key).cloned().unwrap();
    let late = |worker: &str| {
        encode_status(&Status {
            state: State::Unassigned,
            worker_id: worker.into(),
            generation: -1,
            ..own.clone()
        })
    };
    let said = |core: &mut Core| {
        let actions = std::iter::from_fn(|| core.poll_action());
        let said = actions.filter_map(|action| match action {
            Action::PutStatus { key, status } => Some((key, status)),
            _ => None,
        });
        said.collect::<Vec<_>>()
    };
    core.handle_status(&key.encode(), Some(&late("gone:1")));
    assert_eq!(said(core), [(key.clone(), Some(own.clone()))]);
    assert_eq!(core.statuses.get(&key), Some(&own));
    // Others leave that to it.
    let other = cluster.workers.values_mut().find(|worker| worker.id != id);
    let core = &mut other.unwrap().core;
    core.handle_status(&key.encode(), Some(&late("gone:1")));
    assert_eq!(said(core), []);
    assert_eq!(core.statuses.get(&key), Some(&own));
}

#[test]
fn a_killed_workers_work_is_taken_over_once_the_delay_is_over() {
    let mut cluster = started(Protocol::Sessioned, 8);
    let (before, victim) = (
        cluster.now,
        Arc::clone(cluster.workers.keys().last().unwrap()),
    );
    cluster.kill(&victim);
    cluster.settle();
    cluster.check_all_runs();
    assert!(cluster.now >= before + MAX_DELAY);
}

#[test]
fn a_connector_that_is_not_made_has_no_version() {
    let mut cluster = started(Protocol::Sessioned, 9);
    let name: Arc<str> = "a".into();
    let owner = cluster
        .workers
        .values_mut()
        .find(|worker| worker.running.contains("a"))
        .unwrap();
    let run = owner.core.connectors.run(&name).unwrap();
    assert!(owner.core.statuses.connectors[&name].version.is_some());
    owner.running.remove("a");
    let not_made = ConnectorEvent::NotMade {
        why: "no topics".to_owned(),
        trace: "ConfigException: no topics".to_owned(),
    };
    for event in [not_made, ConnectorEvent::Gone] {
        owner.events.push_back(WorkerEvent::Connector {
            name: Arc::clone(&name),
            run,
            event,
        });
    }
    cluster.settle();
    let status = &cluster.workers["w1"].core.statuses.connectors[&name];
    assert_eq!((status.state, &status.version), (State::Failed, &None));
    assert_eq!(status.trace.as_deref(), Some("ConfigException: no topics"));
}

#[test]
fn a_failed_task_stays_down_until_it_is_restarted() {
    let mut cluster = started(Protocol::Sessioned, 9);
    let id = ConnectorTaskId::new(&"a".into(), 1);
    let owner = cluster
        .workers
        .values()
        .find(|worker| worker.running.contains("a-1"))
        .unwrap();
    let (owner, run) = (Arc::clone(&owner.id), owner.core.tasks.run(&id).unwrap());
    let worker = cluster.workers.get_mut(&owner).unwrap();
    worker.running.remove("a-1");
    for event in [TaskEvent::Failed("boom".to_owned()), TaskEvent::Gone] {
        worker.events.push_back(WorkerEvent::Task {
            id: id.clone(),
            run,
            event,
        });
    }
    cluster.settle();
    assert_eq!(
        cluster.workers["w1"].core.statuses.tasks[&id].state,
        State::Failed
    );
    let request = RestartOf {
        only_failed: true,
        include_tasks: true,
    };
    let status = cluster.order_leader(|| request.order("a"));
    let Ok(Outcome::Status(status)) = status else {
        panic!("{status:?}")
    };
    assert_eq!(status.tasks[1].state.state, State::Restarting);
    assert_eq!(status.tasks[0].state.state, State::Running);
    cluster.settle();
    cluster.check_all_runs();
}

struct RestartOf {
    only_failed: bool,
    include_tasks: bool,
}

impl RestartOf {
    fn order(&self, name: &str) -> Order {
        Order::Restart(crate::herder::RestartRequest {
            name: name.into(),
            only_failed: self.only_failed,
            include_tasks: self.include_tasks,
        })
    }
}

#[test]
fn whatever_happens_everything_runs_exactly_once_in_the_end() {
    for seed in 0..60 {
        let protocol = if seed % 5 == 0 {
            Protocol::Eager
        } else {
            Protocol::Sessioned
        };
        let mut cluster = Cluster::new(protocol, 1 + usize::try_from(seed).unwrap() % 3, seed);
        cluster.settle();
        for _ in 0..15 {
            let name = ["a", "b", "c", "d"][cluster.below(4)];
            match cluster.below(7) {
                0 | 1 => {
                    let tasks = u32::try_from(cluster.below(6)).unwrap();
                    cluster.put(name, tasks);
                }
                2 => drop(cluster.order_leader(|| Order::Delete { name: name.into() })),
                3 => drop(cluster.add_worker()),
                4 if cluster.workers.len() > 1 => {
                    let victim = cluster.below(cluster.workers.len());
                    let victim = Arc::clone(cluster.workers.keys().nth(victim).unwrap());
                    cluster.kill(&victim);
                    cluster.settle();
                }
                5 => drop(cluster.order_leader(|| Order::RestartConnector { name: name.into() })),
                _ => (0..cluster.below(40)).for_each(|_| _ = cluster.step()),
            }
            if cluster
                .workers
                .values()
                .all(|worker| !worker.core.group.is_leader())
            {
                cluster.settle();
            }
        }
        cluster.settle();
        cluster.check_all_runs();
    }
}
