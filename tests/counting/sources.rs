//! A counter of a total that something else keeps.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use pytheus::Counter;
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

/// A counter, and its registry and source.
fn sourced(name: &str) -> (Counter, CollectorRegistry, Arc<AtomicU64>) {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder(name, "A total.").registry(&registry).build().expect("the name is free");
    let source = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&source);
    counter.set_function(move || read.load(Relaxed));
    (counter, registry, source)
}

fn dropped(reason: &str) -> f64 {
    REGISTRY.sample_value("pytheus_dropped_updates_total", &[("reason", reason)]).unwrap_or(0.0)
}

#[test]
fn a_scrape_counts_what_the_source_has_counted_since() {
    let (counter, registry, source) = sourced("sourced_total");
    let shown = || registry.sample_value("sourced_total", &[]);
    assert_eq!(shown(), Some(0.0));
    source.store((1 << 53) + 1, Relaxed);
    assert_eq!(registry.collect().expect("totals")[0].samples()[0].value(), ((1_u64 << 53) + 1).into(), "exact");
    counter.inc();
    source.fetch_add(1, Relaxed);
    assert_eq!(shown(), Some(((1_u64 << 53) + 3) as f64));
}

#[test]
fn a_source_that_begins_anew_makes_no_reset() {
    let (counter, _registry, source) = sourced("restarted_total");
    source.store(10, Relaxed);
    assert_eq!(counter.get(), 10.0);
    source.store(4, Relaxed);
    assert_eq!(counter.get(), 14.0);
    source.store(5, Relaxed);
    assert_eq!(counter.get(), 15.0);
}

#[test]
fn fractions_of_a_source_count() {
    let seconds = Counter::builder("cpu_seconds_total", "Time.").unregistered().build().expect("a name");
    let source = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&source);
    seconds.set_function(move || read.load(Relaxed) as f64 / 8.0);
    for eighths in [1, 1, 12, 80] {
        source.store(eighths, Relaxed);
        assert_eq!(seconds.get(), eighths as f64 / 8.0);
    }
}

#[test]
fn a_total_that_is_no_count_is_refused() {
    let (negative, no_number) = (dropped("negative_increment"), dropped("non_finite_increment"));
    let counter = Counter::builder("refused_total", "A total.").unregistered().build().expect("a name");
    for (total, shown) in [(2.0, 2.0), (-1.0, 2.0), (f64::NAN, 2.0), (f64::INFINITY, 2.0), (3.0, 3.0)] {
        counter.set_function(move || total);
        counter.inc_by(0);
        if total == 3.0 {
            // Another function, whose first reading counts whole.
            assert_eq!(counter.get(), 2.0 + shown);
        } else {
            assert_eq!(counter.get(), shown, "{total}");
        }
    }
    assert!(dropped("negative_increment") > negative && dropped("non_finite_increment") > no_number);
}

#[test]
fn a_source_that_panics_keeps_what_is_counted() {
    let (counter, registry, source) = sourced("panics_total");
    let failed = || REGISTRY.sample_value("pytheus_collector_errors_total", &[("collector", "panics_total")]);
    source.store(7, Relaxed);
    assert_eq!(counter.get(), 7.0);
    counter.set_function(|| -> u64 { panic!("the source is gone") });
    assert_eq!(registry.sample_value("panics_total", &[]), Some(7.0));
    assert_eq!(failed(), Some(1.0));
}

#[test]
fn a_source_ends_with_its_series() {
    let labelled =
        Counter::builder("ends_total", "A total.").label_names(["n"]).unregistered().build().expect("a name");
    let source = Arc::new(AtomicU64::new(5));
    let read = Arc::clone(&source);
    let series = labelled.labels([("n", 1)]).expect("a label");
    series.set_function(move || read.load(Relaxed));
    assert_eq!(series.get(), 5.0);
    assert_eq!(labelled.remove([("n", 1)]), Ok(true));
    assert_eq!(Arc::strong_count(&source), 1);
    source.store(9, Relaxed);
    assert_eq!(series.get(), 0.0);
}

#[test]
fn scrapes_at_once_count_nothing_twice() {
    let (counter, registry, source) = sourced("shared_source_total");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    source.fetch_add(1, Relaxed);
                    let shown = registry.sample_value("shared_source_total", &[]).expect("it shows");
                    let now = source.load(Relaxed) as f64;
                    assert!(shown <= now, "{shown} of {now}");
                }
            });
        }
    });
    assert_eq!(counter.get(), 2_000.0);
}

#[test]
fn a_source_that_asks_for_its_own_counter_gets_what_is_counted_so_far() {
    let (counter, _registry, _source) = sourced("self_total");
    let own = counter.clone();
    counter.set_function(move || own.get() + 1.0);
    assert_eq!(counter.get(), 1.0);
    assert_eq!(counter.get(), 2.0);
}
