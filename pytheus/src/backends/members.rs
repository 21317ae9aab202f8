//! The families of this process, as a backend's errands need them.

use std::sync::{Arc, Mutex, Weak};

use super::{Arena, BackendError, FamilyKey, FamilyTotals, current};
use crate::model::descriptor::Descriptor;
use crate::model::number::Number;
use crate::report;
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
    fn overlay(&self, totals: &mut FamilyTotals<'_>);

    /// In a child process, where all cells have begun at zero: states again what holds for the child, too.
    fn restate(&self) {}

    /// Tells the arena of all series, those that come later included, and moves those whose cells all threads write to
    /// where it wants them.
    ///
    /// # Errors
    ///
    /// When the arena could not take note of all of them. What was counted is still here.
    fn begin(&self, arena: &Arc<dyn Arena>) -> Result<(), BackendError>;
}

/// Every family that is in a registry, and the key that it has, or would have if no other one had it.
static MEMBERS: Mutex<Vec<Member>> = Mutex::new(Vec::new());

type Member = (Arc<FamilyKey>, Weak<dyn Counted>);

/// Makes a family known to all processes, by the scope of the registry that it has come into, unless it has come into
/// one before.
pub(crate) fn join(scope: &str, family: &Arc<dyn Counted>) {
    let key = Arc::new(FamilyKey::new(scope, family.descriptor().clone()));
    let mut members = lock(&MEMBERS);
    let is_it = |(_, member): &(_, Weak<dyn Counted>)| Weak::ptr_eq(member, &Arc::downgrade(family));
    if members.iter().any(is_it) {
        return;
    }
    if members.len() == members.capacity() {
        members.retain(|(_, member)| member.strong_count() != 0);
    }
    members.push((Arc::clone(&key), Arc::downgrade(family)));
    drop(members);
    current::joined(family, key);
}

/// Is this the first of those that have the key?
fn is_first(key: &FamilyKey, family: &Arc<dyn Counted>) -> bool {
    let members = lock(&MEMBERS);
    let mut alike = members.iter().filter(|(known, member)| known.is(key) && member.strong_count() != 0);
    alike.next().is_some_and(|(_, first)| Weak::ptr_eq(first, &Arc::downgrade(family)))
}

/// Is it a family of this process, in whichever registry?
pub(super) fn has(key: &FamilyKey) -> bool {
    lock(&MEMBERS).iter().any(|(known, member)| known.is(key) && member.strong_count() != 0)
}

/// Tells a family its key, and what it is to count in; reports it if another one has the key.
pub(super) fn settle(
    family: &Arc<dyn Counted>,
    key: Arc<FamilyKey>,
    arena: Option<&Arc<dyn Arena>>,
) -> Result<(), BackendError> {
    if !is_first(&key, family) {
        let message = format!(
            "two registries of one scope have a metric `{key}` each: the second, declared at {}, counts for this process \
             alone; give one of the registries a scope of its own, `CollectorRegistry::with_scope`",
            family.descriptor().location()
        );
        report::report(("scope", key.name()), &message);
        return Ok(());
    }
    family.adopt(key);
    arena.map_or(Ok(()), |arena| family.begin(arena))
}

/// All families that are in a registry, with the keys that they have or would have.
pub(super) fn all() -> Vec<(Arc<FamilyKey>, Arc<dyn Counted>)> {
    let members = lock(&MEMBERS);
    members.iter().filter_map(|(key, member)| Some((Arc::clone(key), member.upgrade()?))).collect()
}

/// All families that are in a registry.
pub(super) fn counted() -> Vec<Arc<dyn Counted>> {
    all().into_iter().map(|(_, member)| member).collect()
}
