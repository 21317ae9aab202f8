//! The configured servers, and the parts of their addresses.

use redis::{ConnectionAddr, RedisConnectionInfo};

/// The configured servers.
pub(crate) enum Endpoints {
    Single(ConnectionAddr),
    Sentinels {
        nodes: Vec<ConnectionAddr>,
        service: String,
        /// The credentials at the sentinels.
        credentials: RedisConnectionInfo,
    },
    Cluster(Vec<ConnectionAddr>),
}

impl Endpoints {
    /// Returns the address for messages.
    pub(crate) fn display_addr(&self) -> String {
        let list = |nodes: &[ConnectionAddr]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Single(address) => address.to_string(),
            Self::Sentinels { nodes, service, .. } => {
                format!("the master `{service}` of the sentinels {}", list(nodes))
            }
            Self::Cluster(nodes) => format!("the cluster of {}", list(nodes)),
        }
    }
}

/// Returns an address with another host and port, and the same transport.
pub(crate) fn with_host_port(address: &ConnectionAddr, host: &str, port: u16) -> ConnectionAddr {
    match address {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host.to_owned(), port),
    }
}

/// Splits `host:6379`.
pub(crate) fn split_host_port(node: &str) -> Option<(&str, u16)> {
    let (host, port) = node.rsplit_once(':')?;
    let host = strip_brackets(host);
    Some((host, port.parse().ok()?)).filter(|(host, _)| !host.is_empty())
}

/// Returns whether a text can be a host name or address. Any other text may be a misplaced secret.
pub(crate) fn is_host(host: &str) -> bool {
    let host = strip_brackets(host);
    !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || ".-_:".contains(c))
}

/// Strips the brackets from an IPv6 address.
pub(crate) fn strip_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
