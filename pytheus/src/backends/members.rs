//! The families of this process, as a backend's errands need them.

use std::sync::{Arc, Mutex, Weak};

use super::{Arena, FamilyKey, FamilyTotals};
use crate::descriptor::Descriptor;
use crate::storage::lock;

/// A family that this crate counts.
#[doc(hidden)]
pub trait Counted: Send + Sync {
    /// What the metric is.
    fn descriptor(&self) -> &Descriptor;

    /// What all processes know it by; `None` while it is in no registry, or if another one has its name.
    fn key(&self) -> Option<Arc<FamilyKey>>;

    /// Makes it known to all processes by this key, unless it has one.
    fn adopt(&self, key: Arc<FamilyKey>);

    /// The numbers of this process.
    fn totals(&self) -> FamilyTotals<'_>;

    /// For each series of these totals, how often it was set, or when it was set last where that is what tells which value
    /// shows: of gauges alone, none of others. `u64::MAX` for one that a closure reads, whose number is not sent anywhere.
    fn stamps(&self, totals: &FamilyTotals<'_>) -> Vec<u64> {
        let _ = totals;
        Vec::new()
    }

    /// Puts in what this process alone can know: gauges that are read by a closure.
    fn overlay(&self, totals: &mut FamilyTotals<'_>);

    /// Tells the arena of all series, those that come later included, and moves those that are to lie in cells that all
    /// processes write.
    fn begin(&self, arena: &Arc<dyn Arena>);
}

static MEMBERS: Mutex<Vec<(Arc<FamilyKey>, Weak<dyn Counted>)>> = Mutex::new(Vec::new());

/// All families that are known to other processes.
pub(super) fn all() -> Vec<Arc<dyn Counted>> {
    lock(&MEMBERS).iter().filter_map(|(_, member)| member.upgrade()).collect()
}

/// All families that are in a registry.
pub(super) fn counted() -> Vec<Arc<dyn Counted>> {
    all()
}
