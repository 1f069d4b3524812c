//! Where a broker is: host and port, as in `bootstrap.servers`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use kconnect_protocol::types::BrokerId;

use crate::error::{Error, ErrorKind};

/// A host name or IP address, and a port. Shown as `host:port`, an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The host's name or its IP address, without brackets.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
}

impl Address {
    /// An address of its parts.
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    /// Reads `host:port` or `[ipv6]:port`. A protocol in front, as in `PLAINTEXT://host:port`, is passed over.
    fn from_str(text: &str) -> Result<Self, Error> {
        let address = text.split_once("://").map_or(text, |(_, address)| address);
        let invalid = |why: &str| {
            Error::new(
                ErrorKind::Config,
                format!("Invalid url in bootstrap.servers: {text}: {why}"),
            )
        };
        let (host, port) = address
            .rsplit_once(':')
            .ok_or_else(|| invalid("expected host:port"))?;
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(Some(inside)) => inside,
            None if !host.contains([':', '[', ']']) => host,
            _ => return Err(invalid("an IPv6 address is written [address]:port")),
        };
        if host.is_empty() {
            return Err(invalid("the host is missing"));
        }
        match port.parse() {
            Ok(0) | Err(_) => Err(invalid("the port is not a number from 1 to 65535")),
            Ok(port) => Ok(Self::new(host, port)),
        }
    }
}

/// Whom a connection leads to: for error texts and log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The broker's id; not known of a bootstrap server.
    pub broker: Option<BrokerId>,
    /// Where it is.
    pub address: Address,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.broker {
            Some(broker) => write!(f, "broker {broker} ({})", self.address),
            None => write!(f, "bootstrap server {}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str, host: &str, port: u16) {
        let address: Address = text.parse().unwrap();
        assert_eq!((&*address.host, address.port), (host, port));
        assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let error = text.parse::<Address>().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Invalid url in bootstrap.servers: {text}: {why}")
        );
    }

    #[test]
    fn host_and_port_are_read_in_every_spelling() {
        read("kafka-1.example:9092", "kafka-1.example", 9092);
        read("127.0.0.1:1", "127.0.0.1", 1);
        read("[::1]:9092", "::1", 9092);
        read("PLAINTEXT://b:9093", "b", 9093);
    }

    #[test]
    fn an_ambiguous_or_incomplete_address_is_refused() {
        refused("kafka", "expected host:port");
        refused("::1:9092", "an IPv6 address is written [address]:port");
        refused("[::1:9092", "an IPv6 address is written [address]:port");
        refused(":9092", "the host is missing");
        refused("[]:9092", "the host is missing");
        refused("a:", "the port is not a number from 1 to 65535");
        refused("a:0", "the port is not a number from 1 to 65535");
        refused("a:65536", "the port is not a number from 1 to 65535");
    }
}
