//! The leader's part of a rebalance: from what every member said to what every member gets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use kconnect_client::group::{Round, RoundMember};
use tracing::{info, warn};

use crate::distributed::Work;
use crate::distributed::assignor::{self, CooperativeAssignor, Shares, assign_eagerly};
use crate::distributed::config_log::ConfigState;
use crate::distributed::protocol::{Assignment, AssignmentError, MemberMetadata, Protocol};

/// Which worker runs what: what a leader needs to send a request on to the right one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owners {
    /// The address of each member, and what it runs.
    members: Vec<(String, Work)>,
    /// Somebody was told to give something up: another round follows as soon as it has ended there.
    gives_up: bool,
}

impl Owners {
    /// The address of the worker that runs the connector.
    pub(crate) fn of_connector(&self, connector: &str) -> Option<&str> {
        self.find(|work| work.connectors.contains(connector))
    }

    /// The address of the worker that runs the task.
    pub(crate) fn of_task(&self, id: &crate::runtime::ConnectorTaskId) -> Option<&str> {
        self.find(|work| work.tasks.contains(id))
    }

    /// Whether nobody has to give something up before this is so.
    pub(crate) const fn are_final(&self) -> bool {
        !self.gives_up
    }

    fn find(&self, runs: impl Fn(&Work) -> bool) -> Option<&str> {
        self.members
            .iter()
            .find(|(_, work)| runs(work))
            .map(|(url, _)| url.as_str())
    }
}

/// What the leader hands out.
#[derive(Debug)]
pub(crate) struct Decision {
    /// The bytes for each member.
    pub(crate) assignments: Vec<(Arc<str>, Bytes)>,
    /// Who runs what then.
    pub(crate) owners: Owners,
}

/// The highest offset of the config topic that a member has read, as far as their metadata can be read.
///
/// A leader that has read less has to read on before it decides.
pub(crate) fn config_offset(round: &Round) -> i64 {
    metadata(round)
        .map(|(_, metadata)| metadata.config_offset)
        .max()
        .unwrap_or(-1)
}

/// Decides a round. `last_generation` is the last one that this worker completed.
///
/// If `config` is behind a member, all of them are told to read on and to join again.
pub(crate) fn decide(
    assignor: &mut CooperativeAssignor,
    now: Instant,
    round: &Round,
    last_generation: Option<i32>,
    config: &ConfigState,
) -> Decision {
    let protocol = Protocol::from_group_name(&round.protocol).unwrap_or(Protocol::Eager);
    let members: BTreeMap<Arc<str>, MemberMetadata> = metadata(round).collect();
    let offset = config_offset(round).max(config.offset);
    let behind = !config.has_read(offset);
    let shares = if behind {
        info!(
            "this leader has not read the config topic as far as another member: all members join again"
        );
        Shares::default()
    } else if protocol == Protocol::Eager {
        eager(&members, config)
    } else {
        cooperative(assignor, now, round, last_generation, &members, config)
    };
    let leader_url = members
        .get(&round.leader)
        .map(|leader| leader.url.clone())
        .unwrap_or_default();
    let blank = Assignment {
        version: protocol.version(),
        error: if behind {
            AssignmentError::ConfigMismatch
        } else {
            AssignmentError::None
        },
        leader: round.leader.to_string(),
        leader_url,
        config_offset: offset,
        delay_ms: i32::try_from(shares.delay.as_millis()).unwrap_or(i32::MAX),
        ..Assignment::default()
    };
    let assignments = members.keys().map(|member| {
        let part = |work: &BTreeMap<String, Work>| work.get(&**member).cloned().unwrap_or_default();
        let assignment = Assignment {
            assigned: part(&shares.assigned),
            revoked: part(&shares.revoked),
            ..blank.clone()
        };
        (Arc::clone(member), assignment.encode())
    });
    let owners = members.iter().map(|(member, metadata)| {
        (
            metadata.url.clone(),
            shares.complete.get(&**member).cloned().unwrap_or_default(),
        )
    });
    Decision {
        assignments: assignments.collect(),
        owners: Owners {
            members: owners.collect(),
            gives_up: shares.revoked.values().any(|work| !work.is_empty()),
        },
    }
}

/// What each member said. A member that cannot be understood gets nothing, and keeps nobody else from working.
fn metadata(round: &Round) -> impl Iterator<Item = (Arc<str>, MemberMetadata)> + '_ {
    round.members.iter().filter_map(
        |RoundMember {
             member_id,
             metadata,
             ..
         }| {
            let read = MemberMetadata::decode(metadata);
            let read = read.inspect_err(
                |error| warn!(member_id = &**member_id, %error, "a member cannot be understood"),
            );
            Some((Arc::clone(member_id), read.ok()?))
        },
    )
}

fn eager(members: &BTreeMap<Arc<str>, MemberMetadata>, config: &ConfigState) -> Shares {
    let assigned = assign_eagerly(members.keys().map(ToString::to_string), &config.work());
    Shares {
        complete: assigned.clone(),
        assigned,
        ..Shares::default()
    }
}

fn cooperative(
    assignor: &mut CooperativeAssignor,
    now: Instant,
    round: &Round,
    last_generation: Option<i32>,
    members: &BTreeMap<Arc<str>, MemberMetadata>,
    config: &ConfigState,
) -> Shares {
    let running =
        |metadata: &MemberMetadata| metadata.allocation.as_ref().map(|all| all.assigned.clone());
    let round = assignor::Round {
        configured: config.work(),
        last_completed_generation: last_generation,
        generation: round.generation,
        members: members
            .iter()
            .map(|(member, metadata)| (member.to_string(), running(metadata).unwrap_or_default()))
            .collect(),
    };
    assignor.assign(now, &round)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::distributed::config_log::ConfigRecord;
    use crate::herder::entities::ConfigMap;

    fn member(id: &str, offset: i64) -> RoundMember {
        let metadata = MemberMetadata {
            url: format!("http://{id}/"),
            config_offset: offset,
            allocation: None,
        };
        RoundMember {
            member_id: id.into(),
            group_instance_id: None,
            metadata: metadata.encode(Protocol::Sessioned),
        }
    }

    fn round(members: Vec<RoundMember>) -> Round {
        Round {
            protocol: "sessioned".into(),
            generation: 1,
            leader: "a".into(),
            members,
            skip_assignment: false,
        }
    }

    fn config(offset: i64) -> ConfigState {
        let mut config = ConfigState::new();
        config.apply(ConfigRecord::Connector("c".into(), Some(ConfigMap::new())));
        config.offset = offset;
        config
    }

    fn decide_now(round: &Round, config: &ConfigState) -> Vec<Assignment> {
        let mut assignor = CooperativeAssignor::new(Duration::from_secs(300));
        let decision = decide(&mut assignor, Instant::now(), round, None, config);
        decision
            .assignments
            .iter()
            .map(|(_, bytes)| Assignment::decode(bytes).unwrap())
            .collect()
    }

    #[test]
    fn every_member_learns_the_leader_and_its_share() {
        let assignments = decide_now(&round(vec![member("a", 3), member("b", 2)]), &config(3));
        assert_eq!(assignments.len(), 2);
        for assignment in &assignments {
            assert_eq!(
                (assignment.leader.as_str(), assignment.leader_url.as_str()),
                ("a", "http://a/")
            );
            assert_eq!((assignment.version, assignment.config_offset), (2, 3));
        }
        assert_eq!(
            assignments
                .iter()
                .map(|assignment| assignment.assigned.len())
                .sum::<usize>(),
            1
        );
    }

    #[test]
    fn a_leader_that_is_behind_hands_out_nothing() {
        let assignments = decide_now(&round(vec![member("a", 3), member("b", 7)]), &config(3));
        for assignment in assignments {
            assert_eq!(assignment.error, AssignmentError::ConfigMismatch);
            assert_eq!(assignment.config_offset, 7);
            assert!(assignment.assigned.is_empty());
        }
    }

    #[test]
    fn a_leader_that_has_read_what_is_no_record_for_it_is_not_behind() {
        let mut config = config(3);
        config.read_to = 7;
        let assignments = decide_now(&round(vec![member("a", 3), member("b", 7)]), &config);
        let given: usize = assignments.iter().map(|share| share.assigned.len()).sum();
        assert_eq!(given, 1);
        for assignment in assignments {
            assert_eq!(assignment.error, AssignmentError::None);
            assert_eq!(assignment.config_offset, 7);
        }
    }

    #[test]
    fn a_member_with_broken_metadata_gets_nothing_and_disturbs_nobody() {
        let broken = RoundMember {
            metadata: Bytes::from_static(b"\x00"),
            ..member("x", 0)
        };
        let assignments = decide_now(&round(vec![member("a", 3), broken]), &config(3));
        assert_eq!(assignments.len(), 1);
        assert_eq!(assignments[0].assigned.len(), 1);
    }
}
