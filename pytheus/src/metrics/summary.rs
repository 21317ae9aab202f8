//! Observations, counted, and their sum.

use std::time::Duration;

use crate::diagnostics::{self, Dropped};
use crate::metrics::amount::Amount;
use crate::metrics::builder::{Builder, WithoutLabels};
use crate::metrics::call::timed;
use crate::metrics::family::collect;
use crate::metrics::handle::{Handle, Updatable};
use crate::metrics::metric::metric;
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
#[derive(Debug, Clone, Copy)]
pub struct Summary<T = Handle>(T);

metric!(Summary);
timed!(Summary, "Observes", observe);

impl Summary {
    /// Starts to build a summary at run time.
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }
}

impl<T> Summary<T> {
    /// Counts a value, and adds it to the sum.
    ///
    /// NaN and the infinities are refused and counted in `pytheus_dropped_updates_total`: the sum would never recover.
    #[inline]
    pub fn observe(&self, value: impl Amount)
    where
        T: Updatable,
    {
        let value = value.as_f64();
        if value.is_finite() {
            self.0.update(CellSet::Own, |cells| cells.observe(0, value));
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
