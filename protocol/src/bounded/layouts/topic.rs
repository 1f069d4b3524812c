//! Topics, partitions, records and configurations.

use super::{I8, I16, I32, I64, Layout, STR, UUID, list, maybe, structs};
use crate::api::ApiKey;

#[rustfmt::skip]
pub(super) const TOPICS: &[Layout] = &[
    Layout::new(ApiKey::CREATE_TOPICS, 2, 7,
        &[structs(&[STR, I32, I16, structs(&[I32, list(I32)]), structs(&[STR, STR])]), I32, I8],
        &[
            I32,
            structs(&[
                STR, UUID.since(7), I16, STR, I32.since(5), I16.since(5),
                structs(&[STR, STR, I8, I8, I8]).since(5), I16.since(5).tag(0),
            ]),
        ]),
    Layout::new(ApiKey::DELETE_TOPICS, 1, 6,
        &[structs(&[STR, UUID]).since(6), list(STR).until(5), I32],
        &[I32, structs(&[STR, UUID.since(6), I16, STR.since(5)])]),
    Layout::new(ApiKey::DELETE_RECORDS, 0, 2,
        &[structs(&[STR, structs(&[I32, I64])]), I32],
        &[I32, structs(&[STR, structs(&[I32, I64, I16])])]),
    Layout::new(ApiKey::OFFSET_FOR_LEADER_EPOCH, 2, 4,
        &[I32.since(3), structs(&[STR, structs(&[I32, I32, I32])])],
        &[I32, structs(&[STR, structs(&[I16, I32, I32, I64])])]),
    Layout::new(ApiKey::DESCRIBE_CONFIGS, 1, 4,
        &[structs(&[I8, STR, list(STR)]), I8, I8.since(3)],
        &[
            I32,
            structs(&[
                I16, STR, I8, STR,
                structs(&[
                    STR, STR, I8, I8, I8, structs(&[STR, STR, I8]), I8.since(3), STR.since(3),
                ]),
            ]),
        ]),
    Layout::new(ApiKey::ALTER_CONFIGS, 0, 2,
        &[structs(&[I8, STR, structs(&[STR, STR])]), I8],
        &[I32, structs(&[I16, STR, I8, STR])]),
    Layout::new(ApiKey::ALTER_REPLICA_LOG_DIRS, 1, 2,
        &[structs(&[STR, structs(&[STR, list(I32)])])],
        &[I32, structs(&[STR, structs(&[I32, I16])])]),
    Layout::new(ApiKey::DESCRIBE_LOG_DIRS, 1, 4,
        &[structs(&[STR, list(I32)])],
        &[
            I32, I16.since(3),
            structs(&[
                I16, STR, structs(&[STR, structs(&[I32, I64, I64, I8])]), I64.since(4),
                I64.since(4),
            ]),
        ]),
    Layout::new(ApiKey::CREATE_PARTITIONS, 0, 3,
        &[structs(&[STR, I32, structs(&[list(I32)])]), I32, I8],
        &[I32, structs(&[STR, I16, STR])]),
    Layout::new(ApiKey::ELECT_LEADERS, 0, 2,
        &[I8.since(1), structs(&[STR, list(I32)]), I32],
        &[I32, I16.since(1), structs(&[STR, structs(&[I32, I16, STR])])]),
    Layout::new(ApiKey::INCREMENTAL_ALTER_CONFIGS, 0, 1,
        &[structs(&[I8, STR, structs(&[STR, I8, STR])]), I8],
        &[I32, structs(&[I16, STR, I8, STR])]),
    Layout::new(ApiKey::ALTER_PARTITION_REASSIGNMENTS, 0, 1,
        &[I32, I8.since(1), structs(&[STR, structs(&[I32, list(I32)])])],
        &[I32, I8.since(1), I16, STR, structs(&[STR, structs(&[I32, I16, STR])])]),
    Layout::new(ApiKey::LIST_PARTITION_REASSIGNMENTS, 0, 0,
        &[I32, structs(&[STR, list(I32)])],
        &[I32, I16, STR, structs(&[STR, structs(&[I32, list(I32), list(I32), list(I32)])])]),
    Layout::new(ApiKey::DESCRIBE_PRODUCERS, 0, 0,
        &[structs(&[STR, list(I32)])],
        &[
            I32,
            structs(&[STR, structs(&[I32, I16, STR, structs(&[I64, I32, I32, I64, I32, I64])])]),
        ]),
    Layout::new(ApiKey::LIST_CONFIG_RESOURCES, 0, 1,
        &[list(I8).since(1)],
        &[I32, I16, structs(&[STR, I8.since(1)])]),
    Layout::new(ApiKey::DESCRIBE_TOPIC_PARTITIONS, 0, 0,
        &[structs(&[STR]), I32, maybe(&[STR, I32])],
        &[
            I32,
            structs(&[
                I16, STR, UUID, I8,
                structs(&[
                    I16, I32, I32, I32, list(I32), list(I32), list(I32), list(I32), list(I32),
                ]),
                I32,
            ]),
            maybe(&[STR, I32]),
        ]),
];
