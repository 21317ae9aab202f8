//! Families that come and go at run time, and that are in other registries than the one that is scraped.
#![cfg(unix)]

use std::sync::{Mutex, PoisonError};

use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::{Counter, Gauge, Histogram, InProgress};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry as _};
use support::scrapes::samples_of_text;
use support::worker::{Worker, serve};

/// What is kept from one question to the next.
static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

type Kept = (Counter, Histogram, Gauge, Option<InProgress>);

static OPERATORS: CollectorRegistry = CollectorRegistry::new();

fn act(words: &[&str]) -> String {
    let made = match *words {
        ["make", name] => make(name),
        ["drop"] => {
            KEPT.lock().unwrap_or_else(PoisonError::into_inner).clear();
            Ok(())
        }
        ["operators"] => {
            Counter::builder("secrets_total", "S.").registry(&OPERATORS).build().map(|secrets| secrets.inc())
        }
        ["show", "operators"] => {
            return generate_metrics_from(&OPERATORS).unwrap_or_else(|error| error.to_string());
        }
        ["unregister"] => Counter::builder("passing_total", "P.").build().map(|passing| {
            passing.inc();
            REGISTRY.unregister("passing_total");
            std::mem::forget(passing);
        }),
        _ => return format!("what is {words:?}?"),
    };
    made.map_or_else(|error| error.to_string(), |()| "ok".to_owned())
}

/// A family of each sort in a registry that goes away at once, and counts in them.
fn make(name: &str) -> Result<(), pytheus::error::RegisterError> {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder(format!("{name}_total"), "C.").registry(&registry).build()?;
    let histogram = Histogram::builder(format!("{name}_seconds"), "H.").registry(&registry).build()?;
    let gauge = Gauge::builder("jobs", "J.").registry(&registry).build()?;
    counter.inc_by(5);
    histogram.observe(0.5);
    gauge.inc();
    let work = gauge.track_inprogress();
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push((counter, histogram, gauge, Some(work)));
    Ok(())
}

#[test]
fn worker() {
    serve(act);
}

#[test]
fn a_dropped_family_frees_its_cells() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    let mut values = |name: &str| {
        let samples = other.scrape();
        [format!("{name}_total"), format!("{name}_seconds_count"), "jobs".to_owned()]
            .map(|name| samples.get(&name).copied())
    };
    for round in 1..=20 {
        let name = format!("made_{}", round % 3);
        assert_eq!(one.ask(&format!("make {name}")), "ok");
        assert_eq!(values(&name), [Some(5.0), Some(1.0), Some(f64::from(round) + 1.0)], "round {round}");
        assert_eq!(one.ask("drop"), "ok");
        // What is shared by all stays, but for the work.
        assert_eq!(values(&name)[..2], [None, None], "round {round}");
    }
    assert_eq!(one.scrape(), other.scrape());
}

#[test]
fn series_of_another_registry_are_hidden() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    for worker in [&mut one, &mut other] {
        assert_eq!(worker.ask("operators"), "ok");
    }
    assert_eq!(one.scrape().get("secrets_total"), None);
    let shown = samples_of_text(&one.ask("show operators"));
    assert_eq!(shown.get("secrets_total"), Some(&2.0));
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!(one.ask("unregister"), "ok");
    assert_eq!(one.scrape().get("passing_total"), None);
}
