//! A series of which a backend could not take note counts as soon as it can.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use pytheus::backends::custom::{Arena, Backend, CellAddr, FamilyKey, NewSeries, Page, SeriesKey};
use pytheus::backends::{BackendError, BackendSpec, load_backend};
use pytheus::exposition::generate_metrics;
use pytheus::metric;

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: { path } };
}

static IS_FULL: AtomicBool = AtomicBool::new(false);
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Has pages in memory, and room for series as long as it is not full.
struct Memory;

impl Arena for Memory {
    fn page(&self, _: u32, _: u32) -> Option<&'static Page> {
        Some(Box::leak(Box::default()))
    }

    fn add_series(&self, _: &NewSeries<'_>) -> Result<(), BackendError> {
        if IS_FULL.load(SeqCst) {
            return Err("full".into());
        }
        BEGUN.fetch_add(1, SeqCst);
        Ok(())
    }

    fn add_cells(&self, _: CellAddr, _: CellAddr) -> Result<(), BackendError> {
        Ok(())
    }

    fn free_series(&self, _: CellAddr) {}

    fn shared_cells(&self, _: &Arc<FamilyKey>, _: &SeriesKey, _: bool) -> Result<CellAddr, BackendError> {
        Err("there are no gauges".into())
    }
}

impl Backend for Memory {
    fn arena(&self) -> Option<Arc<dyn Arena>> {
        Some(Arc::new(Self))
    }
}

#[test]
fn a_series_that_found_no_room_counts_once_there_is_some() {
    load_backend(BackendSpec::instance(Arc::new(Memory))).expect("there is room");
    IS_FULL.store(true, SeqCst);
    let early = REQUESTS.path("/early");
    early.inc();
    assert_eq!(early.get(), 0.0, "refused, and counted as `no_room`");
    let shows = |line: &str| generate_metrics().expect("it is scraped").lines().any(|shown| shown == line);
    assert!(shows(r#"requests_total{path="/early"} 0"#));
    IS_FULL.store(false, SeqCst);
    // It is tried once in a second.
    support::wait_for("a count", || {
        early.inc();
        std::thread::sleep(Duration::from_millis(10));
        if early.get() < 1.0 { Err("none yet".to_owned()) } else { Ok(()) }
    });
    let counted = early.get();
    early.inc();
    assert_eq!(early.get(), counted + 1.0);
    assert!(shows(&format!(r#"requests_total{{path="/early"}} {}"#, counted + 1.0)), "to scrapes, too");

    // One that was removed meanwhile is not tried again: who has it still counts in another one.
    IS_FULL.store(true, SeqCst);
    let late = REQUESTS.path("/late").to_series();
    late.inc();
    assert!(REQUESTS.path("/late").remove());
    IS_FULL.store(false, SeqCst);
    std::thread::sleep(Duration::from_millis(1_100));
    let before = BEGUN.load(SeqCst);
    (0..100).for_each(|_| late.inc());
    assert_eq!((BEGUN.load(SeqCst) - before, late.get()), (1, 100.0));
}
