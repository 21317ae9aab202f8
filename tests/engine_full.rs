//! When the process has no more cells: what needs some is counted as lost, and nothing else is disturbed.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;

use pytheus::metric;
use pytheus::metrics::{Counter, Family, Gauge, Histogram, Info};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

metric! {
    /// Work that finds no cells.
    static WORK: Gauge = "late_work";
}

fn lost() -> f64 {
    REGISTRY.sample_value("pytheus_dropped_updates_total", &[("reason", "no_room")]).unwrap_or(0.0)
}

/// Takes all cells there are, without counting in them: they cost no memory.
fn take_all_cells() -> Result<(Family<Histogram>, Family<Counter>), Box<dyn Error>> {
    // Each series takes 256 cells, four of them beside those of its bounds.
    let bounds: Vec<_> = (0..252).map(f64::from).collect();
    let large =
        Histogram::new("large", "Large.").labels(["n"]).buckets(bounds).limit(1 << 17).unregistered().build()?;
    for n in 0..(1 << 16) {
        large.labels([("n", n)])?;
    }
    // What is left where they do not fit.
    let small = Counter::new("small_total", "Small.").labels(["n"]).limit(1_000).unregistered().build()?;
    for n in 0..512 {
        small.labels([("n", n)])?;
    }
    Ok((large, small))
}

#[test]
fn what_finds_no_cells_is_counted_as_lost() -> Result<(), Box<dyn Error>> {
    let early = Counter::new("early_total", "Early.").unregistered().build()?;
    let room = Gauge::new("room", "Gives its cells back.").unregistered().build()?;
    room.set(5.0);
    // Cells for work in progress, too.
    drop(room.track_inprogress());
    let _held = take_all_cells()?;
    assert_eq!(lost(), 0.0);

    // Each kind of update, of each kind of handle, is counted once.
    let late = Counter::new("late_total", "Late.").labels(["n"]).unregistered().build()?;
    let kept = late.labels([("n", 0)])?;
    kept.inc();
    assert_eq!(lost(), 1.0);
    kept.inc_by(0.5);
    assert_eq!(lost(), 2.0);
    assert_eq!(kept.get(), 0.0);
    WORK.set(3.0);
    assert_eq!(lost(), 3.0);
    Info::new("late_info", "Late.").unregistered().build()?.set();
    assert_eq!(lost(), 4.0);
    let histogram = Histogram::new("late_seconds", "Late.").unregistered().build()?;
    histogram.observe(1.0);
    assert_eq!((lost(), histogram.count()), (5.0, 0));
    early.inc();
    assert_eq!((lost(), early.get()), (5.0, 1.0));

    // Closures are told apart.
    let registry = CollectorRegistry::new();
    let read = Gauge::new("read", "Read.").labels(["n"]).registry(&registry).build()?;
    for n in 0..3 {
        read.labels([("n", n)])?.read_with(move || f64::from(n));
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
