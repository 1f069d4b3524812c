//! Idempotence and transactions.

use super::{I8, I16, I32, I64, Layout, STR, list, structs};
use crate::api::ApiKey;

#[rustfmt::skip]
pub(super) const TRANSACTIONS: &[Layout] = &[
    Layout::new(ApiKey::INIT_PRODUCER_ID, 0, 5,
        &[STR, I32, I64.since(3), I16.since(3)],
        &[I32, I16, I64, I16]),
    Layout::new(ApiKey::ADD_PARTITIONS_TO_TXN, 0, 5,
        &[
            structs(&[STR, I64, I16, I8, structs(&[STR, list(I32)])]).since(4), STR.until(3),
            I64.until(3), I16.until(3), structs(&[STR, list(I32)]).until(3),
        ],
        &[
            I32, I16.since(4), structs(&[STR, structs(&[STR, structs(&[I32, I16])])]).since(4),
            structs(&[STR, structs(&[I32, I16])]).until(3),
        ]),
    Layout::new(ApiKey::ADD_OFFSETS_TO_TXN, 0, 4,
        &[STR, I64, I16, STR],
        &[I32, I16]),
    Layout::new(ApiKey::END_TXN, 0, 5,
        &[STR, I64, I16, I8],
        &[I32, I16, I64.since(5), I16.since(5)]),
    Layout::new(ApiKey::TXN_OFFSET_COMMIT, 0, 5,
        &[
            STR, STR, I64, I16, I32.since(3), STR.since(3), STR.since(3),
            structs(&[STR, structs(&[I32, I64, I32.since(2), STR])]),
        ],
        &[I32, structs(&[STR, structs(&[I32, I16])])]),
    Layout::new(ApiKey::DESCRIBE_TRANSACTIONS, 0, 0,
        &[list(STR)],
        &[I32, structs(&[I16, STR, STR, I32, I64, I64, I16, structs(&[STR, list(I32)])])]),
    Layout::new(ApiKey::LIST_TRANSACTIONS, 0, 2,
        &[list(STR), list(I64), I64.since(1), STR.since(2)],
        &[I32, I16, list(STR), structs(&[STR, I64, STR])]),
];
