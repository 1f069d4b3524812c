//! DeleteGroups (API 42, versions 0-2): groups that nobody is in.

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse, GroupId};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::journal::Entry;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct DeleteGroups;

impl Api for DeleteGroups {
    const KEY: ApiKey = ApiKey::DELETE_GROUPS;
    generated!(DeleteGroupsRequest, DeleteGroupsResponse);

    fn handle(state: &mut State, _: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let results = request.groups_names.iter().map(|group| {
            let removed = match group.0.is_empty() {
                true => Err(ErrorCode::InvalidGroupId),
                false => state.groups.remove(&group.0),
            };
            if removed.is_ok() {
                state.note(&Entry::GroupDeleted {
                    group: group.0.to_string(),
                });
            }
            result(group, removed.err().unwrap_or(ErrorCode::None))
        });
        Outcome::Answer(DeleteGroupsResponse::default().with_results(results.collect()))
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let groups = request.groups_names.iter();
        let refuse = |group| result(group, error);
        DeleteGroupsResponse::default().with_results(groups.map(refuse).collect())
    }
}

fn result(group: &GroupId, error: ErrorCode) -> DeletableGroupResult {
    DeletableGroupResult::default()
        .with_group_id(group.clone())
        .with_error_code(error.0)
}
