//! A number that goes up and down.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::builder::{Builder, WithoutLabels};
use super::child::Handle;
use super::declared::Declared;
use super::guard::{InProgress, Timed, Timer};
use super::{Amount, Metric, sealed, watched};
use crate::descriptor::{Descriptor, Kind};
use crate::labels::LabelValues;
use crate::number::Number;
use crate::snapshot::FamilySnapshot;
use crate::storage::{Cells, SetCell};
use crate::unwind::guarded;

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
#[derive(Debug, Clone)]
pub struct Gauge(Handle<Self>);

impl Gauge {
    /// Starts to build a gauge at run time.
    #[allow(clippy::new_ret_no_self, reason = "as in pytheus: the name and help come first, `build` last")]
    #[track_caller]
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
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
        self.inc_by(1.0);
    }

    /// Adds an amount, which may be negative.
    #[inline]
    pub fn inc_by(&self, amount: impl Amount) {
        let amount = amount.as_f64();
        self.0.update(|cells| cells.add(amount));
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        self.inc_by(-1.0);
    }

    /// Takes an amount away.
    #[inline]
    pub fn dec_by(&self, amount: impl Amount) {
        self.inc_by(-amount.as_f64());
    }

    /// Sets the value.
    #[inline]
    pub fn set(&self, value: impl Amount) {
        let value = value.as_f64();
        self.0.update(|cells| cells.value.set(value));
    }

    /// Sets the value to the time since 1970, in seconds.
    pub fn set_to_current_time(&self) {
        // A clock before 1970 is as good as no clock.
        self.set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    }

    /// Adds one until the guard is dropped, however that comes about.
    ///
    /// ```
    /// # let busy = pytheus::metrics::Gauge::new("busy", "Busy workers.").unregistered().build()?;
    /// {
    ///     let _busy = busy.track_inprogress();
    ///     assert_eq!(busy.get(), 1.0);
    /// }
    /// assert_eq!(busy.get(), 0.0);
    /// # Ok::<(), pytheus::error::RegisterError>(())
    /// ```
    pub fn track_inprogress(&self) -> InProgress {
        InProgress::start(self.0.now())
    }

    /// Adds one while `work` runs.
    pub fn track_inprogress_fn<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.track_inprogress();
        work()
    }

    /// Adds one from the first poll of a future until it is done or dropped.
    pub fn track_inprogress_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let metric = self.clone();
        watched(move || metric.track_inprogress(), work, |_, result| result)
    }

    /// Sets the value to the seconds that pass until the guard is stopped or dropped.
    pub fn time(&self) -> Timer<Self> {
        Timer::start(self.clone())
    }

    /// Sets the value to the seconds that `work` takes.
    pub fn time_fn<T>(&self, work: impl FnOnce() -> T) -> T {
        let _timer = self.time();
        work()
    }

    /// Sets the value to the seconds from the first poll of a future until it is done or dropped.
    pub fn time_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let metric = self.clone();
        watched(move || metric.time(), work, |_, result| result)
    }

    /// Reads the value from `read` at each scrape, in place of what is set.
    ///
    /// What is set or added meanwhile does not show. When `read` panics, the series is left out of that scrape, which is
    /// counted and reported. When the series is removed, the closure goes with it.
    ///
    /// ```
    /// # let threads = pytheus::metrics::Gauge::new("threads", "Threads.").unregistered().build()?;
    /// threads.read_with(|| 4.0);
    /// assert_eq!(threads.get(), 4.0);
    /// # Ok::<(), pytheus::error::RegisterError>(())
    /// ```
    pub fn read_with(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        self.0.update(|cells| cells.read_with(Arc::new(read)));
    }

    /// The value, as this process knows it. Meant for tests.
    ///
    /// NaN when it comes from a closure that panicked.
    pub fn get(&self) -> f64 {
        self.0.read(|cells| cells.get().unwrap_or(f64::NAN))
    }
}

impl Timed for Gauge {
    fn elapsed(&self, time: Duration) {
        self.set(time.as_secs_f64());
    }
}

super::series!(Gauge.0);

impl Metric for Gauge {
    const KIND: Kind = Kind::Gauge;
}

/// A value that is set, or a closure that knows it.
#[derive(Default)]
pub struct GaugeCells {
    value: SetCell,
    source: RwLock<Option<ReadValue>>,
}

type ReadValue = Arc<dyn Fn() -> f64 + Send + Sync>;

impl GaugeCells {
    pub(super) fn add(&self, amount: f64) {
        self.value.add(amount);
    }

    fn read_with(&self, source: ReadValue) {
        let mut current = self.source.write().unwrap_or_else(PoisonError::into_inner);
        let previous = current.replace(source);
        drop(current);
        // Without the lock: what the closure holds may do as it likes when it is dropped.
        drop(previous);
    }

    /// `None` when the closure panicked.
    fn get(&self) -> Option<f64> {
        let source = self.source.read().unwrap_or_else(PoisonError::into_inner).clone();
        match source {
            Some(source) => guarded(|| source()).ok(),
            None => Some(self.value.get()),
        }
    }
}

impl fmt::Debug for GaugeCells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GaugeCells").field("value", &self.value).finish_non_exhaustive()
    }
}

impl Cells for GaugeCells {
    fn read(&self, parts: &mut Vec<Number>) {
        parts.extend(self.get().map(Number::Float));
    }
}

impl sealed::Parts for Gauge {
    type Cells = GaugeCells;

    fn cells(_: &Descriptor) -> GaugeCells {
        GaugeCells::default()
    }

    fn samples(_: &Descriptor, labels: &LabelValues, parts: &[Number], out: &mut FamilySnapshot) {
        if let [value] = parts {
            out.push_values(labels.iter(), *value);
        }
    }

    fn from_handle(handle: Handle<Self>) -> Self {
        Self(handle)
    }
}

super::labelled::forward! {
    Gauge {
        fn inc();
        fn inc_by(amount: impl Amount);
        fn dec();
        fn dec_by(amount: impl Amount);
        fn set(value: impl Amount);
        fn set_to_current_time();
        fn track_inprogress() -> InProgress;
        fn track_inprogress_fn<T>(work: impl FnOnce() -> T) -> T;
        fn time() -> Timer<Gauge>;
        fn time_fn<T>(work: impl FnOnce() -> T) -> T;
        fn read_with(read: impl Fn() -> f64 + Send + Sync + 'static);
    }
    read {
        fn get() -> f64;
    }
    async {
        fn track_inprogress_future<F: Future>(work: F) -> F::Output =
            |metric: Gauge| metric.track_inprogress(), |_, result| result;
        fn time_future<F: Future>(work: F) -> F::Output = |metric: Gauge| metric.time(), |_, result| result;
    }
}
