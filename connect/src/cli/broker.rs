//! `kconnect broker`: the embedded broker alone, until a signal stops it.

use std::io::Write as _;

use kconnect_broker::{Broker, Options};

use super::args;
use crate::worker::{Failure, Signals, shutdown};

/// Runs a broker, says on standard output where it listens, and stops it when a signal asks for that.
pub(super) fn run(arguments: args::Broker) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::startup(format!("cannot start threads: {error}")))?;
    let ended = runtime.block_on(serve(arguments));
    runtime.shutdown_background();
    ended
}

async fn serve(arguments: args::Broker) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let options = Options {
        listen: arguments.listen,
        dir: arguments.dir,
        ..Options::default()
    };
    let broker = Broker::start(options).await.map_err(Failure::startup)?;
    // Whoever started this may not listen.
    let _ = writeln!(
        std::io::stdout(),
        "bootstrap.servers={}",
        broker.bootstrap_servers()
    );
    signals.next().await;
    shutdown::broker(broker).await;
    Ok(())
}
