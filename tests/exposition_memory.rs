//! A scrape allocates for families, not for series.

#![allow(unsafe_code, reason = "an allocator can't be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pytheus::exposition::{Exposition, generate_metrics_from};
use pytheus::metrics::{Counter, Gauge, Histogram, StateSet, Summary};
use pytheus::registry::CollectorRegistry;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Of this thread alone: the harness allocates in others.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Bytes, less what this thread has given back.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn hold(more: usize, less: usize) {
    HELD.with(|held| held.set(held.get() + more.cast_signed() - less.cast_signed()));
}

struct Counting;

// SAFETY: every call goes to the allocator of the system with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        hold(layout.size(), 0);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(0, layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        hold(size, layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// One test at a time: what a thread looks at while another removes it is dropped later.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often `act` allocates.
fn allocations(act: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    act();
    ALLOCATIONS.get() - before
}

/// So many series of each kind.
fn filled(series: usize) -> CollectorRegistry {
    let registry = CollectorRegistry::new().with_prefix("shop").unwrap().with_labels([("region", "eu")]).unwrap();
    let labels = ["path", "verb"];
    let counter = Counter::builder("a_total", "A.").label_names(labels).registry(&registry).build().unwrap();
    let gauge = Gauge::builder("b", "B.").label_names(labels).registry(&registry).build().unwrap();
    let histogram = Histogram::builder("c", "C.").label_names(labels).registry(&registry).build().unwrap();
    let summary = Summary::builder("d", "D.").label_names(labels).registry(&registry).build().unwrap();
    let states =
        StateSet::builder("e", "E.").states(["off", "on"]).label_names(labels).registry(&registry).build().unwrap();
    for number in 0..series {
        let labels = || [("path", format!("/items/{number}")), ("verb", "say \"GET\"".to_owned())];
        counter.labels(labels()).unwrap().inc_by(number as u64);
        gauge.labels(labels()).unwrap().set(number as f64 / 7.0);
        histogram.labels(labels()).unwrap().observe(number as f64);
        summary.labels(labels()).unwrap().observe(number as f64);
        states.labels(labels()).unwrap().set("on");
    }
    registry
}

#[test]
fn how_often_a_scrape_allocates_does_not_depend_on_the_number_of_series() {
    let _alone = alone();
    let [few, many] = [10, 10_000].map(|series| {
        let registry = filled(series);
        // The first one puts the series in order.
        let first = generate_metrics_from(&registry).unwrap();
        assert_eq!(first.lines().filter(|line| line.starts_with("shop_a_total{")).count(), series);
        let text = allocations(|| drop(generate_metrics_from(&registry).unwrap()));
        let pieces = allocations(|| Exposition::of(&registry).write_to(&mut io::sink()).unwrap());
        (text, pieces)
    });
    // Text may have to grow past what was expected of each of the five families; a piece by doubling from nothing.
    assert!(many.0 <= few.0 + 5, "{few:?}, {many:?}");
    assert!(many.1 <= few.1 + 17, "{few:?}, {many:?}");
}

/// What stays are the cells, eight bytes for each counter in each thread that has counted there, for the series to come.
#[test]
fn clear_gives_the_memory_of_many_series_back_to_the_allocator() {
    const SERIES: usize = 30_000;
    let _alone = alone();
    let registry = CollectorRegistry::new();
    let family =
        Counter::builder("a_total", "A.").label_names(["path"]).limit(SERIES * 2).registry(&registry).build().unwrap();
    let fill = || {
        let before = HELD.get();
        for number in 0..SERIES {
            family.labels([("path", format!("/items/{number}"))]).unwrap().inc();
        }
        HELD.get() - before
    };
    let before = HELD.get();
    let filled = fill();
    assert!(filled > (SERIES * 50).cast_signed(), "{filled} bytes");
    drop(generate_metrics_from(&registry).unwrap());
    family.clear();
    let left = HELD.get() - before;
    assert!(left < (SERIES * 10 + 200_000).cast_signed(), "{left} of {filled} bytes are still held");
    // Nor does it grow from one time to the next.
    fill();
    family.clear();
    let later = HELD.get() - before;
    assert!(later < left + 100_000, "{later} bytes are still held, {left} before");
}
