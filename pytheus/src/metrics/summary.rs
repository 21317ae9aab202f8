//! Observations, counted, and their sum.

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
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
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

impl Timed for Summary {
    #[inline]
    fn took(&self, seconds: f64) {
        self.observe(seconds);
    }
}

impl<L: Complete> Timed for Labelled<Summary, L> {
    #[inline]
    fn took(&self, seconds: f64) {
        self.observe(seconds);
    }
}

super::series!(Summary.0);

impl Metric for Summary {
    const KIND: Kind = Kind::Summary;
}

impl sealed::Series for Summary {
    fn from_handle(handle: Handle<Self>) -> Self {
        Self(handle)
    }
}

/// See [`Summary::observe`].
#[inline]
fn observe(summary: &impl Target, value: impl Amount) {
    let value = value.as_f64();
    if value.is_finite() {
        summary.update(CellSet::Own, |cells| cells.observe(0, value));
    } else {
        diagnostics::dropped(Dropped::NonFiniteObservation);
    }
}

/// See [`Summary::observe_duration`].
#[inline]
fn observe_duration(summary: &impl Target, time: Duration) {
    observe(summary, time.as_secs_f64());
}

/// See [`Summary::count`].
fn count(summary: &impl Target) -> u64 {
    reading::histogram(summary).0
}

/// See [`Summary::sum`].
fn sum(summary: &impl Target) -> f64 {
    reading::histogram(summary).1
}

super::labelled::forward_time!(Summary where L: Complete);

super::labelled::forward! {
    Summary where L: Complete {
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
