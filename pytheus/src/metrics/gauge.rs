//! A number that goes up and down.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::{self, needs_clock};
use crate::metrics::amount::Amount;
use crate::metrics::builder::{Builder, WithoutLabels};
use crate::metrics::call::{Effect, InProgress, SetTimestamp, instrument, timed};
use crate::metrics::family::callbacks::Callback;
use crate::metrics::family::collect;
use crate::metrics::handle::{Handle, Updatable, retry_relocated};
use crate::metrics::metric::metric;
use crate::model::descriptor::GaugeMode;
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
/// Before it is set, a gauge of the modes `shared` (the default) and `live_sum` shows as 0. In all other [modes](GaugeMode)
/// it has no sample until it is set or added to, has work in progress, or has a function; nor after it was removed or
/// cleared.
#[derive(Debug, Clone, Copy)]
pub struct Gauge<T = Handle>(T);

metric!(Gauge);
timed!(Gauge, "Sets the value to", set);

impl Gauge {
    /// Starts to build a gauge at run time.
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }
}

impl<L> Builder<'_, Gauge, L> {
    /// Sets how the values of several processes combine.
    pub fn mode(mut self, mode: GaugeMode) -> Self {
        self.spec.mode = mode;
        self
    }
}

impl<T> Gauge<T> {
    /// Adds one.
    #[inline]
    pub fn inc(&self)
    where
        T: Updatable,
    {
        self.inc_by(1.0);
    }

    /// Adds an amount, which may be negative.
    #[inline]
    pub fn inc_by(&self, amount: impl Amount)
    where
        T: Updatable,
    {
        let amount = amount.as_f64();
        let stamp = self.stamp();
        retry_relocated(|done| {
            self.0.update(CellSet::Shared, |cells| {
                done.set(cells.add_to_value(amount));
                if let Some(stamp) = stamp {
                    cells.set_version(stamp);
                }
            });
        });
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self)
    where
        T: Updatable,
    {
        self.inc_by(-1.0);
    }

    /// Subtracts an amount.
    #[inline]
    pub fn dec_by(&self, amount: impl Amount)
    where
        T: Updatable,
    {
        self.inc_by(-amount.as_f64());
    }

    /// Sets the value. A gauge has one zero: set to `-0.0`, it shows `0`, which Prometheus takes for the same number.
    #[inline]
    pub fn set(&self, value: impl Amount)
    where
        T: Updatable,
    {
        let value = value.as_f64();
        let stamp = self.stamp();
        retry_relocated(|done| {
            self.0.update(CellSet::Shared, |cells| {
                // Work in progress is counted apart, and added at a scrape.
                let on_top = if cells.has_in_flight() { self.in_progress_snapshot() } else { 0.0 };
                done.set(cells.set(value - on_top, stamp));
            });
        });
    }

    /// Returns the time, in a mode that compares the times of values.
    #[inline]
    fn stamp(&self) -> Option<u64>
    where
        T: Updatable,
    {
        let mode = self.0.declared_descriptor().mode();
        matches!(mode, GaugeMode::MostRecent | GaugeMode::LiveMostRecent).then(clock::stamp)
    }

    #[inline]
    fn in_progress_snapshot(&self) -> f64
    where
        T: Updatable,
    {
        self.0.lookup().map_or(0.0, |series| collect::in_progress_snapshot(&series))
    }

    needs_clock! {
        /// Sets the value to the time since 1970, in seconds.
        [pub fn set_to_current_time(&self)] where [T: Updatable] {
            // A clock before 1970 is as good as no clock.
            self.set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        }
    }

    /// Adds one until the guard is dropped, by a return, a panic or a dropped future.
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
    pub fn track_inprogress(&self) -> InProgress
    where
        T: Updatable,
    {
        self.0.with_handle(InProgress::start)
    }

    /// Adds one while `work` runs.
    pub fn track_inprogress_call<R>(&self, work: impl FnOnce() -> R) -> R
    where
        T: Updatable,
    {
        let _guard = self.track_inprogress();
        work()
    }

    /// Adds one from the first poll of a future until it is done or dropped.
    pub fn track_inprogress_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<T, F>
    where
        T: Updatable,
    {
        let handle = self.0.later();
        instrument(move || InProgress::start(&handle()), work, |_, result| result)
    }

    /// Sets a function that is called at each scrape, in place of a value.
    ///
    /// Values set or added meanwhile do not show. A panic of `read` leaves the series out of that scrape, and is counted and
    /// reported. The function is dropped with its series.
    ///
    /// `read` may ask for other metrics, including those with functions: with `get` for the value in this process, with
    /// [`Registry::sample_value`](crate::registry::Registry::sample_value) for the value in a scrape. Its own value, by
    /// itself or through another function, and a scrape of the registry being scraped are not available: the answer is NaN,
    /// `None` or an error, and the series is left out as after a panic, whatever `read` makes of the answer.
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
    pub fn set_function(&self, read: impl Fn() -> f64 + Send + Sync + 'static)
    where
        T: Updatable,
    {
        let series = self.0.with_handle(Handle::series);
        let core = self.0.core();
        let mut former = core.callbacks.set(&series, Arc::new(Callback::new(read)));
        if series.is_removed() {
            // Removed meanwhile: a later series may have its address.
            former = core.callbacks.remove(&[series]).pop();
        }
        drop(former);
    }

    /// Returns the value in this process; 0 before it is set. Meant for tests.
    ///
    /// NaN when its function panicked or asked for itself.
    pub fn get(&self) -> f64
    where
        T: Updatable,
    {
        self.0.lookup().map_or(0.0, |series| collect::gauge(self.0.core(), &series).unwrap_or(f64::NAN))
    }
}

needs_clock! {
    [impl<T: Updatable> Effect<Gauge<T>> for SetTimestamp] {
        type Began = ();

        #[inline]
        fn begin() {}

        #[inline]
        fn apply(self, gauge: &Gauge<T>, (): ()) {
            gauge.set_to_current_time();
        }
    }
}
