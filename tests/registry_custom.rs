//! A registry of the user's own type, behind the global one.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use pytheus::collector::{Collector, collector_fn};
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::error::{RegisterError, ScrapeError};
use pytheus::exposition::{generate_metrics, generate_metrics_from};
use pytheus::metrics::{Counter, Gauge};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};
use pytheus::snapshot::FamilySnapshot;
use pytheus::testing::exclusive;

pytheus::metric! {
    /// Shown.
    static PUBLIC: Counter = "public_total";
    /// Hidden.
    static INTERNAL: Counter = "internal_total";
}

/// Shows what is not internal; fails when it is down; does its own counting in a declared metric.
#[derive(Default)]
struct Filter {
    inner: CollectorRegistry,
    down: AtomicBool,
}

impl Registry for Filter {
    fn register(&self, collector: Arc<dyn Collector>) -> Result<(), RegisterError> {
        INTERNAL.inc();
        self.inner.register(collector)
    }

    fn unregister(&self, name: &str) -> Option<Arc<dyn Collector>> {
        self.inner.unregister(name)
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
        if self.down.load(Relaxed) {
            return Err(ScrapeError::new("the store is down"));
        }
        INTERNAL.inc();
        let mut families = self.inner.collect()?;
        families.retain(|family| !family.name().starts_with("internal_"));
        Ok(families)
    }
}

#[test]
fn a_registry_of_the_users_own_can_stand_behind_the_global_one() -> Result<(), Box<dyn Error>> {
    let _alone = exclusive();
    PUBLIC.inc();
    let filter = Arc::new(Filter::default());
    let before = REGISTRY.set_registry(Arc::clone(&filter));
    assert_eq!(before.sample_value("internal_total", &[]), Some(INTERNAL.get()));
    assert!(INTERNAL.get() > 0.0, "it counted while it was being filled");

    let text = generate_metrics()?;
    assert!(text.contains("public_total 1\n") && !text.contains("internal_total"), "{text}");
    let built = Counter::builder("built_total", "Built.").build()?;
    built.inc();
    assert_eq!(REGISTRY.sample_value("built_total", &[]), Some(1.0));
    // This one shares nothing: the trait's own `register_or_share` only registers.
    assert!(Counter::builder("built_total", "Built.").build().is_err());
    assert!(REGISTRY.unregister("built_total").is_some());
    assert_eq!(REGISTRY.prefix(), None);

    // A scrape that fails is an error, never a part of the numbers.
    filter.down.store(true, Relaxed);
    let error = generate_metrics().expect_err("the store is down");
    assert_eq!(error.to_string(), "the totals can't be had: the store is down");
    assert!(error.source().is_some());
    assert!(generate_metrics_from(&filter).is_err());
    assert_eq!(REGISTRY.sample_value("public_total", &[]), None);
    PUBLIC.inc();
    filter.down.store(false, Relaxed);
    assert_eq!(REGISTRY.sample_value("public_total", &[]), Some(2.0));
    Ok(())
}

/// Calls the collectors by itself, without a `CollectorRegistry`.
#[derive(Default)]
struct Plain(Mutex<Vec<Arc<dyn Collector>>>);

impl Registry for Plain {
    fn register(&self, collector: Arc<dyn Collector>) -> Result<(), RegisterError> {
        self.0.lock().expect("no other holder panics").push(collector);
        Ok(())
    }

    fn unregister(&self, _: &str) -> Option<Arc<dyn Collector>> {
        None
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
        let collectors = self.0.lock().expect("no other holder panics").clone();
        Ok(collectors.iter().filter_map(|collector| collector.collect().ok()).flatten().collect())
    }
}

#[test]
fn code_that_asks_for_itself_ends_in_a_registry_of_the_users_own_too() -> Result<(), Box<dyn Error>> {
    let _alone = exclusive();
    let plain: &'static Plain = Box::leak(Box::default());
    let gauge = |name| Gauge::builder(name, "G.").registry(plain).build();
    gauge("selfish")?.set_function(|| plain.sample_value("selfish", &[]).unwrap_or(1.0));
    gauge("fine")?.set_function(|| 2.0);
    let length = Descriptor::new(Kind::Gauge, "length", "L.")?;
    plain.register(collector_fn([length.clone()], move || {
        let mut family = FamilySnapshot::new(&length);
        family.push(&[], generate_metrics_from(plain)?.len() as f64);
        Ok(vec![family])
    }))?;
    assert_eq!(generate_metrics_from(plain)?, "# HELP fine G.\n# TYPE fine gauge\nfine 2\n");
    // One that passes on what a `CollectorRegistry` shows, and leaves `sample_value` as it is.
    let filter: &'static Filter = Box::leak(Box::default());
    let asks = Gauge::builder("asks", "A.").registry(filter).build()?;
    Gauge::builder("asked", "A.").registry(filter).build()?.set(2.0);
    asks.set_function(|| filter.sample_value("asked", &[]).unwrap_or(0.0));
    assert_eq!(generate_metrics_from(filter)?, "# HELP asked A.\n# TYPE asked gauge\nasked 2\n");
    Ok(())
}
