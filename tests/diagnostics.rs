//! The library's own metrics appear in the global registry as soon as they are not zero.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::sync::{Arc, Mutex};

use pytheus::collector::collector_fn;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::diagnostics::{collector, set_reporter};
use pytheus::exposition::generate_metrics;
use pytheus::metrics::{Counter, Gauge};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

// One test: what the process has counted so far is part of each step.
#[test]
fn each_fault_appears_once_it_has_happened_and_is_reported_once() -> Result<(), Box<dyn Error>> {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    set_reporter(move |message| {
        // A reporter may use whatever it likes, and its own failure is nobody else's.
        assert!(generate_metrics().is_ok());
        seen.lock().expect("no other holder panics").push(message.to_owned());
        panic!("on purpose");
    });
    let taken = || std::mem::take(&mut *reports.lock().expect("no other holder panics"));

    assert_eq!(generate_metrics()?, "");

    let counter = Counter::builder("c_total", "C.").label_names(["user"]).limit(1).unregistered().build()?;
    counter.labels([("user", 1)])?.inc_by(-1.0);
    let text = "\
# HELP pytheus_dropped_updates_total Updates that were refused or found no room, by reason.
# TYPE pytheus_dropped_updates_total counter
pytheus_dropped_updates_total{reason=\"negative_increment\"} 1
";
    assert_eq!(generate_metrics()?, text);

    counter.labels([("user", 2)])?.inc();
    let overflow = "pytheus_label_overflow_total{label=\"user\",metric=\"c_total\"} 1\n";
    assert!(generate_metrics()?.contains(overflow));
    assert!(taken().is_empty());

    let own = CollectorRegistry::new();
    let descriptor = Descriptor::new(Kind::Gauge, "broken", "B.")?;
    own.register(collector_fn([descriptor], || Err("out of paper".into())))?;
    own.collect()?;
    own.collect()?;
    assert!(generate_metrics()?.contains("pytheus_collector_errors_total{collector=\"broken\"} 2\n"));
    assert_eq!(
        taken(),
        ["collector `broken` (described at tests/diagnostics.rs:44) is left out of the scrape: out of paper"]
    );

    // A collector whose every error reads differently is reported, but not for ever.
    let count = std::sync::atomic::AtomicU64::new(0);
    let descriptor = Descriptor::new(Kind::Gauge, "chatty", "C.")?;
    own.register(collector_fn([descriptor], move || {
        Err(format!("error {}", count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).into())
    }))?;
    for _ in 0..5_000 {
        own.collect()?;
    }
    assert!((1..=1_000).contains(&taken().len()));

    // The library's metrics can be shown elsewhere, too, and their names are taken.
    own.register(collector())?;
    assert!(own.sample_value("pytheus_collector_errors_total", &[("collector", "broken")]) > Some(1.0));
    assert!(Gauge::builder("pytheus_dropped_updates_total", "D.").build().is_err());
    let again = REGISTRY.set_registry(CollectorRegistry::new());
    assert!(again.sample_value("pytheus_label_overflow_total", &[("label", "user"), ("metric", "c_total")]).is_some());
    assert!(generate_metrics()?.contains(overflow));
    Ok(())
}
