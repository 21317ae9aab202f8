//! The server of each partition: a single one, the master of a [Sentinel](https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/)
//! setup, or the nodes of a [cluster](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use redis::{ConnectionAddr, ErrorKind, FromRedisValue as _, RedisConnectionInfo, RedisError};

use crate::backends::redis::client::protocol;
use crate::backends::redis::client::timed_socket::time_left;
use crate::backends::redis::config::endpoints::{Endpoints, split_host_port, with_host_port};
use crate::backends::redis::config::redis_config::RedisConfig;
use crate::sync::lock;

/// Maps partitions to servers, as learned from sentinels and from redirects of a cluster.
pub(crate) struct Topology {
    config: Arc<RedisConfig>,
    /// By partition; without a cluster, one entry for all.
    known: Mutex<HashMap<usize, ConnectionAddr>>,
    /// The node to ask next, modulo their number.
    next_node: AtomicUsize,
}

impl Topology {
    pub(crate) fn new(config: Arc<RedisConfig>) -> Self {
        Self { config, known: Mutex::default(), next_node: AtomicUsize::new(0) }
    }

    /// Returns the address of a partition, as far as it is known.
    pub(crate) fn locate(&self, partition: usize, deadline: Instant) -> Result<ConnectionAddr, RedisError> {
        if let Some(address) = lock(&self.known).get(&self.key(partition)) {
            return Ok(address.clone());
        }
        let address = match &self.config.endpoints {
            Endpoints::Single(address) => return Ok(address.clone()),
            Endpoints::Sentinels { nodes, service, credentials } => {
                self.ask_sentinels(nodes, service, credentials, deadline)?
            }
            // Any node will do: it redirects to the right one.
            Endpoints::Cluster(nodes) => nodes[self.next_node.load(Relaxed) % nodes.len()].clone(),
        };
        lock(&self.known).insert(self.key(partition), address.clone());
        Ok(address)
    }

    fn key(&self, partition: usize) -> usize {
        if self.is_cluster() { partition } else { 0 }
    }

    /// Asks one sentinel after the other for the master.
    fn ask_sentinels(
        &self,
        nodes: &[ConnectionAddr],
        service: &str,
        credentials: &RedisConnectionInfo,
        deadline: Instant,
    ) -> Result<ConnectionAddr, RedisError> {
        let mut outcome = Err((ErrorKind::EmptySentinelList, "there is no sentinel").into());
        for turn in 0..nodes.len() {
            let sentinel = &nodes[(self.next_node.load(Relaxed) + turn) % nodes.len()];
            let asked = (|| {
                // Each sentinel has its share of the time.
                let share = time_left(deadline)? / u32::try_from(nodes.len() - turn).unwrap_or(1);
                let deadline = Instant::now() + share;
                let mut connection = protocol::connect(&self.config, sentinel, credentials, deadline)?;
                let command = protocol::command("SENTINEL", &["get-master-addr-by-name", service]);
                let reply = protocol::request(&mut connection, &[command], deadline)?.pop().unwrap_or_default();
                let master = Option::<(String, u16)>::from_redis_value(reply.extract_error()?)?;
                master.ok_or_else(|| (ErrorKind::MasterNameNotFoundBySentinel, "no such `service_name`").into())
            })();
            match asked {
                Ok((host, port)) => return Ok(with_host_port(sentinel, &host, port)),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// Follows a `MOVED` reply of a cluster node; returns whether the error is one.
    pub(crate) fn redirect(&self, partition: usize, from: &ConnectionAddr, error: &RedisError) -> bool {
        let is_moved = error.kind() == ErrorKind::Server(redis::ServerErrorKind::Moved);
        let Some((host, port)) = error.redirect_node().filter(|_| is_moved).and_then(|(node, _)| {
            // An empty host stands for the same host.
            split_host_port(node).or_else(|| Some(("", node.strip_prefix(':')?.parse().ok()?)))
        }) else {
            return false;
        };
        let (ConnectionAddr::Tcp(own, _) | ConnectionAddr::TcpTls { host: own, .. }) = from else { return false };
        let address = with_host_port(from, if host.is_empty() { own } else { host }, port);
        lock(&self.known).insert(partition, address);
        true
    }

    /// Forgets the servers of these partitions, and asks another node next.
    pub(crate) fn invalidate(&self, partitions: &[usize]) {
        self.next_node.fetch_add(1, Relaxed);
        let mut known = lock(&self.known);
        for &partition in partitions {
            known.remove(&self.key(partition));
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.config.endpoints, Endpoints::Cluster(_))
    }

    /// Groups the partitions that one server answers for, as far as is known.
    pub(crate) fn partition_groups(&self) -> Vec<Vec<usize>> {
        let partitions = self.config.partitions;
        if !self.is_cluster() {
            return vec![(0..partitions).collect()];
        }
        let known = lock(&self.known);
        let mut groups: Vec<(Option<&ConnectionAddr>, Vec<usize>)> = Vec::new();
        for partition in 0..partitions {
            let address = known.get(&partition);
            match groups.iter_mut().find(|(known, _)| known.is_some() && *known == address) {
                Some((_, group)) => group.push(partition),
                None => groups.push((address, vec![partition])),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }
}
