//! One connector of a standalone worker: what is wanted of it, what it does, and the jobs that lead from one to the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::core::JobAnswer;
use crate::herder::ConnectorView;
use crate::herder::entities::{ConfigMap, ConnectorState, ConnectorStateInfo, TaskState};
use crate::herder::order::{ConnectorSpec, Ticket};
use crate::runtime::{RunId, State, TargetState};

/// A connector or a task: whether it runs, and what it last said.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its run, while there is one.
    pub(super) run: Option<RunId>,
    /// What it does; unknown before the first report.
    pub(super) state: Option<State>,
    /// Why it failed.
    pub(super) trace: Option<Arc<str>>,
    /// Nothing of the plugin has run: there is no version to show.
    pub(super) not_made: bool,
}

impl Part {
    pub(super) fn starts(&mut self, run: RunId) {
        *self = Self {
            run: Some(run),
            state: self.state,
            ..Self::default()
        };
    }

    pub(super) fn is(&mut self, state: State) {
        (self.state, self.trace) = (Some(state), None);
    }

    pub(super) fn failed(&mut self, trace: &str) {
        (self.state, self.trace) = (Some(State::Failed), Some(trace.into()));
    }

    /// The run has ended; a failure stays on record.
    pub(super) fn gone(&mut self) {
        self.run = None;
        if self.state != Some(State::Failed) {
            self.is(State::Unassigned);
        }
    }

    fn shown(&self, worker_id: &Arc<str>, version: &Arc<str>) -> Option<ConnectorState> {
        Some(ConnectorState {
            state: self.state?,
            worker_id: Arc::clone(worker_id),
            version: (!self.not_made).then(|| Arc::clone(version)),
            trace: self.trace.clone(),
        })
    }
}

/// Which tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    /// All of the connector's.
    All,
    /// Those with these numbers.
    These(BTreeSet<u32>),
}

impl Which {
    pub(super) fn has(&self, task: u32) -> bool {
        match self {
            Self::All => true,
            Self::These(tasks) => tasks.contains(&task),
        }
    }
}

/// One thing to do; the next one follows when it is done.
#[derive(Debug)]
pub(super) enum Step {
    /// Stop tasks and wait until they are gone.
    StopTasks(Which),
    /// Forget the tasks and their configurations.
    ForgetTasks,
    /// Stop the connector and wait until it is gone.
    StopConnector,
    /// Take this configuration.
    Configure(ConnectorSpec),
    /// Want this of the connector and its tasks.
    SetTarget(TargetState),
    /// Start the connector and wait until it says how that went.
    StartConnector,
    /// Ask the connector for task configurations; if they changed, replace the tasks.
    UpdateTasks,
    /// Take these task configurations and start tasks for them.
    ReplaceTasks(Vec<Arc<ConfigMap>>),
    /// Start tasks.
    StartTasks(Which),
    /// Forget the connector.
    Forget,
    /// Answer whether it is stopped; if it is, do nothing more until it is let go.
    Hold(Ticket),
}

/// Steps that belong together: if one fails, the rest is not done.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) steps: VecDeque<Step>,
    /// Who waits for it, and what to say in the end.
    pub(super) answer: Option<(Ticket, JobAnswer)>,
}

impl Job {
    pub(super) fn new(
        steps: impl Into<VecDeque<Step>>,
        answer: Option<(Ticket, JobAnswer)>,
    ) -> Self {
        Self {
            steps: steps.into(),
            answer,
        }
    }
}

/// What the current step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A word from the connector about its state.
    ConnectorState,
    /// The connector's task configurations.
    TaskConfigs,
    /// The end of the connector; after the deadline it is abandoned.
    ConnectorGone { deadline: Instant },
    /// The end of the tasks that were told to stop; after the deadline they are abandoned.
    TasksGone { deadline: Instant },
    /// The end of a change of its offsets, which has limits of its own.
    Release,
}

impl Waiting {
    pub(super) const fn deadline(self) -> Option<Instant> {
        match self {
            Self::ConnectorState | Self::TaskConfigs | Self::Release => None,
            Self::ConnectorGone { deadline } | Self::TasksGone { deadline } => Some(deadline),
        }
    }
}

/// All that is known about one connector.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) spec: ConnectorSpec,
    pub(super) target: TargetState,
    pub(super) connector: Part,
    /// The configuration of each task, by number.
    pub(super) task_configs: Vec<Arc<ConfigMap>>,
    /// The connector's configuration from which the tasks' were made.
    pub(super) applied: Option<Arc<ConfigMap>>,
    pub(super) tasks: BTreeMap<u32, Part>,
    /// The tasks that have been told to stop and have not ended yet.
    pub(super) stopping: BTreeSet<u32>,
    pub(super) topics: BTreeSet<Arc<str>>,
    pub(super) jobs: VecDeque<Job>,
    pub(super) waiting: Option<Waiting>,
}

impl Entry {
    pub(super) fn new(spec: ConnectorSpec, target: TargetState) -> Self {
        Self {
            spec,
            target,
            connector: Part::default(),
            task_configs: Vec::new(),
            applied: None,
            tasks: BTreeMap::new(),
            stopping: BTreeSet::new(),
            topics: BTreeSet::new(),
            jobs: VecDeque::new(),
            waiting: None,
        }
    }

    /// Whether nothing of it runs.
    pub(super) fn is_idle(&self) -> bool {
        self.connector.run.is_none() && self.tasks.values().all(|task| task.run.is_none())
    }

    /// The connector's and its tasks' states; none before the connector's first report.
    pub(super) fn status(
        &self,
        name: &Arc<str>,
        worker_id: &Arc<str>,
    ) -> Option<ConnectorStateInfo> {
        let version = &self.spec.version;
        let task = |(&id, part): (&u32, &Part)| {
            Some(TaskState {
                id,
                state: part.shown(worker_id, version)?,
            })
        };
        Some(ConnectorStateInfo {
            name: Arc::clone(name),
            connector: self.connector.shown(worker_id, version)?,
            tasks: self.tasks.iter().filter_map(task).collect(),
            kind: self.spec.kind,
        })
    }

    pub(super) fn view(&self, name: &Arc<str>, worker_id: &Arc<str>) -> ConnectorView {
        ConnectorView {
            kind: self.spec.kind,
            config: Arc::clone(&self.spec.config),
            tasks: self.task_configs.clone(),
            status: self.status(name, worker_id).map(Arc::new),
            topics: self.topics.iter().cloned().collect(),
        }
    }

    /// Whether tasks made from `configs` and the present configuration would be other tasks.
    pub(super) fn tasks_change(&self, configs: &[Arc<ConfigMap>]) -> bool {
        self.task_configs != configs || self.applied.as_ref() != Some(&self.spec.config)
    }
}
