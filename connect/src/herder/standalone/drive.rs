//! The one task that owns a standalone worker's state: it waits for one thing, tells the core, does what the core says.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::core::{Action, Core, Order, Outcome, Ticket};
use crate::herder::{ClusterView, HerderError};
use crate::runtime::connector::ConnectorCommand;
use crate::runtime::event::WorkerEvent;
use crate::runtime::worker::Worker;

/// What the herder is told from outside.
#[derive(Debug)]
pub(super) enum Message {
    /// Do this and answer.
    Order(Order, Reply),
    /// The worker, which is still starting, is busy with this.
    Starting(String),
    /// The connectors given at the start have been dealt with.
    Ready,
    /// Stop everything and name what did not stop in time.
    Shutdown(oneshot::Sender<Vec<String>>),
}

/// Where the answer to an order goes.
pub(super) type Reply = oneshot::Sender<Result<Outcome, HerderError>>;

/// What the herder waits for.
enum Event {
    Message(Option<Message>),
    Report(Option<WorkerEvent>),
    Timeout,
}

/// Those who wait for answers.
#[derive(Default)]
struct Waiting {
    tickets: u64,
    replies: HashMap<Ticket, Reply>,
    shutdown: Option<oneshot::Sender<Vec<String>>>,
}

/// Runs until everything has been shut down.
pub(super) async fn drive(
    mut core: Core,
    mut worker: Worker,
    mut inbox: mpsc::Receiver<Message>,
    mut reports: mpsc::Receiver<WorkerEvent>,
    view: watch::Sender<Arc<ClusterView>>,
) {
    let mut waiting = Waiting::default();
    loop {
        if let Some(changed) = core.poll_view() {
            view.send_replace(Arc::new(changed));
        }
        let deadline = core.poll_timeout().map(Instant::from_std);
        let event = tokio::select! {
            message = inbox.recv() => Event::Message(message),
            report = reports.recv() => Event::Report(report),
            () = timeout(deadline) => Event::Timeout,
        };
        let now = Instant::now().into_std();
        match event {
            Event::Message(Some(Message::Order(order, reply))) => {
                waiting.tickets += 1;
                let ticket = Ticket(waiting.tickets);
                waiting.replies.insert(ticket, reply);
                core.handle_order(now, ticket, order);
            }
            Event::Message(Some(Message::Starting(doing))) => core.starting(doing),
            Event::Message(Some(Message::Ready)) => core.ready(),
            Event::Message(Some(Message::Shutdown(reply))) => {
                waiting.shutdown = Some(reply);
                core.shutdown(now);
            }
            Event::Report(Some(report)) => {
                worker.notice(&report);
                core.handle_event(now, report);
            }
            Event::Timeout => core.handle_timeout(now),
            // Nobody can reach the herder any more; what it runs is dropped with it.
            Event::Message(None) | Event::Report(None) => return,
        }
        while let Some(action) = core.poll_action() {
            if perform(action, &mut worker, &mut waiting) {
                if let Some(changed) = core.poll_view() {
                    view.send_replace(Arc::new(changed));
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

/// Does what the core says; true when everything has stopped.
fn perform(action: Action, worker: &mut Worker, waiting: &mut Waiting) -> bool {
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
        Action::Answer { ticket, answer } => {
            if let Some(reply) = waiting.replies.remove(&ticket) {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(answer);
            }
        }
        Action::Stopped { abandoned } => {
            if let Some(reply) = waiting.shutdown.take() {
                let _ = reply.send(abandoned);
            }
            return true;
        }
    }
    false
}
