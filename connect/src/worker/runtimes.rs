//! The threads of a worker: few for the worker itself, all the processor's for plugins.

use tokio::runtime::{Builder, Handle, Runtime};

use super::Failure;

/// Threads for the herder, REST and the embedded broker. None of them ever blocks.
const WORKER_THREADS: usize = 2;

/// Two runtimes, so that a plugin that blocks threads never holds up the herder, the REST API or a heartbeat.
#[derive(Debug)]
pub(crate) struct Runtimes {
    worker: Runtime,
    plugins: Runtime,
}

impl Runtimes {
    pub(crate) fn start() -> Result<Self, Failure> {
        let failed = |error| Failure::startup(format!("cannot start threads: {error}"));
        let worker = Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .thread_name("worker")
            .enable_all()
            .build()
            .map_err(failed)?;
        let plugins = Builder::new_multi_thread()
            .thread_name("plugin")
            .enable_all()
            .build()
            .map_err(failed)?;
        Ok(Self { worker, plugins })
    }

    /// Where connectors, tasks and their clients run.
    pub(crate) fn plugins(&self) -> Handle {
        self.plugins.handle().clone()
    }

    /// Runs the worker until it ends, and then does not wait for threads that plugins block.
    pub(crate) fn run<T>(self, worker: impl Future<Output = T>) -> T {
        let ended = self.worker.block_on(worker);
        self.plugins.shutdown_background();
        self.worker.shutdown_background();
        ended
    }
}
