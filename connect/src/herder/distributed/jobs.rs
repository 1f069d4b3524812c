//! What takes a distributed worker's herder time, and is therefore done beside it: writes, reads, words to other workers.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kconnect_client::group::Member;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use super::core::{Action, Ticket};
use super::drive::Driver;
use super::now_ms;
use super::peers::Signature;
use super::protocol::Decide;
use crate::api::ConnectError;
use crate::distributed::config_log::{ConfigRecord, SessionKey};
use crate::distributed::status_log::{StatusKey, TopicStatus, encode_status, encode_topic};
use crate::herder::HerderError;
use crate::herder::entities::ConfigMap;
use crate::runtime::connector::ConnectorCommand;
use crate::storage::topic::TopicLog;

/// How long a write of the config topic may take in all, until it has been read back.
const WRITE: Duration = Duration::from_secs(30);
/// The wait after a session key that could not be written.
const KEY_RETRY: Duration = Duration::from_secs(1);
/// The ticket of session keys: nobody else has it.
const SESSION_KEY: Ticket = Ticket(0);

/// The end of a job.
#[derive(Debug)]
pub(super) enum Done {
    /// The internal topics have been read to their ends.
    CaughtUp(Result<(), String>),
    /// Records have been written and read back, or have not.
    Written(Ticket, Result<(), HerderError>),
    /// The leader has task configurations, or has not taken them.
    Sent(Arc<str>, Result<(), HerderError>),
    /// The config topic has been read up to an offset, or it took too long; the round can be decided.
    ReadForRound(Decide, Option<i64>),
    /// The config topic has been read to an end that is not before this offset.
    Read(i64),
    /// Another session key may be tried after one that could not be written.
    KeyMayBeMade,
}

impl Driver {
    pub(super) async fn handle_done(&mut self, done: Done, member: &mut Member) {
        let now = Instant::now().into_std();
        match done {
            Done::CaughtUp(Ok(())) => {
                info!("Herder started");
                self.core.ready(now);
                self.join(member).await;
            }
            Done::CaughtUp(Err(why)) => error!("the internal topics cannot be read: {why}"),
            Done::Written(SESSION_KEY, result) => {
                self.write_next();
                self.key_pending = result.is_err();
                if let Err(error) = result {
                    warn!(%error, "Failed to write the session key to the config topic; trying again");
                    self.jobs.spawn(async {
                        sleep(KEY_RETRY).await;
                        Done::KeyMayBeMade
                    });
                }
            }
            Done::Written(ticket, result) => {
                self.write_next();
                self.core.handle_written(now, ticket, result);
            }
            Done::Sent(name, result) => self.core.handle_sent(now, &name, result),
            Done::ReadForRound(decide, read_to) => {
                if let Some(offset) = read_to {
                    self.core.handle_read(now, offset);
                }
                self.decide(decide);
            }
            Done::Read(offset) => self.core.handle_read(now, offset),
            Done::KeyMayBeMade => self.key_pending = false,
        }
    }

    /// Does what the core says; when everything has stopped, what was abandoned.
    pub(super) async fn perform(
        &mut self,
        action: Action,
        member: &mut Member,
    ) -> Option<Vec<String>> {
        match action {
            Action::StartConnector {
                name,
                run,
                config,
                target,
            } => {
                self.worker.start_connector(&name, run, config, target);
            }
            Action::SetConnectorTarget { name, run, target } => {
                self.worker
                    .command_connector(&name, run, ConnectorCommand::Target(target));
            }
            Action::AskTaskConfigs { name, run } => {
                let tasks_max = self.core.tasks_max(&name).unwrap_or(1);
                self.worker.command_connector(
                    &name,
                    run,
                    ConnectorCommand::AskTaskConfigs { tasks_max },
                );
            }
            Action::StopConnector { name, run } => self.worker.stop_connector(&name, run),
            Action::AbandonConnector { name, run } => self.worker.abandon_connector(&name, run),
            Action::StartTask {
                id,
                run,
                connector,
                config,
                target,
            } => {
                self.worker.start_task(&id, run, connector, config, target);
            }
            Action::SetTaskTarget { id, run, target } => {
                self.worker.set_task_target(&id, run, target)
            }
            Action::StopTask { id, run } => self.worker.stop_task(&id, run),
            Action::AbandonTask { id, run } => self.worker.abandon_task(&id, run),
            Action::Ready(offers) => self.tell(member.ready(offers).await),
            Action::Rejoin(reason) => {
                self.tell(
                    member
                        .request_rejoin(reason, Some(self.core.membership()))
                        .await,
                );
            }
            Action::BackOff(wait) => {
                // The answer is not waited for: away is away.
                let _ = member
                    .leave("taking too long to read the log", Duration::ZERO)
                    .await;
                self.group.away_until = Some(Instant::now() + wait);
            }
            Action::Stopped { abandoned } => return Some(abandoned),
            other => self.perform_aside(other),
        }
        None
    }

    /// What is written, sent and answered.
    fn perform_aside(&mut self, action: Action) {
        match action {
            Action::ReadConfig { offset } => {
                let log = self.stores.config.clone();
                self.jobs.spawn(async move {
                    // It is only closed when the worker ends.
                    let read = log.read_to_end().await;
                    Done::Read(read.map_or(-1, |()| offset))
                });
            }
            Action::WriteConfig { ticket, records } => self.write(ticket, records),
            Action::SendTaskConfigs {
                name,
                leader_url,
                configs,
            } => {
                self.send_task_configs(name, &leader_url, &configs);
            }
            Action::PutStatus { key, status } => {
                self.statuses
                    .put(key.encode(), status.as_ref().map(encode_status));
            }
            Action::PutTopic {
                connector,
                topic,
                task,
            } => {
                let status = TopicStatus {
                    name: Arc::clone(&topic),
                    connector: Arc::clone(&connector),
                    task,
                    discover_timestamp: now_ms(),
                };
                let key = StatusKey::Topic { topic, connector };
                self.statuses.put(key.encode(), Some(encode_topic(status)));
            }
            Action::NewSessionKey => self.new_session_key(),
            Action::SetLevel { namespace, level } => (self.set_level)(&namespace, &level),
            Action::Answer { ticket, answer } => self.waiting.answer(ticket, answer),
            other => error!("please report: {other:?} was not done"),
        }
    }

    fn new_session_key(&mut self) {
        if std::mem::replace(&mut self.key_pending, true) {
            return;
        }
        match SessionKey::generate(self.options.key_algorithm, self.options.key_bits, now_ms()) {
            Ok(key) => {
                info!("Distributing new session key");
                self.write(SESSION_KEY, vec![ConfigRecord::SessionKey(key)]);
            }
            Err(error) => {
                error!(%error, "the system has no randomness for a session key");
                self.key_pending = false;
            }
        }
    }

    /// Has records written, after all that are to be written already.
    fn write(&mut self, ticket: Ticket, records: Vec<ConfigRecord>) {
        self.writes.push_back((ticket, records));
        if !self.is_writing {
            self.write_next();
        }
    }

    fn write_next(&mut self) {
        let next = self.writes.pop_front();
        self.is_writing = next.is_some();
        if let Some((ticket, records)) = next {
            let log = self.stores.config.clone();
            self.jobs
                .spawn(async move { Done::Written(ticket, write(&log, &records).await) });
        }
    }

    fn send_task_configs(&mut self, name: Arc<str>, leader_url: &str, configs: &[Arc<ConfigMap>]) {
        let body = serde_json::to_vec(configs).expect("a configuration has only texts");
        let signature = match self.sign(&body) {
            Ok(signature) => signature,
            Err(error) => {
                self.jobs.spawn(async move { Done::Sent(name, Err(error)) });
                return;
            }
        };
        let path = format!("connectors/{}/tasks", encoded(&name));
        let url = format!("{}/{path}", leader_url.trim_end_matches('/'));
        let peers = Arc::clone(&self.peers);
        self.jobs.spawn(async move {
            let sent = peers.post(url, body, signature).await;
            Done::Sent(name, sent)
        });
    }

    /// The signature of a request to another worker; none where requests are not signed.
    fn sign(&self, body: &[u8]) -> Result<Option<Signature>, HerderError> {
        if !self.core.is_sessioned() {
            return Ok(None);
        }
        let key = self
            .core
            .config()
            .session_key
            .as_ref()
            .and_then(SessionKey::bytes);
        let key = key.ok_or_else(|| {
            HerderError::Conflict("the leader has not distributed a session key yet".to_owned())
        })?;
        let algorithm = self.options.signature_algorithm;
        Ok(Some(Signature {
            algorithm: algorithm.name(),
            signature: STANDARD.encode(algorithm.sign(&key, body)),
        }))
    }
}

/// Writes records in order and waits until they have been read back.
///
/// The last one makes the others count, where there are several: it is written when they are there.
async fn write(log: &TopicLog, records: &[ConfigRecord]) -> Result<(), HerderError> {
    let Some((last, before)) = records.split_last() else {
        return Ok(());
    };
    let bytes = |record: &ConfigRecord| (record.key(), record.value());
    let first: Vec<_> = before.iter().map(bytes).collect();
    let writing = async {
        log.write(first).await?;
        log.write([bytes(last)]).await?;
        log.read_to_end().await
    };
    let why = match timeout(WRITE, writing).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => ConnectError::new(format!("it was not read back within {WRITE:?}")),
    };
    let what = complaint(last);
    error!("{what}: {why:?}");
    Err(HerderError::Internal(what.to_owned()))
}

/// What Kafka's worker says when a record could not be written.
const fn complaint(record: &ConfigRecord) -> &'static str {
    match record {
        ConfigRecord::Connector(_, Some(_)) => "Error writing connector configuration to Kafka",
        ConfigRecord::Connector(_, None) | ConfigRecord::TargetState(_, None) => {
            "Error removing connector configuration from Kafka"
        }
        ConfigRecord::Task(..) | ConfigRecord::Commit(..) => {
            "Error writing root configuration to Kafka"
        }
        ConfigRecord::TargetState(_, Some(_)) => "Error writing target state to Kafka",
        ConfigRecord::TaskCount(..) => "Error writing task count to Kafka",
        ConfigRecord::SessionKey(_) => "Error writing session key to Kafka",
        ConfigRecord::Restart { .. } => "Error writing restart request to Kafka",
        ConfigRecord::LoggerLevel { .. } => "Error writing logger level to Kafka",
    }
}

/// A connector's name as a part of a path.
fn encoded(name: &str) -> String {
    use std::fmt::Write as _;
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_characters_is_one_part_of_a_path() {
        assert_eq!(encoded("a-b.c"), "a-b.c");
        assert_eq!(encoded("a b/c?"), "a%20b%2Fc%3F");
    }
}
