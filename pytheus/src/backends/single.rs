//! One process: what its cells hold is the total.

use super::{Backend, FamilyTotals};
use crate::error::ScrapeError;

#[derive(Debug)]
pub(crate) struct SingleProcessBackend;

impl Backend for SingleProcessBackend {
    fn load(&self, families: &mut [FamilyTotals<'_>]) -> Result<(), ScrapeError> {
        debug_assert!(
            families.iter().all(|family| family.series.is_sorted_by(|a, b| a.labels < b.labels)),
            "{:?}",
            families.iter().map(|family| family.descriptor.name()).collect::<Vec<_>>()
        );
        Ok(())
    }
}
