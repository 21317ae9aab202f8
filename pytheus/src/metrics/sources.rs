//! Closures that gauges are read with.

use std::sync::{Arc, RwLock};

use crate::reentry::{Code, Failure};
use crate::storage::{Series, read, write};

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

/// The closures of a family, sorted by the address of their series: those without cells share a slot.
#[derive(Default)]
pub(super) struct Sources(RwLock<Vec<(usize, ReadValue)>>);

impl Sources {
    /// Gives the closure that was there, to be dropped without a lock: it may do as it likes.
    #[must_use]
    pub(super) fn set(&self, series: &Series, source: ReadValue) -> Option<ReadValue> {
        let mut sources = write(&self.0);
        match find(&sources, series) {
            Ok(place) => Some(std::mem::replace(&mut sources[place].1, source)),
            Err(place) => {
                sources.insert(place, (series.address(), source));
                None
            }
        }
    }

    pub(super) fn get(&self, series: &Series) -> Option<ReadValue> {
        let sources = read(&self.0);
        find(&sources, series).ok().map(|place| Arc::clone(&sources[place].1))
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
        let mut removed = Vec::new();
        for series in series {
            if let Ok(place) = find(&sources, series) {
                removed.push(sources.remove(place).1);
            }
        }
        removed
    }
}

/// Where the closure of a series is, or would be.
fn find(sources: &[(usize, ReadValue)], series: &Series) -> Result<usize, usize> {
    sources.binary_search_by_key(&series.address(), |(address, _)| *address)
}
