//! Groups, their offsets, and share groups.

use super::{BYTES, I8, I16, I32, I64, Layout, STR, UUID, list, maybe, one, structs};
use crate::api::ApiKey;

#[rustfmt::skip]
pub(super) const GROUPS: &[Layout] = &[
    Layout::new(ApiKey::OFFSET_COMMIT, 2, 9,
        &[
            STR, I32, STR, STR.since(7), I64.until(4),
            structs(&[STR, structs(&[I32, I64, I32.since(6), STR])]),
        ],
        &[I32.since(3), structs(&[STR, structs(&[I32, I16])])]),
    Layout::new(ApiKey::OFFSET_FETCH, 1, 9,
        &[
            structs(&[STR, STR.since(9), I32.since(9), structs(&[STR, list(I32)])]).since(8),
            STR.until(7), structs(&[STR, list(I32)]).until(7), I8.since(7),
        ],
        &[
            I32.since(3),
            structs(&[STR, structs(&[STR, structs(&[I32, I64, I32, STR, I16])]), I16]).since(8),
            structs(&[STR, structs(&[I32, I64, I32.since(5), STR, I16])]).until(7),
            I16.since(2).until(7),
        ]),
    Layout::new(ApiKey::FIND_COORDINATOR, 0, 6,
        &[STR.until(3), I8.since(1), list(STR).since(4)],
        &[
            I32.since(1), structs(&[STR, I32, STR, I32, I16, STR]).since(4), I16.until(3),
            STR.since(1).until(3), I32.until(3), STR.until(3), I32.until(3),
        ]),
    Layout::new(ApiKey::JOIN_GROUP, 0, 9,
        &[STR, I32, I32.since(1), STR, STR.since(5), STR, structs(&[STR, BYTES]), STR.since(8)],
        &[
            I32.since(2), I16, I32, STR.since(7), STR, STR, I8.since(9), STR,
            structs(&[STR, STR.since(5), BYTES]),
        ]),
    Layout::new(ApiKey::HEARTBEAT, 0, 4,
        &[STR, I32, STR, STR.since(3)],
        &[I32.since(1), I16]),
    Layout::new(ApiKey::LEAVE_GROUP, 0, 5,
        &[STR, structs(&[STR, STR, STR.since(5)]).since(3), STR.until(2)],
        &[I32.since(1), I16, structs(&[STR, STR, I16]).since(3)]),
    Layout::new(ApiKey::SYNC_GROUP, 0, 5,
        &[STR, I32, STR, STR.since(3), STR.since(5), STR.since(5), structs(&[STR, BYTES])],
        &[I32.since(1), I16, STR.since(5), STR.since(5), BYTES]),
    Layout::new(ApiKey::DESCRIBE_GROUPS, 0, 6,
        &[list(STR), I8.since(3)],
        &[
            I32.since(1),
            structs(&[
                I16, STR.since(6), STR, STR, STR, STR,
                structs(&[STR, STR.since(4), STR, STR, BYTES, BYTES]), I32.since(3),
            ]),
        ]),
    Layout::new(ApiKey::LIST_GROUPS, 0, 5,
        &[list(STR).since(4), list(STR).since(5)],
        &[I32.since(1), I16, structs(&[STR, STR, STR.since(4), STR.since(5)])]),
    Layout::new(ApiKey::DELETE_GROUPS, 0, 2,
        &[list(STR)],
        &[I32, structs(&[STR, I16])]),
    Layout::new(ApiKey::OFFSET_DELETE, 0, 0,
        &[STR, structs(&[STR, structs(&[I32])])],
        &[I16, I32, structs(&[STR, structs(&[I32, I16])])]),
    Layout::new(ApiKey::CONSUMER_GROUP_HEARTBEAT, 0, 1,
        &[STR, STR, I32, STR, STR, I32, list(STR), STR.since(1), STR, structs(&[UUID, list(I32)])],
        &[I32, I16, STR, STR, I32, I32, maybe(&[structs(&[UUID, list(I32)])])]),
    Layout::new(ApiKey::CONSUMER_GROUP_DESCRIBE, 0, 1,
        &[list(STR), I8],
        &[
            I32,
            structs(&[
                I16, STR, STR, STR, I32, I32, STR,
                structs(&[
                    STR, STR, STR, I32, STR, STR, list(STR), STR,
                    one(&[structs(&[UUID, STR, list(I32)])]),
                    one(&[structs(&[UUID, STR, list(I32)])]), I8.since(1),
                ]),
                I32,
            ]),
        ]),
    Layout::new(ApiKey::SHARE_GROUP_HEARTBEAT, 1, 1,
        &[STR, STR, I32, STR, list(STR)],
        &[I32, I16, STR, STR, I32, I32, maybe(&[structs(&[UUID, list(I32)])])]),
    Layout::new(ApiKey::SHARE_GROUP_DESCRIBE, 1, 1,
        &[list(STR), I8],
        &[
            I32,
            structs(&[
                I16, STR, STR, STR, I32, I32, STR,
                structs(&[
                    STR, STR, I32, STR, STR, list(STR), one(&[structs(&[UUID, STR, list(I32)])]),
                ]),
                I32,
            ]),
        ]),
    Layout::new(ApiKey::SHARE_FETCH, 1, 1,
        &[
            STR, STR, I32, I32, I32, I32, I32, I32,
            structs(&[UUID, structs(&[I32, structs(&[I64, I64, list(I8)])])]),
            structs(&[UUID, list(I32)]),
        ],
        &[
            I32, I16, STR, I32,
            structs(&[
                UUID,
                structs(&[
                    I32, I16, STR, I16, STR, one(&[I32, I32]), BYTES, structs(&[I64, I64, I16]),
                ]),
            ]),
            structs(&[I32, STR, I32, STR]),
        ]),
    Layout::new(ApiKey::SHARE_ACKNOWLEDGE, 1, 1,
        &[STR, STR, I32, structs(&[UUID, structs(&[I32, structs(&[I64, I64, list(I8)])])])],
        &[
            I32, I16, STR, structs(&[UUID, structs(&[I32, I16, STR, one(&[I32, I32])])]),
            structs(&[I32, STR, I32, STR]),
        ]),
    Layout::new(ApiKey::DESCRIBE_SHARE_GROUP_OFFSETS, 0, 0,
        &[structs(&[STR, structs(&[STR, list(I32)])])],
        &[
            I32,
            structs(&[STR, structs(&[STR, UUID, structs(&[I32, I64, I32, I16, STR])]), I16, STR]),
        ]),
    Layout::new(ApiKey::ALTER_SHARE_GROUP_OFFSETS, 0, 0,
        &[STR, structs(&[STR, structs(&[I32, I64])])],
        &[I32, I16, STR, structs(&[STR, UUID, structs(&[I32, I16, STR])])]),
    Layout::new(ApiKey::DELETE_SHARE_GROUP_OFFSETS, 0, 0,
        &[STR, structs(&[STR])],
        &[I32, I16, STR, structs(&[STR, UUID, I16, STR])]),
];
