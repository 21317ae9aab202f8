//! A wrapper around a backend whose connection loses replies.

use std::sync::Arc;
use std::time::Duration;

use crate::backends::config::LoadPlan;
use crate::backends::custom::{AggregationScope, Arena, Backend, Batch, Removal, Totals};
use crate::backends::{BackendError, BackendSpec};
use crate::conformance::samples::Fault;

/// Makes a backend apply every batch and removal twice, as after a lost reply.
pub(super) struct Repeating(Arc<dyn Backend>);

impl Repeating {
    /// The wrapped backend.
    pub(super) fn of(load: BackendSpec) -> Result<Self, Fault> {
        Ok(Self(LoadPlan::resolve(load)?.make()?))
    }
}

impl Backend for Repeating {
    fn arena(&self) -> Option<Arc<dyn Arena>> {
        self.0.arena()
    }

    fn interval(&self) -> Option<Duration> {
        self.0.interval()
    }

    fn aggregation_scope(&self) -> AggregationScope {
        self.0.aggregation_scope()
    }

    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        self.0.apply(batch)?;
        self.0.apply(batch)
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        self.0.load(totals)
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        self.0.remove(removal)?;
        self.0.remove(removal)
    }

    fn flush(&self) -> Result<(), BackendError> {
        self.0.flush()
    }

    fn close(&self) -> Result<(), BackendError> {
        self.0.close()
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        self.0.after_fork()
    }
}
