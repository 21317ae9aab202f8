//! A child counts in an arena of its own, from zero, and in none of its parent's cells.
#![cfg(unix)]

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use pytheus::backends::custom::{Arena, Backend, CellAddr, FamilyKey, NewSeries, Page, SeriesKey};
use pytheus::backends::{BackendError, BackendSpec, load_backend};
use pytheus::exposition::generate_metrics;
use pytheus::metric;
use support::fork::{fork, on_threads};
use support::scrapes::{Raise, samples_of_text};

const FORKS: u32 = 30;

metric! {
    /// Anything.
    static COUNTED: Counter = "counted_total";
    /// By children alone.
    static BY_N: Counter = "by_n_total" { labels: { n } };
    /// Work in progress.
    static BUSY: Gauge = "busy" { mode: live_sum };
}

/// Pages that stay, and where the series of counters begin.
#[derive(Default)]
struct Memory {
    pages: Mutex<Vec<(u32, &'static Page)>>,
    counters: Mutex<Vec<(String, CellAddr)>>,
}

impl Arena for Memory {
    fn page(&self, _: u32, page: u32) -> Option<&'static Page> {
        let new: &'static Page = Box::leak(Box::new(Page::new()));
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).push((page, new));
        Some(new)
    }

    fn add_series(&self, series: &NewSeries<'_>) -> Result<(), BackendError> {
        let begun = (series.family.name().to_owned(), series.at);
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).push(begun);
        Ok(())
    }

    fn add_cells(&self, _: CellAddr, _: CellAddr) -> Result<(), BackendError> {
        Ok(())
    }

    fn free_series(&self, _: CellAddr) {}

    fn shared_cells(&self, _: &Arc<FamilyKey>, _: &SeriesKey, _: bool) -> Result<CellAddr, BackendError> {
        Err("nothing here is common".into())
    }
}

impl Memory {
    /// What the cells of a counter hold, all its series together.
    fn sum(&self, name: &str) -> u64 {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let of_name = counters.iter().filter(|(known, _)| known == name);
        let cells = of_name.flat_map(|(_, at)| {
            let its = pages.iter().filter(|(page, _)| *page == at.page);
            its.map(|(_, page)| page.cells()[at.cell as usize].load(Acquire))
        });
        cells.sum()
    }
}

#[derive(Default)]
struct InMemory(Mutex<Arc<Memory>>);

impl InMemory {
    fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Backend for InMemory {
    fn arena(&self) -> Option<Arc<dyn Arena>> {
        Some(self.memory())
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        Ok(())
    }
}

fn count(times: u32) {
    for n in 0..times {
        COUNTED.inc();
        BY_N.n(n).inc();
    }
}

/// What a child shows, and what is in its arena, when it has counted so often.
fn assert_counted(backend: &InMemory, times: u32) {
    let samples = samples_of_text(&generate_metrics().expect("it can be scraped"));
    assert_eq!(samples.get("counted_total"), Some(&f64::from(times)));
    assert_eq!(samples.get("busy"), Some(&0.0), "what its parent is at is not its own");
    let memory = backend.memory();
    assert_eq!([memory.sum("counted_total"), memory.sum("by_n_total")], [u64::from(times); 2]);
}

#[test]
fn each_generation_counts_in_an_arena_of_its_own() {
    count(3);
    let backend = Arc::new(InMemory::default());
    load_backend(BackendSpec::instance(Arc::clone(&backend))).expect("nothing else is loaded");
    let done = AtomicBool::new(false);
    let counted: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut times = 0_u64;
                    while !done.load(Relaxed) {
                        COUNTED.inc();
                        times += 1;
                    }
                    times
                })
            })
            .collect();
        let end = Raise(&done);
        for _ in 0..FORKS {
            let work = BUSY.track_inprogress();
            fork(|| {
                count(10);
                drop(work);
                assert_counted(&backend, 10);
                fork(|| {
                    on_threads(1, |_| count(5));
                    assert_counted(&backend, 5);
                });
                count(1);
                assert_counted(&backend, 11);
            });
        }
        drop(end);
        threads.into_iter().map(|thread| thread.join().expect("it counts")).sum()
    });
    let memory = backend.memory();
    assert_eq!([memory.sum("counted_total"), memory.sum("by_n_total")], [counted + 3, 3]);
}
