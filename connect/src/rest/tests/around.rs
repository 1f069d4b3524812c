//! What stands around the API: forwarding, separate listeners for administration, users, and headers.

use super::super::{AdminPlace, Cors, HeaderRules, RestSettings, admin_router, router};
use super::{Bound, FakeHerder, ListenAddress, Reply, Server};
use crate::herder::HerderError;

async fn bound() -> Bound {
    let address = ListenAddress::parse("http://127.0.0.1:0").unwrap();
    Bound::bind(&[address]).await.unwrap()
}

async fn server(settings: &RestSettings) -> Server {
    let herder = FakeHerder::with_two_connectors();
    let bound = bound().await;
    let address = bound.addresses()[0];
    let server = bound.serve(&router(herder.clone(), "http://worker:8083/", settings));
    Server {
        herder,
        address,
        server,
    }
}

fn url(server: &Server) -> String {
    format!("http://{}/", server.address)
}

#[tokio::test]
async fn a_request_for_another_worker_is_sent_on_with_its_credentials() {
    let (follower, leader) = (Server::start().await, Server::start().await);
    follower
        .herder
        .fail_with(HerderError::Elsewhere(url(&leader)));
    let body = r#"{"name":"a b","config":{"topic":"t"}}"#;
    let headers = "content-type: application/json\r\nauthorization: Basic x\r\n";
    let reply = follower.send("POST /connectors", headers, body).await;
    assert_eq!(reply.status(), 201);
    assert_eq!(
        reply.header("location"),
        Some("http://example:1/connectors/a%20b")
    );
    assert_eq!(
        leader.herder.orders(),
        [r#"put a b {"name": "a b", "topic": "t"} - replace=false"#]
    );
    let reply = follower
        .send("POST /connectors/c/restart?includeTasks=true", "", "")
        .await;
    assert_eq!(reply.status(), 202);
    assert_eq!(
        leader.herder.orders(),
        ["restart c failed=false tasks=true"]
    );
    let signed =
        "x-connect-authorization: c2ln\r\nx-connect-request-signature-algorithm: HmacSHA256\r\n";
    let reply = follower
        .send("POST /connectors/c/tasks", signed, r#"[{"a":"b"}]"#)
        .await;
    assert_eq!(reply.status(), 204);
    let order = leader.herder.orders().remove(0);
    assert!(
        order.contains("c2ln") && order.contains("HmacSHA256"),
        "{order}"
    );
}

#[tokio::test]
async fn errors_of_the_other_worker_are_handed_back_and_two_hops_are_enough() {
    let (follower, leader) = (Server::start().await, Server::start().await);
    follower
        .herder
        .fail_with(HerderError::Elsewhere(url(&leader)));
    leader.herder.fail_with(HerderError::Conflict(
        "Connector c already exists".to_owned(),
    ));
    let reply = follower
        .json("POST /connectors", r#"{"name":"c","config":{}}"#)
        .await;
    leader.check(
        &reply,
        409,
        r#"{"error_code":409,"message":"Connector c already exists"}"#,
    );
    // Each says that the other one has to do it.
    leader
        .herder
        .fail_with(HerderError::Elsewhere(url(&follower)));
    let reply = follower.send("DELETE /connectors/c", "", "").await;
    let message =
        "Cannot complete request because of a conflicting operation (e.g. worker rebalance)";
    leader.check(
        &reply,
        409,
        &format!(r#"{{"error_code":409,"message":"{message}"}}"#),
    );
    assert_eq!(
        (follower.herder.orders().len(), leader.herder.orders().len()),
        (3, 2)
    );
    let nobody = bound().await.addresses()[0];
    follower
        .herder
        .fail_with(HerderError::Elsewhere(format!("http://{nobody}/")));
    let reply = follower.send("DELETE /connectors/c", "", "").await;
    assert_eq!(reply.status(), 500);
    assert!(
        reply
            .body
            .contains("IO Error trying to forward REST request: "),
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn administration_is_with_the_rest_or_nowhere_or_on_its_own() {
    let missing = r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#;
    for admin in [AdminPlace::Nowhere, AdminPlace::OnItsOwn] {
        let settings = RestSettings {
            admin,
            ..RestSettings::default()
        };
        let server = server(&settings).await;
        server.answers("GET /admin/loggers", 404, missing).await;
    }
    let herder = FakeHerder::with_two_connectors();
    let bound = bound().await;
    let address = bound.addresses()[0];
    let server = bound.serve(&admin_router(herder.clone(), "http://worker:8083/"));
    let admin = Server {
        herder,
        address,
        server,
    };
    admin.answers("GET /connectors", 404, missing).await;
    assert_eq!(admin.send("GET /admin/loggers", "", "").await.status(), 200);
    let reply = admin
        .json(
            "PUT /admin/loggers/a.b?scope=cluster",
            r#"{"level":"debug"}"#,
        )
        .await;
    assert_eq!(
        (reply.status(), admin.herder.orders()),
        (204, vec!["level a.b DEBUG".to_owned()])
    );
    let reply = admin
        .json(
            "PUT /admin/loggers/kconnect.rest.tests",
            r#"{"level":"debug"}"#,
        )
        .await;
    admin.check(&reply, 200, r#"["kconnect.rest.tests"]"#);
    let reply = admin
        .json("PUT /admin/loggers/a", r#"{"level":"chatty"}"#)
        .await;
    admin.check(
        &reply,
        404,
        r#"{"error_code":404,"message":"invalid log level 'chatty'."}"#,
    );
    let reply = admin.json("PUT /admin/loggers/a", "{}").await;
    let message = "Desired 'level' parameter was not specified in request.";
    admin.check(
        &reply,
        400,
        &format!(r#"{{"error_code":400,"message":"{message}"}}"#),
    );
    admin
        .answers(
            "GET /admin/loggers/nobody",
            404,
            r#"{"error_code":404,"message":"Logger nobody not found."}"#,
        )
        .await;
}

#[tokio::test]
async fn origins_and_headers_are_those_of_the_settings() {
    let settings = RestSettings {
        cors: Cors::parse("http://a.example", "GET,PUT").unwrap(),
        headers: HeaderRules::parse("set X-A: b").unwrap(),
        ..RestSettings::default()
    };
    let server = server(&settings).await;
    let reply = server
        .send("GET /connectors", "origin: http://a.example\r\n", "")
        .await;
    let shown = |reply: &Reply, name| reply.header(name).map(str::to_owned);
    assert_eq!(
        shown(&reply, "access-control-allow-origin").as_deref(),
        Some("http://a.example")
    );
    assert_eq!(shown(&reply, "x-a").as_deref(), Some("b"));
    let reply = server
        .send("GET /connectors", "origin: http://c.example\r\n", "")
        .await;
    assert_eq!(shown(&reply, "access-control-allow-origin"), None);
}

#[tokio::test]
async fn offsets_validation_and_plugins_are_orders_with_kafkas_checks_before() {
    let server = Server::start().await;
    let shown = r#"{"offsets":[{"partition":{"filename":"f"},"offset":null}]}"#;
    server
        .answers("GET /connectors/c/offsets", 200, shown)
        .await;
    let reply = server.json("PATCH /connectors/c/offsets", shown).await;
    server.check(&reply, 200, r#"{"message":"done"}"#);
    let reply = server
        .json("PATCH /connectors/c/offsets", r#"{"offsets":[]}"#)
        .await;
    let message = "Partitions / offsets need to be provided for an alter offsets request";
    server.check(
        &reply,
        400,
        &format!(r#"{{"error_code":400,"message":"{message}"}}"#),
    );
    let reply = server
        .json("PATCH /connectors/c/offsets", r#"{"offsets":[{"x":1}]}"#)
        .await;
    assert!(
        reply.status() == 500 && reply.body.contains(r#"Unrecognized field \"x\""#),
        "{}",
        reply.body
    );
    assert_eq!(
        server
            .send("DELETE /connectors/c/offsets", "", "")
            .await
            .status(),
        200
    );
    let validate = "PUT /connector-plugins/FileSource/config/validate";
    let reply = server
        .json(validate, r#"{"connector.class":"FileSink"}"#)
        .await;
    let message = "Included connector type FileSink does not match request type FileSource";
    server.check(
        &reply,
        400,
        &format!(r#"{{"error_code":400,"message":"{message}"}}"#),
    );
    let reply = server
        .json(validate, r#"{"connector.class":"a.FileSourceConnector"}"#)
        .await;
    assert_eq!(reply.status(), 200);
    server
        .answers("GET /connector-plugins/X/config?version=1.0", 200, "[]")
        .await;
    assert_eq!(
        server.herder.orders(),
        [
            "offsets c",
            "alter offsets c 1",
            "reset offsets c",
            r#"validate {"connector.class": Some("a.FileSourceConnector")}"#,
            r#"plugin config X Some("1.0")"#,
        ]
    );
    let reply = server.json("POST /connectors/c/tasks", "{}").await;
    assert!(
        reply.status() == 500 && reply.body.contains("Cannot deserialize value"),
        "{}",
        reply.body
    );
}
