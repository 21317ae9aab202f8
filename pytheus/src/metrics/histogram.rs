//! Observations, counted in buckets.

use std::time::Duration;

use super::builder::{Builder, WithoutLabels};
use super::declared::Declared;
use super::guard::{Timed, Timer};
use super::handle::{Handle, Target};
use super::{Amount, Complete, Labelled, Metric, reading, sealed, watched};
use crate::clock::needs_clock;
use crate::diagnostics::{self, Dropped};
use crate::model::descriptor::Kind;
use crate::storage::CellSet;

/// Observations, counted in buckets: how long requests take, how large replies are.
///
/// Gives `_bucket` (cumulative, one per upper bound and `+Inf`), `_sum` and `_count`.
///
/// ```
/// pytheus::metric! {
///     /// Time that a job takes.
///     static JOB_SECONDS: Histogram = "job_seconds" { buckets: [0.1, 1.0, 10.0] };
/// }
///
/// JOB_SECONDS.observe(0.25);
/// {
///     let _timer = JOB_SECONDS.time();
///     // what is timed
/// }
/// assert_eq!(JOB_SECONDS.count(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Histogram(Handle<Self>);

impl Histogram {
    /// Starts to build a histogram at run time, with the [default buckets](crate::model::descriptor::DEFAULT_BUCKETS).
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }

    /// The histogram of a declaration.
    #[doc(hidden)]
    pub const fn declared(declared: &'static Declared<Self>) -> Self {
        Self(declared.own())
    }

    /// Counts a value in its bucket, and adds it to the sum.
    ///
    /// NaN and the infinities are refused and counted in `pytheus_dropped_updates_total`: the sum would never recover.
    #[inline]
    pub fn observe(&self, value: impl Amount) {
        observe(&self.0, value);
    }

    /// Observes a time, in seconds.
    #[inline]
    pub fn observe_duration(&self, time: Duration) {
        self.observe(time.as_secs_f64());
    }

    needs_clock! {
        /// Observes the time until the guard is stopped or dropped.
        #[inline]
        [pub fn time(&self) -> Timer<Self>] {
            Timer::start(self.clone())
        }

        /// Observes the time that `work` takes, also when it panics.
        #[inline]
        [pub fn time_call<T>(&self, work: impl FnOnce() -> T) -> T] {
            let _timer = self.time();
            work()
        }

        /// Observes the time from the first poll of a future until it is done or dropped.
        [pub fn time_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F>] {
            let metric = self.clone();
            watched(move || metric.time(), work, |_, result| result)
        }
    }

    /// How many values were observed, in this process. Meant for tests.
    pub fn count(&self) -> u64 {
        count(&self.0)
    }

    /// The sum of what was observed, in this process. Meant for tests.
    pub fn sum(&self) -> f64 {
        sum(&self.0)
    }
}

impl Timed for Histogram {
    #[inline]
    fn took(&self, seconds: f64) {
        self.observe(seconds);
    }
}

impl<L: Complete> Timed for Labelled<Histogram, L> {
    #[inline]
    fn took(&self, seconds: f64) {
        self.observe(seconds);
    }
}

super::series!(Histogram.0);

impl Metric for Histogram {
    const KIND: Kind = Kind::Histogram;
}

impl sealed::Series for Histogram {
    fn from_handle(handle: Handle<Self>) -> Self {
        Self(handle)
    }
}

/// See [`Histogram::observe`].
#[inline]
fn observe(histogram: &impl Target, value: impl Amount) {
    let value = value.as_f64();
    if value.is_finite() {
        let bucket = histogram.core().bounds.bucket_of(value);
        histogram.update(CellSet::Own, |cells| cells.observe(bucket, value));
    } else {
        diagnostics::dropped(Dropped::NonFiniteObservation);
    }
}

/// See [`Histogram::observe_duration`].
#[inline]
fn observe_duration(histogram: &impl Target, time: Duration) {
    observe(histogram, time.as_secs_f64());
}

/// See [`Histogram::count`].
fn count(histogram: &impl Target) -> u64 {
    reading::histogram(histogram).0
}

/// See [`Histogram::sum`].
fn sum(histogram: &impl Target) -> f64 {
    reading::histogram(histogram).1
}

super::labelled::forward_time!(Histogram where L: Complete);

super::labelled::forward! {
    Histogram where L: Complete {
    }
    update {
        fn observe(value: impl Amount);
        fn observe_duration(time: Duration);
    }
    read {
        fn count() -> u64;
        fn sum() -> f64;
    }
}

/// `N` bounds from `start` on, each `width` above the one before.
///
/// ```
/// assert_eq!(pytheus::metrics::linear_buckets::<3>(1.0, 0.5), [1.0, 1.5, 2.0]);
/// ```
pub const fn linear_buckets<const N: usize>(start: f64, width: f64) -> [f64; N] {
    let mut bounds = [start; N];
    let mut i = 0;
    while i < N {
        // One rounding per bound: adding up would carry each error on.
        bounds[i] = start + width * i as f64;
        i += 1;
    }
    bounds
}

/// `N` bounds from `start` on, each `factor` times the one before.
///
/// ```
/// assert_eq!(pytheus::metrics::exponential_buckets::<4>(1.0, 2.0), [1.0, 2.0, 4.0, 8.0]);
/// ```
pub const fn exponential_buckets<const N: usize>(start: f64, factor: f64) -> [f64; N] {
    let mut bounds = [start; N];
    let mut i = 1;
    while i < N {
        bounds[i] = bounds[i - 1] * factor;
        i += 1;
    }
    bounds
}
