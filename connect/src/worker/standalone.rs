//! A standalone worker's life: started from its files, run until a signal or a connector file's error ends it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kconnect_broker::Broker;
use tokio::runtime::Handle;
use tracing::{error, info};

use super::endpoint::Endpoint;
use super::settings::Settings;
use super::{
    Failure, Runtimes, Signal, Signals, cluster, connector_file, embedded_broker, offsets_file,
    shutdown,
};
use crate::api::Plugins;
use crate::config::StandaloneConfig;
use crate::herder::standalone::{self, Control};
use crate::herder::{Herder as _, HerderHandle, PutConnector};
use crate::rest::RestServer;
use crate::runtime::worker::WorkerContext;

/// What a standalone worker is started with.
#[derive(Debug)]
pub(crate) struct StandaloneOptions {
    /// The worker's property file.
    pub(crate) worker: PathBuf,
    /// Connector files.
    pub(crate) connectors: Vec<PathBuf>,
    /// Whether to run a broker in this process.
    pub(crate) embedded_broker: bool,
    /// Where that broker keeps its topics; beside the offsets file if not said.
    pub(crate) embedded_broker_dir: Option<PathBuf>,
}

/// All that has to be stopped again.
#[derive(Debug)]
struct Standalone {
    herder: HerderHandle,
    control: Control,
    rest: RestServer,
    broker: Option<Broker>,
}

/// Runs a standalone worker; the signal that ended it.
pub(crate) fn run(options: StandaloneOptions, plugins: Plugins) -> Result<Signal, Failure> {
    let begun = Instant::now();
    info!("Kafka Connect worker initializing ...");
    let settings = Settings::load(
        &options.worker,
        &plugins,
        StandaloneConfig::from_properties,
        |config| &config.worker,
    )?;
    let connectors = read_connectors(&options.connectors)?;
    let runtimes = Runtimes::start()?;
    let plugin_runtime = runtimes.plugins();
    runtimes.run(async move {
        let mut signals = Signals::listen()?;
        let grace = settings.config.worker.task_shutdown_graceful_timeout;
        let starting = Standalone::start(settings, plugins, plugin_runtime, &options, begun);
        let worker = tokio::select! {
            worker = starting => worker?,
            signal = signals.next() => return Ok(signal),
        };
        let ended = tokio::select! {
            signal = signals.next() => Ok(signal),
            failure = worker.run(connectors) => Err(failure),
        };
        worker.stop(grace, &mut signals).await;
        ended
    })
}

/// Reads all connector files, so that every one that is wrong is named at once and nothing has been started then.
fn read_connectors(files: &[PathBuf]) -> Result<Vec<(PathBuf, PutConnector)>, Failure> {
    let mut connectors = Vec::new();
    for file in files {
        match connector_file::read(file) {
            Ok(put) => connectors.push((file.clone(), put)),
            Err(why) => connector_failed(file, &why),
        }
    }
    if connectors.len() < files.len() {
        return Err(Failure::Connector);
    }
    Ok(connectors)
}

fn connector_failed(file: &Path, why: &str) {
    error!("Failed to create connector for {}: {why}", file.display());
}

impl Standalone {
    /// Binds and opens everything that can fail, then starts.
    async fn start(
        mut settings: Settings<StandaloneConfig>,
        plugins: Plugins,
        runtime: Handle,
        options: &StandaloneOptions,
        begun: Instant,
    ) -> Result<Self, Failure> {
        let endpoint = Endpoint::bind(&settings.config.worker).await?;
        let offsets_file = settings.config.offset_storage_file_filename.clone();
        let offsets = offsets_file::open(&offsets_file).await?;
        let broker = if options.embedded_broker {
            let beside = || embedded_broker::directory_beside(Path::new(&offsets_file));
            let dir = options.embedded_broker_dir.clone().unwrap_or_else(beside);
            let broker =
                embedded_broker::start(&settings.config.worker.bootstrap_servers, dir).await?;
            settings.use_bootstrap_servers(broker.bootstrap_servers());
            Some(broker)
        } else {
            None
        };
        let server_info = cluster::server_info(settings.admin);
        let (herder, control) = standalone::start(standalone::Settings {
            worker_id: endpoint.worker_id(),
            override_policy: settings.override_policy,
            server_info,
            context: Arc::new(WorkerContext {
                config: settings.config.worker,
                properties: settings.properties,
                plugins: Arc::new(plugins),
                offsets: Arc::new(offsets),
                runtime,
                in_cluster: false,
            }),
        });
        info!("Herder started");
        info!(
            "Kafka Connect worker initialization took {}ms",
            begun.elapsed().as_millis()
        );
        let rest = endpoint.serve(Arc::new(herder.clone()));
        info!("Kafka Connect started");
        Ok(Self {
            herder,
            control,
            rest,
            broker,
        })
    }

    /// Creates the connectors of the files one after the other; returns only if one cannot be created.
    async fn run(&self, connectors: Vec<(PathBuf, PutConnector)>) -> Failure {
        for (file, put) in connectors {
            let doing = format!("creating connector {} from {}", put.name, file.display());
            self.control.starting(doing).await;
            match self.herder.put_connector(put).await {
                Ok(put) => info!("Created connector {}", put.info.name),
                Err(error) => {
                    connector_failed(&file, &error.to_string());
                    return Failure::Connector;
                }
            }
        }
        self.control.ready().await;
        std::future::pending().await
    }

    /// Stops everything in the order in which nothing is lost.
    async fn stop(self, grace: Duration, signals: &mut Signals) {
        let Self {
            control,
            rest,
            broker,
            ..
        } = self;
        let stop = async {
            rest.stop().await;
            control.shutdown().await
        };
        shutdown::orderly(stop, grace, signals).await;
        if let Some(broker) = broker {
            shutdown::broker(broker).await;
        }
        info!("Kafka Connect stopped");
    }
}
