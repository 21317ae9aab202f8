//! Without free cells, updates in need of some are counted as lost, and all others go on.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pytheus::metric;
use pytheus::metrics::{Counter, Family, Gauge, Histogram, Info};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

metric! {
    /// Work that finds no cells.
    static WORK: Gauge = "late_work";
}

/// Keeps other tests from the cells.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost() -> f64 {
    REGISTRY.sample_value("pytheus_dropped_updates_total", &[("reason", "no_room")]).unwrap_or(0.0)
}

/// Allocates all cells, without counting in them: they cost no memory.
fn allocate_all_cells() -> Result<(Family<Histogram>, Family<Counter>), Box<dyn Error>> {
    // Each series takes 256 cells, four of them beside those of its bounds.
    let bounds: Vec<_> = (0..252).map(f64::from).collect();
    let large = Histogram::builder("large", "Large.")
        .label_names(["n"])
        .buckets(bounds)
        .limit(1 << 17)
        .unregistered()
        .build()?;
    for n in 0..(1 << 16) {
        large.labels([("n", n)])?;
    }
    // The rest of each page.
    let small = Counter::builder("small_total", "Small.").label_names(["n"]).limit(1_000).unregistered().build()?;
    for n in 0..512 {
        small.labels([("n", n)])?;
    }
    Ok((large, small))
}

metric! {
    /// Used for the first time when there are no cells.
    static LATE: Counter = "first_used_when_full_total";
    /// By a closed set.
    static CLOSED: Counter = "closed_when_full_total" { labels: { full: bool } };
}

#[test]
fn a_metric_first_used_without_free_cells_counts_once_others_are_cleared() -> Result<(), Box<dyn Error>> {
    let _alone = alone();
    let (large, small) = allocate_all_cells()?;
    let late = Counter::builder("late_labelled_total", "Late.").label_names(["n"]).unregistered().build()?;
    let histogram = Histogram::builder("late_later_seconds", "Late.").buckets([1.0]).unregistered().build()?;
    let kept = late.labels([("n", 0)])?;
    let lost_before = lost();
    for _ in 0..2 {
        LATE.inc();
        CLOSED.full(true).inc();
        kept.inc_by(0.5);
        histogram.observe(0.5);
    }
    assert_eq!(lost() - lost_before, 8.0);
    assert_eq!((LATE.get(), CLOSED.full(true).get(), kept.get(), histogram.count()), (0.0, 0.0, 0.0, 0));

    // The cells of one histogram have room for all of these.
    assert!(large.remove([("n", 7)])?);
    // A scrape, or another walk over all series, frees it.
    large.retain(|_| true);
    for _ in 0..2 {
        LATE.inc();
        CLOSED.full(true).inc();
        kept.inc_by(0.5);
        histogram.observe(0.5);
    }
    assert_eq!((LATE.get(), CLOSED.full(true).get(), kept.get(), histogram.count()), (2.0, 2.0, 1.0, 2));
    assert_eq!(lost() - lost_before, 8.0);

    // The cells of freed counters fit histograms again.
    large.clear();
    small.clear();
    let held = allocate_all_cells()?;
    assert_eq!(lost() - lost_before, 8.0);
    held.0.labels([("n", 30_000)])?.observe(1.0);
    assert_eq!(lost() - lost_before, 8.0);
    drop(held);
    Ok(())
}

#[test]
fn updates_without_free_cells_are_counted_as_lost() -> Result<(), Box<dyn Error>> {
    let _alone = alone();
    let early = Counter::builder("early_total", "Early.").unregistered().build()?;
    let room = Gauge::builder("room", "Gives its cells back.").unregistered().build()?;
    room.set(5.0);
    // Cells for work in progress, too.
    drop(room.track_inprogress());
    let _held = allocate_all_cells()?;
    // Not before: a scrape gives each declared metric its cells, while there are some.
    let before = lost();
    let lost = || lost() - before;

    // Each kind of update, of each kind of handle, is counted once.
    let late = Counter::builder("late_total", "Late.").label_names(["n"]).unregistered().build()?;
    let kept = late.labels([("n", 0)])?;
    kept.inc();
    assert_eq!(lost(), 1.0);
    kept.inc_by(0.5);
    assert_eq!(lost(), 2.0);
    assert_eq!(kept.get(), 0.0);
    WORK.set(3.0);
    assert_eq!(lost(), 3.0);
    Info::builder("late_info", "Late.").unregistered().build()?.set();
    assert_eq!(lost(), 4.0);
    let histogram = Histogram::builder("late_seconds", "Late.").unregistered().build()?;
    histogram.observe(1.0);
    assert_eq!((lost(), histogram.count()), (5.0, 0));
    early.inc();
    assert_eq!((lost(), early.get()), (5.0, 1.0));

    // Closures are told apart.
    let registry = CollectorRegistry::new();
    let read = Gauge::builder("read", "Read.").label_names(["n"]).registry(&registry).build()?;
    for n in 0..3 {
        read.labels([("n", n)])?.set_function(move || f64::from(n));
    }
    for n in 0..3 {
        assert_eq!(registry.sample_value("read", &[("n", &n.to_string())]), Some(f64::from(n)));
    }
    assert!(read.remove([("n", 1)])?);
    assert_eq!(registry.sample_value("read", &[("n", "2")]), Some(2.0));
    assert_eq!(lost(), 5.0);

    // A guard that has found no cells takes nothing from the series that finds some later.
    let guard = WORK.track_inprogress();
    assert_eq!((lost(), WORK.get()), (6.0, 0.0));
    drop(room);
    assert!(WORK.remove());
    WORK.inc();
    let other = WORK.track_inprogress();
    assert_eq!((lost(), WORK.get()), (6.0, 2.0));
    drop(guard);
    assert_eq!(WORK.get(), 2.0);
    drop(other);
    assert_eq!(WORK.get(), 1.0);
    Ok(())
}
