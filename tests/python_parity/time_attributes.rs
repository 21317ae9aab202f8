//! `#[gauge]`, `#[histogram]` and `#[summary]` do what those metrics do as decorators in Python pytheus.
//!
//! `behaviours.tsv` says which upstream test each of these stands for.

#![allow(clippy::float_cmp, reason = "what is counted here is exact")]
#![allow(clippy::unused_async, reason = "the attribute is what is tested, not the body")]

use std::thread::sleep;
use std::time::Duration;

use pytheus::{gauge, histogram, metric, summary};

use crate::block_on::block_on;

/// A sleep is never shorter than this, so what times it sees at least as much.
const WORK: Duration = Duration::from_millis(1);

fn is_work(seconds: f64) -> bool {
    seconds >= WORK.as_secs_f64()
}

#[test]
fn a_gauge_is_set_to_the_time_of_a_function() {
    metric! {
        /// Time of the last call.
        static LAST_SECONDS: Gauge = "last_seconds";
    }

    #[gauge(LAST_SECONDS, time)]
    fn works() {
        sleep(WORK);
    }

    works();
    assert!(is_work(LAST_SECONDS.get()));
}

#[test]
fn a_gauge_is_set_to_the_time_of_an_async_function() {
    metric! {
        /// Time of the last call.
        static LAST_SECONDS: Gauge = "last_async_seconds";
    }

    #[gauge(LAST_SECONDS, time)]
    async fn works() {
        sleep(WORK);
    }

    block_on(works());
    assert!(is_work(LAST_SECONDS.get()));
}

#[test]
fn a_gauge_tracks_a_function_in_progress() {
    metric! {
        /// Calls in progress.
        static IN_PROGRESS: Gauge = "calls_in_progress";
    }

    #[gauge(IN_PROGRESS, track_inprogress)]
    fn works() -> f64 {
        IN_PROGRESS.get()
    }

    assert_eq!(works(), 1.0);
    assert_eq!(IN_PROGRESS.get(), 0.0);
}

#[test]
fn a_gauge_tracks_an_async_function_in_progress() {
    metric! {
        /// Calls in progress.
        static IN_PROGRESS: Gauge = "async_calls_in_progress";
    }

    #[gauge(IN_PROGRESS, track_inprogress)]
    async fn works() -> f64 {
        IN_PROGRESS.get()
    }

    assert_eq!(block_on(works()), 1.0);
    assert_eq!(IN_PROGRESS.get(), 0.0);
}

#[test]
fn a_histogram_observes_the_time_of_a_function() {
    metric! {
        /// Time of a call.
        static SECONDS: Histogram = "histogram_seconds";
    }

    #[histogram(SECONDS)]
    fn works() {
        sleep(WORK);
    }

    works();
    assert_eq!(SECONDS.count(), 1);
    assert!(is_work(SECONDS.sum()));
}

#[test]
fn one_histogram_observes_the_time_of_two_functions() {
    metric! {
        /// Time of a call.
        static SECONDS: Histogram = "two_histogram_seconds";
    }

    #[histogram(SECONDS)]
    fn first() {
        sleep(WORK);
    }

    #[histogram(SECONDS)]
    fn second() {}

    first();
    second();
    assert_eq!(SECONDS.count(), 2);
    assert!(is_work(SECONDS.sum()));
}

#[test]
fn a_histogram_observes_the_time_of_an_async_function() {
    metric! {
        /// Time of a call.
        static SECONDS: Histogram = "async_histogram_seconds";
    }

    #[histogram(SECONDS)]
    async fn works() {
        sleep(WORK);
    }

    block_on(works());
    assert_eq!(SECONDS.count(), 1);
    assert!(is_work(SECONDS.sum()));
}

#[test]
fn one_histogram_observes_the_time_of_two_async_functions() {
    metric! {
        /// Time of a call.
        static SECONDS: Histogram = "two_async_histogram_seconds";
    }

    #[histogram(SECONDS)]
    async fn first() {
        sleep(WORK);
    }

    #[histogram(SECONDS)]
    async fn second() {}

    block_on(first());
    block_on(second());
    assert_eq!(SECONDS.count(), 2);
    assert!(is_work(SECONDS.sum()));
}

#[test]
fn a_summary_observes_the_time_of_a_function() {
    metric! {
        /// Time of a call.
        static SECONDS: Summary = "summary_seconds";
    }

    #[summary(SECONDS)]
    fn works() {
        sleep(WORK);
    }

    works();
    assert_eq!(SECONDS.count(), 1);
    assert!(is_work(SECONDS.sum()));
}

#[test]
fn one_summary_observes_the_time_of_two_functions() {
    metric! {
        /// Time of a call.
        static SECONDS: Summary = "two_summary_seconds";
    }

    #[summary(SECONDS)]
    fn first() {
        sleep(WORK);
    }

    #[summary(SECONDS)]
    fn second() {}

    first();
    second();
    assert_eq!(SECONDS.count(), 2);
    assert!(is_work(SECONDS.sum()));
}

#[test]
fn a_summary_observes_the_time_of_an_async_function() {
    metric! {
        /// Time of a call.
        static SECONDS: Summary = "async_summary_seconds";
    }

    #[summary(SECONDS)]
    async fn works() {
        sleep(WORK);
    }

    block_on(works());
    assert_eq!(SECONDS.count(), 1);
    assert!(is_work(SECONDS.sum()));
}

#[test]
fn one_summary_observes_the_time_of_two_async_functions() {
    metric! {
        /// Time of a call.
        static SECONDS: Summary = "two_async_summary_seconds";
    }

    #[summary(SECONDS)]
    async fn first() {
        sleep(WORK);
    }

    #[summary(SECONDS)]
    async fn second() {}

    block_on(first());
    block_on(second());
    assert_eq!(SECONDS.count(), 2);
    assert!(is_work(SECONDS.sum()));
}
