//! The cluster, its features, quotas and telemetry.

use super::{BYTES, F64, I8, I16, I32, I64, Layout, STR, UUID, list, structs};
use crate::api::ApiKey;

#[rustfmt::skip]
pub(super) const CLUSTER: &[Layout] = &[
    Layout::new(ApiKey::API_VERSIONS, 0, 4,
        &[STR.since(3), STR.since(3)],
        &[
            I16, structs(&[I16, I16, I16]), I32.since(1), structs(&[STR, I16, I16]).since(3).tag(0),
            I64.since(3).tag(1), structs(&[STR, I16, I16]).since(3).tag(2), I8.since(3).tag(3),
        ]),
    Layout::new(ApiKey::DESCRIBE_CLIENT_QUOTAS, 0, 1,
        &[structs(&[STR, I8, STR]), I8],
        &[I32, I16, STR, structs(&[structs(&[STR, STR]), structs(&[STR, F64])])]),
    Layout::new(ApiKey::ALTER_CLIENT_QUOTAS, 0, 1,
        &[structs(&[structs(&[STR, STR]), structs(&[STR, F64, I8])]), I8],
        &[I32, structs(&[I16, STR, structs(&[STR, STR])])]),
    Layout::new(ApiKey::DESCRIBE_QUORUM, 0, 2,
        &[structs(&[STR, structs(&[I32])])],
        &[
            I16, STR.since(2),
            structs(&[
                STR,
                structs(&[
                    I32, I16, STR.since(2), I32, I32, I64,
                    structs(&[I32, UUID.since(2), I64, I64.since(1), I64.since(1)]),
                    structs(&[I32, UUID.since(2), I64, I64.since(1), I64.since(1)]),
                ]),
            ]),
            structs(&[I32, structs(&[STR, STR, I16])]).since(2),
        ]),
    Layout::new(ApiKey::UPDATE_FEATURES, 0, 2,
        &[I32, structs(&[STR, I16, I8.since(1), I8.until(0)]), I8.since(1)],
        &[I32, I16, STR, structs(&[STR, I16, STR]).until(1)]),
    Layout::new(ApiKey::DESCRIBE_CLUSTER, 0, 2,
        &[I8, I8.since(1), I8.since(2)],
        &[I32, I16, STR, I8.since(1), STR, I32, structs(&[I32, STR, I32, STR, I8.since(2)]), I32]),
    Layout::new(ApiKey::UNREGISTER_BROKER, 0, 0,
        &[I32],
        &[I32, I16, STR]),
    Layout::new(ApiKey::GET_TELEMETRY_SUBSCRIPTIONS, 0, 0,
        &[UUID],
        &[I32, I16, UUID, I32, list(I8), I32, I32, I8, list(STR)]),
    Layout::new(ApiKey::PUSH_TELEMETRY, 0, 0,
        &[UUID, I32, I8, I8, BYTES],
        &[I32, I16]),
];
