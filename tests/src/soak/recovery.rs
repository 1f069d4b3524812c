//! How long a cluster takes until its work is spread evenly again and every record flows from source to sink.

use std::time::{Duration, Instant};

use super::fleet::Fleet;
use super::statuses::Statuses;
use super::tally::{Stream, Tally};
use crate::Result;
use crate::process::look_again_after;

/// What recovery may take beyond what the configuration makes it wait, on a machine that brokers and workers share with others.
const ALLOWANCE: Duration = Duration::from_secs(60);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// How long it took.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// How much of it the configuration makes the cluster wait at most: until a session has ended, until a worker may have come back.
    pub configured: Duration,
    /// Until all tasks ran, evenly spread over exactly the workers that are there, and all these workers said so.
    pub balanced: Duration,
    /// Until each source task had had a record acknowledged on the worker that has the task by then, and it or a later one had come
    /// to the sink.
    pub flowing: Duration,
}

/// Waits until the work is balanced and flows.
///
/// # Errors
/// If it is not in time: what is wrong still.
pub(super) fn wait(fleet: &mut Fleet, tally: &mut Tally, configured: Duration) -> Result<Recovery> {
    let limit = configured + ALLOWANCE;
    let begun = Instant::now();
    // What tasks have printed until now is of the time before.
    fleet.look(tally)?;
    tally.look_anew();
    let mut balanced = None;
    let mut last_wrong = String::new();
    loop {
        let statuses = Statuses::balanced(fleet);
        // What was balanced once may not be any more, as long as not everything is right at once.
        balanced = statuses
            .is_ok()
            .then(|| balanced.unwrap_or_else(|| begun.elapsed()));
        fleet.look(tally)?;
        let wrong = match &statuses {
            Ok(statuses) => {
                let stuck = stuck(fleet, tally, statuses);
                if let (Some(balanced), true) = (balanced, stuck.is_empty()) {
                    return Ok(Recovery {
                        configured,
                        balanced,
                        flowing: begun.elapsed(),
                    });
                }
                format!("balanced, but nothing flows from {stuck:?}")
            }
            Err(error) => error.to_string(),
        };
        if begun.elapsed() > limit {
            return Err(format!("after {limit:?}: {wrong}").into());
        }
        if wrong != last_wrong {
            tracing::debug!("after {:?}: {wrong}", begun.elapsed());
            last_wrong = wrong;
        }
        look_again_after(PAUSE);
    }
}

/// The source tasks whose records do not flow from the worker that has them to one that has a task of their sink.
fn stuck(fleet: &Fleet, tally: &Tally, statuses: &Statuses) -> Vec<Stream> {
    let streams = fleet.streams().into_iter();
    streams
        .filter(|stream| {
            let (topic, task) = stream;
            let source = statuses.worker_of(&(format!("source-{topic}"), *task));
            let sink = |task| statuses.worker_of(&(format!("sink-{topic}"), task));
            !tally.flow(stream).is_whole(source, sink)
        })
        .collect()
}
