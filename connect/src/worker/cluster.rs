//! Looks for the Kafka cluster that the worker is configured for, beside everything else: nothing waits for it.

use std::time::Duration;

use kconnect_client::admin::{Admin, ClusterDescription};
use kconnect_client::config::AdminConfig;
use kconnect_client::{Error, ErrorKind};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::KAFKA_VERSION;
use crate::cli::COMMIT;
use crate::herder::entities::ServerInfo;

/// How long one look takes at most, so that a cause is known soon.
const LOOK: Duration = Duration::from_secs(5);
/// How long to wait before another look; doubled each time up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How often at most the log says that Kafka is not to be found.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// What `GET /` answers; the cluster's id is in it as soon as Kafka has said it.
///
/// The looking ends with the runtime, or when it has found the cluster.
pub(crate) fn server_info(mut admin: AdminConfig) -> watch::Receiver<ServerInfo> {
    // Kafka's own tests wait for these words; what follows them is what `GET /` says.
    info!("Kafka version: {KAFKA_VERSION}");
    let (publish, server_info) = watch::channel(ServerInfo {
        version: KAFKA_VERSION.to_owned(),
        commit: COMMIT.unwrap_or("unknown").to_owned(),
        kafka_cluster_id: None,
    });
    admin.default_api_timeout = admin.default_api_timeout.min(LOOK);
    tokio::spawn(look(admin, publish));
    server_info
}

async fn look(config: AdminConfig, publish: watch::Sender<ServerInfo>) {
    let servers = config.common.bootstrap_servers.join(",");
    let mut complained: Option<Instant> = None;
    let (mut pause, longest_pause) = PAUSES;
    loop {
        match describe(&config).await {
            Ok(cluster) => {
                let id = cluster.cluster_id.map(|id| id.to_string());
                info!("Kafka cluster ID: {}", id.as_deref().unwrap_or("none"));
                publish.send_modify(|info| info.kafka_cluster_id = id);
                return;
            }
            Err(error) => {
                if complained.is_none_or(|last| last.elapsed() >= COMPLAINT_INTERVAL) {
                    complained = Some(Instant::now());
                    warn!(
                        "Failed to connect to and describe Kafka cluster at {servers}; trying again. Check worker's broker \
                         connection and security properties. Cause: {error}{}",
                        hint(&error)
                    );
                }
            }
        }
        sleep(pause).await;
        pause = longest_pause.min(pause * 2);
    }
}

async fn describe(config: &AdminConfig) -> Result<ClusterDescription, Error> {
    let admin = Admin::new(config)?;
    let found = admin.describe_cluster().await;
    admin.close().await;
    found
}

fn hint(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Timeout => ": either nothing answers there, or what answers is no Kafka broker",
        _ => "",
    }
}
