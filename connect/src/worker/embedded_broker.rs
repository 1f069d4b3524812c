//! The broker that a standalone worker runs in its own process when it is asked to (`--embedded-broker`).

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kconnect_broker::{Broker, Options};
use tokio::net::lookup_host;

use super::Failure;

/// Where the embedded broker keeps its topics if nobody says: beside the offsets file, for one is of no use without the other.
pub(super) fn directory_beside(offsets_file: &Path) -> PathBuf {
    let mut name: OsString = offsets_file.as_os_str().to_owned();
    name.push(".broker");
    name.into()
}

/// Starts a broker where `servers`, the worker's `bootstrap.servers`, say that there is one.
pub(super) async fn start(servers: &[String], dir: PathBuf) -> Result<Broker, Failure> {
    let [server] = servers else {
        return Err(Failure::startup(format!(
            "--embedded-broker is one broker, but bootstrap.servers names {}: {}",
            servers.len(),
            servers.join(",")
        )));
    };
    let options = Options {
        listen: address(server).await?,
        dir: Some(dir),
        ..Options::default()
    };
    let started = Broker::start(options).await;
    started.map_err(|error| Failure::startup(format!("the embedded broker cannot start: {error}")))
}

/// The address of an element of `bootstrap.servers`, whose port may be 0 for any that is free.
async fn address(server: &str) -> Result<SocketAddr, Failure> {
    let wrong = |why: String| {
        Failure::startup(format!(
            "--embedded-broker cannot listen at bootstrap.servers={server}: {why}"
        ))
    };
    let plain = server
        .split_once("://")
        .map_or(server, |(_, address)| address);
    let (host, port) = plain
        .rsplit_once(':')
        .ok_or_else(|| wrong("expected host:port".to_owned()))?;
    let port: u16 = port
        .parse()
        .map_err(|_| wrong("the port is not a number up to 65535".to_owned()))?;
    if host == "localhost" {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = lookup_host((host, port))
        .await
        .map(|mut found| found.next());
    match found {
        Ok(Some(address)) => Ok(address),
        Ok(None) => Err(wrong(format!("{host} has no address"))),
        Err(error) => Err(wrong(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_listens_where_the_worker_looks_for_it() {
        let listens =
            |server| async move { address(server).await.map(|address| address.to_string()) };
        assert_eq!(listens("localhost:9092").await.unwrap(), "127.0.0.1:9092");
        assert_eq!(
            listens("PLAINTEXT://127.0.0.1:0").await.unwrap(),
            "127.0.0.1:0"
        );
        assert_eq!(listens("[::1]:9092").await.unwrap(), "[::1]:9092");
        for wrong in ["localhost", "localhost:x", "localhost:70000"] {
            let error = listens(wrong).await.unwrap_err().to_string();
            assert!(
                error.contains(&format!("bootstrap.servers={wrong}: ")),
                "{error}"
            );
        }
        let two = ["a:1".to_owned(), "b:2".to_owned()];
        let error = start(&two, PathBuf::new()).await.unwrap_err().to_string();
        assert!(error.contains("names 2: a:1,b:2"), "{error}");
    }

    #[test]
    fn its_topics_lie_beside_the_offsets() {
        let directory = directory_beside(Path::new("/tmp/connect.offsets"));
        assert_eq!(directory, Path::new("/tmp/connect.offsets.broker"));
    }
}
