//! Guards: what begins when they are made, and ends when they are dropped, however that comes about.

use std::fmt;
use std::time::Duration;

use crate::clock::{self, Moment};
use crate::metrics::call::instrumented::PanicObserver;
use crate::metrics::declared::Declared;
use crate::metrics::family::record_no_room;
use crate::metrics::handle::{Handle, Source, Target as _};
use crate::storage::{CellSet, Cells, Series};

/// Takes the time until it is stopped or dropped.
pub trait Timed {
    /// Takes note of a time.
    fn record_seconds(&self, seconds: f64);
}

impl<T: Timed> Timed for &T {
    #[inline]
    fn record_seconds(&self, seconds: f64) {
        (**self).record_seconds(seconds);
    }
}

/// Takes the time from when it was made until it is stopped or dropped: by a return, a `?`, a panic, or a future that
/// is dropped.
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
/// On Linux (64-bit x86 and ARM), a process that has taken a thousand times goes on to read the CPU's own counter, at a
/// third of the cost of [`Instant`](std::time::Instant): through the crate `quanta`, calibrated meanwhile by a thread
/// that then ends, and only if Linux itself keeps the time by that counter. Everywhere else, and until then, the clock
/// is `Instant`. A time is never negative, and within a thousandth of what `Instant` says. A suspension of the machine
/// may count where `Instant` leaves it out.
///
/// To have `Instant` alone, build with `default-features = false`, which leaves out the feature `fast-clock`, or set
/// the environment variable `PYTHEUS_CLOCK` to `system`.
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

    /// Takes note of the time, and returns it.
    #[inline]
    #[allow(clippy::must_use_candidate, reason = "stopping is the point, the time a bonus")]
    pub fn stop(mut self) -> Duration {
        let time = self.started.elapsed();
        if let Some(metric) = self.metric.take() {
            metric.record_seconds(time.as_secs_f64());
        }
        time
    }

    /// Takes note of nothing.
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
/// When the series is removed meanwhile, its share goes with it: the one that comes in its place starts from zero.
#[must_use = "work that is dropped at once is not in progress: bind it, `let _guard = ..`"]
pub struct InProgress(Tracked);

/// What was counted in: just enough to find its cells.
enum Tracked {
    Declared(&'static Declared),
    Series(Series),
}

impl InProgress {
    #[inline]
    pub(crate) fn start(gauge: &Handle) -> Self {
        match gauge.slot_ref().cells(CellSet::Extra) {
            // Marked by then, where a `set` sees it.
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
            // Before it begins, for those who set the gauge from then on.
            let mut is_here = true;
            let marked = series.update(CellSet::Shared, &mut |cells| is_here = cells.set_in_flight());
            if !is_here {
                // Its value goes to another slot at this moment.
                std::hint::spin_loop();
                continue;
            }
            let begun = marked.and_then(|_| gauge.core().update_slow(&series, CellSet::Extra, &mut Cells::begin_work));
            gauge.refresh();
            if record_no_room(begun).is_ok() {
                return Self(match gauge.source() {
                    // A place that leads nowhere yet is led to another series later.
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
        let place = match &self.0 {
            Tracked::Declared(declared) => declared.slot_ref(),
            Tracked::Series(series) => series.slot_ref(),
        };
        // A place leads to one series, and nowhere once that is removed: then its share went with it.
        place.with_extra_cells(Cells::end_work);
    }
}

impl fmt::Debug for InProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProgress").finish_non_exhaustive()
    }
}

impl PanicObserver for InProgress {}

/// Keeps the series of a future that counts at its end.
impl PanicObserver for Handle {}

/// Writes the methods that take a time, for a metric that does `$what` with it.
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
