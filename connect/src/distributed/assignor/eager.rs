//! The eager assignor: everything is stopped, everything is handed out again, one piece after the other.

use super::load::Loads;
use crate::distributed::Work;

/// Shares all of `configured` out among `members`: first the connectors, then the tasks, each to the next member in turn.
///
/// Without members nothing is assigned.
pub fn assign(members: impl IntoIterator<Item = String>, configured: &Work) -> Loads {
    let mut loads: Loads = members
        .into_iter()
        .map(|member| (member, Work::default()))
        .collect();
    let names: Vec<String> = loads.keys().cloned().collect();
    let mut turn = names.iter().cycle();
    for connector in &configured.connectors {
        if let Some(load) = turn.next().and_then(|member| loads.get_mut(member)) {
            load.connectors.insert(connector.clone());
        }
    }
    for task in &configured.tasks {
        if let Some(load) = turn.next().and_then(|member| loads.get_mut(member)) {
            load.tasks.insert(task.clone());
        }
    }
    loads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::ConnectorTaskId;

    #[test]
    fn the_turn_goes_on_from_connectors_to_tasks() {
        let connector: std::sync::Arc<str> = "c".into();
        let configured = Work {
            connectors: [connector.clone()].into(),
            tasks: (0..3)
                .map(|task| ConnectorTaskId::new(&connector, task))
                .collect(),
        };
        let loads = assign(["a".to_owned(), "b".to_owned()], &configured);
        assert_eq!(loads["a"].connectors.len(), 1);
        assert_eq!(
            loads["a"]
                .tasks
                .iter()
                .map(|task| task.task)
                .collect::<Vec<_>>(),
            [1]
        );
        assert_eq!(
            loads["b"]
                .tasks
                .iter()
                .map(|task| task.task)
                .collect::<Vec<_>>(),
            [0, 2]
        );
    }

    #[test]
    fn without_members_nothing_is_assigned() {
        assert!(
            assign(
                [],
                &Work {
                    connectors: ["c".into()].into(),
                    ..Work::default()
                }
            )
            .is_empty()
        );
    }
}
