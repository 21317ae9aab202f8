//! Closures that gauges are read with.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::storage::{Series, Slot, read, write};

/// Knows the value of a gauge.
pub(super) type ReadValue = Arc<dyn Fn() -> f64 + Send + Sync>;

/// The closures of a family, by the slot of their series.
#[derive(Default)]
pub(super) struct Sources(RwLock<HashMap<Slot, ReadValue>>);

impl Sources {
    /// Gives the closure that was there, to be dropped without a lock: it may do as it likes.
    #[must_use]
    pub(super) fn set(&self, series: &Series, source: ReadValue) -> Option<ReadValue> {
        write(&self.0).insert(series.slot(), source)
    }

    pub(super) fn get(&self, series: &Series) -> Option<ReadValue> {
        let sources = read(&self.0);
        if sources.is_empty() { None } else { sources.get(&series.slot()).cloned() }
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
        series.iter().filter_map(|series| sources.remove(&series.slot())).collect()
    }
}
