//! The sources of counters: totals that something else keeps, read before a scrape.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex};

use crate::diagnostics::{self, Dropped};
use crate::metrics::family::callbacks::Callback;
use crate::model::number::Number;
use crate::model::process;
use crate::reentry::Failure;
use crate::storage::Series;
use crate::sync::lock;

/// The shared source of one series.
pub(crate) type ReadTotal = Arc<TotalSource<dyn Fn() -> Number + Send + Sync>>;

/// A total that something else keeps, and how much of it is counted.
pub(crate) struct TotalSource<F: ?Sized> {
    series: Series,
    /// The number of the process with a thread that reads; 0 without one. A child process goes by its own number: the
    /// thread that read at the fork is not there.
    reader: AtomicU32,
    counted: Mutex<Counted>,
    callback: Callback<F>,
}

#[derive(Clone, Copy)]
struct Counted {
    process: u32,
    total: Number,
}

impl<F> TotalSource<F> {
    pub(crate) fn new(series: Series, read: F) -> Self {
        let counted = Counted { process: process::id(), total: Number::Int(0) };
        Self { series, reader: AtomicU32::new(0), counted: Mutex::new(counted), callback: Callback::new(read) }
    }
}

/// The right to read a source, until it is dropped.
struct SourceReading<'a>(&'a AtomicU32);

impl<'a> SourceReading<'a> {
    fn begin(reader: &'a AtomicU32) -> Option<Self> {
        let (own, known) = (process::id(), reader.load(Relaxed));
        let is_free = known != own && reader.compare_exchange(known, own, AcqRel, Acquire).is_ok();
        is_free.then(|| Self(reader))
    }
}

impl Drop for SourceReading<'_> {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}

impl TotalSource<dyn Fn() -> Number + Send + Sync> {
    /// Reads the total, and passes its increase since the last time to `count`, if there is any. Does nothing while another
    /// thread reads it: two readings in the wrong order would look like a reset.
    ///
    /// # Errors
    ///
    /// If the closure fails.
    pub(crate) fn read(&self, count: impl FnOnce(&Series, Number)) -> Result<(), (&Series, Failure)> {
        let Some(_reading) = SourceReading::begin(&self.reader) else { return Ok(()) };
        let total = self.callback.value().map_err(|failure| (&self.series, failure))?;
        if total.as_f64() < 0.0 {
            diagnostics::dropped(Dropped::NegativeIncrement);
        } else if !total.as_f64().is_finite() {
            diagnostics::dropped(Dropped::NonFiniteIncrement);
        } else {
            let increase = {
                let mut counted = lock(&self.counted);
                let increase = increase(*counted, total, process::id());
                *counted = Counted { process: process::id(), total };
                increase
            };
            count(&self.series, increase);
        }
        Ok(())
    }
}

/// Returns the increase of a total. One that has fallen began anew at zero. What a child process inherits is its parent's.
fn increase(counted: Counted, total: Number, process: u32) -> Number {
    match (counted.total, total) {
        (Number::Int(before), Number::Int(now)) if now >= before => {
            Number::Int(if counted.process == process { now - before } else { 0 })
        }
        (before, now) if now.as_f64() >= before.as_f64() => {
            let increase = now.as_f64() - before.as_f64();
            if counted.process == process && increase > 0.0 { Number::Float(increase) } else { Number::Int(0) }
        }
        _ => total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increase_is_exact_for_whole_totals_and_starts_again_after_a_reset() {
        let counted = |total| Counted { process: 7, total };
        let whole = |before, now, process| increase(counted(Number::Int(before)), Number::Int(now), process);
        assert_eq!(whole(u64::MAX - 3, u64::MAX, 7), Number::Int(3));
        assert_eq!(whole(5, 5, 7), Number::Int(0));
        assert_eq!(whole(5, 2, 7), Number::Int(2));
        assert_eq!(increase(counted(Number::Int(2)), Number::Float(2.5), 7), Number::Float(0.5));
    }

    #[test]
    fn total_that_a_child_inherits_counts_in_the_parent_alone() {
        let counted = Counted { process: 7, total: Number::Int(5) };
        assert_eq!(increase(counted, Number::Int(9), 8), Number::Int(0));
        // Such as the bytes that the kernel counts for each process.
        assert_eq!(increase(counted, Number::Int(3), 8), Number::Int(3));
    }
}
