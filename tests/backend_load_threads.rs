//! Of loads at the same time one loads; the others wait, and see what it has loaded.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

use pytheus::backends::custom::{Backend, Config, Configure};
use pytheus::backends::{BackendError, BackendSpec, LoadError, json, load_backend};
use pytheus::exposition::generate_metrics;
use pytheus::metric;

metric! {
    /// Counted while the backend is loaded.
    static COUNTED: Counter = "counted_total";
}

const THREADS: usize = 8;
const TIMES: usize = 10_000;

static MADE: AtomicUsize = AtomicUsize::new(0);

struct Slow;

impl Backend for Slow {}

impl Configure for Slow {
    const NAME: &'static str = "slow";

    fn configure(config: &mut Config) -> Result<Self, BackendError> {
        config.integer("of", 0..=100)?;
        MADE.fetch_add(1, SeqCst);
        for _ in 0..1_000 {
            thread::yield_now();
        }
        Ok(Self)
    }
}

#[test]
fn of_several_loads_one_wins_and_nothing_that_is_counted_meanwhile_is_lost() {
    let start = Arc::new(Barrier::new(2 * THREADS));
    let loads = (0..THREADS).map(|number| {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            load_backend(BackendSpec::of::<Slow>().with_config(json!({"of": number / 2})))
        })
    });
    let loads: Vec<_> = loads.collect();
    let counts = (0..THREADS).map(|_| {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            for _ in 0..TIMES {
                COUNTED.inc();
            }
            generate_metrics().expect("it waits for who loads");
        })
    });
    let counts: Vec<_> = counts.collect();

    let results: Vec<_> = loads.into_iter().map(|load| load.join().expect("no thread panics")).collect();
    for count in counts {
        count.join().expect("no thread panics");
    }
    assert_eq!(MADE.load(SeqCst), 1);
    // The two that ask for the same.
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2);
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(&error, LoadError::Loaded { differing, .. } if differing == &["of"]), "{error:?}");
    }
    let text = generate_metrics().expect("the totals");
    assert!(text.contains(&format!("counted_total {}\n", THREADS * TIMES)), "{text}");
}
