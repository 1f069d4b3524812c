//! What a client does with what comes from a port: one connection's decisions, and the answers that it passes on.

use std::io::IoSlice;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    FindCoordinatorRequest, JoinGroupRequest, OffsetFetchRequest, SyncGroupRequest,
};
use kconnect_client::internal::{
    Address, BrokerVersions, Core, CoreSettings, Output, Peer, Request,
};
use kconnect_protocol::bounded::decode_response;
use kconnect_protocol::messages::Message;
use kconnect_protocol::messages::fetch::FetchResponse;
use kconnect_protocol::messages::list_offsets::ListOffsetsResponse;
use kconnect_protocol::messages::metadata::MetadataResponse;
use kconnect_protocol::messages::produce::ProduceResponse;
use kconnect_protocol::records::Batches;
use kconnect_protocol::{ApiKey, StrBytes};

/// The largest frame that the client takes.
const FRAME_MAX: usize = 1 << 20;
/// What a batch may decompress to.
const DECOMPRESSED_MAX: usize = 4 << 20;
/// What the client asks for once it knows the broker's versions.
const QUESTIONS: [ApiKey; 8] = [
    ApiKey::METADATA,
    ApiKey::FETCH,
    ApiKey::PRODUCE,
    ApiKey::LIST_OFFSETS,
    ApiKey::JOIN_GROUP,
    ApiKey::SYNC_GROUP,
    ApiKey::OFFSET_FETCH,
    ApiKey::FIND_COORDINATOR,
];

/// The first byte of `data` says in what pieces the rest arrives at a client that has just connected.
pub fn client_connection(data: &[u8]) {
    let Some((&piece, stream)) = data.split_first() else {
        return;
    };
    let mut now = Instant::now();
    let mut core = Core::new(now, settings());
    let mut inbox = BytesMut::new();
    write(&mut core, now);
    for piece in stream.chunks(usize::from(piece).max(1)) {
        inbox.extend_from_slice(piece);
        core.receive(now, &mut inbox);
        if !go_on(&mut core, now) {
            return;
        }
        now += Duration::from_millis(1);
        core.handle_timeout(now);
        assert!(
            inbox.capacity() <= 8 * FRAME_MAX,
            "space grows with what arrived"
        );
    }
    core.handle_eof();
    assert!(!go_on(&mut core, now), "the end of the stream is the end");
}

fn settings() -> CoreSettings {
    CoreSettings {
        peer: Peer {
            broker: None,
            address: Address::new("fuzz", 9092),
        },
        client_id: StrBytes::from_static_str("fuzz"),
        frame_max: FRAME_MAX,
        handshake_timeout: Duration::from_secs(10),
        idle_max: None,
    }
}

fn write(core: &mut Core<(ApiKey, i16)>, now: Instant) {
    while !core.outbox().is_empty() {
        let mut slices = [IoSlice::new(&[]); 8];
        let used = core.outbox().fill(&mut slices);
        let written = slices[..used].iter().map(|slice| slice.len()).sum();
        core.written(now, written);
    }
}

/// Does what the connection says; `false` once it is closed.
fn go_on(core: &mut Core<(ApiKey, i16)>, now: Instant) -> bool {
    while let Some(output) = core.poll_output() {
        match output {
            Output::Ready(versions) => ask(core, now, &versions),
            Output::Settle((api, version), Ok(body)) => read(api, version, body),
            Output::Settle(_, Err(error)) => assert!(!error.to_string().is_empty()),
            Output::Close(_) => return false,
        }
    }
    write(core, now);
    true
}

fn ask(core: &mut Core<(ApiKey, i16)>, now: Instant, versions: &BrokerVersions) {
    for api in QUESTIONS {
        let version = versions
            .range(api)
            .map_or(0, |range| range.max.clamp(0, 13));
        core.send(
            now,
            Request {
                api,
                version,
                segments: vec![Bytes::from_static(b"question")],
                deadline: now + Duration::from_secs(30),
                is_answered: true,
                reply: (api, version),
            },
        );
    }
}

fn read(api: ApiKey, version: i16, mut body: Bytes) {
    match api {
        ApiKey::METADATA => drop(MetadataResponse::decode(&body, version)),
        ApiKey::PRODUCE => drop(ProduceResponse::decode(&body, version)),
        ApiKey::LIST_OFFSETS => drop(ListOffsetsResponse::decode(&body, version)),
        ApiKey::JOIN_GROUP => drop(decode_response::<JoinGroupRequest>(version, &mut body)),
        ApiKey::SYNC_GROUP => drop(decode_response::<SyncGroupRequest>(version, &mut body)),
        ApiKey::OFFSET_FETCH => drop(decode_response::<OffsetFetchRequest>(version, &mut body)),
        ApiKey::FIND_COORDINATOR => drop(decode_response::<FindCoordinatorRequest>(
            version, &mut body,
        )),
        _ => read_fetch(version, &mut body),
    }
}

/// Goes through a fetch's records as a consumer does.
fn read_fetch(version: i16, body: &mut Bytes) {
    let Ok(response) = FetchResponse::decode(body, version) else {
        return;
    };
    let partitions = response
        .topics
        .into_iter()
        .flat_map(|topic| topic.partitions);
    for records in partitions.filter_map(|partition| partition.records) {
        for batch in Batches::new(records).map_while(Result::ok) {
            if batch.verify_crc().is_err() {
                break;
            }
            if let Ok(records) = batch.records(DECOMPRESSED_MAX) {
                records.iter().map_while(Result::ok).for_each(drop);
            }
        }
    }
}
