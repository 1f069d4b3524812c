//! The shell over an in-memory pipe, with a scripted broker at the other end and the clock stopped.

use std::sync::Mutex;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use super::super::{Address, Dial};
use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Hands out the client's end of a pipe, once.
#[derive(Debug)]
struct Pipe(Mutex<Option<DuplexStream>>);

impl Dialer for Pipe {
    fn dial<'a>(&'a self, _: &'a Address) -> Dial<'a> {
        let stream = self.0.lock().unwrap().take();
        Box::pin(async move {
            match stream {
                Some(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
                None => std::future::pending().await,
            }
        })
    }
}

/// What the connection's side of a test needs.
struct Client {
    pipe: Pipe,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Client {
    /// A client, and the broker's end of the pipe, which holds `size` bytes in each direction.
    fn new(size: usize) -> (Self, DuplexStream) {
        let (ours, theirs) = duplex(size);
        let client = Self {
            pipe: Pipe(Mutex::new(Some(ours))),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        (client, theirs)
    }

    async fn open(&self) -> Result<Connection, Error> {
        let peer = Peer {
            broker: None,
            address: Address::new("b", 1),
        };
        let settings = ConnectionSettings {
            client_id: StrBytes::from_static_str("me"),
            frame_max: 64 << 20,
            idle_max: None,
        };
        Connection::open(
            &self.pipe,
            peer,
            &settings,
            Duration::from_secs(10),
            &self.tasks,
            &self.stop,
        )
        .await
    }

    async fn finish(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn read_frame(broker: &mut DuplexStream) -> Vec<u8> {
    let length = broker.read_i32().await.unwrap();
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    broker.read_exact(&mut frame).await.unwrap();
    frame
}

async fn write_frame(broker: &mut DuplexStream, correlation_id: i32, body: &[u8]) {
    broker
        .write_i32(i32::try_from(body.len() + 4).unwrap())
        .await
        .unwrap();
    broker.write_i32(correlation_id).await.unwrap();
    broker.write_all(body).await.unwrap();
}

/// Answers the first question: Metadata, version 0.
async fn shake_hands(broker: &mut DuplexStream) {
    read_frame(broker).await;
    write_frame(broker, 0, b"\0\0\x02\0\x03\0\0\0\0\0\0\0\0\0\0").await;
}

async fn connected(size: usize) -> (Client, DuplexStream, Connection) {
    let (client, mut broker) = Client::new(size);
    let (connection, ()) = tokio::join!(client.open(), shake_hands(&mut broker));
    (client, broker, connection.unwrap())
}

fn request(body: &'static [u8]) -> RawRequest {
    RawRequest {
        api: ApiKey::METADATA,
        version: 0,
        segments: vec![Bytes::from_static(body)],
    }
}

async fn fails_to_open(broker_says: &[u8]) -> Error {
    let (client, mut broker) = Client::new(1024);
    let script = async {
        read_frame(&mut broker).await;
        broker.write_all(broker_says).await.unwrap();
        drop(broker);
    };
    let (opened, ()) = tokio::join!(client.open(), script);
    let error = opened.unwrap_err();
    assert!(!error.may_have_taken_effect());
    client.finish().await;
    error
}

#[tokio::test(start_paused = true)]
async fn requests_started_one_after_the_other_are_answered_one_after_the_other() {
    let (client, mut broker, connection) = connected(1024).await;
    assert_eq!(
        connection
            .negotiate(ApiKey::METADATA, VersionRange::new(0, 9))
            .unwrap(),
        0
    );
    let one = connection.start(request(b"1"), TIMEOUT).await.unwrap();
    let two = connection.start(request(b"2"), TIMEOUT).await.unwrap();
    assert!(read_frame(&mut broker).await.ends_with(b"me1"));
    assert!(read_frame(&mut broker).await.ends_with(b"me2"));
    write_frame(&mut broker, 1, b"one").await;
    write_frame(&mut broker, 2, b"two").await;
    assert_eq!(
        (two.await.unwrap(), one.await.unwrap()),
        ("two".into(), "one".into())
    );
    client.finish().await;
}

/// With a `write_all` in the loop this hangs: both sides write, neither reads.
#[tokio::test(start_paused = true)]
async fn both_sides_can_write_more_than_the_pipe_holds() {
    let (client, mut broker, connection) = connected(64).await;
    let large: &'static [u8] = vec![7; 100_000].leak();
    let one = connection.start(request(large), TIMEOUT).await.unwrap();
    let two = connection.start(request(large), TIMEOUT).await.unwrap();
    let script = async {
        assert_eq!(read_frame(&mut broker).await.len(), 100_012);
        // The second request is not read before the answer to the first one is written.
        write_frame(&mut broker, 1, large).await;
        assert_eq!(read_frame(&mut broker).await.len(), 100_012);
        write_frame(&mut broker, 2, b"two").await;
    };
    let (one, two, ()) = tokio::join!(one, two, script);
    assert_eq!((one.unwrap().len(), two.unwrap().len()), (100_000, 3));
    client.finish().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_a_timeout_that_closes_the_connection() {
    let (client, mut broker, connection) = connected(1024).await;
    let started = Instant::now();
    let asked = connection.send(request(b"1"), TIMEOUT);
    let (answer, _) = tokio::join!(asked, read_frame(&mut broker));
    let error = answer.unwrap_err();
    assert_eq!(
        (error.kind(), started.elapsed()),
        (ErrorKind::Timeout, TIMEOUT)
    );
    assert!(error.may_have_taken_effect());
    connection.closed().await;
    let error = connection.send(request(b"2"), TIMEOUT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(
        !error.may_have_taken_effect() && error.to_string().contains("after a time-out"),
        "{error}"
    );
    client.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_in_the_middle_of_an_answer_fails_the_request() {
    let (client, mut broker, connection) = connected(1024).await;
    let script = async {
        read_frame(&mut broker).await;
        broker.write_all(b"\0\0\0\x09\0\0\0\x01hal").await.unwrap();
        drop(broker);
    };
    let (answer, ()) = tokio::join!(connection.send(request(b"1"), TIMEOUT), script);
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.may_have_taken_effect());
    client.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_correlation_id_fails_the_request() {
    let (client, mut broker, connection) = connected(1024).await;
    let script = async {
        read_frame(&mut broker).await;
        write_frame(&mut broker, 77, b"").await;
    };
    let (answer, ()) = tokio::join!(connection.send(request(b"1"), TIMEOUT), script);
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::BrokerMisbehaved);
    client.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_else_may_listen_on_the_port_is_named() {
    let named = [
        (
            &b""[..],
            ErrorKind::Network,
            "does this listener expect TLS or SASL?",
        ),
        (
            &[0x15, 3, 3, 0, 2, 2, 10],
            ErrorKind::BrokerMisbehaved,
            "expects TLS",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            ErrorKind::BrokerMisbehaved,
            "speaks HTTP",
        ),
        (
            b"\0\0\0\x08\0\0\0\0\xff\xff\xff\xff",
            ErrorKind::Broker((-1).into()),
            "UNKNOWN_SERVER_ERROR",
        ),
        (
            b"\x7f\xff\xff\xff\0",
            ErrorKind::BrokerMisbehaved,
            "does the peer speak Kafka?",
        ),
    ];
    for (says, kind, text) in named {
        let error = fails_to_open(says).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.to_string().contains(text) && error.to_string().contains("b:1"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn silence_on_the_port_ends_with_the_setup_timeout() {
    let (client, broker) = Client::new(1024);
    let started = Instant::now();
    let error = client.open().await.unwrap_err();
    assert_eq!(
        (error.kind(), started.elapsed()),
        (ErrorKind::Timeout, Duration::from_secs(10))
    );
    drop(broker);
    client.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_hangs_ends_with_the_setup_timeout() {
    let (client, _broker) = Client::new(1024);
    client.pipe.0.lock().unwrap().take();
    let error = client.open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("firewall"), "{error}");
    client.finish().await;
}

#[tokio::test(start_paused = true)]
async fn giving_up_an_answer_does_not_disturb_the_next_one() {
    let (client, mut broker, connection) = connected(1024).await;
    drop(connection.start(request(b"1"), TIMEOUT).await.unwrap());
    let two = connection.start(request(b"2"), TIMEOUT).await.unwrap();
    read_frame(&mut broker).await;
    write_frame(&mut broker, 1, b"one").await;
    write_frame(&mut broker, 2, b"two").await;
    assert_eq!(two.await.unwrap(), "two");
    client.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_without_answer_is_done_when_it_is_written() {
    let (client, mut broker, connection) = connected(1024).await;
    connection
        .send_no_response(request(b"1"), TIMEOUT)
        .await
        .unwrap();
    assert!(read_frame(&mut broker).await.ends_with(b"1"));
    client.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_read_holds_the_caller_back() {
    let (client, _broker, connection) = connected(64).await;
    let large: &'static [u8] = vec![7; 2 << 20].leak();
    let mut answers = Vec::new();
    let refused = loop {
        match connection.start(request(large), TIMEOUT).await {
            Ok(answer) => answers.push(answer),
            Err(error) => break error,
        }
    };
    assert!(answers.len() <= COMMANDS_MAX + 2, "{}", answers.len());
    assert!(!refused.may_have_taken_effect());
    client.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_connection_ends_with_its_last_handle_and_with_the_client() {
    let (client, mut broker, connection) = connected(1024).await;
    drop(connection);
    assert_eq!(broker.read(&mut [0]).await.unwrap(), 0);
    client.tasks.close();
    client.tasks.wait().await;

    let (client, _broker, connection) = connected(1024).await;
    let answer = connection.start(request(b"1"), TIMEOUT).await.unwrap();
    client.finish().await;
    assert_eq!(answer.await.unwrap_err().kind(), ErrorKind::Closed);
    let error = connection.send(request(b"2"), TIMEOUT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}
