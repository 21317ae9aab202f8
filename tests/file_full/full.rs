//! A load that finds no room is an error, and loses nothing: what was counted before is there, and goes along with the next.
#![cfg(unix)]

use pytheus::metric;
use support::disk;
use support::worker::{Worker, serve};

const SERIES: usize = 3_000;

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: { path } };
    /// Reports, by whom.
    static REPORTS: Counter = "reports_total" { labels: { by } };
    /// One for all.
    static SHARED: Gauge = "shared" { labels: { path } };
}

fn act(words: &[&str]) -> String {
    match *words {
        ["count"] => {
            for path in 0..SERIES {
                REQUESTS.path(format!("/{path}")).inc();
            }
            SHARED.path("/").inc();
        }
        ["report"] => pytheus::diagnostics::set_reporter(|_| REPORTS.by("reporter").inc()),
        ["reports"] => {
            for by in 0..SERIES {
                REPORTS.by(by.to_string()).inc();
            }
        }
        ["limit", bytes] => disk::limit_file_size(bytes.parse().ok()),
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

#[test]
fn worker() {
    serve(act);
}

#[test]
fn a_load_on_a_full_disk_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut other = Worker::start(directory.path());
    let mut late = Worker::idle();
    let counted = |worker: &mut Worker| {
        let samples = worker.scrape();
        let requests: Vec<_> = samples.iter().filter(|(name, _)| name.starts_with("requests_total{")).collect();
        assert!(requests.iter().all(|(_, value)| value.to_bits() == requests[0].1.round().to_bits()), "{requests:?}");
        (requests.len(), requests.first().map_or(0.0, |(_, value)| **value), samples.get("shared{path=\"/\"}").copied())
    };
    assert_eq!(late.ask("count"), "ok");
    assert_eq!(late.ask("limit 131072"), "ok");
    let refused = late.load(directory.path());
    assert!(refused.starts_with("error: ") && refused.contains("requests_total"), "{refused}");
    assert_eq!(counted(&mut late), (SERIES, 1.0, Some(1.0)));
    assert_eq!(counted(&mut other).0, 0, "nothing half");
    assert_eq!(late.ask("count"), "ok");
    assert_eq!(late.ask("limit none"), "ok");
    assert_eq!(late.load(directory.path()), "ok");
    assert_eq!(late.ask("count"), "ok");
    for worker in [&mut late, &mut other] {
        assert_eq!(counted(worker), (SERIES, 3.0, Some(3.0)));
    }
}

#[test]
fn a_reporter_may_count_in_the_family_without_room() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut worker = Worker::start(directory.path());
    for what in ["report", "limit 131072", "reports"] {
        assert_eq!(worker.ask(what), "ok");
    }
    let shown = worker.scrape();
    assert_eq!(shown.get("reports_total{by=\"0\"}"), Some(&1.0));
    assert!(shown.get("pytheus_dropped_updates_total{reason=\"no_room\"}") > Some(&0.0), "{shown:?}");
}
