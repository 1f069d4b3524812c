//! Puts a distributed herder together: opens the topics, then hands everything to its task.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kconnect_client::config::{CommonConfig, Properties};
use kconnect_client::group::{GroupSettings, Member};
use kconnect_client::internal::{Cluster, ClusterOptions};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::info;

use super::core::{self, Core};
use super::drive::{Driver, Fatal, GroupLife, Inbox, Options, later};
use super::facts::RegistryFacts;
use super::jobs::Done;
use super::peers::Peers;
use super::protocol::{ConnectProtocol, ROUNDS_MAX};
use super::status_writer::StatusWriter;
use super::stores::{Reading, Stores};
use crate::api::{ConnectError, Plugins};
use crate::config::{AdminOf, DistributedConfig, OverridePolicy, admin_properties};
use crate::distributed::assignor::CooperativeAssignor;
use crate::herder::entities::ServerInfo;
use crate::herder::handle::ORDERS_MAX;
use crate::herder::order::{Call, Waiting};
use crate::herder::validate::Validator;
use crate::herder::{ClusterView, HerderHandle, Stage};
use crate::logging;
use crate::runtime::worker::{EVENTS_MAX, Worker, WorkerContext};

/// What a distributed herder is made of.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: DistributedConfig,
    /// The worker's configuration as it was given; clients inherit from it.
    pub(crate) properties: Properties,
    pub(crate) plugins: Arc<Plugins>,
    /// Where connectors and tasks run.
    pub(crate) runtime: Handle,
    pub(crate) override_policy: OverridePolicy,
    /// `host:port` under which others reach this worker.
    pub(crate) worker_id: Arc<str>,
    /// The same as the beginning of a URL, for other workers.
    pub(crate) url: String,
    /// What `GET /` answers.
    pub(crate) server_info: watch::Receiver<ServerInfo>,
    /// The way to other workers.
    pub(crate) peers: Arc<dyn Peers>,
}

/// What the handle and the task speak by.
#[derive(Debug)]
struct Channels {
    calls: mpsc::Receiver<Call>,
    shutdown: mpsc::Receiver<oneshot::Sender<Vec<String>>>,
    view: watch::Sender<Arc<ClusterView>>,
    failed: watch::Sender<Option<Fatal>>,
    context: Arc<OnceLock<Arc<WorkerContext>>>,
}

/// What becomes of a herder, for who has started it. The herder goes on without it.
#[derive(Debug)]
pub(crate) struct Control {
    shutdown: mpsc::Sender<oneshot::Sender<Vec<String>>>,
    failed: watch::Receiver<Option<Fatal>>,
}

impl Control {
    /// Waits until the herder cannot go on, and says why. Cancel safe.
    pub(crate) async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        let why = failed
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|why| why.clone());
        match why {
            Some(why) => why,
            // It has been shut down.
            None => std::future::pending().await,
        }
    }

    /// Stops all connectors and tasks and leaves the group; the names of those that did not stop in time.
    pub(crate) async fn shutdown(&self) -> Vec<String> {
        let (reply, stopped) = oneshot::channel();
        let _ = self.shutdown.send(reply).await;
        stopped.await.unwrap_or_default()
    }
}

/// Starts a herder on the current runtime. It opens the cluster's topics and joins the group by itself.
pub(crate) fn start(settings: Settings) -> (HerderHandle, Control) {
    let (calls, calls_in) = mpsc::channel(ORDERS_MAX);
    let (shutdown, shutdown_in) = mpsc::channel(1);
    let (view_out, view) = watch::channel(Arc::new(ClusterView {
        starting: Some(starting()),
        ..ClusterView::default()
    }));
    let (failed_out, failed) = watch::channel(None);
    let validator = Validator::new(
        Arc::clone(&settings.plugins),
        settings.override_policy.clone(),
        settings.properties.clone(),
        Some(settings.config.group_id.clone()),
    );
    let handle = HerderHandle {
        calls,
        view,
        server_info: settings.server_info.clone(),
        plugins: Arc::clone(&settings.plugins),
        validator: Arc::new(validator),
        runtime: settings.runtime.clone(),
        tracks_topics: settings.config.worker.topic_tracking_enable,
        context: Arc::default(),
    };
    let channels = Channels {
        calls: calls_in,
        shutdown: shutdown_in,
        view: view_out,
        failed: failed_out,
        context: Arc::clone(&handle.context),
    };
    tokio::spawn(run(settings, channels));
    (handle, Control { shutdown, failed })
}

/// What a worker is busy with until it has joined its group for the first time.
fn starting() -> Stage {
    Stage {
        doing: "reading the cluster's topics and joining the group".to_owned(),
    }
}

/// Runs a herder to its end, and says so if it was not told to end.
async fn run(settings: Settings, mut channels: Channels) {
    info!("Herder starting");
    let failed = channels.failed.clone();
    let open = Stores::open(&settings.config, &settings.properties);
    let ended = tokio::select! {
        opened = open => match opened {
            Ok((stores, reading)) => herd(settings, channels, stores, reading).await,
            Err(error) => Err(described(&error)),
        },
        Some(reply) = channels.shutdown.recv() => {
            let _ = reply.send(Vec::new());
            Ok(())
        }
    };
    if let Err(why) = ended {
        failed.send_replace(Some(why));
    }
}

fn described(error: &ConnectError) -> String {
    format!("{error:?}")
}

async fn herd(
    settings: Settings,
    channels: Channels,
    stores: Stores,
    reading: Reading,
) -> Result<(), Fatal> {
    let config = &settings.config;
    let (decide, rounds) = mpsc::channel(ROUNDS_MAX);
    let member = member(&settings, ConnectProtocol(decide)).map_err(|error| described(&error))?;
    let (events, reports) = mpsc::channel(EVENTS_MAX);
    let context = Arc::new(WorkerContext {
        config: config.worker.clone(),
        properties: settings.properties.clone(),
        plugins: Arc::clone(&settings.plugins),
        offsets: Arc::clone(&stores.offsets) as _,
        runtime: settings.runtime.clone(),
        in_cluster: true,
    });
    // It is set here only.
    let _ = channels.context.set(Arc::clone(&context));
    let facts = RegistryFacts(Arc::clone(&settings.plugins));
    let stores = Arc::new(stores);
    let mut jobs = JoinSet::new();
    jobs.spawn(catch_up(Arc::clone(&stores)));
    let driver = Driver {
        core: Core::new(core_options(&settings), Box::new(facts), starting()),
        worker: Worker::new(context, events),
        statuses: StatusWriter::start(stores.status.clone()),
        stores,
        peers: Arc::clone(&settings.peers),
        options: options(config),
        assignor: CooperativeAssignor::new(config.scheduled_rebalance_max_delay),
        view: channels.view,
        jobs,
        waiting: Waiting::default(),
        writes: VecDeque::new(),
        is_writing: false,
        key_pending: false,
        key_check: later(Instant::now(), config.inter_worker_key_ttl),
        set_level,
        shutdown: None,
        group: GroupLife::default(),
    };
    let inbox = Inbox {
        calls: channels.calls,
        shutdown: channels.shutdown,
        reports,
        reading,
        member_status: member.watch(),
        member,
        rounds,
    };
    driver.run(inbox).await
}

fn set_level(namespace: &str, level: &str) {
    logging::levels().set_level(namespace, level);
}

async fn catch_up(stores: Arc<Stores>) -> Done {
    let read = async {
        stores.status.read_to_end().await?;
        stores.config.read_to_end().await?;
        stores.offsets.log().read_to_end().await
    };
    Done::CaughtUp(read.await.map_err(|error| described(&error)))
}

fn member(settings: &Settings, protocol: ConnectProtocol) -> Result<Member, ConnectError> {
    let config = &settings.config;
    let mut properties = admin_properties(&settings.properties, AdminOf::Worker);
    if config.client_id.trim().is_empty() {
        properties.set("client.id", format!("connect-{}", settings.worker_id));
    }
    let common = CommonConfig::from_properties(&mut properties)?;
    let cluster = Cluster::new(&common, &ClusterOptions::default());
    let cluster = cluster
        .map_err(|error| ConnectError::new("Failed to create the group member").caused_by(error))?;
    let group = GroupSettings {
        group_id: config.group_id.as_str().into(),
        group_instance_id: None,
        session_timeout: config.session_timeout,
        rebalance_timeout: config.rebalance_timeout,
        heartbeat_interval: config.heartbeat_interval,
        poll_interval: None,
        request_timeout: config.request_timeout,
        retry_backoff: config.retry_backoff,
        retry_backoff_max: config.retry_backoff_max,
    };
    Ok(Member::start(cluster, group, protocol))
}

fn core_options(settings: &Settings) -> core::Options {
    let config = &settings.config;
    core::Options {
        worker_id: Arc::clone(&settings.worker_id),
        url: settings.url.clone(),
        protocol: config.protocol(),
        task_grace: config.worker.task_shutdown_graceful_timeout,
        sync_timeout: config.worker_sync_timeout,
        unsync_backoff: config.worker_unsync_backoff,
        max_delay: config.scheduled_rebalance_max_delay,
        key_ttl_ms: millis(config.inter_worker_key_ttl),
        key_algorithm: config.key_algorithm(),
        key_bits: config.key_bits(),
        topic_tracking: config.worker.topic_tracking_enable,
        topic_tracking_reset: config.worker.topic_tracking_allow_reset,
    }
}

fn options(config: &DistributedConfig) -> Options {
    Options {
        heartbeat_interval: config.heartbeat_interval,
        sync_timeout: config.worker_sync_timeout,
        key_algorithm: config.key_algorithm(),
        key_bits: config.key_bits(),
        key_ttl: config.inter_worker_key_ttl,
        signature_algorithm: config.signature_algorithm(),
        verification_algorithms: config.verification_algorithms(),
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
