//! What a run shows: which records are missing where, and which tasks ran twice.

use super::fleet::TASKS;
use super::tally::Tally;

/// Numbers that are named of a longer list.
const NAMED_MAX: usize = 10;

/// Sums over all records.
#[derive(Debug, Default, Clone, Copy)]
pub struct Totals {
    /// Made by source tasks, each number counted once.
    pub made: usize,
    /// In the topics, each number counted once.
    pub in_topics: usize,
    /// In the topics again.
    pub repeated_in_topics: usize,
    /// Got by sinks again beyond what is in the topics.
    pub got_again: usize,
}

/// Sums over all records of the run.
#[must_use]
pub(super) fn totals(tally: &Tally) -> Totals {
    let mut totals = Totals::default();
    for seen in tally.streams.values() {
        let (topic, got) = (&seen.in_topic, &seen.got);
        totals.made += seen.made.different();
        totals.in_topics += topic.different();
        totals.repeated_in_topics += topic.repeated();
        let times = got.different() + got.repeated();
        totals.got_again += times.saturating_sub(topic.different() + topic.repeated());
    }
    totals
}

/// Everything that is lost.
#[must_use]
pub(super) fn losses(topics: &[String], tally: &mut Tally) -> Vec<String> {
    let mut losses = Vec::new();
    for topic in topics {
        for task in 0..TASKS {
            let seen = tally.stream(topic, i64::try_from(task).unwrap_or_default());
            let mut complain = |numbers: Vec<usize>, what: &str| {
                if !numbers.is_empty() {
                    let named = &numbers[..numbers.len().min(NAMED_MAX)];
                    let count = numbers.len();
                    losses.push(format!(
                        "{topic}, task {task}: {count} {what}: {named:?} ..."
                    ));
                }
            };
            let (topic, made) = (&seen.in_topic, &seen.made);
            complain(topic.gaps().collect(), "numbers left out in the topic");
            let lacks = topic.lacks(&seen.acknowledged).collect();
            complain(lacks, "acknowledged and not in the topic");
            complain(topic.lacks(made).collect(), "made and not in the topic");
            let lacks = seen.flushed.lacks(topic).collect();
            complain(lacks, "in the topic and never flushed by the sink");
            if topic.end() == 0 {
                losses.push(format!("task {task}: no record at all"));
            }
        }
    }
    losses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::tally::Seen;

    /// A tally in which everything of every task has arrived.
    fn complete(topics: &[String]) -> Tally {
        let mut tally = Tally::default();
        for topic in topics {
            for task in 0..TASKS {
                let seen = tally.stream(topic, i64::try_from(task).unwrap());
                for number in 0..5 {
                    let Seen {
                        made,
                        acknowledged,
                        in_topic,
                        got,
                        flushed,
                    } = seen;
                    for counts in [made, acknowledged, in_topic, got, flushed] {
                        counts.add(number);
                    }
                }
            }
        }
        tally
    }

    #[test]
    fn nothing_is_lost_when_everything_has_arrived() {
        let topics = ["t".to_owned()];
        let mut tally = complete(&topics);
        assert_eq!(losses(&topics, &mut tally), Vec::<String>::new());
        assert_eq!(totals(&tally).in_topics, 5 * TASKS);
    }

    #[test]
    fn each_kind_of_loss_is_told() {
        let topics = ["t".to_owned()];
        let told = |spoil: &dyn Fn(&mut Seen)| {
            let mut tally = complete(&topics);
            spoil(tally.stream("t", 1));
            losses(&topics, &mut tally).join("\n")
        };
        let text = told(&|seen| seen.in_topic.add(6));
        assert!(text.contains("left out"), "{text}");
        let text = told(&|seen| seen.acknowledged.add(5));
        assert!(text.contains("acknowledged and not"), "{text}");
        let text = told(&|seen| seen.made.add(5));
        assert!(text.contains("made and not"), "{text}");
        let text = told(&|seen| seen.in_topic.add(5));
        assert!(text.contains("never flushed"), "{text}");
        let text = told(&|seen| *seen = Seen::default());
        assert!(text.contains("no record at all"), "{text}");
    }
}
