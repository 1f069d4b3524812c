//! ListGroups (API 16, versions 0-5): all groups, by state (KIP-518) and type (KIP-848).

use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use kconnect_protocol::{ApiKey, ErrorCode, StrBytes};

use super::{Api, Outcome, generated, text};
use crate::core::call::Call;
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct ListGroups;

/// From here on states are part of the answer.
const STATE_SINCE: i16 = 4;
/// From here on types are.
const TYPE_SINCE: i16 = 5;
/// The type of every group here.
const CLASSIC: &str = "classic";

impl Api for ListGroups {
    const KEY: ApiKey = ApiKey::LIST_GROUPS;
    generated!(ListGroupsRequest, ListGroupsResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let wanted = |filter: &[StrBytes], value: &str| {
            filter.is_empty() || filter.iter().any(|f| f.eq_ignore_ascii_case(value))
        };
        let groups = state.groups.iter().filter(|(_, group)| {
            wanted(&request.states_filter, group.state.name())
                && wanted(&request.types_filter, CLASSIC)
        });
        let groups = groups.map(|(id, group)| {
            let protocol_type = group.protocol_type.as_deref().unwrap_or_default();
            let mut listed = ListedGroup::default()
                .with_group_id(text(id).into())
                .with_protocol_type(text(protocol_type));
            if call.version >= STATE_SINCE {
                listed.group_state = text(group.state.name());
            }
            if call.version >= TYPE_SINCE {
                listed.group_type = text(CLASSIC);
            }
            listed
        });
        Outcome::Answer(ListGroupsResponse::default().with_groups(groups.collect()))
    }

    fn refuse(_: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        ListGroupsResponse::default().with_error_code(error.0)
    }
}
