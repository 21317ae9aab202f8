//! A number that only goes up.

use super::builder::{Builder, WithoutLabels};
use super::declared::Declared;
use super::handle::{Handle, Target};
use super::{Amount, Complete, Metric, Watch, reading, sealed, watched};
use crate::diagnostics::{self, Dropped};
use crate::model::descriptor::Kind;
use crate::storage::CellSet;

/// A number that only goes up: requests, errors, bytes sent. It starts at zero when the process does.
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
#[derive(Debug, Clone)]
pub struct Counter(Handle<Self>);

impl Counter {
    /// Starts to build a counter at run time.
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }

    /// The counter of a declaration.
    #[doc(hidden)]
    pub const fn declared(declared: &'static Declared<Self>) -> Self {
        Self(declared.own())
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        inc(&self.0);
    }

    /// Adds an amount, a number of any type. Whole amounts are exact to 2^64.
    ///
    /// A negative, infinite or NaN amount is refused and counted in `pytheus_dropped_updates_total`.
    #[inline]
    pub fn inc_by(&self, amount: impl Amount) {
        inc_by(&self.0, amount);
    }

    /// Counts the errors that `work` returns, and returns what it returned.
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
    /// Those of `work`.
    pub fn count_errors<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.count_errors_if(work, |_| true)
    }

    /// Counts those errors of `work` for which `counts` is true, for instance those that match a pattern.
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
    /// Those of `work`.
    pub fn count_errors_if<T, E>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
        counts: impl FnOnce(&E) -> bool,
    ) -> Result<T, E> {
        self.count_error(work(), counts)
    }

    /// Counts the error that a future ends with. A future that is dropped or never polled counts nothing.
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
    /// Those of `work`.
    pub fn count_errors_future<T, E, F>(&self, work: F) -> impl Future<Output = Result<T, E>> + use<T, E, F>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.count_errors_if_future(work, |_| true)
    }

    /// Counts the error that a future ends with if `counts` is true for it.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub fn count_errors_if_future<T, E, F, C>(
        &self,
        work: F,
        counts: C,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, F, C>
    where
        F: Future<Output = Result<T, E>>,
        C: FnOnce(&E) -> bool,
    {
        let counter = self.clone();
        watched(|| (), work, move |(), result| counter.count_error(result, counts))
    }

    fn count_error<T, E>(&self, result: Result<T, E>, counts: impl FnOnce(&E) -> bool) -> Result<T, E> {
        if result.as_ref().err().is_some_and(counts) {
            self.inc();
        }
        result
    }

    /// The value, as this process counted it. Meant for tests.
    pub fn get(&self) -> f64 {
        get(&self.0)
    }
}

super::series!(Counter.0);

impl Watch for Counter {}

impl Metric for Counter {
    const KIND: Kind = Kind::Counter;
}

impl sealed::Series for Counter {
    fn from_handle(handle: Handle<Self>) -> Self {
        Self(handle)
    }
}

/// See [`Counter::inc`].
#[inline]
fn inc(counter: &impl Target) {
    counter.update(CellSet::Own, |cell| cell.add(1));
}

/// See [`Counter::inc_by`].
#[inline]
fn inc_by(counter: &impl Target, amount: impl Amount) {
    if let Some(whole) = amount.as_whole() {
        return counter.update(CellSet::Own, |cell| cell.add(whole));
    }
    let amount = amount.as_f64();
    if amount.is_finite() && amount > 0.0 {
        counter.update(CellSet::Extra, |cell| cell.add_float(amount));
    } else if amount < 0.0 {
        diagnostics::dropped(Dropped::NegativeIncrement);
    } else {
        diagnostics::dropped(Dropped::NonFiniteIncrement);
    }
}

/// See [`Counter::get`].
fn get(counter: &impl Target) -> f64 {
    counter.peek().map_or(0.0, |series| reading::counter(&series).as_f64())
}

super::labelled::forward! {
    Counter where L: Complete {
        fn count_errors<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E>;
        fn count_errors_if<T, E>(
            work: impl FnOnce() -> Result<T, E>,
            counts: impl FnOnce(&E) -> bool
        ) -> Result<T, E>;
    }
    update {
        fn inc();
        fn inc_by(amount: impl Amount);
    }
    read {
        fn get() -> f64;
    }
    async {
        fn count_errors_future<T, E, F: Future<Output = Result<T, E>>>(work: F) -> Result<T, E> =
            |counter: Counter| counter, |counter: Counter, result| counter.count_error(result, |_| true);
        fn count_errors_if_future<T, E, F: Future<Output = Result<T, E>>, C: FnOnce(&E) -> bool>(
            work: F,
            counts: C
        ) -> Result<T, E> = |counter: Counter| counter, |counter: Counter, result| counter.count_error(result, counts);
    }
}
