//! A number that goes up and down.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::builder::{Builder, WithoutLabels};
use super::declared::Declared;
use super::guard::{InProgress, Timed, Timer};
use super::handle::{Handle, Target};
use super::sources::Source;
use super::{Amount, Complete, Labelled, Metric, reading, retry_relocated, sealed, watched};
use crate::clock::{self, needs_clock};
use crate::model::descriptor::{GaugeMode, Kind};
use crate::storage::CellSet;

/// A number that goes up and down: a queue's length, a temperature, jobs in progress.
///
/// ```
/// pytheus::metric! {
///     /// Jobs that wait.
///     static WAITING: Gauge = "jobs_waiting";
/// }
///
/// WAITING.set(3.0);
/// WAITING.inc();
/// WAITING.dec_by(0.5);
/// assert_eq!(WAITING.get(), 3.5);
/// ```
///
/// Before it is set, a gauge shows as 0 where that is its value: in the modes `shared`, which is the default, and
/// `live_sum`. In all other [modes](GaugeMode) it has no sample until it is set or added to, is in progress, or is read by a
/// closure; and none after it was removed or cleared.
#[derive(Debug, Clone)]
pub struct Gauge(Handle<Self>);

impl Gauge {
    /// Starts to build a gauge at run time.
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }

    /// The gauge of a declaration.
    #[doc(hidden)]
    pub const fn declared(declared: &'static Declared<Self>) -> Self {
        Self(declared.own())
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        inc(&self.0);
    }

    /// Adds an amount, which may be negative.
    #[inline]
    pub fn inc_by(&self, amount: impl Amount) {
        inc_by(&self.0, amount);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        dec(&self.0);
    }

    /// Takes an amount away.
    #[inline]
    pub fn dec_by(&self, amount: impl Amount) {
        dec_by(&self.0, amount);
    }

    /// Sets the value. A gauge has one zero: set to `-0.0`, it shows `0`, which Prometheus takes for the same number.
    #[inline]
    pub fn set(&self, value: impl Amount) {
        set(&self.0, value);
    }

    needs_clock! {
        /// Sets the value to the time since 1970, in seconds.
        [pub fn set_to_current_time(&self)] {
            set_to_current_time(&self.0);
        }
    }

    /// Adds one until the guard is dropped, however that comes about.
    ///
    /// ```
    /// # let busy = pytheus::metrics::Gauge::builder("busy", "Busy workers.").unregistered().build()?;
    /// {
    ///     let _busy = busy.track_inprogress();
    ///     assert_eq!(busy.get(), 1.0);
    /// }
    /// assert_eq!(busy.get(), 0.0);
    /// # Ok::<(), pytheus::error::RegisterError>(())
    /// ```
    #[inline]
    pub fn track_inprogress(&self) -> InProgress {
        InProgress::start(&self.0)
    }

    /// Adds one while `work` runs.
    pub fn track_inprogress_call<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.track_inprogress();
        work()
    }

    /// Adds one from the first poll of a future until it is done or dropped.
    pub fn track_inprogress_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let metric = self.clone();
        watched(move || metric.track_inprogress(), work, |_, result| result)
    }

    needs_clock! {
        /// Sets the value to the seconds that pass until the guard is stopped or dropped.
        #[inline]
        [pub fn time(&self) -> Timer<Self>] {
            Timer::start(self.clone())
        }

        /// Sets the value to the seconds that `work` takes.
        #[inline]
        [pub fn time_call<T>(&self, work: impl FnOnce() -> T) -> T] {
            let _timer = self.time();
            work()
        }

        /// Sets the value to the seconds from the first poll of a future until it is done or dropped.
        [pub fn time_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F>] {
            let metric = self.clone();
            watched(move || metric.time(), work, |_, result| result)
        }
    }

    /// Reads the value from `read` at each scrape, in place of what is set.
    ///
    /// What is set or added meanwhile does not show. When `read` panics, the series is left out of that scrape, which is
    /// counted and reported. When the series is removed, the closure goes with it.
    ///
    /// `read` may ask for other metrics, those of closures among them: with `get`, which is what this process has
    /// counted, or with [`Registry::sample_value`](crate::registry::Registry::sample_value), which is what a scrape
    /// shows. Asked for its own value, by itself or through another closure, or for a scrape of the registry whose
    /// scrape it is a part of, it has no value: the answer is NaN, `None` or an error, and the series is left out as if
    /// `read` had panicked, whatever `read` makes of the answer.
    ///
    /// ```
    /// # use pytheus::metrics::Gauge;
    /// # let hits = Gauge::builder("hits", "Hits.").unregistered().build()?;
    /// # let lookups = Gauge::builder("lookups", "Look-ups.").unregistered().build()?;
    /// # let ratio = Gauge::builder("hit_ratio", "Hits of a look-up.").unregistered().build()?;
    /// hits.set(3);
    /// lookups.set(4);
    /// ratio.set_function(move || hits.get() / lookups.get());
    /// assert_eq!(ratio.get(), 0.75);
    /// # Ok::<(), pytheus::error::RegisterError>(())
    /// ```
    pub fn set_function(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        let series = self.0.now();
        let core = self.0.core();
        let mut former = core.sources.set(&series, Arc::new(Source::new(read)));
        if series.is_removed() {
            // Meanwhile: a later series may have its address.
            former = core.sources.remove(&[series]).pop();
        }
        drop(former);
    }

    /// The value, as this process knows it; 0 before it is set. Meant for tests.
    ///
    /// NaN when it comes from a closure that panicked, or that asks for itself.
    pub fn get(&self) -> f64 {
        get(&self.0)
    }
}

impl Timed for Gauge {
    #[inline]
    fn took(&self, seconds: f64) {
        self.set(seconds);
    }
}

impl<L: Complete> Timed for Labelled<Gauge, L> {
    #[inline]
    fn took(&self, seconds: f64) {
        self.set(seconds);
    }
}

super::series!(Gauge.0);

impl Metric for Gauge {
    const KIND: Kind = Kind::Gauge;
}

impl sealed::Series for Gauge {
    fn from_handle(handle: Handle<Self>) -> Self {
        Self(handle)
    }
}

/// See [`Gauge::inc`].
#[inline]
fn inc(gauge: &impl Target) {
    inc_by(gauge, 1.0);
}

/// See [`Gauge::inc_by`].
#[inline]
fn inc_by(gauge: &impl Target, amount: impl Amount) {
    let amount = amount.as_f64();
    let stamp = stamp(gauge);
    retry_relocated(|done| {
        gauge.update(CellSet::Shared, |cells| {
            done.set(cells.add_to_value(amount));
            if let Some(stamp) = stamp {
                cells.set_version(stamp);
            }
        });
    });
}

/// See [`Gauge::dec`].
#[inline]
fn dec(gauge: &impl Target) {
    inc_by(gauge, -1.0);
}

/// See [`Gauge::dec_by`].
#[inline]
fn dec_by(gauge: &impl Target, amount: impl Amount) {
    inc_by(gauge, -amount.as_f64());
}

/// See [`Gauge::set`].
#[inline]
fn set(gauge: &impl Target, value: impl Amount) {
    let value = value.as_f64();
    let stamp = stamp(gauge);
    retry_relocated(|done| {
        gauge.update(CellSet::Shared, |cells| {
            // What is in progress is counted apart, and shows on top.
            let value = if cells.has_in_flight() { value - reading::in_progress_snapshot(gauge) } else { value };
            done.set(cells.set(value, stamp));
        });
    });
}

/// The time, where the value that was set last is asked for.
#[inline]
fn stamp(gauge: &impl Target) -> Option<u64> {
    matches!(gauge.descriptor().mode(), GaugeMode::MostRecent | GaugeMode::LiveMostRecent).then(clock::stamp)
}

/// See [`Gauge::set_to_current_time`].
fn set_to_current_time(gauge: &impl Target) {
    // A clock before 1970 is as good as no clock.
    set(gauge, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
}

/// See [`Gauge::get`].
fn get(gauge: &impl Target) -> f64 {
    gauge.peek().map_or(0.0, |series| reading::gauge(gauge.core(), &series).unwrap_or(f64::NAN))
}

super::labelled::forward_time!(Gauge where L: Complete);

impl<L: Complete> Labelled<Gauge, L> {
    needs_clock! {
        /// [`Gauge::set_to_current_time`] of the series of these labels.
        [pub fn set_to_current_time(&self)] {
            set_to_current_time(self);
        }
    }
}

super::labelled::forward! {
    Gauge where L: Complete {
        fn track_inprogress() -> InProgress;
        fn track_inprogress_call<T>(work: impl FnOnce() -> T) -> T;
        fn set_function(read: impl Fn() -> f64 + Send + Sync + 'static);
    }
    update {
        fn inc();
        fn inc_by(amount: impl Amount);
        fn dec();
        fn dec_by(amount: impl Amount);
        fn set(value: impl Amount);
    }
    read {
        fn get() -> f64;
    }
    async {
        fn track_inprogress_future<F: Future>(work: F) -> F::Output =
            |metric: Gauge| metric.track_inprogress(), |_, result| result;
    }
}
