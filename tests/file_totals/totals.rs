//! Many processes share a directory: whichever is scraped shows the totals of all, those that have ended included.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pytheus::metrics::Counter;
use pytheus::{LabelValue, metric};
use support::scrapes::Samples;
use support::worker::{Worker, serve};

#[derive(LabelValue)]
enum Phase {
    Starting,
    Running,
}

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: { path } };
    /// Bytes, in fractions, too.
    static LOAD: Counter = "load_total";
    /// How long it took.
    static TOOK: Histogram = "took_seconds" { buckets: [1.0, 2.0] };
    /// How large it was.
    static SIZE: Summary = "size_bytes" { labels: { path } };
    /// What runs.
    static BUILD: Info = "build_info" { labels: { version } };
    /// What it does.
    static PHASE: StateSet<Phase> = "phase";
}

fn act(words: &[&str]) -> String {
    match *words {
        ["count", path, times] => {
            for _ in 0..times.parse().unwrap_or(0) {
                REQUESTS.path(path).inc();
            }
        }
        ["load_by", amount] => LOAD.inc_by(amount.parse::<f64>().unwrap_or(0.0)),
        ["observe", seconds] => {
            TOOK.observe(seconds.parse::<f64>().unwrap_or(0.0));
            SIZE.path("/").observe(seconds.parse::<f64>().unwrap_or(0.0));
        }
        ["version", version] => BUILD.version(version).set(),
        ["start"] => PHASE.set(Phase::Starting),
        ["run"] => PHASE.set(Phase::Running),
        // What no other program has.
        ["own", name] => match Counter::builder(name, "Of one program.").build() {
            Ok(counter) => counter.inc(),
            Err(error) => return error.to_string(),
        },
        ["threads", count] => {
            let threads = (0..count.parse().unwrap_or(0)).map(|_| {
                std::thread::spawn(|| {
                    for _ in 0..10_000 {
                        REQUESTS.path("/").inc();
                        TOOK.observe(1.5);
                    }
                })
            });
            threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().expect("it counts"));
        }
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

#[test]
fn worker() {
    serve(act);
}

fn processes(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it can be read").file_name());
    entries.filter(|name| name.to_string_lossy().starts_with("process-")).count()
}

fn only(samples: &Samples, prefix: &str) -> BTreeMap<String, f64> {
    samples.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(name, value)| (name.clone(), *value)).collect()
}

fn expected<const N: usize>(samples: [(&str, f64); N]) -> BTreeMap<String, f64> {
    samples.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[test]
fn every_process_exposes_the_totals_of_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut workers: Vec<_> = (0..3).map(|_| Worker::start(directory.path())).collect();
    for (number, worker) in (1..).zip(&mut workers) {
        assert_eq!(worker.ask(&format!("count /a {number}")), "ok");
        assert_eq!(worker.ask(&format!("count /{number} 1")), "ok");
        assert_eq!(worker.ask("load_by 0.5"), "ok");
        assert_eq!(worker.ask(&format!("observe {number}")), "ok");
        assert_eq!(worker.ask("version 1.2"), "ok");
    }
    assert_eq!(workers[2].ask("run"), "ok");
    assert_eq!(workers[1].ask("own extra_total"), "ok");
    let scrapes: Vec<_> = workers.iter_mut().map(Worker::scrape).collect();
    let (first, others) = scrapes.split_first().expect("there are three");
    for other in others {
        assert_eq!(first, other);
    }
    assert_eq!(
        *first,
        expected([
            (r#"build_info{version="1.2"}"#, 1.0),
            ("extra_total", 1.0),
            ("load_total", 1.5),
            (r#"phase{phase="running"}"#, 1.0),
            (r#"phase{phase="starting"}"#, 0.0),
            (r#"requests_total{path="/1"}"#, 1.0),
            (r#"requests_total{path="/2"}"#, 1.0),
            (r#"requests_total{path="/3"}"#, 1.0),
            (r#"requests_total{path="/a"}"#, 6.0),
            (r#"size_bytes_count{path="/"}"#, 3.0),
            (r#"size_bytes_sum{path="/"}"#, 6.0),
            ("took_seconds_count", 3.0),
            ("took_seconds_sum", 6.0),
            (r#"took_seconds_bucket{le="1.0"}"#, 1.0),
            (r#"took_seconds_bucket{le="2.0"}"#, 2.0),
            (r#"took_seconds_bucket{le="+Inf"}"#, 3.0),
        ])
    );
}

#[test]
fn counts_outlive_their_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut survivor = Worker::start(directory.path());
    for (number, how) in ["killed", "ended", "shut down"].into_iter().enumerate() {
        let mut worker = Worker::start(directory.path());
        assert_eq!(worker.ask("count /a 10"), "ok");
        assert_eq!(worker.ask("observe 1.5"), "ok");
        assert_eq!(worker.ask("version 2"), "ok");
        assert!(survivor.scrape().contains_key(r#"build_info{version="2"}"#));
        match how {
            "killed" => worker.kill(),
            "ended" => worker.end(),
            _ => {
                assert_eq!(worker.ask("shutdown"), "ok");
                assert_eq!(processes(directory.path()), 1, "it leaves no file behind");
                worker.end();
            }
        }
        let times = number as f64 + 1.0;
        // The first finds it dead, the second finds it folded.
        for _ in 0..2 {
            let samples = survivor.scrape();
            assert_eq!(only(&samples, "requests"), expected([(r#"requests_total{path="/a"}"#, 10.0 * times)]), "{how}");
            assert_eq!(samples.get("took_seconds_sum"), Some(&(1.5 * times)), "{how}");
            assert!(only(&samples, "build").is_empty(), "what it was ends with it ({how})");
        }
        assert_eq!(processes(directory.path()), 1, "{how}");
    }
    // All of them gone.
    survivor.kill();
    let mut next = Worker::start(directory.path());
    assert_eq!(only(&next.scrape(), "requests"), expected([(r#"requests_total{path="/a"}"#, 30.0)]));
}

#[test]
fn counts_from_before_the_load_are_carried_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut other = Worker::start(directory.path());
    let mut late = Worker::idle();
    for command in ["threads 4", "load_by 0.25", "observe 0.5", "run", "version 3"] {
        assert_eq!(late.ask(command), "ok");
    }
    let before = late.scrape();
    assert_eq!(late.load(directory.path()), "ok");
    assert_eq!(late.scrape(), before);
    assert_eq!(other.scrape(), before);
    assert_eq!(late.ask("threads 4"), "ok");
    assert_eq!(other.scrape().get(r#"requests_total{path="/"}"#), Some(&80_000.0));
}
