//! The load of each worker, and filling the least loaded first.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::distributed::Work;
use crate::runtime::ConnectorTaskId;

/// Work by member id.
pub(super) type Loads = BTreeMap<String, Work>;

/// Gives `parts`, one after the other, to the workers with the least, connectors and tasks counted apart.
///
/// All workers of the lowest load get one more in turn, by member id, until they are level with the next ones.
pub(super) fn fill(loads: &mut Loads, parts: [&Work; 2]) {
    let connectors = order(loads, |load| load.connectors.len());
    share(
        &connectors,
        parts
            .into_iter()
            .flat_map(|part| part.connectors.iter().cloned()),
        |member: &str, connector: Arc<str>| {
            loads
                .entry(member.to_owned())
                .or_default()
                .connectors
                .insert(connector);
        },
    );
    let tasks = order(loads, |load| load.tasks.len());
    share(
        &tasks,
        parts
            .into_iter()
            .flat_map(|part| part.tasks.iter().cloned()),
        |member: &str, task: ConnectorTaskId| {
            loads
                .entry(member.to_owned())
                .or_default()
                .tasks
                .insert(task);
        },
    );
}

/// Members with their counts, the least loaded first, equal ones by member id.
fn order(loads: &Loads, count: impl Fn(&Work) -> usize) -> Vec<(usize, String)> {
    let mut order: Vec<_> = loads
        .iter()
        .map(|(member, load)| (count(load), member.clone()))
        .collect();
    order.sort();
    order
}

fn share<T>(
    members: &[(usize, String)],
    items: impl Iterator<Item = T>,
    mut give: impl FnMut(&str, T),
) {
    let Some(&(lowest, _)) = members.first() else {
        return;
    };
    let mut level = lowest;
    let mut turn = 0;
    for item in items {
        // The turn is over when the next member had more than this level to begin with, or all have had one.
        if members.get(turn).is_none_or(|&(count, _)| count > level) {
            level += 1;
            turn = 0;
        }
        give(&members[turn].1, item);
        turn += 1;
    }
}

/// How much work of one kind, `total` pieces over `workers` workers, each worker may keep: the surplus of each, in the order
/// of `counts`, or nothing if all is level already.
pub(super) fn surplus(counts: &[usize], total: usize) -> Vec<usize> {
    let workers = counts.len();
    if workers == 0 {
        return Vec::new();
    }
    let (least, mut extras) = (total / workers, total % workers);
    let level = counts.iter().filter(|&&count| count == least).count();
    let one_more = counts.iter().filter(|&&count| count == least + 1).count();
    if one_more == extras && level + one_more == workers {
        return vec![0; workers];
    }
    counts
        .iter()
        .map(|&count| {
            if count <= least {
                return 0;
            }
            let may_keep_one_more = extras > 0;
            extras -= usize::from(may_keep_one_more);
            count - least - usize::from(may_keep_one_more)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(loads: &Loads) -> Vec<usize> {
        loads.values().map(|load| load.tasks.len()).collect()
    }

    fn tasks(range: std::ops::Range<u32>) -> Work {
        let connector: Arc<str> = "c".into();
        Work {
            tasks: range
                .map(|task| ConnectorTaskId::new(&connector, task))
                .collect(),
            ..Work::default()
        }
    }

    #[test]
    fn the_least_loaded_are_filled_first() {
        let mut loads = Loads::from([
            ("a".to_owned(), tasks(0..4)),
            ("b".to_owned(), Work::default()),
            ("c".to_owned(), tasks(4..6)),
        ]);
        fill(&mut loads, [&tasks(10..14), &Work::default()]);
        assert_eq!(counts(&loads), [4, 3, 3]);
        fill(&mut loads, [&tasks(20..21), &tasks(21..23)]);
        assert_eq!(counts(&loads), [4, 5, 4]);
    }

    #[test]
    fn surplus_is_what_exceeds_a_fair_share() {
        assert_eq!(surplus(&[4, 0], 4), [2, 0]);
        assert_eq!(surplus(&[3, 2], 5), [0, 0]);
        assert_eq!(surplus(&[5, 5, 0], 10), [1, 2, 0]);
        assert_eq!(surplus(&[], 3), [] as [usize; 0]);
    }
}
