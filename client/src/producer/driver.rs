//! The task of a producer: tells the core what happened, and does what it says.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Instant,
};

use kafka_protocol::messages::InitProducerIdRequest;
use kconnect_protocol::{ApiKey, TopicPartition, compression::Compression, records::SealedBatch};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::sleep_until,
};

use super::{
    accumulator::Accumulator,
    delivery::Completion,
    errors,
    identity::ProducerIdentity,
    partition::{Partition, PartitionId},
    request,
    sender::{Abandoned, Action, Leader, PartitionAnswer, PartitionState, ProduceCall, Sender},
    terms::Terms,
};
use crate::{
    Error, ErrorCode,
    cluster::{Cluster, Interest, Metadata, MetadataWatch, Target},
    net::{Purpose, now},
};

/// What the handles ask of the driver.
#[derive(Debug)]
pub(super) enum Command {
    /// Send everything without lingering, and say what to wait for.
    Flush(oneshot::Sender<Vec<Arc<Completion>>>),
    /// Send everything until `deadline`, then give up the rest.
    Close {
        deadline: Instant,
        reply: oneshot::Sender<Abandoned>,
    },
}

/// Commands that wait for the driver.
pub(super) const COMMANDS_MAX: usize = 16;

/// The driver's parts. Dropping it, with its runtime for example, gives up what is not sent.
pub(super) struct Driver {
    cluster: Cluster,
    accumulator: Arc<Accumulator>,
    sender: Sender,
    commands: mpsc::Receiver<Command>,
    watch: MetadataWatch,
    metadata: Arc<Metadata>,
    interest: Interest,
    /// Empty but for the moment in which news is read.
    news: Vec<Arc<Partition>>,
    under_way: Vec<UnderWay>,
    jobs: JoinSet<Compressed>,
    /// Batches that wait for a thread to compress them.
    waiting_jobs: VecDeque<(PartitionId, u64, SealedBatch)>,
    jobs_max: usize,
    closing: Option<(Instant, oneshot::Sender<Abandoned>)>,
}

type UnderWay = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What a request came to.
enum Answer {
    Produce(u64, Result<Vec<Option<PartitionAnswer>>, Error>),
    Identity(Result<ProducerIdentity, Error>),
}

/// What the compressor came to, with the names of partition and batch.
type Compressed = (PartitionId, u64, Result<SealedBatch, Error>);

/// What happened. Only named here; the work is done in `handle`.
enum Event {
    Answers(Vec<Answer>),
    Compressed(Compressed),
    Metadata(Arc<Metadata>),
    Command(Option<Command>),
    News,
    Timeout,
}

impl Driver {
    pub(super) fn new(
        cluster: Cluster,
        accumulator: Arc<Accumulator>,
        commands: mpsc::Receiver<Command>,
        seed: u64,
    ) -> Self {
        Self {
            watch: cluster.watch(),
            metadata: cluster.metadata(),
            interest: cluster.interest(),
            sender: Sender::new(Arc::clone(&accumulator), seed),
            cluster,
            accumulator,
            commands,
            news: Vec::new(),
            under_way: Vec::new(),
            jobs: JoinSet::new(),
            waiting_jobs: VecDeque::new(),
            jobs_max: std::thread::available_parallelism().map_or(1, usize::from),
            closing: None,
        }
    }

    /// Runs until the producer is closed or its last handle is gone.
    pub(super) async fn run(mut self) {
        loop {
            self.hear();
            self.perform();
            if self.is_closed() {
                return;
            }
            let closing = self.closing.as_ref().map(|&(deadline, _)| deadline);
            let until = self.sender.poll_timeout().into_iter().chain(closing).min();
            self.accumulator.terms.inbox.sleep(until);
            let event = self.next(until).await;
            if !self.handle(event) {
                return;
            }
        }
    }

    /// Waits for something to happen.
    async fn next(&mut self, until: Option<Instant>) -> Event {
        let Self {
            under_way,
            jobs,
            watch,
            commands,
            accumulator,
            ..
        } = self;
        let timer = async {
            match until {
                Some(until) => sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // In this order: requests under way go on, and begin, even if there is always news.
            biased;
            answers = next_answers(under_way) => Event::Answers(answers),
            Some(compressed) = jobs.join_next() => match compressed {
                Ok(compressed) => Event::Compressed(compressed),
                // It was cancelled or panicked; its batch expires.
                Err(_) => Event::News,
            },
            metadata = watch.changed() => Event::Metadata(metadata),
            command = commands.recv() => Event::Command(command),
            () = accumulator.terms.inbox.woken() => Event::News,
            () = timer => Event::Timeout,
        }
    }

    /// Tells the core what happened; false if that was the end.
    fn handle(&mut self, event: Event) -> bool {
        let now = now();
        match event {
            Event::Answers(answers) => {
                for answer in answers {
                    match answer {
                        Answer::Produce(id, answer) => self.sender.handle_response(now, id, answer),
                        Answer::Identity(answer) => self.sender.handle_identity(now, answer),
                    }
                }
            }
            Event::Compressed((partition, batch, sealed)) => {
                self.sender.handle_compressed(now, partition, batch, sealed);
            }
            Event::Metadata(metadata) => self.metadata_changed(now, metadata),
            Event::Command(Some(Command::Flush(reply))) => {
                self.hear();
                // If nobody waits for the answer any more, the flush still happens.
                let _ = reply.send(self.sender.flush(now));
            }
            Event::Command(Some(Command::Close { deadline, reply })) => {
                self.accumulator.refuse(&errors::closed());
                self.accumulator.terms.memory.close();
                self.hear();
                self.sender.rush(now);
                self.closing = Some((deadline, reply));
            }
            // The last handle is gone, and with it everybody who could close.
            Event::Command(None) => return self.closing.is_some(),
            Event::News => {}
            Event::Timeout => self.sender.handle_timeout(now),
        }
        true
    }

    /// Reads the news of the callers' side.
    fn hear(&mut self) {
        let now = now();
        let terms = &self.accumulator.terms;
        terms.inbox.take(&mut self.news);
        let mut has_new = false;
        for partition in &self.news {
            has_new |= !self.sender.knows(partition.id);
            self.sender.handle_news(now, partition, || {
                state(&self.metadata, &partition.topic_partition)
            });
        }
        self.news.clear();
        if has_new {
            self.interest.set(self.accumulator.topics());
        }
        if terms.memory.take_wanted() {
            self.sender.rush(now);
        }
    }

    fn metadata_changed(&mut self, now: Instant, metadata: Arc<Metadata>) {
        for name in self.accumulator.topics() {
            if let Some(topic) = metadata.topic(&name) {
                self.accumulator
                    .set_partitions(&name, partition_count(topic));
            }
        }
        self.sender.handle_metadata(now, |partition| {
            state(&metadata, &partition.topic_partition)
        });
        self.metadata = metadata;
    }

    /// Does what the core says.
    fn perform(&mut self) {
        while let Some(action) = self.sender.poll_action(now()) {
            match action {
                Action::Produce(call) => {
                    let (cluster, terms) =
                        (self.cluster.clone(), Arc::clone(&self.accumulator.terms));
                    self.under_way.push(Box::pin(async move {
                        let id = call.id;
                        Answer::Produce(id, produce(&cluster, &terms, call).await)
                    }));
                }
                Action::AskIdentity => {
                    let cluster = self.cluster.clone();
                    self.under_way.push(Box::pin(async move {
                        Answer::Identity(identity(&cluster).await)
                    }));
                }
                Action::RefreshMetadata(reason) => self.cluster.refresh(reason),
                Action::Compress {
                    partition,
                    batch,
                    sealed,
                } => self.compress(partition, batch, sealed),
            }
        }
        while self.jobs.len() < self.jobs_max
            && let Some((partition, batch, sealed)) = self.waiting_jobs.pop_front()
        {
            let terms = Arc::clone(&self.accumulator.terms);
            self.jobs
                .spawn_blocking(move || (partition, batch, compressed(sealed, &terms)));
        }
    }

    /// Compresses a small batch at once, and has a large one compressed on another thread.
    fn compress(&mut self, partition: PartitionId, batch: u64, sealed: SealedBatch) {
        let terms = &self.accumulator.terms;
        if sealed.size() <= inline_bytes_max(terms.compression) {
            self.sender
                .handle_compressed(now(), partition, batch, compressed(sealed, terms));
        } else {
            self.waiting_jobs.push_back((partition, batch, sealed));
        }
    }

    /// Whether the producer is closed; then it has told whom it may concern.
    fn is_closed(&mut self) -> bool {
        let is_over =
            |&mut (deadline, _): &mut (Instant, _)| self.sender.is_idle() || deadline <= now();
        let Some((_, reply)) = self.closing.take_if(is_over) else {
            return false;
        };
        // If nobody waits for the answer any more, the producer is closed all the same.
        let _ = reply.send(self.sender.abandon());
        true
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.sender.abandon();
        self.accumulator.terms.memory.close();
    }
}

/// Waits until at least one request is answered, and takes it out.
async fn next_answers(under_way: &mut Vec<UnderWay>) -> Vec<Answer> {
    poll_fn(|context| {
        let mut answers = Vec::new();
        under_way.retain_mut(|request| match request.as_mut().poll(context) {
            Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            Poll::Pending => true,
        });
        if answers.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(answers)
        }
    })
    .await
}

/// Sends a request and waits for its answer.
async fn produce(
    cluster: &Cluster,
    terms: &Terms,
    call: ProduceCall,
) -> Result<Vec<Option<PartitionAnswer>>, Error> {
    let connection = cluster.connection(call.broker, Purpose::Produce).await?;
    let highest = connection.negotiate(ApiKey::PRODUCE, request::VERSIONS)?;
    let request =
        request::encode(&call.parts, terms, highest).map_err(|error| error.without_effect())?;
    let version = request.version;
    if terms.acks == crate::config::Acks::None {
        connection
            .send_no_response(request, terms.request_timeout)
            .await?;
        return Ok(request::written_unanswered(&call.parts));
    }
    let body = connection.send(request, terms.request_timeout).await?;
    let response = request::decode(&body, version, connection.peer())?;
    if let Some(time) = request::throttle(&response) {
        connection.throttle(time);
    }
    let hints = request::leader_hints(&call.parts, &response, version);
    if !hints.is_empty() {
        cluster.learn(&hints);
    }
    Ok(request::answers(&call.parts, &response, version))
}

/// Asks for a producer id.
async fn identity(cluster: &Cluster) -> Result<ProducerIdentity, Error> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX);
    let timeout = cluster.request_timeout();
    let answer = cluster
        .request(Target::Any, Purpose::General, request, timeout)
        .await?;
    ErrorCode(answer.error_code)
        .check()
        .map_err(Error::broker)?;
    Ok(ProducerIdentity {
        producer_id: answer.producer_id.0,
        epoch: answer.producer_epoch,
    })
}

/// What metadata says of a partition.
fn state(metadata: &Metadata, at: &TopicPartition) -> PartitionState {
    let topic = metadata.topic(&at.topic);
    let partition = topic.and_then(|topic| topic.partition(at.partition));
    let leader = partition.and_then(|partition| {
        let broker = partition
            .leader
            .filter(|&broker| metadata.broker(broker).is_some())?;
        Some(Leader {
            broker,
            epoch: partition.leader_epoch,
        })
    });
    let code = topic.and_then(|topic| topic.error);
    PartitionState {
        topic_id: topic.and_then(|topic| topic.id),
        leader,
        problem: code.map(Error::broker),
    }
}

/// How many partitions a topic has: their numbers have no gaps.
pub(super) fn partition_count(topic: &crate::cluster::Topic) -> usize {
    let last = topic
        .partitions
        .last()
        .map_or(-1, |partition| partition.index);
    usize::try_from(last.saturating_add(1)).unwrap_or(0)
}

/// The compressed batch, or the batch as it was if that is not larger.
fn compressed(sealed: SealedBatch, terms: &Terms) -> Result<SealedBatch, Error> {
    match sealed.compress(terms.compression, terms.compression_level) {
        Ok(smaller) if smaller.size() < sealed.size() => Ok(smaller),
        Ok(_) => Ok(sealed),
        Err(error) => Err(errors::cannot_compress(&error)),
    }
}

/// Batches of up to so many bytes are compressed on the spot: that takes no longer than to hand them to another thread and
/// back, about 20 us.
const fn inline_bytes_max(codec: Compression) -> usize {
    match codec {
        Compression::None => usize::MAX,
        Compression::Snappy | Compression::Lz4 => 16 * 1024,
        Compression::Gzip | Compression::Zstd => 1024,
    }
}
