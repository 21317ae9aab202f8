//! A registry without totals.

use std::sync::Arc;

use pytheus::collector::Collector;
use pytheus::error::{RegisterError, ScrapeError};
use pytheus::registry::Registry;
use pytheus::snapshot::FamilySnapshot;

/// A registry whose totals can't be had, for this reason.
#[derive(Debug)]
pub struct Failing(pub fn() -> ScrapeError);

impl Registry for Failing {
    fn register(&self, _: Arc<dyn Collector>) -> Result<(), RegisterError> {
        Ok(())
    }

    fn unregister(&self, _: &str) -> Option<Arc<dyn Collector>> {
        None
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
        Err(self.0())
    }
}
