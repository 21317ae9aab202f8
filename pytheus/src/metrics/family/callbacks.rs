//! The closures of gauges and counters, called at a scrape.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
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

impl<T> Callback<dyn Fn() -> T + Send + Sync> {
    /// Calls the closure, without a lock.
    pub(crate) fn value(&self) -> Result<T, Failure> {
        self.code.run(|| (self.read)())
    }
}

/// The closures of a family by the address of their series, as series without cells share a slot. In a tree, of which an
/// insertion moves little.
pub(crate) struct Callbacks<C = ReadValue> {
    /// Whether there ever was one: most families never have any, and take no lock.
    is_used: AtomicBool,
    by_series: RwLock<BTreeMap<usize, C>>,
}

impl<C: Clone> Callbacks<C> {
    pub(crate) const fn new() -> Self {
        Self { is_used: AtomicBool::new(false), by_series: RwLock::new(BTreeMap::new()) }
    }

    /// Replaces a closure, and returns the former: the caller drops it without a lock, as it may run any code.
    #[must_use]
    pub(crate) fn set(&self, series: &Series, callback: C) -> Option<C> {
        self.is_used.store(true, Release);
        write(&self.by_series).insert(series.address(), callback)
    }

    pub(crate) fn get(&self, series: &Series) -> Option<C> {
        if !self.is_used.load(Acquire) {
            return None;
        }
        read(&self.by_series).get(&series.address()).cloned()
    }

    pub(crate) fn all(&self) -> Vec<C> {
        if !self.is_used.load(Acquire) {
            return Vec::new();
        }
        read(&self.by_series).values().cloned().collect()
    }

    /// Returns whether there are no closures.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_used.load(Acquire) || read(&self.by_series).is_empty()
    }

    /// Removes the closures of these series, and returns them as [`set`](Self::set) does.
    #[must_use]
    pub(crate) fn remove(&self, series: &[Series]) -> Vec<C> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut callbacks = write(&self.by_series);
        series.iter().filter_map(|series| callbacks.remove(&series.address())).collect()
    }
}
