//! A cluster of three servers.

use pytheus::backends::{Value, json};
use support::{free_port, wait_for};

use crate::proxy::Proxy;
use crate::server::Server;

const SLOTS: u32 = 16_384;

fn config(ports: impl Iterator<Item = u16>) -> Value {
    let nodes: Vec<_> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
    json!({"cluster": nodes, "partitions": 16, "timeout": 30, "flush_interval": 0.02})
}

/// A cluster of three servers, which end with it.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts the servers, and waits until each knows all slots.
    ///
    /// # Panics
    ///
    /// When they form no cluster.
    pub fn start() -> Self {
        let node = |_| Server::with(&["cluster-enabled yes", &format!("cluster-port {}", free_port())]);
        let cluster = Self { nodes: (0..3).map(node).collect() };
        let first = &cluster.nodes[0];
        let bus = first.ask(&["CONFIG", "GET", "cluster-port"]).texts()[1].clone();
        for (node, at) in cluster.nodes.iter().zip(0..) {
            let (from, to) = (SLOTS * at / 3, SLOTS * (at + 1) / 3 - 1);
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
        }
        for node in &cluster.nodes[1..] {
            node.ask(&["CLUSTER", "MEET", "127.0.0.1", &first.port().to_string(), &bus]);
        }
        wait_for("cluster", || {
            let infos: Vec<_> = cluster.nodes.iter().map(|node| node.ask(&["CLUSTER", "INFO"]).text()).collect();
            let ready = |info: &String| info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3");
            if infos.iter().all(ready) { Ok(()) } else { Err(format!("{infos:?}")) }
        });
        cluster
    }

    /// Returns the servers.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// Returns a configuration with partitions on each server.
    pub fn config(&self) -> Value {
        config(self.nodes.iter().map(Server::port))
    }

    /// Puts a proxy before each server, and returns a configuration for clients of these.
    ///
    /// # Panics
    ///
    /// When the servers do not learn the proxies' addresses.
    pub fn behind_proxies(&self) -> (Vec<Proxy>, Value) {
        let proxies: Vec<_> = self.nodes.iter().map(|node| Proxy::to(node.port())).collect();
        for (node, proxy) in self.nodes.iter().zip(&proxies) {
            node.ask(&["CONFIG", "SET", "cluster-announce-port", &proxy.port().to_string()]);
        }
        wait_for("addresses of the proxies", || {
            let tables: Vec<_> = self.nodes.iter().map(|node| node.ask(&["CLUSTER", "NODES"]).text()).collect();
            let has_all =
                |table: &String| proxies.iter().all(|proxy| table.contains(&format!("127.0.0.1:{}@", proxy.port())));
            if tables.iter().all(has_all) { Ok(()) } else { Err(format!("{tables:?}")) }
        });
        let config = config(proxies.iter().map(Proxy::port));
        (proxies, config)
    }

    /// Returns the slots of a server with keys.
    pub fn used_slots(&self, at: usize) -> Vec<String> {
        let keys = self.nodes[at].ask(&["KEYS", "*"]).texts();
        let slots: std::collections::BTreeSet<_> =
            keys.iter().map(|key| self.nodes[at].ask(&["CLUSTER", "KEYSLOT", key]).text()).collect();
        slots.into_iter().collect()
    }

    fn id(&self, at: usize) -> String {
        self.nodes[at].ask(&["CLUSTER", "MYID"]).text()
    }

    /// Moves some keys of a slot to another server.
    pub fn begin_move(&self, slot: &str, from: usize, to: usize) {
        self.nodes[to].ask(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &self.id(from)]);
        self.nodes[from].ask(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &self.id(to)]);
        self.migrate(slot, from, to, "1");
    }

    /// Moves the other keys, and tells all servers.
    pub fn end_move(&self, slot: &str, from: usize, to: usize) {
        while self.migrate(slot, from, to, "100") {}
        for at in [to, from, 3 - to - from] {
            self.nodes[at].ask(&["CLUSTER", "SETSLOT", slot, "NODE", &self.id(to)]);
        }
    }

    /// Moves a key; returns false if none was left.
    fn migrate(&self, slot: &str, from: usize, to: usize, most: &str) -> bool {
        let keys = self.nodes[from].ask(&["CLUSTER", "GETKEYSINSLOT", slot, most]).texts();
        let port = self.nodes[to].port().to_string();
        for key in &keys {
            self.nodes[from].ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
        }
        !keys.is_empty()
    }
}
