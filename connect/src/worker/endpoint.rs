//! Where a worker's REST API is: its sockets, bound before anything else starts, and the address that others are told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use kconnect_client::config::ConfigError;
use tracing::info;

use super::Failure;
use super::rest_settings::rest_settings;
use crate::config::WorkerConfig;
use crate::herder::Herder;
use crate::rest::{self, AdminPlace, Bound, ListenAddress, RestServer, RestSettings};

/// The sockets of the REST API, and its address.
#[derive(Debug)]
pub(crate) struct Endpoint {
    bound: Bound,
    /// The sockets of `admin.listeners`, if it has any.
    admin: Option<Bound>,
    settings: RestSettings,
    /// `http://host:port/` under which others reach this worker.
    url: String,
    /// `host:port` of that, which statuses show.
    worker_id: Arc<str>,
}

impl Endpoint {
    /// Listens where `listeners` says.
    pub(crate) async fn bind(config: &WorkerConfig) -> Result<Self, Failure> {
        let settings = rest_settings(config).map_err(|errors| {
            let texts: Vec<&str> = errors.iter().map(ConfigError::message).collect();
            Failure::startup(texts.join("\n"))
        })?;
        let listeners = listeners(&config.listeners).map_err(Failure::startup)?;
        let bound = Bound::bind(&listeners).await.map_err(Failure::startup)?;
        let admin = match config.admin_listeners.as_deref() {
            Some(texts) if settings.admin == AdminPlace::OnItsOwn => {
                let listeners = self::listeners(texts).map_err(Failure::startup)?;
                Some(Bound::bind(&listeners).await.map_err(Failure::startup)?)
            }
            _ => None,
        };
        let addresses = bound.addresses();
        let (host, port) = advertised(config, &listeners, &addresses);
        let protocol = config
            .rest_advertised_listener
            .as_deref()
            .map_or("http", str::trim);
        let worker_id = format!("{host}:{port}");
        let url = format!("{}://{worker_id}/", protocol.to_ascii_lowercase());
        for address in &addresses {
            info!("REST server listening at http://{address}/, advertising URL {url}");
        }
        for address in admin.iter().flat_map(Bound::addresses) {
            info!("Added admin connector for http://{address}");
        }
        Ok(Self {
            bound,
            admin,
            settings,
            url,
            worker_id: worker_id.into(),
        })
    }

    /// `host:port` under which others reach this worker.
    pub(crate) fn worker_id(&self) -> Arc<str> {
        Arc::clone(&self.worker_id)
    }

    /// `http://host:port/` under which others reach this worker.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Answers requests from now on.
    pub(crate) fn serve(self, herder: Arc<dyn Herder>) -> RestServer {
        let admin = self.admin.map(|bound| {
            let router = rest::admin_router(Arc::clone(&herder), &self.url);
            (bound, router)
        });
        let router = rest::router(herder, &self.url, &self.settings);
        self.bound.serve(&router).and(admin)
    }
}

/// The listeners, which have been checked.
fn listeners(texts: &[String]) -> Result<Vec<ListenAddress>, rest::InvalidListener> {
    let listeners = texts.iter().map(|text| ListenAddress::parse(text));
    listeners.collect()
}

/// Host and port to tell others: as configured, or as the first listener says, or as this host is reached by most.
fn advertised(
    config: &WorkerConfig,
    listeners: &[ListenAddress],
    bound: &[SocketAddr],
) -> (String, u16) {
    let given = config.rest_advertised_host_name.as_deref().map(str::trim);
    let listener = listeners.first().map(|listener| listener.host.as_str());
    let is_said = |host: &&str| !host.is_empty();
    let host = given.filter(is_said).or_else(|| listener.filter(is_said));
    let host = host.map_or_else(|| this_host().to_string(), str::to_owned);
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let port = config
        .rest_advertised_port
        .unwrap_or_else(|| bound.first().map_or(0, SocketAddr::port));
    (host, port)
}

/// The address from which this host speaks to others. Nothing is sent, and no name is looked up, which could take seconds.
fn this_host() -> IpAddr {
    // An address that is set aside for documentation, so that the default route answers.
    let elsewhere = (Ipv4Addr::new(192, 0, 2, 1), 9);
    let route = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect(elsewhere)?;
        socket.local_addr()
    });
    route.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advertised_by(change: impl FnOnce(&mut WorkerConfig)) -> (String, u16) {
        let mut config = WorkerConfig::default();
        change(&mut config);
        let bound = [SocketAddr::from(([0, 0, 0, 0], 7))];
        advertised(&config, &listeners(&config.listeners).unwrap(), &bound)
    }

    #[test]
    fn others_are_told_what_is_configured_or_where_it_listens() {
        let listens = |at: &str| vec![at.to_owned()];
        let told = advertised_by(|config| config.listeners = listens("http://a.example:0"));
        assert_eq!(told, ("a.example".to_owned(), 7));
        let told = advertised_by(|config| config.listeners = listens("http://[::1]:8083"));
        assert_eq!(told.0, "[::1]");
        let told = advertised_by(|config| {
            config.rest_advertised_host_name = Some("b.example".to_owned());
            config.rest_advertised_port = Some(80);
        });
        assert_eq!(told, ("b.example".to_owned(), 80));
        let (host, port) = advertised_by(|_| {});
        assert!(
            host.parse::<IpAddr>().is_ok_and(|ip| !ip.is_unspecified()),
            "{host}"
        );
        assert_eq!(port, 7);
    }
}
