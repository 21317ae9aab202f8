//! A registry of the user's own type, behind the global one.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use pytheus::collector::Collector;
use pytheus::error::{RegisterError, ScrapeError};
use pytheus::exposition::{generate_metrics, generate_metrics_from};
use pytheus::metrics::Counter;
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};
use pytheus::snapshot::FamilySnapshot;

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

// One test: the global registry is that of the process.
#[test]
fn a_registry_of_the_users_own_can_stand_behind_the_global_one() -> Result<(), Box<dyn Error>> {
    PUBLIC.inc();
    let filter = Arc::new(Filter::default());
    let before = REGISTRY.set_registry(Arc::clone(&filter));
    assert_eq!(before.sample_value("internal_total", &[]), Some(INTERNAL.get()));
    assert!(INTERNAL.get() > 0.0, "it counted while it was being filled");

    let text = generate_metrics()?;
    assert!(text.contains("public_total 1\n") && !text.contains("internal_total"), "{text}");
    let built = Counter::new("built_total", "Built.").build()?;
    built.inc();
    assert_eq!(REGISTRY.sample_value("built_total", &[]), Some(1.0));
    // This one shares nothing: the trait's own `register_or_share` only registers.
    assert!(Counter::new("built_total", "Built.").build().is_err());
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
