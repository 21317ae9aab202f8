//! Which server has what: one, the master that sentinels name, or the nodes of a cluster.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use redis::{ConnectionAddr, ErrorKind, FromRedisValue as _, RedisConnectionInfo, RedisError};

use crate::backends::redis::client::protocol;
use crate::backends::redis::config::Settings;
use crate::sync::lock;

/// Where servers are.
pub(crate) enum Servers {
    One(ConnectionAddr),
    Sentinels {
        nodes: Vec<ConnectionAddr>,
        service: String,
        /// Who we are at the sentinels.
        who: RedisConnectionInfo,
    },
    Cluster(Vec<ConnectionAddr>),
}

impl Servers {
    /// For people.
    pub(crate) fn place(&self) -> String {
        let list = |nodes: &[ConnectionAddr]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::One(address) => address.to_string(),
            Self::Sentinels { nodes, service, .. } => {
                format!("the master `{service}` of the sentinels {}", list(nodes))
            }
            Self::Cluster(nodes) => format!("the cluster of {}", list(nodes)),
        }
    }

    fn nodes(&self) -> &[ConnectionAddr] {
        match self {
            Self::One(address) => std::slice::from_ref(address),
            Self::Sentinels { nodes, .. } | Self::Cluster(nodes) => nodes,
        }
    }
}

/// The address of another server, which is spoken to as this one is.
pub(crate) fn beside(address: &ConnectionAddr, host: &str, port: u16) -> ConnectionAddr {
    match address {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host.to_owned(), port),
    }
}

/// Host and port, as in `host:6379`.
pub(crate) fn split(node: &str) -> Option<(&str, u16)> {
    let (host, port) = node.rsplit_once(':')?;
    let host = bare(host);
    Some((host, port.parse().ok()?)).filter(|(host, _)| !host.is_empty())
}

/// Whether it can be the name or the address of a host: anything else may be a secret in the wrong place.
pub(crate) fn is_host(host: &str) -> bool {
    let host = bare(host);
    !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || ".-_:".contains(c))
}

/// An IPv6 address without its brackets.
pub(crate) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Knows where to go.
pub(crate) struct Router {
    settings: Arc<Settings>,
    /// By shard; the master is that of all.
    known: Mutex<HashMap<usize, ConnectionAddr>>,
    /// Which of the nodes is asked next.
    turn: AtomicUsize,
}

impl Router {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, known: Mutex::default(), turn: AtomicUsize::new(0) }
    }

    /// Where a shard is, as far as is known.
    pub(crate) fn find(&self, shard: usize, deadline: Instant) -> Result<ConnectionAddr, RedisError> {
        if let Servers::One(address) = &self.settings.servers {
            return Ok(address.clone());
        }
        if let Some(address) = lock(&self.known).get(&self.place(shard)) {
            return Ok(address.clone());
        }
        let address = match &self.settings.servers {
            Servers::Sentinels { nodes, service, who } => self.master(nodes, service, who, deadline)?,
            // Any: it says which one has it.
            servers => servers.nodes()[self.turn.load(Relaxed) % servers.nodes().len()].clone(),
        };
        lock(&self.known).insert(self.place(shard), address.clone());
        Ok(address)
    }

    fn place(&self, shard: usize) -> usize {
        if self.is_cluster() { shard } else { 0 }
    }

    /// Asks one sentinel after the other.
    fn master(
        &self,
        nodes: &[ConnectionAddr],
        service: &str,
        who: &RedisConnectionInfo,
        deadline: Instant,
    ) -> Result<ConnectionAddr, RedisError> {
        let mut outcome = Err((ErrorKind::EmptySentinelList, "there is no sentinel").into());
        for turn in 0..nodes.len() {
            let sentinel = &nodes[(self.turn.load(Relaxed) + turn) % nodes.len()];
            let asked = (|| {
                // Each has its part of the time.
                let most = protocol::left(deadline)? / u32::try_from(nodes.len() - turn).unwrap_or(1);
                let deadline = Instant::now() + most;
                let mut connection = protocol::connect(&self.settings, sentinel, who, deadline)?;
                let mut question = redis::cmd("SENTINEL");
                question.arg("get-master-addr-by-name").arg(service);
                let answer = protocol::ask(&mut connection, &[question], deadline)?.pop().unwrap_or_default();
                let master = Option::<(String, u16)>::from_redis_value(answer.extract_error()?)?;
                master.ok_or_else(|| (ErrorKind::MasterNameNotFoundBySentinel, "no such `service_name`").into())
            })();
            match asked {
                Ok((host, port)) => return Ok(beside(sentinel, &host, port)),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// A node has said where the shard is.
    pub(crate) fn moved(&self, shard: usize, from: &ConnectionAddr, error: &RedisError) -> bool {
        let is_moved = error.kind() == ErrorKind::Server(redis::ServerErrorKind::Moved);
        let Some((host, port)) = error.redirect_node().filter(|_| is_moved).and_then(|(node, _)| {
            // Without a host it is the same one.
            split(node).or_else(|| Some(("", node.strip_prefix(':')?.parse().ok()?)))
        }) else {
            return false;
        };
        let (ConnectionAddr::Tcp(own, _) | ConnectionAddr::TcpTls { host: own, .. }) = from else { return false };
        let address = beside(from, if host.is_empty() { own } else { host }, port);
        lock(&self.known).insert(shard, address);
        true
    }

    /// Where these are is not known any more: another one is asked.
    pub(crate) fn forget(&self, shards: &[usize]) {
        self.turn.fetch_add(1, Relaxed);
        let mut known = lock(&self.known);
        for &shard in shards {
            known.remove(&self.place(shard));
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.settings.servers, Servers::Cluster(_))
    }

    /// Shards that may be asked after at once.
    pub(crate) fn groups(&self, shards: usize) -> Vec<Vec<usize>> {
        if !self.is_cluster() {
            return vec![(0..shards).collect()];
        }
        let known = lock(&self.known);
        let mut groups: Vec<(Option<&ConnectionAddr>, Vec<usize>)> = Vec::new();
        for shard in 0..shards {
            let address = known.get(&shard);
            let together = groups.iter_mut().find(|(known, _)| known.is_some() && *known == address);
            if let Some((_, group)) = together {
                group.push(shard);
            } else {
                groups.push((address, vec![shard]));
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }
}
