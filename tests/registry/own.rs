//! Registries of one's own: prefix, labels, several side by side, taking out and putting back.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::sync::Arc;

use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::{Counter, Gauge, Histogram};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

type TestResult = Result<(), Box<dyn Error>>;

#[test]
fn a_prefix_stands_before_each_name() -> TestResult {
    let registry = CollectorRegistry::new().with_prefix("shop")?;
    Counter::builder("orders_total", "Orders.").registry(&registry).build()?.inc();
    Histogram::builder("t", "T.").buckets([1.0]).registry(&registry).build()?;
    let text = "\
# HELP shop_orders_total Orders.
# TYPE shop_orders_total counter
shop_orders_total 1
# HELP shop_t T.
# TYPE shop_t histogram
shop_t_bucket{le=\"1.0\"} 0
shop_t_bucket{le=\"+Inf\"} 0
shop_t_sum 0
shop_t_count 0
";
    assert_eq!(generate_metrics_from(&registry)?, text);
    assert_eq!(registry.prefix().as_deref(), Some("shop"));
    assert_eq!(registry.sample_value("shop_orders_total", &[]), Some(1.0));
    assert_eq!(registry.sample_value("orders_total", &[]), None);
    for wrong in ["", "1", "a-b", "a b"] {
        assert!(CollectorRegistry::new().with_prefix(wrong).is_err(), "{wrong}");
    }
    Ok(())
}

#[test]
fn registries_stand_side_by_side() -> TestResult {
    let [one, other] = [CollectorRegistry::new(), CollectorRegistry::new()];
    let first = Counter::builder("c_total", "C.").registry(&one).build()?;
    // Not even the kind needs to agree.
    let second = Gauge::builder("c_total", "C.").registry(&other).build()?;
    first.inc();
    second.set(7.0);
    assert_eq!(one.sample_value("c_total", &[]), Some(1.0));
    assert_eq!(other.sample_value("c_total", &[]), Some(7.0));
    assert_eq!(REGISTRY.sample_value("c_total", &[]), None);
    Ok(())
}

#[test]
fn a_metric_may_be_in_several_registries() -> TestResult {
    let one = CollectorRegistry::new();
    let other = CollectorRegistry::new().with_prefix("p")?.with_labels([("zone", "1")])?;
    let jobs = Counter::builder("jobs_total", "Jobs.").label_names(["queue"]).registry(&one).build()?;
    other.register(jobs.collector())?;
    jobs.labels([("queue", "a")])?.inc();
    assert_eq!(one.sample_value("jobs_total", &[("queue", "a")]), Some(1.0));
    assert_eq!(other.sample_value("p_jobs_total", &[("queue", "a"), ("zone", "1")]), Some(1.0));
    assert!(one.unregister("jobs_total").is_some());
    assert_eq!(one.sample_value("jobs_total", &[("queue", "a")]), None);
    assert_eq!(other.sample_value("p_jobs_total", &[("queue", "a"), ("zone", "1")]), Some(1.0));
    Ok(())
}

#[test]
fn registering_again_changes_nothing() -> TestResult {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("c_total", "C.").registry(&registry).build()?;
    for _ in 0..3 {
        let in_charge = registry.register_or_share(counter.collector())?;
        assert!(Arc::ptr_eq(&in_charge, &counter.collector()));
    }
    assert_eq!(registry.collect()?.len(), 1);
    Ok(())
}

#[test]
fn an_unregistered_metric_counts_on_and_can_be_registered_again() -> TestResult {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("c_total", "C.").registry(&registry).build()?;
    counter.inc();
    let taken = registry.unregister("c_total").ok_or("it was there")?;
    assert!(registry.unregister("c_total").is_none());
    counter.inc();
    assert!(registry.collect()?.is_empty());
    registry.register(taken)?;
    assert_eq!(registry.sample_value("c_total", &[]), Some(2.0));
    Ok(())
}

#[test]
fn a_name_that_was_taken_out_is_free_for_another() -> TestResult {
    let registry = CollectorRegistry::new();
    Histogram::builder("x", "X.").registry(&registry).build()?;
    registry.unregister("x").ok_or("it was there")?;
    for name in ["x", "x_sum", "x_count", "x_bucket"] {
        Gauge::builder(name, "X.").registry(&registry).build()?;
    }
    assert_eq!(registry.collect()?.len(), 4);
    Ok(())
}

#[test]
fn only_a_family_is_taken_out_by_name_not_one_of_its_samples() -> TestResult {
    let registry = CollectorRegistry::new();
    Histogram::builder("x", "X.").registry(&registry).build()?;
    assert!(registry.unregister("x_sum").is_none());
    assert_eq!(registry.collect()?.len(), 1);
    Ok(())
}

#[test]
fn an_unregistered_metric_counts_unseen_until_it_is_registered() -> TestResult {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("quiet_total", "Quiet.").unregistered().build()?;
    counter.inc();
    assert_eq!(REGISTRY.sample_value("quiet_total", &[]), None);
    registry.register(counter.collector())?;
    assert_eq!(registry.sample_value("quiet_total", &[]), Some(1.0));
    Ok(())
}

#[test]
fn families_are_sorted_by_name() -> TestResult {
    let registry = CollectorRegistry::new();
    for name in ["b", "a_total", "c", "B", "a"] {
        Gauge::builder(name, "X.").registry(&registry).build()?;
    }
    let names: Vec<_> = registry.collect()?.iter().map(|family| family.name().to_owned()).collect();
    assert_eq!(names, ["B", "a", "a_total", "b", "c"]);
    Ok(())
}

#[test]
fn a_registry_may_be_shared_as_an_arc_and_asked_as_a_trait() -> TestResult {
    let registry: Arc<dyn Registry> = Arc::new(CollectorRegistry::new());
    let counter = Counter::builder("c_total", "C.").registry(&registry).build()?;
    counter.inc();
    assert_eq!(registry.sample_value("c_total", &[]), Some(1.0));
    assert!(generate_metrics_from(&*registry)?.ends_with("c_total 1\n"));
    assert_eq!(registry.sample_value("c_total", &[("a", "")]), Some(1.0));
    assert_eq!(registry.sample_value("c_total", &[("a", "b")]), None);
    Ok(())
}
