//! No scrape sees a part of an observation, however fast scrapes come.

use std::thread;

use pytheus::metrics::{Histogram, Summary};
use pytheus::registry::CollectorRegistry;
use support::scrapes::{ScrapeOracle, while_scraping};

/// One for each bucket, so that the buckets tell the sum.
const VALUES: [f64; 4] = [0.25, 2.0, 3.5, 1024.0];
/// Every observation of the summary.
const SIZE: f64 = 4.0;
const ROUNDS: usize = 100_000;
const THREADS: usize = 3;

#[test]
fn continuous_scrapes_see_no_torn_observation() {
    let registry = CollectorRegistry::new();
    let times = Histogram::builder("times", "T.").buckets([0.5, 2.0, 16.0]).registry(&registry).build().unwrap();
    let by_n = Histogram::builder("times_by_n", "T.").label_names(["n"]).buckets([0.5, 2.0, 16.0]).registry(&registry);
    let by_n = by_n.build().unwrap();
    let sizes = Summary::builder("sizes", "S.").registry(&registry).build().unwrap();
    let oracle =
        ScrapeOracle::new(&registry).whole("times", &VALUES).whole("times_by_n", &VALUES).whole("sizes", &[SIZE]);
    let scrapes = while_scraping(&mut [oracle], || {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for value in VALUES.into_iter().cycle().take(ROUNDS) {
                        times.observe(value);
                        by_n.labels([("n", "all")]).expect("the label is right").observe(value);
                        sizes.observe(SIZE);
                    }
                });
            }
        });
    });
    let all = u64::try_from(THREADS * ROUNDS).expect("it is small");
    assert_eq!((times.count(), sizes.count()), (all, all));
    if let Err(wrong) = scrapes {
        panic!("{wrong}");
    }
}

#[test]
fn no_observation_is_torn_while_threads_start_and_end() {
    let registry = CollectorRegistry::new();
    let times = Histogram::builder("times", "T.").buckets([0.5, 2.0, 16.0]).registry(&registry).build().unwrap();
    let scrapes = while_scraping(&mut [ScrapeOracle::new(&registry).whole("times", &VALUES)], || {
        for _ in 0..500 {
            thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| VALUES.into_iter().cycle().take(200).for_each(|value| times.observe(value)));
                }
            });
        }
    });
    assert_eq!(times.count(), 500 * 200 * 3);
    if let Err(wrong) = scrapes {
        panic!("{wrong}");
    }
}
