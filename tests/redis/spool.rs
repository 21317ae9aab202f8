//! With a spool, killed processes lose and duplicate no counts: living processes, or the next one to start, recover them.
#![cfg(unix)]
#![allow(unsafe_code, reason = "`fork` and signals have no safe form")]

use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use pytheus::backends::json;
use pytheus::metric;
use servers::counting;
use servers::server::Server;
use servers::spool::{files, wait_for_heirs};
use support::scrapes::{Raise, Samples};
use support::wait_for;
use support::worker::Worker;

/// The number of killed processes.
const KILLS: usize = 50;

metric! {
    /// C.
    static JOBS: Counter = "jobs_total" { labels: { worker } };
    /// C.
    static HALVES: Counter = "halves_total" { labels: { worker } };
    /// H.
    static SIZES: Histogram = "sizes" { labels: { worker }, buckets: [0.5, 5.0] };
    /// G.
    static LEVEL: Gauge = "level";
    /// G.
    static BUSY: Gauge = "busy" { mode: live_sum };
}

#[test]
fn worker() {
    counting::serve(|words| match words {
        // Until it is killed; a file has the number of begun increments.
        ["count", name, progress] => {
            let progress = File::create(progress).expect("a file");
            for number in 1_u64.. {
                progress.write_all_at(&number.to_ne_bytes(), 0).expect("it can be written to");
                count(name);
            }
            unreachable!("it is killed")
        }
        ["count", name, "times", times] => {
            (0..times.parse().expect("a number")).for_each(|_: u64| count(name));
            LEVEL.set(7.0);
            BUSY.set(3.0);
            "ok".to_owned()
        }
        ["fork", name] => {
            // SAFETY: the child uses only functions that pytheus supports after a fork.
            let child = unsafe { libc::fork() };
            if child == 0 {
                (0..5).for_each(|_| count(name));
                // SAFETY: it ends this process.
                unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            }
            // SAFETY: a child of this process.
            assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
            (0..7).for_each(|_| count(name));
            "ok".to_owned()
        }
        ["remove", name] => {
            assert!(JOBS.worker(name).remove(), "it was there");
            "ok".to_owned()
        }
        other => panic!("{other:?}"),
    });
}

fn count(name: &str) {
    JOBS.worker(name).inc();
    HALVES.worker(name).inc_by(0.5);
    SIZES.worker(name).observe(1.0);
}

fn start(redis: &Server, spool: &Path) -> Worker {
    let config =
        json!({"port": redis.port(), "spool_directory": spool, "flush_interval": 0.001, "lease": 2, "timeout": 30});
    counting::start(&config)
}

/// Pauses the server now and then.
fn stall(redis: &Server, done: &AtomicBool) {
    let mut client = redis.client();
    while !done.load(Relaxed) {
        client.ask(&["DEBUG", "SLEEP", "0.03"]);
        thread::sleep(Duration::from_millis(3));
    }
}

/// Asserts the counts of a worker's series.
#[track_caller]
fn assert_counted(samples: &Samples, name: &str, counts: &[f64]) {
    let of = |family: &str, more: &str| samples.get(&format!("{family}{{worker=\"{name}\"{more}}}")).copied();
    let jobs = of("jobs_total", "").unwrap_or(0.0);
    assert!(counts.contains(&jobs), "{name}: {jobs}, not {counts:?}");
    // In the order of the increments.
    let halves = of("halves_total", "").unwrap_or(0.0) * 2.0;
    let sizes = of("sizes_count", "").unwrap_or(0.0);
    for (what, counted) in [("halves", halves), ("sizes", sizes), ("sum", of("sizes_sum", "").unwrap_or(0.0))] {
        assert!(counts.contains(&counted) && counted <= jobs, "{what} of {name}: {counted}, not {counts:?}");
    }
}

#[test]
fn with_a_spool_kills_at_any_moment_lose_and_duplicate_no_counts() {
    let redis = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool");
    let progress = |number: usize| folder.path().join(format!("w{number}"));
    let begun = |number: usize| {
        let bytes = fs::read(progress(number)).unwrap_or_default();
        bytes.try_into().map_or(0, u64::from_ne_bytes)
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        // A batch may arrive after the end of its process, before or after its recovery.
        scope.spawn(|| stall(&redis, &done));
        let _done = Raise(&done);
        thread::scope(|scope| {
            // Each recovers the others, and is killed meanwhile.
            for lane in 0..4 {
                let (redis, spool, progress, begun) = (&redis, &spool, &progress, &begun);
                scope.spawn(move || {
                    for number in (lane..KILLS).step_by(4) {
                        let mut worker = start(redis, spool);
                        worker.tell(&format!("count w{number} {}", progress(number).display()));
                        // Some before their first increment.
                        if number % 3 > 0 {
                            wait_for("count", || if begun(number) > 100 { Ok(()) } else { Err("too few".to_owned()) });
                        }
                        thread::sleep(Duration::from_micros(RandomState::new().hash_one(number) % 60_000));
                        worker.kill();
                    }
                });
            }
        });
    });
    let mut last = start(&redis, &spool);
    let mut another = start(&redis, &spool);
    wait_for_heirs(&spool, 2);
    let samples = last.scrape();
    for number in 0..KILLS {
        let begun = begun(number) as f64;
        assert_counted(&samples, &format!("w{number}"), &[begun, (begun - 1.0).max(0.0)]);
    }
    let of_all = |samples: Samples| samples.into_iter().filter(|(name, _)| !name.starts_with("pytheus_")).collect();
    let (of_one, of_another): (Samples, Samples) = (of_all(samples), of_all(another.scrape()));
    assert_eq!(of_one, of_another);
    let taken: f64 = [last.scrape(), another.scrape()].iter().map(|s| s["pytheus_redis_taken_over_total"]).sum();
    assert!(taken >= 1.0, "the last ones were left to these");
}

#[test]
fn counts_of_an_outage_are_recovered_by_the_next_process() {
    let (mut redis, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    redis.kill();
    for name in ["a", "b"] {
        let mut worker = start(&redis, folder.path());
        assert_eq!(worker.ask(&format!("count {name} times 1000")), "ok");
        worker.kill();
    }
    assert_eq!(files(folder.path(), "process-"), 2);
    // An orderly end can't send counts either.
    let mut worker = start(&redis, folder.path());
    assert_eq!(worker.ask("count c times 10"), "ok");
    drop(worker);
    redis.restart();
    let mut next = start(&redis, folder.path());
    wait_for_heirs(folder.path(), 1);
    let samples = next.scrape();
    for (name, times) in [("a", 1000.0), ("b", 1000.0), ("c", 10.0)] {
        assert_counted(&samples, name, &[times]);
    }
    // Gauges end with their process, as without a spool.
    assert!(samples.get("level").is_none_or(|level| level.to_bits() != 7.0_f64.to_bits()), "{samples:?}");
}

#[test]
fn an_orderly_end_leaves_no_files() {
    let (redis, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let mut worker = start(&redis, folder.path());
    assert_eq!(worker.ask("count a times 100"), "ok");
    assert_eq!(worker.ask("shutdown"), "ok");
    assert_eq!((files(folder.path(), "process-"), files(folder.path(), "journal-")), (0, 0));
    let mut next = start(&redis, folder.path());
    assert_eq!(next.ask("count a times 11"), "ok");
    assert_counted(&next.scrape(), "a", &[111.0]);
    assert_eq!(next.scrape()["level"].to_bits(), 7.0_f64.to_bits());
    assert_eq!(next.scrape()["busy"].to_bits(), 3.0_f64.to_bits());
    drop(worker);
}

#[test]
fn a_spool_changes_nothing_for_gauges_and_removals() {
    let (redis, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let mut workers = [(); 2].map(|()| start(&redis, folder.path()));
    for worker in &mut workers {
        assert_eq!(worker.ask("count a times 10"), "ok");
        assert_eq!(worker.ask("flush"), "ok");
    }
    assert_counted(&workers[0].scrape(), "a", &[20.0]);
    for worker in &mut workers {
        let samples = worker.scrape();
        assert_eq!((samples["level"].to_bits(), samples["busy"].to_bits()), (7.0_f64.to_bits(), 6.0_f64.to_bits()));
    }
    assert_eq!(workers[0].ask("remove a"), "ok");
    assert_eq!(workers[0].ask("flush"), "ok");
    assert!(!workers[1].scrape().contains_key("jobs_total{worker=\"a\"}"));
    assert_eq!(workers[0].ask("count a times 3"), "ok");
    assert_eq!(
        workers[1].scrape().get("jobs_total{worker=\"a\"}").copied().unwrap_or(3.0).to_bits(),
        3.0_f64.to_bits()
    );
    let [first, mut second] = workers;
    first.kill();
    wait_for_heirs(folder.path(), 1);
    assert_eq!(second.scrape()["jobs_total{worker=\"a\"}"].to_bits(), 3.0_f64.to_bits());
    assert_eq!(second.scrape()["sizes_count{worker=\"a\"}"].to_bits(), 23.0_f64.to_bits());
}

#[test]
fn the_counts_of_a_killed_child_are_recovered() {
    let (redis, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let mut worker = start(&redis, folder.path());
    assert_eq!(worker.ask("count a times 2"), "ok");
    assert_eq!(worker.ask("fork a"), "ok");
    worker.kill();
    let mut next = start(&redis, folder.path());
    wait_for_heirs(folder.path(), 1);
    assert_counted(&next.scrape(), "a", &[14.0]);
}
