//! A series removed while threads count in it holds at most the counts since.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64, fence};
use std::thread;

use pytheus::metrics::{Counter, Family, Histogram};
use pytheus::registry::CollectorRegistry;
use support::scrapes::{Raise, samples};

const SERIES: usize = 4;
const THREADS: usize = 3;
const ROUNDS: usize = 2_000;
/// Every observation.
const TIME: f64 = 8.0;

/// The work of the threads in one series, and how much of it came before the last removal.
#[derive(Debug, Default)]
struct Progress {
    begun: AtomicU64,
    ended: AtomicU64,
    gone: AtomicU64,
}

impl Progress {
    fn since(&self) -> u64 {
        self.begun.load(Relaxed) - self.gone.load(Relaxed)
    }
}

fn series(counts: &Family<Counter>, times: &Family<Histogram>, n: &impl ToString) -> (Counter, Histogram) {
    let labels = [("n", n.to_string())];
    (counts.labels(labels.clone()).expect("the label is right"), times.labels(labels).expect("the label is right"))
}

#[test]
fn a_removed_series_holds_at_most_the_counts_since() {
    let registry = CollectorRegistry::new();
    let counts = &Counter::builder("counts", "C.").label_names(["n"]).registry(&registry).build().unwrap();
    let times =
        &Histogram::builder("times", "T.").label_names(["n"]).buckets([1.0]).registry(&registry).build().unwrap();
    let progress: &[Progress; SERIES] = &Default::default();
    let done = &AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let kept: Vec<_> = (0..SERIES).map(|n| series(counts, times, &n)).collect();
                for round in (0..).take_while(|_| !done.load(Relaxed)) {
                    let n = round % SERIES;
                    progress[n].begun.fetch_add(1, Relaxed);
                    // A reader of the count sees its beginning.
                    fence(Release);
                    // By a kept handle, perhaps of a removed series; at times by its labels.
                    let by_name = (round / SERIES + thread).is_multiple_of(4).then(|| series(counts, times, &n));
                    let (counter, histogram) = by_name.as_ref().unwrap_or(&kept[n]);
                    counter.inc();
                    histogram.observe(TIME);
                    progress[n].ended.fetch_add(1, Release);
                }
            });
        }
        let _end = Raise(done);
        for round in 0..ROUNDS {
            // Counts up to now go with the series.
            let ended: Vec<_> = progress.iter().map(|progress| progress.ended.load(Acquire)).collect();
            let one = round % SERIES;
            match round / SERIES % 3 {
                0 => {
                    counts.remove([("n", one)]).expect("the label is right");
                    times.remove([("n", one)]).expect("the label is right");
                    progress[one].gone.store(ended[one], Relaxed);
                }
                way => {
                    if way == 1 {
                        counts.clear();
                        times.clear();
                    } else {
                        counts.retain(|_| false);
                        times.retain(|_| false);
                    }
                    progress.iter().zip(ended).for_each(|(progress, ended)| progress.gone.store(ended, Relaxed));
                }
            }
            // A new series starts at zero, even in reused cells.
            let (counter, histogram) = series(counts, times, &format!("fresh {round}"));
            counter.inc_by(3);
            histogram.observe(TIME);

            let shown = samples(&registry);
            fence(Acquire);
            for (n, progress) in progress.iter().enumerate() {
                let of = |sample: String| shown.get(&sample).copied().unwrap_or(0.0);
                let held = [
                    of(format!("counts{{n=\"{n}\"}}")),
                    of(format!("times_count{{n=\"{n}\"}}")),
                    of(format!("times_sum{{n=\"{n}\"}}")) / TIME,
                ];
                let since = progress.since();
                let most = held.into_iter().fold(0.0, f64::max);
                assert!(most <= since as f64, "round {round}, series {n}: {held:?}, but {since} were counted since");
            }
            assert_eq!((counter.get(), histogram.count(), histogram.sum()), (3.0, 1, TIME), "round {round}");
            assert!(counter.remove() && histogram.remove(), "round {round}");
        }
    });
    for (n, progress) in progress.iter().enumerate() {
        let (counter, histogram) = series(counts, times, &n);
        let since = progress.since();
        assert!(counter.get() <= since as f64 && histogram.count() <= since);
        counter.remove();
        histogram.remove();
        counter.inc();
        histogram.observe(TIME);
        assert_eq!((counter.get(), histogram.count(), histogram.sum()), (1.0, 1, TIME));
    }
}

#[test]
fn a_scrape_sees_a_large_family_whole_or_cleared_while_updates_add_series() {
    const LARGE: usize = 20_000;
    let registry = CollectorRegistry::new();
    let family = &Counter::builder("large", "L.").label_names(["n"]).registry(&registry).build().unwrap();
    let (clearing, scrape, done) = (&AtomicBool::new(false), &AtomicBool::new(false), &AtomicBool::new(false));
    let meanwhile = thread::scope(|scope| {
        let adding = scope.spawn(move || {
            let mut meanwhile = 0_u64;
            for n in (0..).take_while(|_| !done.load(Relaxed)) {
                let before = clearing.load(Acquire);
                family.labels([("n", format!("new {n}"))]).expect("the label is right").inc();
                meanwhile += u64::from(before && clearing.load(Acquire));
                // Keeps the number of its series small.
                thread::sleep(std::time::Duration::from_micros(50));
            }
            meanwhile
        });
        for _ in 0..5 {
            for n in 0..LARGE {
                family.labels([("n", format!("old {n}"))]).expect("the label is right").inc();
            }
            let scraping = scope.spawn(|| {
                while !scrape.load(Acquire) {
                    thread::yield_now();
                }
                samples(&registry).keys().filter(|sample| sample.contains("old ")).count()
            });
            clearing.store(true, Release);
            scrape.store(true, Release);
            family.clear();
            clearing.store(false, Release);
            let seen = scraping.join().expect("it does not panic");
            scrape.store(false, Release);
            assert!(seen == LARGE || seen == 0, "a scrape has seen {seen} of {LARGE}");
        }
        done.store(true, Relaxed);
        adding.join().expect("it does not panic")
    });
    // One may have begun before the first lock was taken, each time.
    assert!(meanwhile > 5, "{meanwhile} were added meanwhile");
}
