//! Guards, closures and futures: what Python pytheus does with context managers.
//!
//! `behaviours.tsv` says which upstream test each of these stands for.

#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::thread::sleep;
use std::time::Duration;

use pytheus::metrics::{Counter, Gauge, Histogram, Summary};

use crate::block_on::block_on;
use crate::fault::{Fault, raise};

/// A sleep is never shorter than this, so what times it sees at least as much.
const WORK: Duration = Duration::from_millis(1);

fn counter() -> Counter {
    Counter::builder("name", "desc").unregistered().build().expect("the name and help are sound")
}

fn gauge() -> Gauge {
    Gauge::builder("name", "desc").unregistered().build().expect("the name and help are sound")
}

fn histogram() -> Histogram {
    Histogram::builder("name", "desc").unregistered().build().expect("the name and help are sound")
}

fn summary() -> Summary {
    Summary::builder("name", "desc").unregistered().build().expect("the name and help are sound")
}

fn is_work(seconds: f64) -> bool {
    seconds >= WORK.as_secs_f64()
}

#[test]
fn a_gauge_tracks_work_in_progress() {
    let gauge = gauge();
    {
        let _guard = gauge.track_inprogress();
        assert_eq!(gauge.get(), 1.0);
    }
    assert_eq!(gauge.get(), 0.0);
}

#[test]
fn a_gauge_tracks_nested_work_in_progress() {
    let gauge = gauge();
    drop(gauge.track_inprogress());
    {
        let _outer = gauge.track_inprogress();
        let _inner = gauge.track_inprogress();
        assert_eq!(gauge.get(), 2.0);
    }
    assert_eq!(gauge.get(), 0.0);
}

#[test]
fn a_gauge_tracks_a_closure_in_progress() {
    let gauge = gauge();
    assert_eq!(gauge.track_inprogress_call(|| gauge.get()), 1.0);
    assert_eq!(gauge.get(), 0.0);
}

#[test]
fn a_gauge_tracks_a_future_in_progress_once_it_is_polled() {
    let gauge = gauge();
    let work = gauge.track_inprogress_future(async { gauge.get() });
    assert_eq!(gauge.get(), 0.0);
    assert_eq!(block_on(work), 1.0);
    assert_eq!(gauge.get(), 0.0);
}

#[test]
fn a_gauge_is_set_to_the_time_of_a_block() {
    let gauge = gauge();
    {
        let _timer = gauge.time();
        sleep(WORK);
    }
    assert!(is_work(gauge.get()));
}

#[test]
fn a_gauge_is_set_to_the_time_of_a_closure() {
    let gauge = gauge();
    gauge.time_call(|| sleep(WORK));
    assert!(is_work(gauge.get()));
}

#[test]
fn a_histogram_observes_the_time_of_a_block() {
    let histogram = histogram();
    {
        let _timer = histogram.time();
        sleep(WORK);
    }
    assert_eq!(histogram.count(), 1);
    assert!(is_work(histogram.sum()));
}

#[test]
fn a_histogram_observes_the_time_of_a_closure() {
    let histogram = histogram();
    histogram.time_call(|| sleep(WORK));
    assert_eq!(histogram.count(), 1);
    assert!(is_work(histogram.sum()));
}

#[test]
fn a_histogram_observes_the_time_of_a_future() {
    let histogram = histogram();
    block_on(histogram.time_future(async { sleep(WORK) }));
    assert_eq!(histogram.count(), 1);
    assert!(is_work(histogram.sum()));
}

#[test]
fn a_summary_observes_the_time_of_a_block() {
    let summary = summary();
    {
        let _timer = summary.time();
        sleep(WORK);
    }
    assert_eq!(summary.count(), 1);
    assert!(is_work(summary.sum()));
}

#[test]
fn a_summary_observes_the_time_of_a_closure() {
    let summary = summary();
    summary.time_call(|| sleep(WORK));
    assert_eq!(summary.count(), 1);
    assert!(is_work(summary.sum()));
}

#[test]
fn a_summary_observes_the_time_of_a_future() {
    let summary = summary();
    block_on(summary.time_future(async { sleep(WORK) }));
    assert_eq!(summary.count(), 1);
    assert!(is_work(summary.sum()));
}

#[test]
fn an_error_of_a_future_is_counted_and_handed_on() {
    let counter = counter();
    assert_eq!(block_on(counter.count_errors_future(async { raise(Fault::Value) })), Err(Fault::Value));
    assert_eq!(counter.get(), 1.0);
}

#[test]
fn an_error_of_a_future_that_is_not_asked_for_is_handed_on_uncounted() {
    let counter = counter();
    let result = |fault| {
        let work = counter.count_errors_if_future(async move { raise(fault) }, |fault| matches!(fault, Fault::Index));
        block_on(work)
    };
    assert_eq!(result(Fault::Value), Err(Fault::Value));
    assert_eq!(counter.get(), 0.0);
    assert_eq!(result(Fault::Index), Err(Fault::Index));
    assert_eq!(counter.get(), 1.0);
}
