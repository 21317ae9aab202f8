//! Several registries side by side: a prefix, constant labels, and a metric in two of them.
//!
//! ```sh
//! cargo run -p pytheus-examples --example several_registries
//! ```
//!
//! It prints:
//!
//! ```text
//! # All of it:
//! # HELP shop_orders_total Orders.
//! # TYPE shop_orders_total counter
//! shop_orders_total 2
//!
//! # For the operators:
//! # HELP cache_entries Entries in the cache.
//! # TYPE cache_entries gauge
//! cache_entries 7
//!
//! # Europe:
//! # HELP orders_total Orders.
//! # TYPE orders_total counter
//! orders_total{region="eu"} 2
//! # HELP parcels_total Parcels.
//! # TYPE parcels_total counter
//! parcels_total{region="eu"} 1
//! ```

use pytheus::exposition::{generate_metrics, generate_metrics_from};
use pytheus::metric;
use pytheus::metrics::Counter;
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry as _};

/// Metrics for the operators only. A registry can be a static.
static OPERATORS: CollectorRegistry = CollectorRegistry::new();

metric! {
    /// Orders.
    static ORDERS: Counter = "orders_total";

    /// Entries in the cache.
    static CACHE_ENTRIES: Gauge = "cache_entries" { registry: OPERATORS };
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Declared metrics show in `REGISTRY`; the registry behind it can be swapped.
    REGISTRY.set_registry(CollectorRegistry::new().with_prefix("shop")?);

    // Another registry, made at run time, with a label on each sample.
    let europe = CollectorRegistry::new().with_labels([("region", "eu")])?;
    let parcels = Counter::builder("parcels_total", "Parcels.").registry(&europe).build()?;
    // The same metric, in a second registry.
    europe.register(ORDERS.collector())?;

    ORDERS.inc_by(2.0);
    CACHE_ENTRIES.set(7.0);
    parcels.inc();

    println!("# All of it:");
    print!("{}", generate_metrics()?);
    println!("\n# For the operators:");
    print!("{}", generate_metrics_from(&OPERATORS)?);
    println!("\n# Europe:");
    print!("{}", generate_metrics_from(&europe)?);
    Ok(())
}
