//! Authentication, ACLs, delegation tokens and SCRAM credentials.

use super::{BYTES, I8, I16, I32, I64, Layout, STR, list, structs};
use crate::api::ApiKey;

#[rustfmt::skip]
pub(super) const SECURITY: &[Layout] = &[
    Layout::new(ApiKey::SASL_HANDSHAKE, 0, 1,
        &[STR],
        &[I16, list(STR)]),
    Layout::new(ApiKey::DESCRIBE_ACLS, 1, 3,
        &[I8, STR, I8, STR, STR, I8, I8],
        &[I32, I16, STR, structs(&[I8, STR, I8, structs(&[STR, STR, I8, I8])])]),
    Layout::new(ApiKey::CREATE_ACLS, 1, 3,
        &[structs(&[I8, STR, I8, STR, STR, I8, I8])],
        &[I32, structs(&[I16, STR])]),
    Layout::new(ApiKey::DELETE_ACLS, 1, 3,
        &[structs(&[I8, STR, I8, STR, STR, I8, I8])],
        &[I32, structs(&[I16, STR, structs(&[I16, STR, I8, STR, I8, STR, STR, I8, I8])])]),
    Layout::new(ApiKey::SASL_AUTHENTICATE, 0, 2,
        &[BYTES],
        &[I16, STR, BYTES, I64.since(1)]),
    Layout::new(ApiKey::CREATE_DELEGATION_TOKEN, 1, 3,
        &[STR.since(3), STR.since(3), structs(&[STR, STR]), I64],
        &[I16, STR, STR, STR.since(3), STR.since(3), I64, I64, I64, STR, BYTES, I32]),
    Layout::new(ApiKey::RENEW_DELEGATION_TOKEN, 1, 2,
        &[BYTES, I64],
        &[I16, I64, I32]),
    Layout::new(ApiKey::EXPIRE_DELEGATION_TOKEN, 1, 2,
        &[BYTES, I64],
        &[I16, I64, I32]),
    Layout::new(ApiKey::DESCRIBE_DELEGATION_TOKEN, 1, 3,
        &[structs(&[STR, STR])],
        &[
            I16,
            structs(&[
                STR, STR, STR.since(3), STR.since(3), I64, I64, I64, STR, BYTES,
                structs(&[STR, STR]),
            ]),
            I32,
        ]),
    Layout::new(ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS, 0, 0,
        &[structs(&[STR])],
        &[I32, I16, STR, structs(&[STR, I16, STR, structs(&[I8, I32])])]),
    Layout::new(ApiKey::ALTER_USER_SCRAM_CREDENTIALS, 0, 0,
        &[structs(&[STR, I8]), structs(&[STR, I8, I32, BYTES, BYTES])],
        &[I32, structs(&[STR, I16, STR])]),
];
