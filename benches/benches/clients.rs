//! The client beside librdkafka and krafka: CPU time and allocations for each record produced and consumed.
//!
//! `cargo bench --bench clients` in this folder, on an embedded broker in a process of its own, or on the cluster that
//! `KAFKA_BOOTSTRAP_SERVERS` names. `RECORDS=n` sets the records of a round (default 1,000,000), `ROUNDS=n` how often each
//! client has its turn (default 5). Of each client its best round counts.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kconnect_benches::{Counting, allocations};
use kconnect_broker::{Broker, Options};
use kconnect_client::TopicPartition;
use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::config::{AdminConfig, AutoOffsetReset, ConsumerConfig, ProducerConfig};
use kconnect_client::consumer::{Consumer, ConsumerEvent};
use kconnect_client::producer::{Producer, ProducerRecord};
use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, DefaultConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: Counting = Counting(std::alloc::System);

const PARTITIONS: i32 = 4;
const VALUE: [u8; 100] = [b'x'; 100];
const PATIENCE: Duration = Duration::from_secs(60);
/// `linger.ms` of every producer: Kafka's default.
const LINGER: Duration = Duration::from_millis(5);

fn main() {
    // The broker is this program again: what it does is not the client's.
    if std::env::var_os("BENCH_BROKER").is_some() {
        return serve();
    }
    let records = number("RECORDS", 1_000_000);
    let rounds = number("ROUNDS", 5);
    let (servers, _broker) = match std::env::var("KAFKA_BOOTSTRAP_SERVERS") {
        Ok(servers) => (servers, None),
        Err(_) => start_broker(),
    };
    let bench = Bench { servers, records };
    let produced = bench.rounds(
        rounds,
        &[
            ("kconnect, enqueue", Bench::produce_ours),
            ("kconnect, send", Bench::produce_ours_watched),
            ("librdkafka", Bench::produce_librdkafka),
            ("krafka", Bench::produce_krafka),
        ],
    );
    print("produced, 100 bytes, idempotent, linger 5 ms", &produced);
    let consumed = bench.rounds(
        rounds,
        &[
            ("kconnect", Bench::consume_ours),
            ("librdkafka", Bench::consume_librdkafka),
            ("krafka", Bench::consume_krafka),
        ],
    );
    print("consumed", &consumed);
}

struct Bench {
    servers: String,
    records: usize,
}

/// What a round took, for each record.
#[derive(Clone, Copy)]
struct Round {
    cpu: f64,
    wall: f64,
    allocations: f64,
}

type Way = fn(&Bench, &str) -> Round;

impl Bench {
    /// Each client in turn, on a topic of its own; the best round of each.
    fn rounds(&self, rounds: usize, ways: &[(&'static str, Way)]) -> Vec<(&'static str, Round)> {
        let worst = Round {
            cpu: f64::INFINITY,
            wall: f64::INFINITY,
            allocations: f64::INFINITY,
        };
        let mut best: Vec<_> = ways.iter().map(|(name, _)| (*name, worst)).collect();
        for _ in 0..rounds {
            for ((_, way), (_, best)) in ways.iter().zip(&mut best) {
                let topic = self.create_topic();
                let round = way(self, &topic);
                best.cpu = best.cpu.min(round.cpu);
                best.wall = best.wall.min(round.wall);
                best.allocations = best.allocations.min(round.allocations);
                self.delete_topic(&topic);
            }
        }
        best
    }

    /// Measures `work`, from the first record to the last.
    fn measured(&self, work: impl FnOnce()) -> Round {
        let records = self.records as f64;
        let (cpu, allocated, started) = (cpu_time(), allocations(), Instant::now());
        work();
        Round {
            cpu: (cpu_time() - cpu).as_nanos() as f64 / records,
            wall: started.elapsed().as_nanos() as f64 / records,
            allocations: (allocations() - allocated) as f64 / records,
        }
    }

    fn produce_ours(&self, topic: &str) -> Round {
        self.produce_with_ours(topic, false)
    }

    fn produce_ours_watched(&self, topic: &str) -> Round {
        self.produce_with_ours(topic, true)
    }

    fn produce_with_ours(&self, topic: &str, is_watched: bool) -> Round {
        let runtime = runtime();
        let producer = runtime.block_on(async {
            let producer = Producer::new(ProducerConfig::new(&self.servers)).expect("a producer");
            producer.partitions_for(topic).await.expect("partitions");
            producer
        });
        let sending = async {
            for _ in 0..self.records {
                let record = ProducerRecord::to(topic).value(&VALUE);
                if is_watched {
                    drop(producer.send(record).await.expect("sent"));
                } else {
                    producer.enqueue(record).await.expect("sent");
                }
            }
            producer.flush().await.expect("acknowledged");
        };
        let round = self.measured(|| runtime.block_on(sending));
        runtime.block_on(producer.close(PATIENCE));
        round
    }

    fn produce_librdkafka(&self, topic: &str) -> Round {
        let producer: ThreadedProducer<DefaultProducerContext> = self
            .librdkafka()
            .set("enable.idempotence", "true")
            .set("linger.ms", LINGER.as_millis().to_string())
            .create()
            .expect("a producer");
        let client = producer.client();
        client
            .fetch_metadata(Some(topic), PATIENCE)
            .expect("partitions");
        self.measured(|| {
            for _ in 0..self.records {
                let mut record: BaseRecord<'_, (), [u8]> = BaseRecord::to(topic).payload(&VALUE);
                // Its queue is full: its threads have to catch up.
                while let Err((error, back)) = producer.send(record) {
                    let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
                    assert_eq!(error, full);
                    record = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            producer.flush(PATIENCE).expect("acknowledged");
        })
    }

    fn produce_krafka(&self, topic: &str) -> Round {
        let runtime = runtime();
        let producer = runtime.block_on(async {
            let kafka = krafka::Kafka::builder(&self.servers);
            let kafka = kafka.connect().await.expect("connected");
            let producer = kafka.producer().linger(LINGER).build();
            let producer = producer.await.expect("a producer");
            producer.partitions_for(topic).await.expect("partitions");
            producer
        });
        let sending = async {
            for _ in 0..self.records {
                let record = krafka::Record::new(topic, &VALUE[..]);
                drop(producer.enqueue(record).await.expect("sent"));
            }
            producer.flush().await.expect("acknowledged");
        };
        let round = self.measured(|| runtime.block_on(sending));
        runtime.block_on(producer.close()).expect("closed");
        round
    }

    /// Fills the topic, as [`Self::produce_ours`] does.
    fn fill(&self, topic: &str) {
        self.produce_ours(topic);
    }

    fn consume_ours(&self, topic: &str) -> Round {
        self.fill(topic);
        let runtime = runtime();
        let mut config = ConsumerConfig::new(&self.servers);
        config.auto_offset_reset = AutoOffsetReset::Earliest;
        let entered = runtime.enter();
        let mut consumer = Consumer::new(config).expect("a consumer");
        drop(entered);
        let names = (0..PARTITIONS).map(|number| TopicPartition::new(topic, number));
        consumer.assign(names).expect("assigned");
        let reading = async {
            let (mut records, mut bytes) = (0, 0);
            while records < self.records {
                if let ConsumerEvent::Records(some) = consumer.poll(PATIENCE).await.expect("polled")
                {
                    for record in &some {
                        bytes += record.value().map_or(0, <[u8]>::len);
                    }
                    records += some.len();
                }
            }
            assert_eq!(bytes, self.records * VALUE.len());
        };
        let round = self.measured(|| runtime.block_on(reading));
        runtime.block_on(consumer.close(PATIENCE)).expect("closed");
        round
    }

    fn consume_librdkafka(&self, topic: &str) -> Round {
        self.fill(topic);
        let consumer: BaseConsumer<DefaultConsumerContext> = self
            .librdkafka()
            .set("group.id", "bench")
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer");
        let mut names = TopicPartitionList::new();
        for number in 0..PARTITIONS {
            let added = names.add_partition_offset(topic, number, Offset::Beginning);
            added.expect("a partition");
        }
        consumer.assign(&names).expect("assigned");
        self.measured(|| {
            let (mut records, mut bytes) = (0, 0);
            while records < self.records {
                if let Some(record) = consumer.poll(PATIENCE) {
                    bytes += record.expect("a record").payload().map_or(0, <[u8]>::len);
                    records += 1;
                }
            }
            assert_eq!(bytes, self.records * VALUE.len());
        })
    }

    fn consume_krafka(&self, topic: &str) -> Round {
        self.fill(topic);
        let runtime = runtime();
        let consumer = runtime.block_on(async {
            let kafka = krafka::Kafka::builder(&self.servers);
            let kafka = kafka.connect().await.expect("connected");
            let consumer = kafka.consumer_without_group();
            let reset = krafka::consumer::AutoOffsetReset::Earliest;
            let consumer = consumer.auto_offset_reset(reset).build().await;
            let consumer = consumer.expect("a consumer");
            let partitions = (0..PARTITIONS).collect();
            consumer.assign(topic, partitions).await.expect("assigned");
            consumer
        });
        let reading = async {
            let (mut records, mut bytes) = (0, 0);
            while records < self.records {
                for record in consumer.poll(PATIENCE).await.expect("polled") {
                    bytes += record.value.as_ref().map_or(0, |value| value.len());
                    records += 1;
                }
            }
            assert_eq!(bytes, self.records * VALUE.len());
        };
        let round = self.measured(|| runtime.block_on(reading));
        runtime.block_on(consumer.close()).expect("closed");
        round
    }

    fn librdkafka(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        config
    }

    fn create_topic(&self) -> String {
        let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_nanos();
        let mut topic = NewTopic::new(format!("bench-{now}"));
        topic.num_partitions = Some(PARTITIONS);
        runtime().block_on(async {
            let admin = Admin::new(&AdminConfig::new(&self.servers)).expect("an admin");
            admin.create_topic(&topic).await.expect("created");
        });
        topic.name
    }

    fn delete_topic(&self, topic: &str) {
        runtime().block_on(async {
            let admin = Admin::new(&AdminConfig::new(&self.servers)).expect("an admin");
            admin.delete_topic(topic).await.expect("deleted");
        });
    }
}

fn print(what: &str, results: &[(&str, Round)]) {
    println!("\nper record {what}:");
    println!(
        "{:20} {:>9} {:>6} {:>12} {:>12}",
        "", "CPU", "ratio", "allocations", "records/s"
    );
    let ours = results[0].1.cpu;
    for (name, best) in results {
        // librdkafka's allocations are C's, which nobody counts here.
        let allocations = match *name {
            "librdkafka" => "-".to_owned(),
            _ => format!("{:.3}", best.allocations),
        };
        let (cpu, ratio, rate) = (best.cpu, best.cpu / ours, 1e9 / best.wall);
        println!("{name:20} {cpu:6.0} ns {ratio:6.2} {allocations:>12} {rate:12.0}");
    }
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, nanos) = (time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned());
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    builder.build().expect("a runtime")
}

fn number(name: &str, default: usize) -> usize {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A broker that ends with this process: it reads its standard input until that is closed.
fn start_broker() -> (String, Option<Killed>) {
    let program = std::env::current_exe().expect("a path");
    let mut child = Command::new(program)
        .env("BENCH_BROKER", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    (line.trim().to_owned(), Some(Killed(child)))
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve() {
    runtime().block_on(async {
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            ..Options::default()
        };
        let broker = Broker::start(options).await.expect("a broker");
        println!("{}", broker.bootstrap_servers());
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
        let _ = ended.await;
        broker.stop().await;
    });
}
