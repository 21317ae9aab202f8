//! Registries side by side, in several processes: each shows its own families, and those that others have in its like.
#![cfg(unix)]

use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::Counter;
use pytheus::registry::{CollectorRegistry, REGISTRY};
use pytheus::{Registry, metric};
use support::worker::{Worker, serve};

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total";
}

static PLAIN: CollectorRegistry = CollectorRegistry::new();

/// Counts in each registry, and says what each shows.
fn act(words: &[&str]) -> String {
    // For the rest of the process, as what it counts is gone with it.
    let internal: &CollectorRegistry = Box::leak(Box::new(CollectorRegistry::new().with_scope("internal")));
    let counter = |name: &str, registry: &dyn Registry| {
        let built = Counter::builder(name, "Of a registry of its own.").registry(registry).build();
        built.unwrap_or_else(|error| panic!("{error}"))
    };
    let [own] = *words else { return format!("what is {words:?}?") };
    REQUESTS.inc();
    counter("work_total", &PLAIN).inc();
    counter("requests_total", internal).inc_by(10);
    counter(own, internal).inc();
    let shown = |registry: &dyn Registry| {
        let text = generate_metrics_from(registry).unwrap_or_else(|error| format!("error: {error}"));
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        samples.join(", ")
    };
    [shown(&REGISTRY), shown(&PLAIN), shown(internal)].join("\n")
}

#[test]
fn worker() {
    serve(act);
}

#[test]
fn a_registry_shows_series_of_the_same_registry_in_other_processes() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut one = Worker::start(directory.path());
    assert_eq!(one.ask("a_total"), "requests_total 1\nwork_total 1\na_total 1, requests_total 10");
    let mut other = Worker::start(directory.path());
    assert_eq!(other.ask("b_total"), "requests_total 2\nwork_total 2\na_total 1, b_total 1, requests_total 20");
}
