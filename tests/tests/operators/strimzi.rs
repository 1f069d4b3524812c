//! Strimzi: the property file that it writes, its probes, and the statuses and fields that its operator takes for success.

use std::fs;

use kconnect_tests::workers::{connector, wait_for, wait_for_state};
use kconnect_tests::{KconnectWorker, Process, http, kconnect_binary, ports};
use serde_json::{Value, json};

use super::support::{ask, ask_until, config, create, run, worker};

/// What Strimzi writes for a cluster without TLS: sections, config providers, whether they are used or not, metric
/// reporters, no listeners. `%D` stands for its directory, `%S` for the brokers, `%P` for the port.
const WORKER_FILE: &str = "\
##########
# Bootstrap servers
##########
bootstrap.servers=%S

##########
# Kafka Security protocol
##########
security.protocol=PLAINTEXT
producer.security.protocol=PLAINTEXT
consumer.security.protocol=PLAINTEXT
admin.security.protocol=PLAINTEXT

##########
# Rack ID (Topology label)
##########
consumer.client.rack=${strimzidir:%D/init:rack.id}

##########
# Config providers
##########
# Configuration providers configured by Strimzi
config.providers=strimzienv,strimzifile,strimzidir,strimzisecrets
config.providers.strimzienv.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
config.providers.strimzienv.param.allowlist.pattern=.*
config.providers.strimzifile.class=org.apache.kafka.common.config.provider.FileConfigProvider
config.providers.strimzidir.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider
config.providers.strimzidir.param.allowed.paths=%D
config.providers.strimzisecrets.class=io.strimzi.kafka.KubernetesSecretConfigProvider

##########
# metric.reporters configuration
##########
# metric.reporters configured by Strimzi
metric.reporters=org.apache.kafka.common.metrics.JmxReporter
admin.metric.reporters=org.apache.kafka.common.metrics.JmxReporter
producer.metric.reporters=org.apache.kafka.common.metrics.JmxReporter
consumer.metric.reporters=org.apache.kafka.common.metrics.JmxReporter

##########
# User provided configuration
##########
config.storage.replication.factor=-1
offset.storage.replication.factor=-1
status.storage.replication.factor=-1
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
listeners=http://127.0.0.1:%P

##########
# REST Listeners
##########
rest.advertised.host.name=${strimzienv:ADVERTISED_HOSTNAME}
rest.advertised.port=%P

##########
# Internal topics and group ID
##########
group.id=my-connect
config.storage.topic=my-connect-configs
status.storage.topic=my-connect-status
offset.storage.topic=my-connect-offsets

##########
# Plugins
##########
plugin.path=/opt/kafka/plugins

##########
# Strimzi Metrics Reporter configuration
##########
prometheus.metrics.reporter.listener.enable=true
prometheus.metrics.reporter.listener=http://:9404
prometheus.metrics.reporter.allowlist=.*
";

#[tokio::test(flavor = "multi_thread")]
async fn its_worker_file_is_taken_as_it_is() {
    run(|servers| {
        let home = tempfile::tempdir()?;
        let directory = home.path().display().to_string();
        fs::create_dir(home.path().join("init"))?;
        fs::write(home.path().join("init/rack.id"), "zone-b")?;
        let port = ports::one()?;
        let file = home.path().join("strimzi-connect.properties");
        let text = WORKER_FILE
            .replace("%D", &directory)
            .replace("%S", servers)
            .replace("%P", &port.to_string());
        fs::write(&file, text)?;
        let name = "my-connect-connect-0.my-connect-connect.kafka.svc";
        let mut worker = Process::start_with(
            "kconnect",
            kconnect_binary()?,
            ["distributed", &file.display().to_string()],
            home.path(),
            &home.path().join("log"),
            &[("ADVERTISED_HOSTNAME", name)],
        )?;
        let url = format!("http://127.0.0.1:{port}");
        let limit = std::time::Duration::from_secs(120);
        worker.wait_for_line("Joined group", limit)?;
        assert_eq!(http::get(&url, "/health")?.status, 200);
        let source = connector(&[
            ("connector.class", "FileStreamSource"),
            ("file", &format!("{directory}/in.txt")),
            ("topic", "lines"),
        ]);
        ask(&url, "PUT", "/connectors/c/config", Some(&source), 201)?;
        let status = wait_for_state(&url, "c", 1, "RUNNING")?;
        assert_eq!(status["connector"]["worker_id"], format!("{name}:{port}"));
        let secret = connector(&[
            ("connector.class", "FileStreamSource"),
            ("topic", "lines"),
            ("file", "${strimzisecrets:kafka/credentials:file}"),
        ]);
        let refused = http::json(&url, "PUT", "/connectors/d/config", Some(&secret))?;
        assert!(refused.status >= 400, "{}", refused.text());
        assert!(
            refused.text().contains("kafka/credentials"),
            "{}",
            refused.text()
        );
        assert_eq!(worker.terminate(limit)?.code(), Some(143));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_probes_see_a_worker_start_and_run() {
    run(|servers| {
        // Without a broker a worker never gets beyond its start.
        let home = tempfile::tempdir()?;
        let lonely = KconnectWorker::launch_distributed(
            home.path(),
            &format!("bootstrap.servers=127.0.0.1:{}\nkey.converter=StringConverter\nvalue.converter=StringConverter\n", ports::one()?),
        )?;
        let starting = ask_until(&lonely.rest_url(), "/health", 503)?.json();
        assert_eq!(starting["status"], "starting");
        let (_workers, worker) = worker(servers)?;
        let healthy = ask_until(&worker.rest_url(), "/health", 200)?;
        assert_eq!(
            healthy.json(),
            json!({
                "status": "healthy",
                "message": "Worker has completed startup and is ready to handle requests."
            })
        );
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_calls_have_exactly_the_statuses_that_it_waits_for() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        let url = worker.rest_url();
        let created = create(&workers, &url, "c")?.json();
        assert_eq!(created["config"], config(&workers, "c"));
        let body = config(&workers, "c").to_string();
        ask(&url, "PUT", "/connectors/c/config", Some(&body), 200)?;
        ask(
            &url,
            "PUT",
            "/connectors/d/config",
            Some(&config(&workers, "d").to_string()),
            201,
        )?;
        wait_for_state(&url, "d", 1, "RUNNING")?;
        ask(&url, "PUT", "/connectors/c/pause", None, 202)?;
        wait_for_state(&url, "c", 1, "PAUSED")?;
        ask(&url, "PUT", "/connectors/c/resume", None, 202)?;
        wait_for_state(&url, "c", 1, "RUNNING")?;
        let path = "/connectors/c/restart?includeTasks=true&onlyFailed=false";
        let plan = ask(&url, "POST", path, None, 202)?.json();
        assert_eq!(
            (&plan["name"], plan["tasks"].is_array()),
            (&json!("c"), true)
        );
        wait_for_state(&url, "c", 1, "RUNNING")?;
        let path = "/connectors/c/restart?includeTasks=false&onlyFailed=false";
        assert_eq!(ask(&url, "POST", path, None, 204)?.text(), "");
        wait_for_state(&url, "c", 1, "RUNNING")?;
        ask(&url, "POST", "/connectors/c/tasks/0/restart", None, 204)?;
        wait_for_state(&url, "c", 1, "RUNNING")?;
        ask(&url, "PUT", "/connectors/c/stop", None, 204)?;
        wait_for_state(&url, "c", 0, "STOPPED")?;
        ask(&url, "DELETE", "/connectors/c", None, 204)?;
        // It waits for the status to go, and then creates what it finds missing.
        ask_until(&url, "/connectors/c/status", 404)?;
        let missing = ask(&url, "GET", "/connectors/c/config", None, 404)?.json();
        assert_eq!(
            missing,
            json!({ "error_code": 404, "message": "Connector c not found" })
        );
        let taken = json!({ "name": "d", "config": config(&workers, "d") }).to_string();
        let taken = ask(&url, "POST", "/connectors", Some(&taken), 409)?.json();
        assert_eq!(taken["message"], "Connector d already exists");
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_client_offers_http_2_and_is_answered_in_http_1() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        // What Java's client sends until it knows that a server does not speak HTTP/2.
        let headers = [
            ("Connection", "Upgrade, HTTP2-Settings"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"),
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
        ];
        let body = config(&workers, "c").to_string();
        let path = "/connectors/c/config";
        let created = http::request(&worker.rest_url(), "PUT", path, &headers, Some(&body))?;
        assert_eq!(
            (created.status, &created.json()["name"]),
            (201, &json!("c"))
        );
        let read = http::request(&worker.rest_url(), "GET", path, &headers, None)?;
        assert_eq!(read.json(), config(&workers, "c"));
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_comes_back_as_it_was_sent() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        let url = worker.rest_url();
        let mut sent = config(&workers, "c");
        sent["client.id"] = "${nobody:key}".into();
        // It compares the maps as they are: nothing added, no variable resolved.
        let body = json!({ "name": "c", "config": sent, "initial_state": "STOPPED" });
        ask(&url, "POST", "/connectors", Some(&body.to_string()), 201)?;
        wait_for_state(&url, "c", 0, "STOPPED")?;
        assert_eq!(
            ask(&url, "GET", "/connectors/c/config", None, 200)?.json(),
            sent
        );
        assert_eq!(
            ask(&url, "GET", "/connectors", None, 200)?.json(),
            json!(["c"])
        );
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_mirrors_arrive_with_their_arrow_encoded() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        let url = worker.rest_url();
        let name = "source->target.MirrorHeartbeatConnector";
        let body = json!({ "name": name, "config": config(&workers, name) });
        ask(&url, "POST", "/connectors", Some(&body.to_string()), 201)?;
        let path = "/connectors/source%2D%3Etarget.MirrorHeartbeatConnector";
        wait_for(&url, &format!("{path}/status"), |status| {
            status["tasks"][0]["state"] == "RUNNING"
        })?;
        let topics = wait_for(&url, &format!("{path}/topics"), |topics| {
            topics[name]["topics"] == json!([workers.group()])
        })?;
        assert_eq!(topics.as_object().map(serde_json::Map::len), Some(1));
        ask(&url, "DELETE", path, None, 204)?;
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_are_shown_altered_and_reset_with_a_message() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        let url = worker.rest_url();
        create(&workers, &url, "c")?;
        let shown = wait_for(&url, "/connectors/c/offsets", |offsets| {
            offsets["offsets"][0]["offset"]["position"].is_number()
        })?;
        ask(&url, "PUT", "/connectors/c/stop", None, 204)?;
        wait_for_state(&url, "c", 0, "STOPPED")?;
        let mut wanted = shown.clone();
        wanted["offsets"][0]["offset"]["position"] = 4.into();
        let text = wanted.to_string();
        for (method, body) in [("PATCH", Some(text.as_str())), ("DELETE", None)] {
            let answer = ask(&url, method, "/connectors/c/offsets", body, 200)?.json();
            // A map of texts, of which it logs one.
            assert!(answer["message"].is_string(), "{answer}");
            assert_eq!(answer.as_object().map(serde_json::Map::len), Some(1));
            let shown = ask(&url, "GET", "/connectors/c/offsets", None, 200)?.json();
            match method {
                "PATCH" => assert_eq!(shown, wanted),
                _ => assert_eq!(shown, json!({ "offsets": [] })),
            }
        }
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_are_listed_under_a_path_with_a_slash_and_set_on_all_workers() {
    run(|servers| {
        let (workers, worker) = worker(servers)?;
        let other = workers.start("two")?;
        let loggers = ask(&worker.rest_url(), "GET", "/admin/loggers/", None, 200)?.json();
        // Each has a text `level`, and more that it does not look at, but which has to be text, number or null.
        assert_eq!(
            loggers["root"],
            json!({ "level": "INFO", "last_modified": null })
        );
        let path = "/admin/loggers/org.apache.kafka.connect.runtime?scope=cluster";
        let set = ask(
            &worker.rest_url(),
            "PUT",
            path,
            Some(r#"{"level":"DEBUG"}"#),
            204,
        )?;
        assert_eq!(set.text(), "");
        for url in [worker.rest_url(), other.rest_url()] {
            let is_set =
                |loggers: &Value| loggers["org.apache.kafka.connect.runtime"]["level"] == "DEBUG";
            wait_for(&url, "/admin/loggers/", is_set)?;
        }
        other.stop()?;
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_have_the_fields_that_go_into_its_status() {
    run(|servers| {
        let (_workers, worker) = worker(servers)?;
        let plugins = ask(&worker.rest_url(), "GET", "/connector-plugins", None, 200)?.json();
        let plugins = plugins.as_array().ok_or("not a list")?;
        for class in ["FileStreamSourceConnector", "FileStreamSinkConnector"] {
            let class = format!("org.apache.kafka.connect.file.{class}");
            let plugin = plugins
                .iter()
                .find(|plugin| plugin["class"] == class.as_str());
            let plugin = plugin.ok_or_else(|| format!("no {class}"))?;
            assert!(
                plugin["type"].is_string() && plugin["version"].is_string(),
                "{plugin}"
            );
        }
        worker.stop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_on_clients_of_connectors_is_kept() {
    run(|servers| {
        let (mut workers, worker) = worker(servers)?;
        let mut wanted = config(&workers, "c");
        wanted["producer.override.linger.ms"] = "5".into();
        let body = wanted.to_string();
        ask(
            &worker.rest_url(),
            "PUT",
            "/connectors/c/config",
            Some(&body),
            201,
        )?;
        wait_for_state(&worker.rest_url(), "c", 1, "RUNNING")?;
        worker.stop()?;
        workers.set("connector.client.config.override.policy", "None");
        let strict = workers.start("strict")?;
        let refused = ask(
            &strict.rest_url(),
            "PUT",
            "/connectors/c/config",
            Some(&body),
            400,
        )?;
        assert!(refused.text().contains("linger.ms"), "{}", refused.text());
        strict.stop()
    })
    .await;
}
