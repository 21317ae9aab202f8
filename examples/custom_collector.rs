//! Custom collectors: numbers from elsewhere, read at the scrape.
//!
//! ```sh
//! cargo run -p pytheus-examples --example custom_collector
//! ```
//!
//! It prints:
//!
//! ```text
//! # HELP load_ratio Worked out anew at each scrape.
//! # TYPE load_ratio gauge
//! load_ratio 0.42
//! # HELP log_lines_total Lines in the log.
//! # TYPE log_lines_total counter
//! log_lines_total{level="error"} 3
//! log_lines_total{level="info"} 120
//! # HELP pool_connections Open connections.
//! # TYPE pool_connections gauge
//! pool_connections{server="db1"} 4
//! pool_connections{server="db2"} 0
//! # HELP pool_servers Servers that the pool knows.
//! # TYPE pool_servers gauge
//! pool_servers 2
//! # HELP pytheus_collector_errors_total Scrapes of a custom collector that failed or panicked.
//! # TYPE pytheus_collector_errors_total counter
//! pytheus_collector_errors_total{collector="disk_temperature_celsius"} 1
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use pytheus::collector::{Collector, collector_fn};
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::error::{CollectError, DescriptorError};
use pytheus::exposition::generate_metrics;
use pytheus::metrics::Gauge;
use pytheus::registry::{REGISTRY, Registry as _};
use pytheus::snapshot::FamilySnapshot;

/// A pool of connections that counts for itself.
#[derive(Default)]
struct Pool {
    /// Name and open connections of each server.
    open: Mutex<Vec<(&'static str, u32)>>,
}

/// Shows a pool as two families.
struct PoolCollector {
    pool: Arc<Pool>,
    open: Descriptor,
    servers: Descriptor,
}

impl PoolCollector {
    fn new(pool: Arc<Pool>) -> Result<Self, DescriptorError> {
        Ok(Self {
            pool,
            open: Descriptor::new(Kind::Gauge, "pool_connections", "Open connections.")?.with_labels(["server"])?,
            servers: Descriptor::new(Kind::Gauge, "pool_servers", "Servers that the pool knows.")?,
        })
    }
}

impl Collector for PoolCollector {
    /// The names are known at registration, so a duplicate is refused there.
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.open.clone(), self.servers.clone()]
    }

    /// An error, or a panic, costs these two families only; the rest of the scrape is served.
    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        let servers = self.pool.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = FamilySnapshot::new(&self.open);
        for (server, connections) in servers.iter() {
            open.push(&[("server", server)], f64::from(*connections));
        }
        let mut known = FamilySnapshot::new(&self.servers);
        known.push(&[], servers.len() as f64);
        Ok(vec![open, known])
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = Arc::new(Pool::default());
    REGISTRY.register(Arc::new(PoolCollector::new(Arc::clone(&pool))?))?;

    // The short form: a closure.
    let lines = Descriptor::new(Kind::Counter, "log_lines_total", "Lines in the log.")?.with_labels(["level"])?;
    REGISTRY.register(collector_fn([lines.clone()], move || {
        let mut family = FamilySnapshot::new(&lines);
        family.push(&[("level", "info")], 120.0);
        family.push(&[("level", "error")], 3.0);
        Ok(vec![family])
    }))?;

    // The shortest form: a gauge with a closure.
    Gauge::builder("load_ratio", "Worked out anew at each scrape.").build()?.set_function(|| 0.42);

    // A failing collector is left out, reported on standard error, and counted.
    let broken = Descriptor::new(Kind::Gauge, "disk_temperature_celsius", "Never seen.")?;
    REGISTRY.register(collector_fn([broken], || Err("the disk is on fire".into())))?;

    pool.open.lock().unwrap_or_else(PoisonError::into_inner).extend([("db1", 4), ("db2", 0)]);
    print!("{}", generate_metrics()?);
    Ok(())
}
