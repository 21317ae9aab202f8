//! Observations, counted, and their sum.

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
use crate::storage::BucketCells;

/// How many observations, and their sum: an average at the least cost. It has no quantiles, as in pytheus; those of
/// several processes could not be put together. A [`Histogram`](super::Histogram) has them.
///
/// ```
/// pytheus::metric! {
///     /// Size of a reply.
///     static REPLY_BYTES: Summary = "reply_bytes" { unit: "bytes" };
/// }
///
/// REPLY_BYTES.observe(512.0);
/// assert_eq!((REPLY_BYTES.count(), REPLY_BYTES.sum()), (1, 512.0));
/// ```
#[derive(Debug, Clone)]
pub struct Summary(Handle<Self>);

impl Summary {
    /// Starts to build a summary at run time.
    #[allow(clippy::new_ret_no_self, reason = "as in pytheus: the name and help come first, `build` last")]
    #[track_caller]
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }

    /// The summary of a declaration.
    #[doc(hidden)]
    pub const fn declared(declared: &'static Declared<Self>) -> Self {
        Self(declared.own())
    }

    /// Counts a value, and adds it to the sum.
    ///
    /// NaN and the infinities are refused and counted in `pytheus_dropped_updates_total`: the sum would never recover.
    #[inline]
    pub fn observe(&self, value: impl Amount) {
        let value = value.as_f64();
        if value.is_finite() {
            self.0.update(|cells| cells.observe(0, value));
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
        self.0.read(BucketCells::count)
    }

    /// The sum of what was observed, in this process. Meant for tests.
    pub fn sum(&self) -> f64 {
        self.0.read(BucketCells::sum)
    }
}

impl Timed for Summary {
    fn elapsed(&self, time: Duration) {
        self.observe_duration(time);
    }
}

super::series!(Summary.0);

impl Metric for Summary {
    const KIND: Kind = Kind::Summary;
}

impl sealed::Parts for Summary {
    /// A single bucket.
    type Cells = BucketCells;

    fn cells(_: &Descriptor) -> BucketCells {
        BucketCells::new(1)
    }

    fn samples(_: &Descriptor, labels: &LabelValues, parts: &[Number], out: &mut FamilySnapshot) {
        if let [count, sum] = parts {
            out.push_part("_sum", labels.iter(), None, *sum);
            out.push_part("_count", labels.iter(), None, *count);
        }
    }

    fn from_handle(handle: Handle<Self>) -> Self {
        Self(handle)
    }
}

super::labelled::forward! {
    Summary {
        fn observe(value: impl Amount);
        fn observe_duration(time: Duration);
        fn time() -> Timer<Summary>;
        fn time_fn<T>(work: impl FnOnce() -> T) -> T;
    }
    read {
        fn count() -> u64;
        fn sum() -> f64;
    }
    async {
        fn time_future<F: Future>(work: F) -> F::Output = |metric: Summary| metric.time(), |_, result| result;
    }
}
