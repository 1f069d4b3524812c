//! The end of a worker: everything stops in its time, or is given up, and the log says what was.

use std::time::Duration;

use kconnect_broker::Broker;
use tokio::time::timeout;
use tracing::{info, warn};

use super::Signals;

/// How long all that has no grace of its own may take: REST requests, connectors, the group.
const MARGIN: Duration = Duration::from_secs(30);
/// How long the embedded broker has to bring its topics to the disk.
const BROKER_STOP: Duration = Duration::from_secs(30);

/// Waits for `stop`, which names what did not stop in time. Tasks have `grace`; a second signal ends the waiting.
pub(crate) async fn orderly(
    stop: impl Future<Output = Vec<String>>,
    grace: Duration,
    signals: &mut Signals,
) {
    info!("Kafka Connect stopping");
    let limit = grace.saturating_add(MARGIN);
    tokio::select! {
        stopped = timeout(limit, stop) => match stopped {
            Ok(abandoned) if abandoned.is_empty() => {}
            Ok(abandoned) => warn!(
                "These did not stop in time and have been abandoned, without a last commit of their offsets: {}",
                abandoned.join(", ")
            ),
            Err(_) => warn!("The worker did not stop within {} s and is given up", limit.as_secs()),
        },
        signal = signals.next() => warn!(
            "{} while stopping: ending at once; what was not committed will be repeated after a restart",
            signal.name()
        ),
    }
}

/// Stops the embedded broker.
pub(crate) async fn broker(broker: Broker) {
    if timeout(BROKER_STOP, broker.stop()).await.is_err() {
        warn!(
            "The embedded broker did not stop within {} s and is given up",
            BROKER_STOP.as_secs()
        );
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_never_stops_is_given_up() {
        let mut signals = Signals::listen().unwrap();
        let begun = Instant::now();
        orderly(std::future::pending(), Duration::from_secs(5), &mut signals).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(35));
    }

    #[tokio::test(start_paused = true)]
    async fn what_stops_is_waited_for() {
        let mut signals = Signals::listen().unwrap();
        let begun = Instant::now();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            vec!["task c-0".to_owned()]
        };
        orderly(stop, Duration::from_secs(5), &mut signals).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }
}
