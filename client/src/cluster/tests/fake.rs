//! A cluster of scripted brokers in memory: addresses that refuse, speak TLS or serve, and what they serve.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    BrokerId as WireBrokerId, DescribeClusterResponse, FindCoordinatorRequest,
    FindCoordinatorResponse,
};
use kconnect_protocol::header::{RequestHeader, ResponseHeader};
use kconnect_protocol::messages::Message;
use kconnect_protocol::messages::metadata::{
    MetadataBroker, MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic,
};
use kconnect_protocol::types::{BrokerId, LeaderEpoch};
use kconnect_protocol::wire::Writer;
use kconnect_protocol::{ApiKey, ErrorCode, StrBytes, VersionRange, bounded};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::net::{Address, Dial, Dialer, Stream};

/// What answers at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A broker.
    Serves,
    /// Nobody.
    Refuses,
    /// A TLS port.
    SpeaksTls,
    /// A broker that closes the connection when it is asked for anything but versions.
    Hangs,
}

/// The cluster's state, changed by tests while it is used.
#[derive(Debug)]
pub(super) struct State {
    pub(super) hosts: BTreeMap<String, Host>,
    /// The brokers that metadata tells, and where.
    pub(super) brokers: BTreeMap<i32, String>,
    /// Topics with one partition, and who leads it; or an error.
    pub(super) topics: BTreeMap<String, Result<i32, ErrorCode>>,
    /// What FindCoordinator answers next; the last one stays.
    pub(super) coordinators: Vec<Result<i32, ErrorCode>>,
    /// The version of DescribeCluster that brokers speak.
    pub(super) describe_cluster: VersionRange,
    /// Where somebody connected, in order.
    pub(super) dialed: Vec<String>,
    /// What was asked, and where.
    pub(super) asked: Vec<(String, ApiKey)>,
}

/// Dials into the cluster.
#[derive(Clone, Debug)]
pub(super) struct Fake(Arc<Mutex<State>>);

impl Fake {
    /// Brokers 1 and 2 at `one:1` and `two:2`, no topics.
    pub(super) fn new() -> Self {
        let addresses = ["one:1", "two:2"].map(String::from);
        Self(Arc::new(Mutex::new(State {
            hosts: addresses
                .iter()
                .map(|address| (address.clone(), Host::Serves))
                .collect(),
            brokers: (1..).zip(addresses).collect(),
            topics: BTreeMap::new(),
            coordinators: vec![Ok(1)],
            describe_cluster: VersionRange::new(0, 1),
            dialed: Vec::new(),
            asked: Vec::new(),
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn set(&self, address: &str, host: Host) {
        self.state().hosts.insert(address.to_owned(), host);
    }

    /// How often somebody asked for `api`.
    pub(super) fn asked(&self, api: ApiKey) -> usize {
        self.state()
            .asked
            .iter()
            .filter(|(_, asked)| *asked == api)
            .count()
    }
}

impl Dialer for Fake {
    fn dial<'a>(&'a self, address: &'a Address) -> Dial<'a> {
        let address = address.to_string();
        let host = {
            let mut state = self.state();
            state.dialed.push(address.clone());
            state.hosts.get(&address).copied().unwrap_or(Host::Refuses)
        };
        let fake = self.clone();
        Box::pin(async move {
            if host == Host::Refuses {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionRefused,
                    "nobody listens",
                ));
            }
            let (ours, theirs) = duplex(64 * 1024);
            tokio::spawn(async move {
                // The client may close the connection at any time.
                let _ = fake.serve(&address, theirs, host).await;
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

impl Fake {
    async fn serve(&self, address: &str, mut stream: DuplexStream, host: Host) -> io::Result<()> {
        if host == Host::SpeaksTls {
            stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).await?;
        }
        loop {
            let length = usize::try_from(stream.read_i32().await?).unwrap();
            let mut frame = vec![0; length];
            stream.read_exact(&mut frame).await?;
            let mut body = Bytes::from(frame);
            let header = RequestHeader::decode(&mut body).unwrap();
            let is_first = header.api_key == ApiKey::API_VERSIONS;
            if self.state().hosts.get(address) != Some(&host) || (host == Host::Hangs && !is_first)
            {
                return Ok(());
            }
            self.state()
                .asked
                .push((address.to_owned(), header.api_key));
            let mut answer = BytesMut::new();
            ResponseHeader {
                correlation_id: header.correlation_id,
            }
            .encode(header.api_key, header.api_version, &mut answer);
            self.answer(&header, body, &mut answer);
            stream
                .write_i32(i32::try_from(answer.len()).unwrap())
                .await?;
            stream.write_all(&answer).await?;
        }
    }

    fn answer(&self, header: &RequestHeader, mut body: Bytes, out: &mut BytesMut) {
        let version = header.api_version;
        match header.api_key {
            ApiKey::API_VERSIONS => self.versions(out),
            ApiKey::METADATA => {
                let request = MetadataRequest::decode(&body, version).unwrap();
                self.metadata(&request).encode(version, out).unwrap();
            }
            ApiKey::FIND_COORDINATOR => {
                let request: FindCoordinatorRequest =
                    bounded::decode_request(version, &mut body).unwrap();
                bounded::encode_message(&self.coordinator(&request), version, out).unwrap();
            }
            ApiKey::DESCRIBE_CLUSTER => {
                let response = DescribeClusterResponse::default()
                    .with_cluster_id(StrBytes::from_static_str("c"));
                bounded::encode_message(&response, version, out).unwrap();
            }
            api => panic!("{api} is not scripted"),
        }
    }

    fn versions(&self, out: &mut BytesMut) {
        let describe_cluster = self.state().describe_cluster;
        let apis = [
            (ApiKey::METADATA, VersionRange::new(0, 13)),
            (ApiKey::FIND_COORDINATOR, VersionRange::new(0, 6)),
            (ApiKey::DESCRIBE_CLUSTER, describe_cluster),
        ];
        let mut writer = Writer::new(out, true);
        writer.i16(0);
        writer.count("apis", apis.len()).unwrap();
        for (api, range) in apis {
            [api.0, range.min, range.max]
                .into_iter()
                .for_each(|number| writer.i16(number));
            writer.no_tags();
        }
        writer.i32(0);
        writer.no_tags();
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let state = self.state();
        let brokers = state.brokers.iter().map(|(id, address)| {
            let address: Address = address.parse().unwrap();
            MetadataBroker {
                node_id: BrokerId(*id),
                host: StrBytes::from_string(address.host.to_string()),
                port: address.port.into(),
                rack: None,
            }
        });
        let names: Vec<String> = match &request.topics {
            Some(topics) => topics
                .iter()
                .map(|topic| topic.name.as_deref().unwrap().to_owned())
                .collect(),
            None => state.topics.keys().cloned().collect(),
        };
        let unknown = Err(ErrorCode::UnknownTopicOrPartition);
        let topic = |name: &String| describe(name, *state.topics.get(name).unwrap_or(&unknown));
        MetadataResponse {
            brokers: brokers.collect(),
            controller_id: state.brokers.keys().next().map(|id| BrokerId(*id)),
            topics: names.iter().map(topic).collect(),
            ..MetadataResponse::default()
        }
    }

    fn coordinator(&self, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
        let mut state = self.state();
        let next = if state.coordinators.len() > 1 {
            state.coordinators.remove(0)
        } else {
            state.coordinators[0]
        };
        let key = request.coordinator_keys[0].clone();
        let found = match next {
            Ok(id) => {
                let address: Address = state.brokers[&id].parse().unwrap();
                Coordinator::default()
                    .with_node_id(WireBrokerId(id))
                    .with_host(StrBytes::from_string(address.host.to_string()))
                    .with_port(address.port.into())
            }
            Err(code) => Coordinator::default().with_error_code(code.0),
        };
        FindCoordinatorResponse::default().with_coordinators(vec![found.with_key(key)])
    }
}

fn describe(name: &str, leader: Result<i32, ErrorCode>) -> MetadataTopic {
    let partition = |leader| MetadataPartition {
        leader_id: BrokerId::from_wire(leader),
        leader_epoch: Some(LeaderEpoch(0)),
        ..MetadataPartition::default()
    };
    MetadataTopic {
        error_code: leader.err().unwrap_or(ErrorCode::None),
        name: Some(StrBytes::from_string(name.to_owned())),
        partitions: leader.ok().map(partition).into_iter().collect(),
        ..MetadataTopic::default()
    }
}
