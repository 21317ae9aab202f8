//! A series that is taken out while threads count in it holds at most what was counted since.
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

/// What the threads have done in one series, and what of it was done before it was last taken out.
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
fn a_series_taken_out_while_threads_count_in_it_holds_at_most_what_was_counted_since() {
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
                    // Who sees the count sees that it was begun.
                    fence(Release);
                    // By a handle that is kept, which may refer to what was taken out; at times by name.
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
            // What was done by now goes with the series.
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
            // A series that nobody had before begins at zero, wherever its cells were used before.
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
fn updates_add_series_while_a_large_family_is_cleared_and_a_scrape_sees_it_whole_or_cleared() {
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
                // So that what it adds stays few.
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
