//! A child of a process is a process of its own: it counts in its own file, and keeps nothing of its parent alive.
#![cfg(unix)]
#![allow(unsafe_code, reason = "`fork` has no safe form")]
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use pytheus::backends::{BackendSpec, MultiProcessFileBackend, SingleProcessBackend, json, load_backend};
use pytheus::exposition::generate_metrics;
use pytheus::metric;
use support::fork::on_threads;
use support::scrapes::Raise;
use support::worker::{Worker, serve};

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total";
    /// Requests by path.
    static PATHS: Counter = "paths_total" { labels: { path } };
    /// How long it took.
    static TOOK: Histogram = "took_seconds" { buckets: [1.0] };
    /// The sum of the living.
    static SUM: Gauge = "sum" { mode: live_sum };
    /// Work in progress.
    static BUSY: Gauge = "busy" { mode: live_sum };
    /// One for all.
    static SHARED: Gauge = "shared";
    /// What runs.
    static BUILD: Info = "build_info" { labels: { version } };
}

fn count() {
    REQUESTS.inc_by(10);
    TOOK.observe(0.5);
    SUM.inc_by(3.0);
    SHARED.inc();
}

fn act(words: &[&str]) -> String {
    match *words {
        ["count"] => count(),
        ["path", path] => PATHS.path(path).inc(),
        ["work"] => std::mem::forget(BUSY.track_inprogress()),
        ["version", version] => BUILD.version(version).set(),
        ["fork", what] => return fork(what),
        ["storm", directory] => return storm(directory),
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

/// Counts and scrapes while the directory is not where it was, and once it is there again.
fn without(directory: &Path) -> String {
    let away = directory.with_extension("away");
    fs::rename(directory, &away).expect("it can be moved");
    count();
    let failed = generate_metrics().is_err();
    fs::rename(&away, directory).expect("it can be moved back");
    count();
    format!("{failed}\n{}", generate_metrics().unwrap_or_else(|error| format!("error: {error}")))
}

/// Forks a child that counts, or scrapes, or does neither; gives its number, and what it says.
fn fork(what: &str) -> String {
    let (mut reader, mut writer) = std::io::pipe().expect("the system has pipes");
    let work = (what == "ends-work").then(|| BUSY.track_inprogress());
    // SAFETY: as in any program that forks with threads; see `engine_fork`.
    match unsafe { libc::fork() } {
        -1 => format!("error: {}", std::io::Error::last_os_error()),
        0 => {
            let answer = match what {
                "counts" => {
                    count();
                    "ok".to_owned()
                }
                "ends-work" => {
                    drop(work);
                    "ok".to_owned()
                }
                "begins" => {
                    PATHS.path("/child").inc();
                    "ok".to_owned()
                }
                "removes" => PATHS.path("/a").remove().to_string(),
                "scrapes" => generate_metrics().unwrap_or_else(|error| format!("error: {error}")),
                _ if what.starts_with('/') => without(Path::new(what)),
                _ => "ok".to_owned(),
            };
            let sent = writer.write_all(answer.as_bytes());
            drop(writer);
            // Until it is killed; not for ever, should the test fail.
            std::thread::sleep(Duration::from_secs(300));
            // SAFETY: ends the process, and nothing else.
            unsafe { libc::_exit(i32::from(sent.is_err())) }
        }
        child => {
            drop(writer);
            std::mem::forget(work);
            let mut answer = String::new();
            reader.read_to_string(&mut answer).expect("the child says something");
            format!("{child}\n{answer}")
        }
    }
}

/// How often a process forks that is busy, before, while and after it loads the backend.
const FORKS: u32 = 24;

/// Does this in a child, and says whether that went well.
fn in_child(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: as above.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: sends a signal that ends this process, should it hang.
            unsafe { libc::alarm(300) };
            let went_well = catch_unwind(AssertUnwindSafe(work)).unwrap_or(false);
            // SAFETY: ends the process, and nothing else.
            unsafe { libc::_exit(if went_well { 0 } else { 7 }) }
        }
        child => {
            let mut status = 0;
            // SAFETY: a child of this process; the status is a number of ours.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert!(libc::WIFEXITED(status), "a child hangs, or was killed: {status}");
            libc::WEXITSTATUS(status) == 0
        }
    }
}

/// Forks again and again while threads count, and one loads the backend; gives how much was counted where that shows.
fn storm(directory: &str) -> String {
    let (done, load) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut counted = 0;
    thread::scope(|scope| {
        let counters: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut times = 0;
                    while !done.load(Relaxed) {
                        REQUESTS.inc();
                        TOOK.observe(0.5);
                        times += 1;
                    }
                    times
                })
            })
            .collect();
        let loader = scope.spawn(|| {
            while !load.load(Relaxed) {
                thread::yield_now();
            }
            let config = json!({ "directory": directory });
            load_backend(BackendSpec::of::<MultiProcessFileBackend>().with_config(config)).expect("there is room");
        });
        // Whatever fails: they all end.
        let (end, _load) = (Raise(&done), Raise(&load));
        for round in 0..FORKS {
            load.store(round >= FORKS / 4, Relaxed);
            let count = |times: u64| {
                (0..times).for_each(|_| {
                    REQUESTS.inc();
                    TOOK.observe(0.5);
                });
            };
            let is_loaded = in_child(|| {
                count(10);
                let child_went_well = in_child(|| {
                    // On a thread of its own, too.
                    on_threads(1, |_| count(5));
                    count(2);
                    true
                });
                generate_metrics().expect("a child can be scraped");
                assert!(child_went_well);
                // There is none yet: what it counts shows nowhere.
                load_backend(BackendSpec::of::<SingleProcessBackend>()).is_err()
            });
            counted += u64::from(is_loaded) * 17;
        }
        loader.join().expect("it loads");
        drop(end);
        counted += counters.into_iter().map(|counter| counter.join().expect("it counts")).sum::<u64>();
    });
    counted.to_string()
}

#[test]
fn worker() {
    serve(act);
}

/// Has a worker fork, and gives the number of the child and what it says.
fn child_of(worker: &mut Worker, what: &str) -> (i32, String) {
    let answer = worker.ask(&format!("fork {what}"));
    let (child, said) = answer.split_once('\n').expect("two parts");
    (child.parse().expect("the number of a process"), said.to_owned())
}

fn kill(child: i32) {
    // SAFETY: a process that this test has made, and that nobody has waited for.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0, "{}", std::io::Error::last_os_error());
}

fn processes(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it can be read").file_name());
    entries.filter(|name| name.to_string_lossy().starts_with("process-")).count()
}

fn values(worker: &mut Worker) -> [f64; 5] {
    let samples = worker.scrape();
    ["requests_total", "took_seconds_count", "sum", "busy", "shared"].map(|name| samples[name])
}

#[test]
fn a_child_counts_for_itself_and_nothing_is_counted_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut parent, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    assert_eq!(parent.ask("count"), "ok");
    assert_eq!(parent.ask("work"), "ok");
    let (child, said) = child_of(&mut parent, "counts");
    assert_eq!(said, "ok");
    assert_eq!(processes(directory.path()), 3);
    let expected = [20.0, 2.0, 6.0, 1.0, 2.0];
    assert_eq!(values(&mut parent), expected);
    assert_eq!(values(&mut other), expected);
    // The parent counts on in its own.
    assert_eq!(parent.ask("count"), "ok");
    assert_eq!(values(&mut other), [30.0, 3.0, 9.0, 1.0, 3.0]);
    parent.kill();
    assert_eq!(values(&mut other), [30.0, 3.0, 3.0, 0.0, 3.0], "the child lives, its parent does not");
    assert_eq!(processes(directory.path()), 2);
    kill(child);
    // Whoever inherits it waits for it; its lock is free before that.
    support::wait_for("fold", || match processes(directory.path()) {
        1 => Ok(()),
        files => Err(format!("{files} files; {:?}", values(&mut other))),
    });
    assert_eq!(values(&mut other), [30.0, 3.0, 0.0, 0.0, 3.0]);
}

#[test]
fn a_child_that_does_nothing_keeps_nothing_alive() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut parent, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    assert_eq!(parent.ask("count"), "ok");
    let (child, _) = child_of(&mut parent, "sleeps");
    parent.kill();
    assert_eq!(values(&mut other), [10.0, 1.0, 0.0, 0.0, 1.0]);
    assert_eq!(processes(directory.path()), 1);
    kill(child);
}

#[test]
fn a_child_begins_series_in_its_own_file_whatever_it_does_first() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut parent, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    for path in ["/a", "/b"] {
        assert_eq!(parent.ask(&format!("path {path}")), "ok");
    }
    let paths = |worker: &mut Worker| {
        let samples = worker.scrape();
        ["/a", "/b", "/child", "/parent"].map(|path| samples.get(&format!("paths_total{{path=\"{path}\"}}")).copied())
    };
    let (first, said) = child_of(&mut parent, "begins");
    assert_eq!(said, "ok");
    assert_eq!(paths(&mut other), [Some(1.0), Some(1.0), Some(1.0), None]);
    // What it writes begins where that of the child would have stood in its file.
    assert_eq!(parent.ask("path /parent"), "ok");
    let (second, said) = child_of(&mut parent, "removes");
    assert_eq!(said, "true");
    for worker in [&mut parent, &mut other] {
        support::wait_for("removal", || match paths(worker) {
            [None, Some(1.0), Some(1.0), Some(1.0)] => Ok(()),
            paths => Err(format!("{paths:?}")),
        });
    }
    assert_eq!(parent.ask("path /a"), "ok");
    assert_eq!(paths(&mut other), [Some(1.0), Some(1.0), Some(1.0), Some(1.0)]);
    kill(first);
    kill(second);
}

#[test]
fn a_child_may_answer_a_scrape() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut parent = Worker::start(directory.path());
    assert_eq!(parent.ask("count"), "ok");
    let (child, said) = child_of(&mut parent, "scrapes");
    assert!(said.contains("requests_total 10\n"), "{said}");
    kill(child);
}

#[test]
fn a_child_that_fails_to_attach_retries_with_all_its_counts() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut parent = Worker::start(directory.path());
    assert_eq!(parent.ask("count"), "ok");
    let (child, said) = child_of(&mut parent, &directory.path().display().to_string());
    assert!(said.starts_with("true\n"), "a scrape without the directory fails: {said}");
    assert!(said.contains("requests_total 30\n"), "{said}");
    assert_eq!(values(&mut parent)[0], 30.0);
    kill(child);
}

#[test]
fn a_child_goes_on_stating_the_facts_of_its_parent() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut parent, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    let facts = |worker: &mut Worker| -> Vec<String> {
        worker.scrape().into_keys().filter(|name| name.starts_with("build_info")).collect()
    };
    let [old, new] = ["1", "2"].map(|version| format!("build_info{{version=\"{version}\"}}"));
    assert_eq!(parent.ask("version 1"), "ok");
    let (child, said) = child_of(&mut parent, "counts");
    assert_eq!(said, "ok");
    assert_eq!(facts(&mut other), std::slice::from_ref(&old));
    // The parent states others; the child is what it was.
    assert_eq!(parent.ask("version 2"), "ok");
    assert_eq!(facts(&mut other), [old.clone(), new]);
    parent.kill();
    assert_eq!(facts(&mut other), [old]);
    kill(child);
    support::wait_for("end of the child's facts", || match facts(&mut other) {
        facts if facts.is_empty() => Ok(()),
        facts => Err(format!("{facts:?}")),
    });
}

#[test]
fn inherited_work_stays_in_progress_until_the_parent_ends_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut parent, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    let (child, said) = child_of(&mut parent, "ends-work");
    assert_eq!(said, "ok");
    for worker in [&mut parent, &mut other] {
        assert_eq!(values(worker)[3], 1.0, "the parent is still at it");
    }
    parent.kill();
    assert_eq!(values(&mut other)[3], 0.0);
    kill(child);
}

#[test]
fn a_fork_of_a_busy_process_loses_and_duplicates_nothing() {
    for round in 0..2 {
        let directory = tempfile::tempdir().expect("a directory");
        let mut other = Worker::start(directory.path());
        let mut parent = Worker::idle();
        let counted = parent.ask(&format!("storm {}", directory.path().display()));
        let counted: f64 = counted.parse().expect("how much was counted");
        let samples = other.scrape();
        let shown = ["requests_total", "took_seconds_count", "took_seconds_sum"].map(|name| samples[name]);
        assert_eq!(shown, [counted, counted, counted / 2.0], "round {round}");
        parent.end();
        assert_eq!(other.scrape()["requests_total"], counted);
        assert_eq!(processes(directory.path()), 1);
    }
}
