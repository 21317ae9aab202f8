//! Guards: each begins when it is made and ends when it is dropped.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use crate::clock::{self, Moment};
use crate::metrics::call::instrumented::PanicObserver;
use crate::metrics::declared::Declared;
use crate::metrics::family::record_no_room;
use crate::metrics::handle::{Handle, Source, Target as _};
use crate::storage::{CellSet, Cells, Series};

/// A metric that times are recorded in.
pub trait Timed {
    /// Records a time.
    fn record_seconds(&self, seconds: f64);
}

// References, and the labelled handles of `metric!`.
impl<T: Deref<Target: Timed>> Timed for T {
    #[inline]
    fn record_seconds(&self, seconds: f64) {
        (**self).record_seconds(seconds);
    }
}

/// Measures the time until it is stopped or dropped: by a return, a `?`, a panic, or a dropped future.
///
/// ```
/// # let histogram = pytheus::metrics::Histogram::builder("h", "H.").unregistered().build()?;
/// let timer = histogram.time();
/// let took = timer.stop(); // observes, and says how long it was
/// assert_eq!(histogram.sum(), took.as_secs_f64());
///
/// histogram.time().discard(); // observes nothing
/// assert_eq!(histogram.count(), 1);
/// # Ok::<(), pytheus::error::RegisterError>(())
/// ```
///
/// # The clock
///
/// On Linux (64-bit x86 and ARM), a process that has taken a thousand times goes on to read the CPU's own counter, at a third
/// of the cost of [`Instant`](std::time::Instant): through the crate `quanta`, calibrated by a temporary thread, and only if
/// Linux itself keeps the time by that counter. Everywhere else, and until then, the clock is `Instant`. A time is never
/// negative, and within a thousandth of `Instant`. A suspension of the machine may count, unlike with `Instant`.
///
/// To use `Instant` alone, build with `default-features = false`, without the feature `fast-clock`, or set the environment
/// variable `PYTHEUS_CLOCK` to `system`.
///
/// On `wasm32-unknown-unknown` std has no clock: there each use of a timer is a [compile error](crate::guide::platforms).
#[must_use = "a timer that is dropped at once takes no time: bind it, `let _timer = ..`"]
#[derive(Debug)]
pub struct Timer<M: Timed> {
    metric: Option<M>,
    started: Moment,
}

impl<M: Timed> Timer<M> {
    #[inline]
    pub(crate) fn start(metric: M) -> Self {
        Self { metric: Some(metric), started: Moment::now() }
    }

    /// Records the time, and returns it.
    #[inline]
    #[allow(clippy::must_use_candidate, reason = "stopping is the point, the time a bonus")]
    pub fn stop(mut self) -> Duration {
        let time = self.started.elapsed();
        if let Some(metric) = self.metric.take() {
            metric.record_seconds(time.as_secs_f64());
        }
        time
    }

    /// Records the time in another series, known only at the end, and returns it.
    ///
    /// ```
    /// pytheus::metric! {
    ///     /// Time of a job.
    ///     static JOB_SECONDS: Histogram = "stop_into_seconds" { labels: { result } };
    /// }
    ///
    /// fn run(text: &str) -> Result<u8, std::num::ParseIntError> {
    ///     let timer = JOB_SECONDS.result("failed").time(); // at a `?`, and after a panic
    ///     let number = text.parse()?;
    ///     timer.stop_into(&JOB_SECONDS.result("done"));
    ///     Ok(number)
    /// }
    ///
    /// run("3")?;
    /// assert_eq!(JOB_SECONDS.result("done").count(), 1);
    /// assert_eq!(JOB_SECONDS.result("failed").count(), 0);
    /// # Ok::<(), std::num::ParseIntError>(())
    /// ```
    #[inline]
    #[allow(clippy::must_use_candidate, reason = "stopping is the point, the time a bonus")]
    pub fn stop_into(mut self, series: &impl Timed) -> Duration {
        self.metric = None;
        let time = self.started.elapsed();
        series.record_seconds(time.as_secs_f64());
        time
    }

    /// Records nothing.
    pub fn discard(mut self) {
        self.metric = None;
    }
}

impl<M: Timed> Drop for Timer<M> {
    #[inline]
    fn drop(&mut self) {
        if let Some(metric) = &self.metric {
            metric.record_seconds(clock::seconds_since(self.started));
        }
    }
}

impl<M: Timed> PanicObserver for Timer<M> {}

/// Keeps a gauge one higher until it is dropped.
///
/// A removal of the series removes its share as well: the series that comes back starts from zero.
#[must_use = "work that is dropped at once is not in progress: bind it, `let _guard = ..`"]
pub struct InProgress(Tracked);

/// The way to the cells of the gauge.
enum Tracked {
    Declared(&'static Declared),
    Series(Series),
}

impl InProgress {
    #[inline]
    pub(crate) fn start(gauge: &Handle) -> Self {
        match gauge.slot_ref().cells(CellSet::Extra) {
            // The flag in the shared cell was set by then, for a concurrent `set`.
            Some(cells) if cells.has_begun_work() => {
                cells.begin_work();
                Self(match gauge.source() {
                    Source::Declared(declared) => Tracked::Declared(declared),
                    Source::Resolved(resolved) => Tracked::Series(resolved.series.clone()),
                })
            }
            _ => Self::start_slow(gauge),
        }
    }

    #[cold]
    fn start_slow(gauge: &Handle) -> Self {
        loop {
            let series = gauge.series();
            // The flag is set before the work begins, so that every later `set` sees it.
            let mut is_here = true;
            let marked = series.update(CellSet::Shared, &mut |cells| is_here = cells.set_in_flight());
            if !is_here {
                // The value is being relocated.
                std::hint::spin_loop();
                continue;
            }
            let begun = marked.and_then(|_| gauge.core().update_slow(&series, CellSet::Extra, &mut Cells::begin_work));
            gauge.refresh();
            if record_no_room(begun).is_ok() {
                return Self(match gauge.source() {
                    // An unbound reference may be bound to another series later.
                    Source::Declared(declared)
                        if declared.slot_ref().extra().is_live() && declared.slot_ref().extra() == series.extra() =>
                    {
                        Tracked::Declared(declared)
                    }
                    _ => Tracked::Series(series),
                });
            }
        }
    }
}

impl Drop for InProgress {
    #[inline]
    fn drop(&mut self) {
        let slot_ref = match &self.0 {
            Tracked::Declared(declared) => declared.slot_ref(),
            Tracked::Series(series) => series.slot_ref(),
        };
        // A reference is bound to one series, and invalidated by its removal, which has removed the share.
        slot_ref.with_extra_cells(Cells::end_work);
    }
}

impl fmt::Debug for InProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProgress").finish_non_exhaustive()
    }
}

impl PanicObserver for InProgress {}

/// Holds the series of a future that counts at its end.
impl PanicObserver for Handle {}

/// Implements the methods that measure a time, and record it with `$record`.
macro_rules! timed {
    ($metric:ident, $what:literal, $record:ident) => {
        impl<T> $metric<T> {
            $crate::clock::needs_clock! {
                #[doc = concat!($what, " the seconds until the guard is stopped or dropped.")]
                #[inline]
                [pub fn time(&self) -> $crate::metrics::Timer<$metric>] where [T: $crate::metrics::Updatable] {
                    $crate::metrics::Timer::start(self.to_series())
                }

                #[doc = concat!($what, " the seconds that `work` takes, also when it panics.")]
                #[inline]
                [pub fn time_call<R>(&self, work: impl FnOnce() -> R) -> R] where [T: $crate::metrics::Updatable] {
                    let _timer = self.time();
                    work()
                }

                #[doc = concat!($what, " the seconds from the first poll of a future until it is done or dropped.")]
                [pub fn time_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<T, F>]
                where [T: $crate::metrics::Updatable] {
                    let handle = self.0.later();
                    let start = move || $crate::metrics::Timer::start($metric(handle()));
                    $crate::metrics::call::instrument(start, work, |_, result| result)
                }
            }
        }

        impl<T: $crate::metrics::Updatable> $crate::metrics::call::Timed for $metric<T> {
            #[inline]
            fn record_seconds(&self, seconds: f64) {
                self.$record(seconds);
            }
        }
    };
}

pub(crate) use timed;
