//! The closures of gauges, called at a scrape.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use crate::reentry::{Code, Failure};
use crate::storage::Series;
use crate::sync::{read, write};

/// A shared closure with the value of a gauge.
pub(crate) type ReadValue = Arc<Callback<dyn Fn() -> f64 + Send + Sync>>;

/// A closure with the value of one series.
pub(crate) struct Callback<F: ?Sized> {
    code: Code,
    read: F,
}

impl<F> Callback<F> {
    pub(crate) fn new(read: F) -> Self {
        Self { code: Code::new(), read }
    }
}

impl Callback<dyn Fn() -> f64 + Send + Sync> {
    /// Calls the closure, without a lock.
    pub(crate) fn value(&self) -> Result<f64, Failure> {
        self.code.run(|| (self.read)())
    }
}

/// The closures of a family by the address of their series, as series without cells share a slot. In a tree, of which an
/// insertion moves little.
#[derive(Default)]
pub(crate) struct Callbacks(RwLock<BTreeMap<usize, ReadValue>>);

impl Callbacks {
    /// Replaces a closure, and returns the former: the caller drops it without a lock, as it may run any code.
    #[must_use]
    pub(crate) fn set(&self, series: &Series, callback: ReadValue) -> Option<ReadValue> {
        write(&self.0).insert(series.address(), callback)
    }

    pub(crate) fn get(&self, series: &Series) -> Option<ReadValue> {
        read(&self.0).get(&series.address()).map(Arc::clone)
    }

    /// Returns whether there are no closures.
    pub(crate) fn is_empty(&self) -> bool {
        read(&self.0).is_empty()
    }

    /// Removes the closures of these series, and returns them as [`set`](Self::set) does.
    #[must_use]
    pub(crate) fn remove(&self, series: &[Series]) -> Vec<ReadValue> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut callbacks = write(&self.0);
        series.iter().filter_map(|series| callbacks.remove(&series.address())).collect()
    }
}
