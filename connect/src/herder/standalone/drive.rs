//! The one task that owns a standalone worker's state: it waits for one thing, tells the core, does what the core says.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::core::{Action, Core};
use crate::herder::ClusterView;
use crate::herder::order::{Call, Waiting};
use crate::logging;
use crate::runtime::connector::ConnectorCommand;
use crate::runtime::event::WorkerEvent;
use crate::runtime::worker::Worker;

/// What the herder is told by who has started it.
#[derive(Debug)]
pub(super) enum Message {
    /// The worker, which is still starting, is busy with this.
    Starting(String),
    /// The connectors given at the start have been dealt with.
    Ready,
    /// Stop everything and name what did not stop in time.
    Shutdown(oneshot::Sender<Vec<String>>),
}

/// The channels in.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) calls: mpsc::Receiver<Call>,
    pub(super) reports: mpsc::Receiver<WorkerEvent>,
}

/// What the herder waits for.
enum Event {
    Message(Option<Message>),
    Call(Call),
    Report(Option<WorkerEvent>),
    Timeout,
}

/// Runs until everything has been shut down.
pub(super) async fn drive(
    mut core: Core,
    mut worker: Worker,
    mut inbox: Inbox,
    view: watch::Sender<Arc<ClusterView>>,
) {
    let mut waiting = Waiting::default();
    let mut shutdown = None;
    loop {
        if let Some(changed) = core.poll_view() {
            view.send_replace(Arc::new(changed));
        }
        let deadline = core.poll_timeout().map(Instant::from_std);
        let event = tokio::select! {
            // What is said before an order is known when it comes.
            biased;
            message = inbox.messages.recv() => Event::Message(message),
            report = inbox.reports.recv() => Event::Report(report),
            Some(call) = inbox.calls.recv() => Event::Call(call),
            () = timeout(deadline) => Event::Timeout,
        };
        let now = Instant::now().into_std();
        match event {
            Event::Call(call) => core.handle_order(now, waiting.add(call.reply), call.order),
            Event::Message(Some(Message::Starting(doing))) => core.starting(doing),
            Event::Message(Some(Message::Ready)) => core.ready(),
            Event::Message(Some(Message::Shutdown(reply))) => {
                shutdown = Some(reply);
                core.shutdown(now);
            }
            Event::Report(Some(report)) => {
                worker.notice(&report);
                core.handle_event(now, report);
            }
            Event::Timeout => core.handle_timeout(now),
            // Nobody can stop the herder any more; what it runs is dropped with it.
            Event::Message(None) | Event::Report(None) => return,
        }
        while let Some(action) = core.poll_action() {
            if let Some(abandoned) = perform(action, &mut worker, &mut waiting) {
                if let Some(changed) = core.poll_view() {
                    view.send_replace(Arc::new(changed));
                }
                if let Some(reply) = shutdown.take() {
                    let _ = reply.send(abandoned);
                }
                return;
            }
        }
    }
}

async fn timeout(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Does what the core says; when everything has stopped, what was abandoned.
fn perform(action: Action, worker: &mut Worker, waiting: &mut Waiting) -> Option<Vec<String>> {
    match action {
        Action::StartConnector {
            name,
            run,
            config,
            target,
        } => worker.start_connector(&name, run, config, target),
        Action::SetConnectorTarget { name, run, target } => {
            worker.command_connector(&name, run, ConnectorCommand::Target(target));
        }
        Action::AskTaskConfigs {
            name,
            run,
            tasks_max,
        } => {
            worker.command_connector(&name, run, ConnectorCommand::AskTaskConfigs { tasks_max });
        }
        Action::StopConnector { name, run } => worker.stop_connector(&name, run),
        Action::AbandonConnector { name, run } => worker.abandon_connector(&name, run),
        Action::StartTask {
            id,
            run,
            connector,
            config,
            target,
        } => {
            worker.start_task(&id, run, connector, config, target);
        }
        Action::SetTaskTarget { id, run, target } => worker.set_task_target(&id, run, target),
        Action::StopTask { id, run } => worker.stop_task(&id, run),
        Action::AbandonTask { id, run } => worker.abandon_task(&id, run),
        Action::SetLevel { namespace, level } => {
            logging::levels().set_level(&namespace, &level);
        }
        Action::Answer { ticket, answer } => waiting.answer(ticket, answer),
        Action::Stopped { abandoned } => return Some(abandoned),
    }
    None
}
