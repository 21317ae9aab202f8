//! Registries and custom collectors behave as those of Python pytheus.
//!
//! `behaviours.tsv` says which upstream test each of these stands for.

#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::sync::Arc;

use pytheus::collector::{Collector, collector_fn};
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::error::{CollectError, RegisterError};
use pytheus::metrics::{Counter, Histogram};
use pytheus::registry::{CollectorRegistry, Registry};
use pytheus::snapshot::FamilySnapshot;

type Test = Result<(), Box<dyn Error + Send + Sync>>;

fn counter(name: &str) -> Result<Counter, RegisterError> {
    Counter::builder(name, "desc").unregistered().build()
}

/// What Python's tests call `_TestCollector`: makes a counter at each scrape, and counts once.
struct OneCounter;

impl Collector for OneCounter {
    fn descriptors(&self) -> Vec<Descriptor> {
        Descriptor::new(Kind::Counter, "name", "desc").into_iter().collect()
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        let counter = counter("name")?;
        counter.inc();
        counter.collector().collect()
    }
}

#[test]
fn a_registry_starts_empty() -> Test {
    assert!(CollectorRegistry::new().collect()?.is_empty());
    assert_eq!(CollectorRegistry::new().prefix(), None);
    Ok(())
}

#[test]
fn a_registry_may_have_a_prefix() -> Test {
    let registry = CollectorRegistry::new().with_prefix("myprefix")?;
    assert_eq!(registry.prefix().as_deref(), Some("myprefix"));
    Ok(())
}

#[test]
fn a_metric_can_be_registered_by_hand() -> Test {
    let registry = CollectorRegistry::new();
    let metric = counter("name")?;
    let collector = metric.collector();
    registry.register(collector)?;
    metric.inc();
    assert_eq!(registry.sample_value("name", &[]), Some(1.0));
    Ok(())
}

/// Python logs a warning and keeps the first; here that is an error, since what the second counts would not be seen.
#[test]
fn a_second_metric_of_the_same_name_does_not_replace_the_first() -> Test {
    let registry = CollectorRegistry::new();
    let (first, second) = (counter("name")?, counter("name")?);
    registry.register(first.collector())?;
    let refused = registry.register(second.collector());
    assert!(matches!(refused, Err(RegisterError::Duplicate { .. })), "{refused:?}");
    assert!(registry.unregister("name").is_some_and(|kept| Arc::ptr_eq(&kept, &first.collector())));
    Ok(())
}

#[test]
fn a_metric_built_twice_in_a_registry_is_one_metric() -> Test {
    let registry = CollectorRegistry::new();
    let first = Counter::builder("name", "desc").registry(&registry).build()?;
    let second = Counter::builder("name", "desc").registry(&registry).build()?;
    first.inc();
    second.inc();
    assert_eq!((first.get(), second.get()), (2.0, 2.0));
    assert_eq!(registry.collect()?.len(), 1);
    Ok(())
}

#[test]
fn a_different_metric_of_the_same_name_is_refused() -> Test {
    let registry = CollectorRegistry::new();
    Counter::builder("name", "desc").registry(&registry).build()?;
    let error = Histogram::builder("name", "desc").registry(&registry).build();
    let error = error.expect_err("a counter has the name").to_string();
    assert!(error.contains("their kinds differ") && error.matches(file!()).count() == 2, "{error}");
    Ok(())
}

#[test]
fn a_metric_can_be_unregistered() -> Test {
    let registry = CollectorRegistry::new();
    let metric = counter("name")?;
    registry.register(metric.collector())?;
    assert!(registry.unregister("name").is_some_and(|gone| Arc::ptr_eq(&gone, &metric.collector())));
    assert!(registry.collect()?.is_empty());
    Ok(())
}

#[test]
fn a_registered_metric_is_collected() -> Test {
    let registry = CollectorRegistry::new();
    registry.register(counter("name")?.collector())?;
    assert_eq!(registry.collect()?.len(), 1);
    Ok(())
}

#[test]
fn all_registered_metrics_are_collected() -> Test {
    let registry = CollectorRegistry::new();
    registry.register(counter("counter")?.collector())?;
    registry.register(Histogram::builder("histogram", "desc").unregistered().build()?.collector())?;
    let names: Vec<String> = registry.collect()?.iter().map(|family| family.name().to_owned()).collect();
    assert_eq!(names, ["counter", "histogram"]);
    Ok(())
}

#[test]
fn a_series_made_before_its_metric_is_registered_is_collected() -> Test {
    let registry = CollectorRegistry::new();
    let family = Counter::builder("name", "desc").label_names(["bob", "cat"]).unregistered().build()?;
    family.labels([("bob", "2"), ("cat", "3")])?;
    registry.register(family.collector())?;
    let families = registry.collect()?;
    assert_eq!(families.len(), 1);
    assert_eq!(families[0].samples().len(), 1);
    Ok(())
}

#[test]
fn a_metric_without_any_series_is_collected_without_samples() -> Test {
    let registry = CollectorRegistry::new();
    let family = Counter::builder("name", "desc").label_names(["bob", "cat"]).unregistered().build()?;
    registry.register(family.collector())?;
    let families = registry.collect()?;
    assert_eq!(families.len(), 1);
    assert!(families[0].samples().is_empty());
    Ok(())
}

#[test]
fn a_custom_collector_can_be_registered() -> Test {
    let registry = CollectorRegistry::new();
    registry.register(Arc::new(OneCounter))?;
    assert_eq!(registry.sample_value("name", &[]), Some(1.0));
    Ok(())
}

#[test]
fn a_custom_collector_gives_what_it_likes_at_each_scrape() -> Test {
    let families = OneCounter.collect()?;
    assert_eq!(families.len(), 1);
    assert_eq!(families[0].samples()[0].value().as_f64(), 1.0);
    Ok(())
}

/// Python goes by the class's name and logs; here the names of the metrics count, and the second is an `Err`.
#[test]
fn a_second_custom_collector_of_the_same_metrics_is_refused() -> Test {
    let registry = CollectorRegistry::new();
    let first: Arc<dyn Collector> = Arc::new(OneCounter);
    registry.register(Arc::clone(&first))?;
    let refused = registry.register(Arc::new(OneCounter));
    assert!(matches!(refused, Err(RegisterError::Duplicate { .. })), "{refused:?}");
    assert!(registry.unregister("name").is_some_and(|kept| Arc::ptr_eq(&kept, &first)));
    Ok(())
}

#[test]
fn a_registry_hands_the_custom_collector_back() -> Test {
    let registry = CollectorRegistry::new();
    let collector: Arc<dyn Collector> = Arc::new(OneCounter);
    registry.register(Arc::clone(&collector))?;
    assert!(registry.unregister("name").is_some_and(|gone| Arc::ptr_eq(&gone, &collector)));
    Ok(())
}

#[test]
fn a_custom_collector_can_be_unregistered() -> Test {
    let registry = CollectorRegistry::new();
    registry.register(Arc::new(OneCounter))?;
    registry.unregister("name");
    assert!(registry.collect()?.is_empty());
    Ok(())
}

#[test]
fn a_custom_collector_does_not_replace_a_metric() -> Test {
    let registry = CollectorRegistry::new();
    let metric = Counter::builder("name", "desc").registry(&registry).build()?;
    metric.inc_by(5.0);
    let refused = registry.register(Arc::new(OneCounter));
    assert!(matches!(refused, Err(RegisterError::Duplicate { .. })), "{refused:?}");
    assert_eq!(registry.collect()?.len(), 1);
    assert_eq!(registry.sample_value("name", &[]), Some(5.0));
    Ok(())
}

#[test]
fn a_metric_does_not_replace_a_custom_collector() -> Test {
    let registry = CollectorRegistry::new();
    let descriptor = Descriptor::new(Kind::Counter, "name", "desc")?;
    registry.register(collector_fn([descriptor.clone()], move || {
        let mut family = FamilySnapshot::new(&descriptor);
        family.push(&[], 2.0);
        Ok(vec![family])
    }))?;
    let refused = Counter::builder("name", "desc").registry(&registry).build();
    assert!(matches!(refused, Err(RegisterError::Duplicate { .. })), "{refused:?}");
    assert_eq!(registry.sample_value("name", &[]), Some(2.0));
    Ok(())
}
