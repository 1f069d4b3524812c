//! Letting the simulated cluster come to rest, and what must hold on the way and then.

use super::*;

impl Cluster {
    /// Everything that can happen happens, waiting out delays.
    #[track_caller]
    pub(in super::super) fn settle(&mut self) {
        for _ in 0..20_000 {
            self.check_nothing_runs_twice();
            if self.step() {
                continue;
            }
            let next = self
                .workers
                .values()
                .filter_map(|worker| worker.core.poll_timeout())
                .min();
            let Some(next) = next.filter(|_| !self.is_at_rest()) else {
                return;
            };
            self.now = self.now.max(next);
            for id in self.workers.keys().cloned().collect::<Vec<_>>() {
                let now = self.now;
                self.workers.get_mut(&id).unwrap().core.handle_timeout(now);
                self.drain(&id);
            }
        }
        panic!("the cluster does not come to rest");
    }

    pub(super) fn is_at_rest(&self) -> bool {
        !self.rebalancing
            && self.workers.values().all(|worker| {
                worker.core.group.deadline().is_none() && worker.core.handover.deadline().is_none()
            })
    }

    #[track_caller]
    fn check_nothing_runs_twice(&self) {
        let mut seen = BTreeMap::new();
        for worker in self.workers.values() {
            for part in &worker.running {
                let other = seen.insert(part, &worker.id);
                assert_eq!(other, None, "{part} runs on {} as well", worker.id);
            }
        }
    }

    /// Everything configured runs somewhere, nothing else does, and every worker says so.
    #[track_caller]
    pub(in super::super) fn check_all_runs(&self) {
        let running: BTreeSet<&String> = self
            .workers
            .values()
            .flat_map(|worker| &worker.running)
            .collect();
        for worker in self.workers.values() {
            let work = worker.core.config.work();
            let expected: BTreeSet<String> = work
                .connectors
                .iter()
                .map(ToString::to_string)
                .chain(work.tasks.iter().map(ToString::to_string))
                .collect();
            assert_eq!(running, expected.iter().collect(), "on {}", worker.id);
            for name in &work.connectors {
                let status = worker.core.status_of(name).expect("a status");
                assert_eq!(
                    status.connector.state,
                    State::Running,
                    "{name} on {}",
                    worker.id
                );
                assert!(
                    status
                        .tasks
                        .iter()
                        .all(|task| task.state.state == State::Running),
                    "{status:?}"
                );
            }
        }
    }
}
