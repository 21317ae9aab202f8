//! A family of this process, as backends need it.

use std::sync::Arc;

use crate::backends::api::arena::Arena;
use crate::backends::api::error::BackendError;
use crate::backends::api::family_key::FamilyKey;
use crate::backends::api::family_totals::FamilyTotals;
use crate::model::descriptor::Descriptor;
use crate::model::number::Number;

/// A family that this crate counts.
pub(crate) trait LocalFamily: Send + Sync {
    /// Returns the descriptor.
    fn descriptor(&self) -> &Descriptor;

    /// Returns the key, the same in all processes; `None` while the family is in no registry, or another one has its name.
    fn key(&self) -> Option<Arc<FamilyKey>>;

    /// Makes it known to all processes by this key, unless it has one.
    fn assign_key(&self, key: Arc<FamilyKey>);

    /// Counts what the sources of counters have counted since the last time: before a scrape, and before counts are sent.
    fn read_sources(&self) {}

    /// The numbers of this process.
    fn totals(&self) -> FamilyTotals<'_>;

    /// The same without a call of the closures that gauges are read with, whose numbers are not sent anywhere.
    fn stored(&self) -> FamilyTotals<'_> {
        self.totals()
    }

    /// For each series of these totals, how often it was set, or when it was set last where that is what tells which value
    /// shows: of gauges alone, none of others. 0 for one that was never set; `u64::MAX` for one that a closure reads, whose
    /// number is not sent anywhere.
    ///
    /// `parts` are those of the totals. Where a gauge that was never set has no value, they are brought up to date, so that
    /// none is older than its stamp.
    fn stamps(&self, totals: &FamilyTotals<'_>, parts: &mut [Number]) -> Vec<u64> {
        let _ = (totals, parts);
        Vec::new()
    }

    /// Puts in what this process alone can know: gauges that are read by a closure.
    fn merge_local(&self, totals: &mut FamilyTotals<'_>);

    /// In a child process, where all cells have begun at zero: states again what holds for the child, too.
    fn reassert(&self) {}

    /// Tells the arena of all series, those that come later included, and moves those whose cells all threads write to
    /// where it wants them.
    ///
    /// # Errors
    ///
    /// When the arena could not take note of all of them. What was counted is still here.
    fn attach_arena(&self, arena: &Arc<dyn Arena>) -> Result<(), BackendError>;
}
