//! The global registry can be swapped at any time, and declared metrics follow.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::sync::Arc;

use pytheus::exposition::generate_metrics;
use pytheus::metrics::Counter;
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

pytheus::metric! {
    /// Used before the swap.
    static EARLY: Counter = "early_total";
    /// Used after it.
    static LATE: Counter = "late_total";
    /// With labels.
    static HITS: Counter = "hits_total" { labels: { page } };
    /// Elsewhere.
    static ELSEWHERE: Counter = "elsewhere_total" { registry: OTHER };
    /// Nowhere.
    static NOWHERE: Counter = "nowhere_total" { registry: none };
}

static OTHER: CollectorRegistry = CollectorRegistry::new();

// One test: each step builds on the state of the process that the one before left.
#[test]
fn declared_metrics_follow_the_global_registry() -> Result<(), Box<dyn Error>> {
    let value = |name| REGISTRY.sample_value(name, &[]);
    EARLY.inc();
    let page = HITS.page("home").to_series();
    page.inc();
    ELSEWHERE.inc();
    NOWHERE.inc();
    let built = Counter::builder("built_total", "Built at run time.").build()?;
    built.inc();
    let names = |registry: &dyn Registry| -> Result<Vec<String>, Box<dyn Error>> {
        Ok(registry
            .collect()?
            .iter()
            .map(|family| family.name().to_owned())
            .filter(|n| !n.starts_with("pyth"))
            .collect())
    };
    assert_eq!(names(&REGISTRY)?, ["built_total", "early_total", "hits_total", "late_total"]);
    assert_eq!(names(&OTHER)?, ["elsewhere_total"]);

    // What was counted before the swap shows in the new registry, and handles that were kept go on.
    let shop = CollectorRegistry::new().with_prefix("shop")?.with_labels([("zone", "1")])?;
    let first = REGISTRY.set_registry(shop);
    page.inc();
    EARLY.inc();
    LATE.inc();
    assert_eq!(REGISTRY.prefix().as_deref(), Some("shop"));
    let zone = [("zone", "1")];
    assert_eq!(REGISTRY.sample_value("shop_early_total", &zone), Some(2.0));
    assert_eq!(REGISTRY.sample_value("shop_late_total", &zone), Some(1.0));
    assert_eq!(REGISTRY.sample_value("shop_hits_total", &[("page", "home"), zone[0]]), Some(2.0));
    // Those built at run time stay where they were registered, as do those that name their own registry or none.
    assert_eq!(names(&REGISTRY)?, ["shop_early_total", "shop_hits_total", "shop_late_total"]);
    assert_eq!(names(&OTHER)?, ["elsewhere_total"]);
    // The one before shows them too, since a metric may be in several registries.
    assert_eq!(names(&*first)?, ["built_total", "early_total", "hits_total", "late_total"]);
    assert_eq!(first.sample_value("early_total", &[]), Some(2.0));

    // And back, with the very registry that was there.
    REGISTRY.set_registry(Arc::clone(&first));
    EARLY.inc();
    assert_eq!((value("early_total"), value("built_total")), (Some(3.0), Some(1.0)));

    // Taken out, a declared metric counts on, and can be put back by hand or by a registry that is set later.
    let taken = REGISTRY.unregister("early_total").ok_or("it was there")?;
    EARLY.inc();
    assert_eq!(value("early_total"), None);
    REGISTRY.register(taken)?;
    assert_eq!(value("early_total"), Some(4.0));
    REGISTRY.register(NOWHERE.collector())?;
    REGISTRY.register(ELSEWHERE.collector())?;
    assert_eq!((value("nowhere_total"), value("elsewhere_total")), (Some(1.0), Some(1.0)));
    assert_eq!(OTHER.sample_value("elsewhere_total", &[]), Some(1.0));
    REGISTRY.unregister("late_total").ok_or("it was there")?;
    REGISTRY.set_registry(CollectorRegistry::new());
    assert_eq!(value("late_total"), Some(1.0));
    assert!(!generate_metrics()?.contains("pytheus_registration_conflicts_total"));
    Ok(())
}
