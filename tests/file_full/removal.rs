//! A series that is removed is removed in all processes, and in what the dead have counted.
#![cfg(unix)]

use pytheus::metric;
use support::scrapes::Samples;
use support::worker::{Worker, serve};

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: { path } };
    /// How long it took.
    static TOOK: Histogram = "took_seconds" { labels: { path }, buckets: [1.0] };
    /// One for all.
    static SHARED: Gauge = "shared" { labels: { path } };
    /// The greatest.
    static GREATEST: Gauge = "greatest" { labels: { path }, mode: live_max };
    /// The sum of the living.
    static SUM: Gauge = "sum" { labels: { path }, mode: live_sum };
}

fn act(words: &[&str]) -> String {
    match *words {
        ["count", path] => {
            REQUESTS.path(path).inc();
            TOOK.path(path).observe(0.5);
            SHARED.path(path).inc();
        }
        ["set", path, value] => GREATEST.path(path).set(value.parse::<f64>().unwrap_or(f64::NAN)),
        ["remove", path] => {
            let removed = [
                REQUESTS.path(path).remove(),
                TOOK.path(path).remove(),
                SHARED.path(path).remove(),
                GREATEST.path(path).remove(),
            ];
            if removed != [true; 4] {
                return format!("{removed:?}");
            }
        }
        ["sum", path] => SUM.path(path).inc(),
        // As one that has none of them.
        ["remove", "others", path] => {
            let removed = [
                REQUESTS.path(path).remove(),
                TOOK.path(path).remove(),
                SHARED.path(path).remove(),
                GREATEST.path(path).remove(),
                SUM.path(path).remove(),
            ];
            return format!("{removed:?}");
        }
        ["clear"] => {
            REQUESTS.clear();
            TOOK.clear();
            SHARED.clear();
            GREATEST.clear();
            SUM.clear();
        }
        ["retain", path] => {
            REQUESTS.retain(|labels| labels.get("path") == Some(path));
            TOOK.retain(|labels| labels.get("path") == Some(path));
            SHARED.retain(|labels| labels.get("path") == Some(path));
        }
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

#[test]
fn worker() {
    serve(act);
}

fn values(samples: &Samples) -> [Option<f64>; 4] {
    ["requests_total", "took_seconds_sum", "shared", "greatest"]
        .map(|name| samples.get(&format!("{name}{{path=\"/a\"}}")).copied())
}

#[test]
fn a_removed_series_is_gone_in_all_processes_until_the_next_count() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let (mut dead, mut one, mut other) = (start(), start(), start());
    for worker in [&mut dead, &mut one, &mut other] {
        assert_eq!(worker.ask("count /a"), "ok");
        assert_eq!(worker.ask("count /b"), "ok");
        assert_eq!(worker.ask("set /a 4"), "ok");
    }
    dead.kill();
    assert_eq!(values(&one.scrape()), [Some(3.0), Some(1.5), Some(3.0), Some(4.0)]);
    assert_eq!(one.ask("remove /a"), "ok");
    for worker in [&mut one, &mut other] {
        let samples = worker.scrape();
        assert_eq!(values(&samples), [None; 4]);
        assert_eq!(samples.get(r#"requests_total{path="/b"}"#), Some(&3.0), "others stay");
    }
    // The other one counts on, from zero.
    assert_eq!(other.ask("count /a"), "ok");
    for worker in [&mut one, &mut other] {
        assert_eq!(values(&worker.scrape()), [Some(1.0), Some(0.5), Some(1.0), None]);
    }
    // As does the one that has removed it.
    assert_eq!(one.ask("count /a"), "ok");
    assert_eq!(one.ask("set /a 4"), "ok");
    assert_eq!(values(&other.scrape()), [Some(2.0), Some(1.0), Some(2.0), Some(4.0)]);
    // No fold brings anything back.
    one.kill();
    for _ in 0..2 {
        assert_eq!(values(&other.scrape()), [Some(2.0), Some(1.0), Some(2.0), None]);
    }
    other.kill();
    let mut next = start();
    for _ in 0..2 {
        assert_eq!(values(&next.scrape()), [Some(2.0), Some(1.0), Some(2.0), None]);
    }
}

fn all_values(worker: &mut Worker) -> [Option<f64>; 5] {
    let samples = worker.scrape();
    ["requests_total", "took_seconds_count", "shared", "greatest", "sum"]
        .map(|name| samples.get(&format!("{name}{{path=\"/a\"}}")).copied())
}

#[test]
fn a_series_of_other_processes_is_removed_and_restarts_from_zero() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let (mut one, mut other) = (start(), start());
    let count = |worker: &mut Worker| {
        for what in ["count /a", "set /a 4", "sum /a"] {
            assert_eq!(worker.ask(what), "ok");
        }
    };
    for round in 1..4 {
        count(&mut other);
        // A gauge of one process is what that one has made of it.
        let sum = Some(f64::from(round));
        assert_eq!(all_values(&mut one), [Some(1.0), Some(1.0), Some(1.0), Some(4.0), sum], "round {round}");
        assert_eq!(one.ask("remove others /a"), "[false, false, false, false, false]");
        assert_eq!(all_values(&mut one), [None; 5], "round {round}");
        assert_eq!(all_values(&mut other), [None; 5], "round {round}");
    }
    // It is the same in the archive.
    count(&mut other);
    other.kill();
    assert_eq!(all_values(&mut one), [Some(1.0), Some(1.0), Some(1.0), None, None]);
    assert_eq!(one.ask("remove others /a"), "[false, false, false, false, false]");
    assert_eq!(all_values(&mut one), [None; 5]);
    assert_eq!(all_values(&mut start()), [None; 5]);
}

#[test]
fn a_family_is_cleared_of_what_its_process_has() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let (mut one, mut other) = (start(), start());
    for what in ["count /a", "count /b", "set /a 4", "sum /a"] {
        assert_eq!(other.ask(what), "ok");
    }
    // It has no series.
    assert_eq!(one.ask("clear"), "ok");
    assert_eq!(all_values(&mut one), [Some(1.0), Some(1.0), Some(1.0), Some(4.0), Some(1.0)]);
    // One that it has is gone everywhere.
    assert_eq!(one.ask("count /a"), "ok");
    assert_eq!(one.ask("retain /b"), "ok");
    for worker in [&mut one, &mut other] {
        assert_eq!(all_values(worker), [None, None, None, Some(4.0), Some(1.0)]);
        assert_eq!(worker.scrape().get(r#"requests_total{path="/b"}"#), Some(&1.0));
    }
    assert_eq!(other.ask("clear"), "ok");
    for worker in [&mut other, &mut one] {
        assert_eq!(all_values(worker), [None; 5]);
        assert!(worker.scrape().keys().all(|name| !name.contains("path=")));
    }
}
