//! Requests over a socket, answered from a herder in memory.

mod around;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fake::FakeHerder;
use super::{Bound, ListenAddress, RestServer, RestSettings, router};
use crate::herder::HerderError;

struct Server {
    herder: Arc<FakeHerder>,
    address: SocketAddr,
    server: RestServer,
}

/// An answer as it came over the wire.
struct Reply {
    head: String,
    body: String,
}

impl Reply {
    fn status(&self) -> u16 {
        self.head["HTTP/1.1 ".len()..][..3].parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }
}

impl Server {
    async fn start() -> Self {
        let herder = FakeHerder::with_two_connectors();
        let listeners = [ListenAddress::parse("http://127.0.0.1:0").unwrap()];
        let bound = Bound::bind(&listeners).await.unwrap();
        let address = bound.addresses()[0];
        let server = bound.serve(&router(
            herder.clone(),
            "http://worker:8083/",
            &RestSettings::default(),
        ));
        Self {
            herder,
            address,
            server,
        }
    }

    async fn send(&self, request: &str, headers: &str, body: &str) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let text = format!(
            "{request} HTTP/1.1\r\nhost: example:1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        Reply {
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    async fn json(&self, request: &str, body: &str) -> Reply {
        self.send(request, "content-type: application/json\r\n", body)
            .await
    }

    #[track_caller]
    fn check(&self, reply: &Reply, status: u16, body: &str) {
        assert_eq!((reply.status(), reply.body.as_str()), (status, body));
    }

    /// `request` without a body is answered so.
    async fn answers(&self, request: &str, status: u16, body: &str) {
        let reply = self.send(request, "", "").await;
        self.check(&reply, status, body);
    }
}

#[tokio::test]
async fn reads_are_answered_from_the_view_with_kafkas_bodies() {
    let server = Server::start().await;
    server
        .answers(
            "GET /",
            200,
            r#"{"version":"4.3.0","commit":"abc","kafka_cluster_id":"YYow90swxNLZ9DUSgqXXBw"}"#,
        )
        .await;
    server
        .answers("GET /connectors", 200, r#"["new sink","src"]"#)
        .await;
    server
        .answers("GET /connectors/", 200, r#"["new sink","src"]"#)
        .await;
    let info = r#"{"name":"src","config":{"name":"src","topic":"t"},"tasks":[{"connector":"src","task":0}],"type":"source"}"#;
    server.answers("GET /connectors/src", 200, info).await;
    server.answers("GET /connectors/src/", 200, info).await;
    server
        .answers(
            "GET /connectors/src/config",
            200,
            r#"{"name":"src","topic":"t"}"#,
        )
        .await;
    let tasks = r#"[{"id":{"connector":"src","task":0},"config":{"task.class":"FileStreamSourceTask","topic":"t"}}]"#;
    server
        .answers("GET /connectors/src/tasks", 200, tasks)
        .await;
    let task = r#"{"id":0,"state":"FAILED","worker_id":"127.0.0.1:8083","version":"1.0","trace":"java.io.IOException: gone"}"#;
    server
        .answers("GET /connectors/src/tasks/0/status", 200, task)
        .await;
    let status = format!(
        r#"{{"name":"src","connector":{{"state":"RUNNING","worker_id":"127.0.0.1:8083","version":"1.0"}},"tasks":[{task}],"type":"source"}}"#
    );
    server
        .answers("GET /connectors/src/status", 200, &status)
        .await;
    server
        .answers(
            "GET /connectors/src/topics",
            200,
            r#"{"src":{"topics":["t"]}}"#,
        )
        .await;
    server
        .answers(
            "GET /connectors/nope/topics",
            200,
            r#"{"nope":{"topics":[]}}"#,
        )
        .await;
    let expanded = format!(r#"{{"src":{{"info":{info},"status":{status}}}}}"#);
    server
        .answers("GET /connectors?expand=info&expand=status", 200, &expanded)
        .await;
    server
        .answers(
            "GET /connectors?expand=foo",
            200,
            r#"{"new sink":{},"src":{}}"#,
        )
        .await;
    let plugins = r#"[{"class":"a.Sink","type":"sink","version":"1.0"}]"#;
    server.answers("GET /connector-plugins", 200, plugins).await;
    assert!(server.herder.orders().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_answered_in_kafkas_words() {
    let server = Server::start().await;
    for (request, status, message) in [
        ("GET /connectors/nope", 404, "Connector nope not found"),
        ("GET /connectors/a%20b", 404, "Connector a b not found"),
        (
            "GET /connectors/nope/config",
            404,
            "Connector nope not found",
        ),
        (
            "GET /connectors/nope/tasks",
            404,
            "Connector nope not found",
        ),
        (
            "GET /connectors/nope/status",
            404,
            "No status found for connector nope",
        ),
        (
            "GET /connectors/new%20sink/status",
            404,
            "No status found for connector new sink",
        ),
        (
            "GET /connectors/nope/tasks/0/status",
            404,
            "No status found for task nope-0",
        ),
        (
            "GET /connectors/src/tasks/7/status",
            404,
            "No status found for task src-7",
        ),
        (
            "GET /connectors/src/tasks/abc/status",
            404,
            "HTTP 404 Not Found",
        ),
        ("GET /nope", 404, "HTTP 404 Not Found"),
        ("DELETE /", 405, "HTTP 405 Method Not Allowed"),
        ("POST /health", 405, "HTTP 405 Method Not Allowed"),
        ("PUT /connectors", 405, "HTTP 405 Method Not Allowed"),
    ] {
        let body = format!(r#"{{"error_code":{status},"message":"{message}"}}"#);
        server.answers(request, status, &body).await;
    }
    let reply = server
        .send("GET /connectors", "accept: text/html\r\n", "")
        .await;
    server.check(
        &reply,
        406,
        r#"{"error_code":406,"message":"HTTP 406 Not Acceptable"}"#,
    );
    let reply = server
        .send("GET /connectors", "accept: text/html, */*;q=0.1\r\n", "")
        .await;
    assert_eq!(reply.status(), 200);
    let reply = server
        .send("POST /connectors", "content-type: text/plain\r\n", "x")
        .await;
    server.check(
        &reply,
        415,
        r#"{"error_code":415,"message":"HTTP 415 Unsupported Media Type"}"#,
    );
}

#[tokio::test]
async fn a_new_connector_is_answered_with_201_and_its_address() {
    let server = Server::start().await;
    let body = r#"{"name":" a/b ","config":{"topic":"t","tasks.max":2},"initial_state":"paused"}"#;
    let reply = server.json("POST /connectors", body).await;
    assert_eq!(
        reply.header("location"),
        Some("http://example:1/connectors/a%2Fb")
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
    server.check(
        &reply,
        201,
        r#"{"name":"a/b","config":{"name":"a/b","tasks.max":"2","topic":"t"},"tasks":[],"type":"source"}"#,
    );
    assert_eq!(
        server.herder.orders(),
        [r#"put a/b {"name": "a/b", "tasks.max": "2", "topic": "t"} PAUSED replace=false"#]
    );
    let reply = server
        .json("PUT /connectors/c/config", r#"{"topic":"t"}"#)
        .await;
    assert_eq!((reply.status(), reply.header("location")), (200, None));
    let reply = server
        .json("PUT /connectors/c/config", r#"{"name":"zz"}"#)
        .await;
    let message = "Connector name configuration (zz) doesn't match connector name in the URL (c)";
    server.check(
        &reply,
        400,
        &format!(r#"{{"error_code":400,"message":"{message}"}}"#),
    );
    let reply = server
        .json("PUT /connectors/c/config", r#"{"topic":null}"#)
        .await;
    assert!(
        reply
            .body
            .contains("Null value can not be supplied as the configuration value.")
    );
    let reply = server.json("POST /connectors", "x").await;
    assert_eq!(reply.status(), 500);
}

#[tokio::test]
async fn orders_are_passed_on_and_answered_with_kafkas_statuses() {
    let server = Server::start().await;
    for (request, status, order) in [
        ("PUT /connectors/c/pause", 202, "target c PAUSED"),
        ("PUT /connectors/c/resume", 202, "target c STARTED"),
        ("PUT /connectors/c/stop", 204, "target c STOPPED"),
        ("DELETE /connectors/c", 204, "delete c"),
        ("POST /connectors/c/restart", 204, "restart c"),
        (
            "POST /connectors/c/restart?includeTasks=foo",
            204,
            "restart c",
        ),
        (
            "POST /connectors/c/restart?includeTasks=TRUE",
            202,
            "restart c failed=false tasks=true",
        ),
        (
            "POST /connectors/c/restart?onlyFailed=true",
            202,
            "restart c failed=true tasks=false",
        ),
        ("POST /connectors/c/tasks/3/restart", 204, "restart c-3"),
        ("PUT /connectors/c/topics/reset", 202, "reset topics c"),
    ] {
        let reply = server.send(request, "", "").await;
        assert_eq!(
            (reply.status(), server.herder.orders()),
            (status, vec![order.to_owned()])
        );
        assert_eq!(
            reply.body.is_empty(),
            !request.contains("=TRUE") && !request.contains("=true")
        );
    }
    let reply = server
        .json("PATCH /connectors/c/config", r#"{"a":null,"b":1}"#)
        .await;
    assert_eq!(reply.status(), 200);
    assert_eq!(
        server.herder.orders(),
        [r#"patch c {"a": None, "b": Some("1")}"#]
    );
    server.herder.fail_with(HerderError::Conflict(
        "Connector c already exists".to_owned(),
    ));
    let reply = server
        .json("POST /connectors", r#"{"name":"c","config":{}}"#)
        .await;
    server.check(
        &reply,
        409,
        r#"{"error_code":409,"message":"Connector c already exists"}"#,
    );
}

#[tokio::test]
async fn health_is_503_while_the_worker_starts_and_500_when_its_herder_hangs() {
    let server = Server::start().await;
    let healthy = r#"{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}"#;
    server.answers("GET /health", 200, healthy).await;
    server.herder.hang();
    let asking = server.send("GET /health", "", "");
    tokio::time::pause();
    let reply = asking.await;
    assert_eq!(reply.status(), 500);
    assert!(reply.body.contains(r#""status":"unhealthy""#));
    server.herder.set_starting("awaiting startup");
    let reply = server.send("GET /health", "", "").await;
    assert_eq!(reply.status(), 503);
    assert!(
        reply
            .body
            .starts_with(r#"{"status":"starting","message":"Worker is still starting up."#)
    );
}

#[tokio::test]
async fn a_server_that_stops_answers_what_is_under_way_and_accepts_no_more() {
    let server = Server::start().await;
    server
        .answers("GET /connectors", 200, r#"["new sink","src"]"#)
        .await;
    let address = server.address;
    server.server.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_likely_cause() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = ListenAddress::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let text = Bound::bind(&[address]).await.unwrap_err().to_string();
    assert!(text.contains(&format!("http://127.0.0.1:{port}")), "{text}");
    assert!(text.contains("another worker"), "{text}");
}
