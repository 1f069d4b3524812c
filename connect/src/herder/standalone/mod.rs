//! The herder of a standalone worker: connectors come from files and over REST; all but source offsets is in memory.

mod core;
mod drive;
mod entry;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot, watch};

use self::core::{Core, Options};
use self::drive::{Inbox, Message, drive};
use super::entities::ServerInfo;
use super::handle::ORDERS_MAX;
use super::validate::Validator;
use super::{HerderHandle, Stage};
use crate::config::{OverridePolicy, WorkerConfig};
use crate::runtime::worker::{EVENTS_MAX, Worker, WorkerContext};

/// What a standalone herder is made of.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) context: Arc<WorkerContext>,
    /// `host:port` under which others reach this worker.
    pub(crate) worker_id: Arc<str>,
    pub(crate) override_policy: OverridePolicy,
    /// What `GET /` answers.
    pub(crate) server_info: watch::Receiver<ServerInfo>,
}

/// What becomes of a herder, for who has started it. The herder ends with it.
#[derive(Debug)]
pub(crate) struct Control(mpsc::Sender<Message>);

impl Control {
    /// Says what the worker is busy with while it starts.
    pub(crate) async fn starting(&self, doing: String) {
        let _ = self.0.send(Message::Starting(doing)).await;
    }

    /// The connectors given at the start have been dealt with.
    pub(crate) async fn ready(&self) {
        let _ = self.0.send(Message::Ready).await;
    }

    /// Stops all connectors and tasks; the names of those that did not stop in time.
    pub(crate) async fn shutdown(&self) -> Vec<String> {
        let (reply, stopped) = oneshot::channel();
        let _ = self.0.send(Message::Shutdown(reply)).await;
        stopped.await.unwrap_or_default()
    }
}

/// Starts a herder on the current runtime.
pub(crate) fn start(settings: Settings) -> (HerderHandle, Control) {
    let Settings {
        context,
        worker_id,
        override_policy,
        server_info,
    } = settings;
    let doing = "awaiting startup".to_owned();
    let mut core = Core::new(options(&context.config, worker_id), Stage { doing });
    let (control, messages) = mpsc::channel(1);
    let (calls, calls_in) = mpsc::channel(ORDERS_MAX);
    let (events, reports) = mpsc::channel(EVENTS_MAX);
    let (publish, view) = watch::channel(Arc::new(core.poll_view().unwrap_or_default()));
    let inbox = Inbox {
        messages,
        calls: calls_in,
        reports,
    };
    let worker = Worker::new(Arc::clone(&context), events);
    tokio::spawn(drive(core, worker, inbox, publish));
    let plugins = Arc::clone(&context.plugins);
    let properties = context.properties.clone();
    let validator = Validator::new(Arc::clone(&plugins), override_policy, properties, None);
    let handle = HerderHandle {
        calls,
        view,
        server_info,
        plugins,
        validator: Arc::new(validator),
        runtime: context.runtime.clone(),
        tracks_topics: context.config.topic_tracking_enable,
        context: Arc::new(OnceLock::from(context)),
    };
    (handle, Control(control))
}

fn options(config: &WorkerConfig, worker_id: Arc<str>) -> Options {
    Options {
        worker_id,
        task_grace: config.task_shutdown_graceful_timeout,
        topic_tracking: config.topic_tracking_enable,
        topic_tracking_reset: config.topic_tracking_allow_reset,
    }
}
