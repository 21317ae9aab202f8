//! Threads that count, make children, remove, register and scrape at once lose nothing and show nothing torn.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use pytheus::metrics::{Counter, Gauge, Histogram, Summary};
use pytheus::registry::{CollectorRegistry, Registry};
use pytheus::snapshot::FamilySnapshot;

type TestResult = Result<(), Box<dyn Error>>;

const THREADS: u32 = 4;
const ROUNDS: u32 = 5_000;

/// Checks one scrape after the other, each against the one before.
#[derive(Default)]
struct ScrapeOracle {
    /// By name, suffix and labels.
    last: HashMap<String, f64>,
}

impl ScrapeOracle {
    fn scrape(&mut self, registry: &CollectorRegistry) {
        let before = std::mem::take(&mut self.last);
        for family in registry.collect().expect("one process can always be scraped") {
            Self::check_parts(&family);
            // Volatile series are removed, and start again at zero.
            if family.name().starts_with("volatile") || family.name().starts_with("gauge") {
                continue;
            }
            for sample in family.samples() {
                let labels: Vec<_> = sample.labels().collect();
                if labels.iter().any(|(_, value)| *value == "volatile") {
                    continue;
                }
                let key = format!("{}{} {labels:?}", family.name(), sample.suffix());
                let now = sample.value().as_f64();
                let before = before.get(&key).copied().unwrap_or(0.0);
                assert!(before <= now, "{key} went from {before} to {now}");
                self.last.insert(key, now);
            }
        }
        for key in before.keys() {
            assert!(self.last.contains_key(key), "{key} was there, and is no more");
        }
    }

    /// `+Inf` is the count, and the buckets of a series rise.
    fn check_parts(family: &FamilySnapshot) {
        let mut bucket = 0.0;
        for sample in family.samples() {
            let value = sample.value().as_f64();
            match sample.suffix() {
                "_bucket" => {
                    assert!(bucket <= value, "{}: the buckets fall from {bucket} to {value}", family.name());
                    bucket = value;
                }
                "_count" if family.name() != "summary" => {
                    assert_eq!(bucket, value, "{}: `+Inf` is not the count", family.name());
                    bucket = 0.0;
                }
                _ => {}
            }
        }
    }
}

/// Sets the flag when it is dropped, also by a panic, so that no thread waits for a failed one.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Runs `work` in each of the threads while another one scrapes.
fn under_scrapes(registry: &CollectorRegistry, work: impl Fn(u32) + Sync) {
    let (scraping, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let start = Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            let mut oracle = ScrapeOracle::default();
            let first = Raise(&scraping);
            oracle.scrape(registry);
            drop(first);
            // The last scrape sees all counts.
            loop {
                let last = done.load(Relaxed);
                oracle.scrape(registry);
                if last {
                    return;
                }
            }
        });
        let counting: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (start, scraping, work) = (&start, &scraping, &work);
                scope.spawn(move || {
                    while !scraping.load(Relaxed) {
                        std::thread::yield_now();
                    }
                    start.wait();
                    work(thread);
                })
            })
            .collect();
        let ends: Vec<_> = counting.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Relaxed);
        scraper.join().expect("the scraper found nothing wrong");
        assert!(ends.iter().all(Result::is_ok), "no worker panics");
    });
}

#[test]
fn no_count_is_lost_and_no_total_decreases_while_series_come_and_go() -> TestResult {
    let registry = CollectorRegistry::new();
    let plain = Counter::builder("plain_total", "P.").registry(&registry).build()?;
    let labelled = Counter::builder("labelled_total", "L.").label_names(["thread", "n"]).registry(&registry).build()?;
    let times = Histogram::builder("times", "T.").buckets([1.0, 2.0, 3.0]).registry(&registry).build()?;
    let by_label =
        Histogram::builder("by_label", "B.").label_names(["n"]).buckets([1.0]).registry(&registry).build()?;
    let summary = Summary::builder("summary", "S.").registry(&registry).build()?;
    let volatile =
        Histogram::builder("volatile", "V.").label_names(["n"]).buckets([1.0]).registry(&registry).build()?;
    under_scrapes(&registry, |thread| {
        for n in 0..ROUNDS {
            plain.inc();
            plain.inc_by(0.5);
            labelled.labels([("thread", thread), ("n", n % 50)]).expect("the labels are right").inc();
            times.observe(f64::from(n % 5));
            by_label.labels([("n", n % 7)]).expect("the label is right").observe(f64::from(n % 3));
            summary.observe(2.0);
            let held = volatile.labels([("n", n % 3)]).expect("the label is right");
            held.observe(1.0);
            match n % 100 {
                7 => drop(volatile.remove([("n", n % 3)])),
                31 => volatile.retain(|labels| labels.get("n") != Some("1")),
                63 => volatile.clear(),
                _ => held.observe(3.0),
            }
        }
    });
    let total = u64::from(THREADS * ROUNDS);
    assert_eq!(plain.get(), f64::from(THREADS * ROUNDS) * 1.5);
    for thread in 0..THREADS {
        for n in 0..50 {
            let series = labelled.labels([("thread", thread), ("n", n)])?;
            assert_eq!(series.get(), f64::from(ROUNDS / 50));
        }
    }
    assert_eq!((times.count(), times.sum()), (total, f64::from(THREADS * ROUNDS * 2)));
    let counts =
        (0..7).map(|n| Ok(by_label.labels([("n", n)])?.count())).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    assert_eq!(counts.iter().sum::<u64>(), total);
    assert_eq!((summary.count(), summary.sum()), (total, f64::from(THREADS * ROUNDS * 2)));
    Ok(())
}

static CHURN: CollectorRegistry = CollectorRegistry::new();

pytheus::metric! {
    /// One series stays while its siblings come and go.
    static JOBS: Counter = "jobs_total" { labels: { group, n }, registry: CHURN };
}

#[test]
fn a_series_keeps_its_counts_while_its_siblings_are_removed() {
    let held = JOBS.group("steady").n("keep");
    under_scrapes(&CHURN, |thread| {
        for n in 0..ROUNDS {
            // By a handle, and looked up anew.
            held.inc();
            JOBS.group("steady").n("keep").inc();
            let sibling = JOBS.group("volatile").n(n % 5);
            sibling.inc();
            match (n + thread) % 4 {
                // Another thread may have been faster.
                0 => {
                    JOBS.group("volatile").n(n % 5).remove();
                }
                1 => JOBS.retain(|labels| labels.get("n") == Some("keep")),
                2 => JOBS.group("volatile").clear(),
                _ => sibling.inc(),
            }
        }
    });
    assert_eq!(held.get(), f64::from(2 * THREADS * ROUNDS));
    let labels = [("group", "steady"), ("n", "keep")];
    assert_eq!(CHURN.sample_value("jobs_total", &labels), Some(held.get()));
    JOBS.group("volatile").clear();
    assert_eq!(CHURN.collect().expect("one process can always be scraped")[0].samples().len(), 1);
}

#[test]
fn concurrent_lookups_of_a_new_series_create_it_once() -> TestResult {
    for _ in 0..200 {
        let registry = CollectorRegistry::new();
        let family = Counter::builder("c_total", "C.").label_names(["n"]).registry(&registry).build()?;
        under_scrapes(&registry, |_| {
            for n in 0..20 {
                family.labels([("n", n)]).expect("the label is right").inc();
            }
        });
        for n in 0..20 {
            assert_eq!(family.labels([("n", n)])?.get(), f64::from(THREADS));
        }
    }
    Ok(())
}

#[test]
fn gauges_lose_no_inc_and_no_dec() -> TestResult {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("gauge", "G.").registry(&registry).build()?;
    let set = Gauge::builder("gauge_set", "S.").registry(&registry).build()?;
    under_scrapes(&registry, |thread| {
        for n in 0..ROUNDS {
            let _busy = gauge.track_inprogress();
            gauge.inc_by(2.0);
            gauge.dec_by(0.5);
            set.set(f64::from(thread * ROUNDS + n));
            // Each value read was set by a thread.
            assert!((0.0..f64::from(THREADS * ROUNDS)).contains(&set.get()));
        }
    });
    assert_eq!(gauge.get(), f64::from(THREADS * ROUNDS) * 1.5);
    Ok(())
}

#[test]
fn concurrent_register_and_unregister_leave_other_metrics_alone() -> TestResult {
    let registry = CollectorRegistry::new();
    let steady = Counter::builder("steady_total", "S.").registry(&registry).build()?;
    under_scrapes(&registry, |thread| {
        for n in 0..500 {
            steady.inc();
            let shared = Counter::builder("shared_total", "S.").registry(&registry).build().expect("all are alike");
            shared.inc();
            let name = format!("volatile_{thread}");
            let own = Histogram::builder(&name, "V.").registry(&registry).build().expect("nobody else has the name");
            own.observe(1.0);
            assert_eq!(own.count(), 1, "it was new in round {n}");
            assert!(registry.unregister(&name).is_some());
        }
    });
    let names: Vec<_> = registry.collect()?.iter().map(|family| family.name().to_owned()).collect();
    assert_eq!(names, ["shared_total", "steady_total"]);
    assert_eq!(registry.sample_value("shared_total", &[]), Some(f64::from(THREADS * 500)));
    assert_eq!(steady.get(), f64::from(THREADS * 500));
    Ok(())
}

#[test]
fn an_update_racing_with_a_removal_counts_at_most_once() -> TestResult {
    let registry = CollectorRegistry::new();
    let family = Counter::builder("volatile_total", "V.").label_names(["n"]).registry(&registry).build()?;
    for _ in 0..2_000 {
        let held = family.labels([("n", 1)])?;
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                held.inc();
            });
            start.wait();
            held.remove();
        });
        let left = held.get();
        assert!(left == 0.0 || left == 1.0, "{left}");
        held.remove();
        held.inc();
        assert_eq!(held.get(), 1.0, "it comes back from zero");
        family.clear();
    }
    Ok(())
}
