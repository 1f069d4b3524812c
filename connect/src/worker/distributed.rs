//! A distributed worker's life: started from its property file, run until a signal ends it or it cannot go on.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tracing::info;

use super::endpoint::Endpoint;
use super::peers::HttpPeers;
use super::settings::Settings;
use super::{Failure, Runtimes, Signal, Signals, cluster, shutdown};
use crate::api::Plugins;
use crate::config::DistributedConfig;
use crate::herder::distributed::{self, Control};
use crate::rest::RestServer;

/// All that has to be stopped again.
#[derive(Debug)]
struct Distributed {
    herder: Control,
    rest: RestServer,
}

/// Runs a worker of a cluster from its property file; the signal that ended it.
pub(crate) fn run(file: &Path, plugins: Plugins) -> Result<Signal, Failure> {
    let begun = Instant::now();
    info!("Kafka Connect worker initializing ...");
    let settings = Settings::load(
        file,
        &plugins,
        DistributedConfig::from_properties,
        |config| &config.worker,
    )?;
    let runtimes = Runtimes::start()?;
    let plugin_runtime = runtimes.plugins();
    runtimes.run(async move {
        let mut signals = Signals::listen()?;
        let grace = settings.config.worker.task_shutdown_graceful_timeout;
        let worker = Distributed::start(settings, plugins, plugin_runtime, begun).await?;
        let ended = tokio::select! {
            signal = signals.next() => Ok(signal),
            why = worker.herder.failed() => Err(Failure::Herder(why)),
        };
        worker.stop(grace, &mut signals).await;
        ended
    })
}

impl Distributed {
    /// Binds the sockets, which is what can fail at once, then starts; the rest follows in the background.
    async fn start(
        settings: Settings<DistributedConfig>,
        plugins: Plugins,
        runtime: Handle,
        begun: Instant,
    ) -> Result<Self, Failure> {
        let endpoint = Endpoint::bind(&settings.config.worker).await?;
        let server_info = cluster::server_info(settings.admin);
        let (handle, herder) = distributed::start(distributed::Settings {
            worker_id: endpoint.worker_id(),
            url: endpoint.url().to_owned(),
            override_policy: settings.override_policy,
            config: settings.config,
            properties: settings.properties,
            plugins: Arc::new(plugins),
            runtime,
            server_info,
            peers: Arc::new(HttpPeers),
        });
        info!(
            "Kafka Connect worker initialization took {}ms",
            begun.elapsed().as_millis()
        );
        let rest = endpoint.serve(Arc::new(handle));
        info!("Kafka Connect started");
        Ok(Self { herder, rest })
    }

    /// Stops REST first, so that nobody is told of what is half gone, then the work.
    async fn stop(self, grace: Duration, signals: &mut Signals) {
        let Self { herder, rest } = self;
        let stop = async {
            rest.stop().await;
            herder.shutdown().await
        };
        shutdown::orderly(stop, grace, signals).await;
        info!("Kafka Connect stopped");
    }
}
