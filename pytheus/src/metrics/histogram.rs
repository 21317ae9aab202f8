//! Observations, counted in buckets.

use std::sync::Arc;
use std::time::Duration;

use super::builder::{Builder, WithoutLabels};
use super::child::Handle;
use super::declared::Declared;
use super::guard::{Timed, Timer};
use super::{Amount, Metric, sealed, watched};
use crate::descriptor::{Descriptor, Kind};
use crate::diagnostics::{self, Dropped};
use crate::labels::LabelValues;
use crate::number::Number;
use crate::snapshot::FamilySnapshot;
use crate::storage::{BucketCells, Cells};

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
    /// Starts to build a histogram at run time, with the [default buckets](crate::descriptor::DEFAULT_BUCKETS).
    #[allow(clippy::new_ret_no_self, reason = "as in pytheus: the name and help come first, `build` last")]
    #[track_caller]
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
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
        let value = value.as_f64();
        if value.is_finite() {
            self.0.update(|cells| cells.observe(value));
        } else {
            diagnostics::dropped(Dropped::NonFiniteObservation);
        }
    }

    /// Observes a time, in seconds.
    #[inline]
    pub fn observe_duration(&self, time: Duration) {
        self.observe(time.as_secs_f64());
    }

    /// Observes the time until the guard is stopped or dropped.
    pub fn time(&self) -> Timer<Self> {
        Timer::start(self.clone())
    }

    /// Observes the time that `work` takes, also when it panics.
    pub fn time_fn<T>(&self, work: impl FnOnce() -> T) -> T {
        let _timer = self.time();
        work()
    }

    /// Observes the time from the first poll of a future until it is done or dropped.
    pub fn time_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let metric = self.clone();
        watched(move || metric.time(), work, |_, result| result)
    }

    /// How many values were observed, in this process. Meant for tests.
    pub fn count(&self) -> u64 {
        self.0.read(|cells| cells.buckets.count())
    }

    /// The sum of what was observed, in this process. Meant for tests.
    pub fn sum(&self) -> f64 {
        self.0.read(|cells| cells.buckets.sum())
    }
}

impl Timed for Histogram {
    fn elapsed(&self, time: Duration) {
        self.observe_duration(time);
    }
}

super::series!(Histogram.0);

impl Metric for Histogram {
    const KIND: Kind = Kind::Histogram;
}

/// The cells of a histogram and the bounds that lead to them.
#[derive(Debug)]
pub struct HistogramCells {
    bounds: Arc<[f64]>,
    buckets: BucketCells,
}

impl HistogramCells {
    #[inline]
    fn observe(&self, value: f64) {
        // `le`: a value that equals a bound belongs to it.
        self.buckets.observe(self.bounds.partition_point(|bound| *bound < value), value);
    }
}

impl Cells for HistogramCells {
    fn read(&self, parts: &mut Vec<Number>) {
        self.buckets.read(parts);
    }
}

impl sealed::Parts for Histogram {
    type Cells = HistogramCells;

    fn cells(descriptor: &Descriptor) -> HistogramCells {
        let bounds = descriptor.buckets();
        HistogramCells { bounds: bounds.into(), buckets: BucketCells::new(bounds.len() + 1) }
    }

    fn samples(descriptor: &Descriptor, labels: &LabelValues, parts: &[Number], out: &mut FamilySnapshot) {
        let Some((sum, [counts @ .., above])) = parts.split_last() else { return };
        let whole = |number: &Number| match *number {
            Number::Int(count) => count,
            Number::Float(_) => 0,
        };
        let buckets = descriptor.buckets().iter().copied().zip(counts.iter().map(whole));
        out.push_buckets(labels.as_slice(), buckets, whole(above), sum.as_f64());
    }

    fn from_handle(handle: Handle<Self>) -> Self {
        Self(handle)
    }
}

super::labelled::forward! {
    Histogram {
        fn observe(value: impl Amount);
        fn observe_duration(time: Duration);
        fn time() -> Timer<Histogram>;
        fn time_fn<T>(work: impl FnOnce() -> T) -> T;
    }
    read {
        fn count() -> u64;
        fn sum() -> f64;
    }
    async {
        fn time_future<F: Future>(work: F) -> F::Output = |metric: Histogram| metric.time(), |_, result| result;
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
