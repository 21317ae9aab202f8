//! Observations, counted in buckets.

use std::time::Duration;

use crate::diagnostics::{self, Dropped};
use crate::metrics::amount::Amount;
use crate::metrics::builder::{Builder, WithoutLabels};
use crate::metrics::call::timed;
use crate::metrics::family::collect;
use crate::metrics::handle::{Handle, Updatable};
use crate::metrics::metric::metric;
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
#[derive(Debug, Clone, Copy)]
pub struct Histogram<T = Handle>(T);

metric!(Histogram);
timed!(Histogram, "Observes", observe);

impl Histogram {
    /// Starts to build a histogram at run time, with the [default buckets](crate::model::descriptor::DEFAULT_BUCKETS).
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }
}

impl<L> Builder<'_, Histogram, L> {
    /// Sets the upper bounds of the buckets, at most 500; `+Inf` is added when missing.
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.spec.buckets = Some(bounds.into_iter().collect());
        self
    }
}

impl<T> Histogram<T> {
    /// Counts a value in its bucket, and adds it to the sum.
    ///
    /// NaN and the infinities are refused and counted in `pytheus_dropped_updates_total`: the sum would never recover.
    #[inline]
    pub fn observe(&self, value: impl Amount)
    where
        T: Updatable,
    {
        let value = value.as_f64();
        if value.is_finite() {
            let bucket = self.0.core().bounds.bucket_of(value);
            self.0.update(CellSet::Own, |cells| cells.observe(bucket, value));
        } else {
            diagnostics::dropped(Dropped::NonFiniteObservation);
        }
    }

    /// Observes a time, in seconds.
    #[inline]
    pub fn observe_duration(&self, time: Duration)
    where
        T: Updatable,
    {
        self.observe(time.as_secs_f64());
    }

    /// Returns the number of observations, in this process. Meant for tests.
    pub fn count(&self) -> u64
    where
        T: Updatable,
    {
        collect::observations(self.descriptor(), self.0.lookup().as_ref()).0
    }

    /// Returns the sum of the observations, in this process. Meant for tests.
    pub fn sum(&self) -> f64
    where
        T: Updatable,
    {
        collect::observations(self.descriptor(), self.0.lookup().as_ref()).1
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
