//! What a port answers that is no Kafka: each client says so at once, names the address, and does not go on trying.

use std::time::Duration;

use kconnect_client::admin::Admin;
use kconnect_client::config::{AdminConfig, ConsumerConfig, ProducerConfig};
use kconnect_client::consumer::Consumer;
use kconnect_client::producer::{Producer, ProducerRecord};
use kconnect_client::{Error, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::PATIENCE;

/// A server that says this, whatever it is asked, and then closes the connection or says nothing more.
struct Server {
    address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn saying(words: &'static [u8], closes: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut asked = [0; 4_096];
                    // Nobody may ever ask, and the client may go away at any time.
                    let _ = stream.read(&mut asked).await;
                    let _ = stream.write_all(words).await;
                    if !closes {
                        while stream.read(&mut asked).await.is_ok_and(|read| read > 0) {}
                    }
                });
            }
        });
        Self { address, task }
    }

    /// What each kind of client says of it.
    async fn errors(&self) -> [Error; 3] {
        let within = Duration::from_secs(3);
        let mut config = ProducerConfig::new(&self.address);
        config.max_block = within;
        config.common.request_timeout = within / 3;
        config.common.socket_connection_setup_timeout = within / 3;
        let producer = Producer::new(config).unwrap();
        let produced = producer.send(ProducerRecord::to("t").value(b"v")).await;

        let mut config = AdminConfig::new(&self.address);
        config.default_api_timeout = within;
        config.common.socket_connection_setup_timeout = within / 3;
        config.common.request_timeout = within / 3;
        let admin = Admin::new(&config).unwrap();
        let described = admin.describe_cluster().await;

        let mut config = ConsumerConfig::new(&self.address);
        config.default_api_timeout = within;
        config.common.socket_connection_setup_timeout = within / 3;
        config.common.request_timeout = within / 3;
        let consumer = Consumer::new(config).unwrap();
        let listed = consumer.partitions_for("t").await;

        producer.close(PATIENCE).await;
        admin.close().await;
        consumer.close(PATIENCE).await.unwrap();
        [
            produced.map(drop).unwrap_err(),
            described.map(drop).unwrap_err(),
            listed.map(drop).unwrap_err(),
        ]
    }

    async fn proves_to_be(self, expected: &str) {
        for error in self.errors().await {
            let text = error.to_string();
            assert!(text.contains(expected), "{expected:?} in {text:?}");
            assert!(text.contains(&self.address), "{} in {text:?}", self.address);
        }
        self.task.abort();
    }
}

#[tokio::test]
async fn tls_is_recognised() {
    // A fatal alert, and the beginning of a handshake.
    for words in [
        &b"\x15\x03\x03\x00\x02\x02\x46"[..],
        b"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03",
    ] {
        let server = Server::saying(words, true).await;
        server.proves_to_be("TLS").await;
    }
}

#[tokio::test]
async fn http_is_recognised() {
    for words in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"HTTP/1.0 404 Not Found\r\n\r\n",
    ] {
        let server = Server::saying(words, true).await;
        server.proves_to_be("speaks HTTP").await;
    }
}

#[tokio::test]
async fn other_servers_are_recognised_as_no_kafka() {
    for words in [
        &b"220 mail.example.org ESMTP\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"-ERR unknown command\r\n",
        &[0xff; 64],
        &[0; 64],
        b"\x00\x00\x00\x08garbage!",
    ] {
        for error in Server::saying(words, false).await.errors().await {
            let text = error.to_string();
            assert!(text.contains("Kafka"), "{words:?}: {text}");
            assert_eq!(
                error.kind(),
                ErrorKind::BrokerMisbehaved,
                "{words:?}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn a_port_that_closes_at_once_is_named_with_the_likely_cause() {
    let server = Server::saying(b"", true).await;
    server
        .proves_to_be("does this listener expect TLS or SASL?")
        .await;
}

#[tokio::test]
async fn a_port_that_says_nothing_is_given_up_in_time() {
    let server = Server::saying(b"", false).await;
    for error in server.errors().await {
        let text = error.to_string();
        assert!(text.contains(&server.address), "{text}");
        let kinds = [ErrorKind::Timeout, ErrorKind::Network];
        assert!(kinds.contains(&error.kind()), "{error:?}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let task = tokio::spawn(std::future::ready(()));
    let server = Server { address, task };
    server.proves_to_be("refused").await;
}
