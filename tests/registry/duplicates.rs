//! Two metrics of one name: alike they share, otherwise the error names both places.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;

use pytheus::descriptor::GaugeMode;
use pytheus::error::RegisterError;
use pytheus::metrics::{Counter, Gauge, Histogram, Info, Metric, StateSet, Summary};
use pytheus::registry::{CollectorRegistry, Registry};

type TestResult = Result<(), Box<dyn Error>>;

/// The error's text, and what it says differs.
fn conflict<M>(built: Result<M, RegisterError>) -> (String, String) {
    match built.map(|_| ()).expect_err("the two differ") {
        RegisterError::Duplicate(duplicate) => (duplicate.to_string(), duplicate.difference().to_owned()),
        other => panic!("not a duplicate: {other}"),
    }
}

#[test]
fn metrics_of_one_description_share_their_numbers() -> TestResult {
    let registry = CollectorRegistry::new();
    let one = Counter::builder("c_total", "C.").registry(&registry).build()?;
    let other = Counter::builder("c_total", "In other words.").registry(&registry).build()?;
    one.inc();
    other.inc();
    assert_eq!((one.get(), other.get()), (2.0, 2.0));
    let families = registry.collect()?;
    assert_eq!((families.len(), families[0].help()), (1, "C."));
    Ok(())
}

#[test]
fn a_different_duplicate_is_an_error_with_both_locations() -> TestResult {
    let registry = CollectorRegistry::new();
    let (first, second) = (line!() + 1, line!() + 2);
    let counter = Counter::builder("x", "X.").registry(&registry).build()?;
    let (text, difference) = conflict(Gauge::builder("x", "X.").registry(&registry).build());
    assert_eq!(difference, "their kinds differ");
    for place in [first, second] {
        assert!(text.contains(&format!("duplicates.rs:{place}")), "{text}");
    }
    // The first goes on as if nothing had been.
    counter.inc();
    assert_eq!(registry.sample_value("x", &[]), Some(1.0));
    Ok(())
}

#[test]
fn a_duplicate_error_names_each_difference() -> TestResult {
    let registry = CollectorRegistry::new();
    let registry = &registry;
    Histogram::builder("h_seconds", "H.").label_names(["a"]).registry(registry).build()?;
    Gauge::builder("g", "G.").registry(registry).build()?;
    StateSet::builder("s", "S.").states(["a", "b"]).registry(registry).build()?;
    let histogram = || Histogram::builder("h_seconds", "H.").label_names(["a"]).registry(registry);
    for (what, (_, difference)) in [
        ("label names", conflict(Histogram::builder("h_seconds", "H.").label_names(["b"]).registry(registry).build())),
        ("label names", conflict(Histogram::builder("h_seconds", "H.").registry(registry).build())),
        ("unit", conflict(histogram().unit("seconds").build())),
        ("buckets", conflict(histogram().buckets([1.0]).build())),
        ("kind", conflict(Summary::builder("h_seconds", "H.").label_names(["a"]).registry(registry).build())),
        ("mode", conflict(Gauge::builder("g", "G.").mode(GaugeMode::LiveSum).registry(registry).build())),
        ("states", conflict(StateSet::builder("s", "S.").states(["a"]).registry(registry).build())),
    ] {
        assert!(difference.contains(what), "{what}: {difference}");
    }
    // What it is declared with otherwise may differ.
    histogram().default_labels([("a", "1")]).limit(7).build()?;
    Ok(())
}

/// Both orders of two metrics whose samples would share a name.
fn collide<A: Metric, B: Metric>(
    a: impl Fn(&CollectorRegistry) -> Result<A, RegisterError>,
    b: impl Fn(&CollectorRegistry) -> Result<B, RegisterError>,
) {
    for a_first in [true, false] {
        let registry = CollectorRegistry::new();
        let text = if a_first {
            a(&registry).expect("it is the first");
            conflict(b(&registry)).0
        } else {
            b(&registry).expect("it is the first");
            conflict(a(&registry)).0
        };
        assert_eq!(text.matches("duplicates.rs:").count(), 2, "{text}");
        assert_eq!(registry.collect().expect("one process can be scraped").len(), 1);
    }
}

#[test]
fn names_that_collide_through_a_suffix_are_errors_both_ways() {
    for suffix in ["_sum", "_count", "_bucket"] {
        collide(
            |registry| Histogram::builder("x", "X.").registry(registry).build(),
            |registry| Counter::builder(format!("x{suffix}"), "X.").registry(registry).build(),
        );
    }
    for suffix in ["_sum", "_count"] {
        collide(
            |registry| Summary::builder("x", "X.").registry(registry).build(),
            |registry| Gauge::builder(format!("x{suffix}"), "X.").registry(registry).build(),
        );
    }
    // A histogram `x_sum` against a summary `x`: `x_sum` itself.
    collide(
        |registry| Histogram::builder("x_sum", "X.").registry(registry).build(),
        |registry| Summary::builder("x", "X.").registry(registry).build(),
    );
}

#[test]
fn names_that_only_look_alike_do_not_collide() -> TestResult {
    let registry = CollectorRegistry::new();
    let registry = &registry;
    Counter::builder("x", "X.").registry(registry).build()?;
    Counter::builder("x_sum", "X.").registry(registry).build()?;
    Summary::builder("y", "Y.").registry(registry).build()?;
    Counter::builder("y_bucket", "Y.").registry(registry).build()?;
    Info::builder("y_info", "Y.").registry(registry).build()?;
    Gauge::builder("Y", "Y.").registry(registry).build()?;
    assert_eq!(registry.collect()?.len(), 6);
    Ok(())
}

#[test]
fn state_sets_of_different_types_are_not_taken_for_one() -> TestResult {
    let registry = CollectorRegistry::new();
    let one = StateSet::<&str>::builder("on", "On.").states(["false", "true"]).registry(&registry).build()?;
    let (_, difference) = conflict(StateSet::builder_of::<bool>("on", "On.").registry(&registry).build());
    assert_eq!(difference, "their types differ");
    one.set("true");
    assert_eq!(registry.sample_value("on", &[("on", "true")]), Some(1.0));
    Ok(())
}
