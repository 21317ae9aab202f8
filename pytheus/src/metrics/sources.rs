//! Closures that gauges are read with.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use crate::reentry::{Code, Failure};
use crate::storage::Series;
use crate::sync::{read, write};

/// Knows the value of a gauge.
pub(super) type ReadValue = Arc<Source<dyn Fn() -> f64 + Send + Sync>>;

/// A closure that gives the value of one series.
pub(super) struct Source<F: ?Sized> {
    code: Code,
    read: F,
}

impl<F> Source<F> {
    pub(super) fn new(read: F) -> Self {
        Self { code: Code::new(), read }
    }
}

impl Source<dyn Fn() -> f64 + Send + Sync> {
    /// Calls it, without a lock.
    pub(super) fn value(&self) -> Result<f64, Failure> {
        self.code.run(|| (self.read)())
    }
}

/// The closures of a family, by the address of their series: those without cells share a slot. In a tree, of which little is
/// moved when there is one more.
#[derive(Default)]
pub(super) struct Sources(RwLock<BTreeMap<usize, ReadValue>>);

impl Sources {
    /// Gives the closure that was there, to be dropped without a lock: it may do as it likes.
    #[must_use]
    pub(super) fn set(&self, series: &Series, source: ReadValue) -> Option<ReadValue> {
        write(&self.0).insert(series.address(), source)
    }

    pub(super) fn get(&self, series: &Series) -> Option<ReadValue> {
        read(&self.0).get(&series.address()).map(Arc::clone)
    }

    /// Is there none?
    pub(super) fn is_empty(&self) -> bool {
        read(&self.0).is_empty()
    }

    /// Gives those of these series, as [`set`](Self::set) does.
    #[must_use]
    pub(super) fn remove(&self, series: &[Series]) -> Vec<ReadValue> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut sources = write(&self.0);
        series.iter().filter_map(|series| sources.remove(&series.address())).collect()
    }
}
