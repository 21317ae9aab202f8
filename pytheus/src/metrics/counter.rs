//! A number that only goes up.

use std::sync::Arc;

use crate::backends::api::LocalFamily as _;
use crate::diagnostics::{self, Dropped};
use crate::metrics::amount::Amount;
use crate::metrics::builder::{Builder, WithoutLabels};
use crate::metrics::call::{Count, Effect, instrument};
use crate::metrics::family::collect;
use crate::metrics::family::sources::TotalSource;
use crate::metrics::handle::{Handle, Updatable};
use crate::metrics::metric::metric;
use crate::model::number::Number;
use crate::storage::CellSet;

/// A number that only goes up: requests, errors, bytes sent. It starts at zero in each process.
///
/// ```
/// pytheus::metric! {
///     /// Requests, by any path.
///     static REQUESTS: Counter = "requests_total";
/// }
///
/// REQUESTS.inc();
/// REQUESTS.inc_by(2.5);
/// assert_eq!(REQUESTS.get(), 3.5);
///
/// REQUESTS.inc_by(-1.0); // refused, and counted in pytheus_dropped_updates_total
/// assert_eq!(REQUESTS.get(), 3.5);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Counter<T = Handle>(T);

metric!(Counter);

impl Counter {
    /// Starts to build a counter at run time.
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }
}

impl<T> Counter<T> {
    /// Adds one.
    #[inline]
    pub fn inc(&self)
    where
        T: Updatable,
    {
        self.0.update(CellSet::Own, |cell| cell.add(1));
    }

    /// Adds an amount, a number of any type. Whole amounts are exact to 2^64.
    ///
    /// A negative, infinite or NaN amount is refused and counted in `pytheus_dropped_updates_total`.
    #[inline]
    pub fn inc_by(&self, amount: impl Amount)
    where
        T: Updatable,
    {
        if let Some(whole) = amount.as_whole() {
            return self.0.update(CellSet::Own, |cell| cell.add(whole));
        }
        let amount = amount.as_f64();
        if amount.is_finite() && amount > 0.0 {
            self.0.update(CellSet::Extra, |cell| cell.add_float(amount));
        } else if amount < 0.0 {
            diagnostics::dropped(Dropped::NegativeIncrement);
        } else {
            diagnostics::dropped(Dropped::NonFiniteIncrement);
        }
    }

    /// Counts the errors that `work` returns, and returns its result.
    ///
    /// ```
    /// # let errors = pytheus::metrics::Counter::builder("errors_total", "Errors.").unregistered().build()?;
    /// let parsed = errors.count_errors(|| "x".parse::<u8>());
    /// assert!(parsed.is_err());
    /// assert_eq!(errors.get(), 1.0);
    /// # Ok::<(), pytheus::error::RegisterError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Passes on those of `work`.
    pub fn count_errors<R, E>(&self, work: impl FnOnce() -> Result<R, E>) -> Result<R, E>
    where
        T: Updatable,
    {
        self.count_errors_if(work, |_| true)
    }

    /// Counts the errors of `work` for which `counts` is true, for instance by a pattern.
    ///
    /// ```
    /// # use std::io;
    /// # let errors = pytheus::metrics::Counter::builder("timeouts_total", "Errors.").unregistered().build()?;
    /// let refused = || Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused));
    /// let _ = errors.count_errors_if(refused, |e| matches!(e.kind(), io::ErrorKind::TimedOut));
    /// assert_eq!(errors.get(), 0.0);
    /// # Ok::<(), pytheus::error::RegisterError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Passes on those of `work`.
    pub fn count_errors_if<R, E>(
        &self,
        work: impl FnOnce() -> Result<R, E>,
        counts: impl FnOnce(&E) -> bool,
    ) -> Result<R, E>
    where
        T: Updatable,
    {
        self.0.with_handle(|handle| count_error(handle, work(), counts))
    }

    /// Counts the error of a future. A future dropped or never polled counts nothing.
    ///
    /// ```
    /// # async fn fetch() -> Result<(), std::io::Error> { Ok(()) }
    /// # async fn f(errors: &pytheus::metrics::Counter) -> Result<(), std::io::Error> {
    /// errors.count_errors_future(fetch()).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Passes on those of `work`.
    pub fn count_errors_future<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + use<T, R, E, F>
    where
        F: Future<Output = Result<R, E>>,
        T: Updatable,
    {
        self.count_errors_if_future(work, |_| true)
    }

    /// Counts the error of a future if `counts` is true for it.
    ///
    /// # Errors
    ///
    /// Passes on those of `work`.
    pub fn count_errors_if_future<R, E, F, C>(
        &self,
        work: F,
        counts: C,
    ) -> impl Future<Output = Result<R, E>> + use<T, R, E, F, C>
    where
        F: Future<Output = Result<R, E>>,
        C: FnOnce(&E) -> bool,
        T: Updatable,
    {
        instrument(self.0.later(), work, |handle, result| count_error(&handle, result, counts))
    }

    /// Counts a total that something else keeps, such as a library or the kernel: `read` returns it, and each scrape counts
    /// its increase since the scrape before.
    ///
    /// The first reading counts whole. A total that has fallen began anew at zero, as after a reset. A negative, infinite or
    /// NaN total is refused and counted in `pytheus_dropped_updates_total`. After a panic of `read`, which is counted and
    /// reported, the series shows what it has counted so far. The function is dropped with its series.
    ///
    /// What is counted adds up over processes, as the increments of any counter. In a forked child, what the total was at the
    /// first reading is the parent's. Sources are also read before counts are sent to Redis, and by
    /// [`flush`](crate::backends::flush) and [`shutdown`](crate::backends::shutdown).
    ///
    /// `read` should take no time and ask for nothing else, as the thread that sends counts calls it, too.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// static EVICTED: AtomicU64 = AtomicU64::new(0); // kept by a cache
    ///
    /// pytheus::metric! {
    ///     /// Entries that a cache has evicted.
    ///     static EVICTIONS: Counter = "cache_evictions_total";
    /// }
    ///
    /// EVICTIONS.set_function(|| EVICTED.load(Ordering::Relaxed));
    /// EVICTED.fetch_add(3, Ordering::Relaxed);
    /// assert!(pytheus::generate_metrics()?.contains("cache_evictions_total 3\n"));
    /// # Ok::<(), pytheus::error::ScrapeError>(())
    /// ```
    pub fn set_function<A: Amount>(&self, read: impl Fn() -> A + Send + Sync + 'static)
    where
        T: Updatable,
    {
        let series = self.0.with_handle(Handle::series);
        let core = self.0.core();
        let read = move || {
            let total = read();
            total.as_whole().map_or_else(|| Number::Float(total.as_f64()), Number::Int)
        };
        let mut former = core.sources.set(&series, Arc::new(TotalSource::new(series.clone(), read)));
        if series.is_removed() {
            // Removed meanwhile: a later series may have its address.
            former = core.sources.remove(&[series]).pop();
        }
        drop(former);
    }

    /// Returns the value in this process. Meant for tests.
    pub fn get(&self) -> f64
    where
        T: Updatable,
    {
        self.0.core().read_sources();
        self.0.lookup().map_or(0.0, |series| collect::counter(&series).as_f64())
    }
}

fn count_error<R, E>(handle: &Handle, result: Result<R, E>, counts: impl FnOnce(&E) -> bool) -> Result<R, E> {
    if result.as_ref().err().is_some_and(counts) {
        handle.update(CellSet::Own, |cell| cell.add(1));
    }
    result
}

impl<T: Updatable> Effect<Counter<T>> for Count {
    type Began = ();

    #[inline]
    fn begin() {}

    #[inline]
    fn apply(self, counter: &Counter<T>, (): ()) {
        counter.inc();
    }
}
