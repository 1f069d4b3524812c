//! Source tasks against an embedded broker.

mod commits;
mod life;
mod records;
mod topics;

use kconnect_broker::Fault;
use kconnect_protocol::{ApiKey, ErrorCode};

use crate::runtime::testing::{Bench, Poll, SourceScript};

/// A bench with a topic `t`, and a topic `u` for which Kafka refuses every record for good.
async fn bench_that_refuses_u() -> Bench {
    let bench = Bench::new().await;
    bench.create_topic("t", 1).await;
    bench.create_topic("u", 1).await;
    let refused = Fault::error(ApiKey::PRODUCE, ErrorCode::TopicAuthorizationFailed);
    bench.broker.faults().inject(refused.topic("u").always());
    bench
}

/// That a record was refused is noticed after the next poll, if not before: many that bring nothing.
fn polls_until_it_is_noticed(script: &SourceScript) {
    for _ in 0..1_000 {
        script.answer(Poll::Records(Vec::new()));
    }
}
