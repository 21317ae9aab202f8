//! The families of this process, as a backend's errands need them.

use std::sync::{Arc, Mutex, Weak};

use crate::backends::api::{Arena, BackendError, FamilyKey, LocalFamily};
use crate::backends::runtime::active;
use crate::report;
use crate::sync::lock;

/// Every family that is in a registry, and the key that it has, or would have if no other one had it.
static MEMBERS: Mutex<Vec<Member>> = Mutex::new(Vec::new());

type Member = (Arc<FamilyKey>, Weak<dyn LocalFamily>);

/// Makes a family known to all processes, by the scope of the registry that it has come into, unless it has come into
/// one before.
pub(crate) fn join(scope: &str, family: &Arc<dyn LocalFamily>) {
    let key = Arc::new(FamilyKey::new(scope, family.descriptor().clone()));
    let mut members = lock(&MEMBERS);
    let is_it = |(_, member): &(_, Weak<dyn LocalFamily>)| Weak::ptr_eq(member, &Arc::downgrade(family));
    if members.iter().any(is_it) {
        return;
    }
    if members.len() == members.capacity() {
        members.retain(|(_, member)| member.strong_count() != 0);
    }
    members.push((Arc::clone(&key), Arc::downgrade(family)));
    drop(members);
    active::joined(family, key);
}

/// Is this the first of those that have the key?
fn is_first(key: &FamilyKey, family: &Arc<dyn LocalFamily>) -> bool {
    let members = lock(&MEMBERS);
    let mut alike = members.iter().filter(|(known, member)| known.is(key) && member.strong_count() != 0);
    alike.next().is_some_and(|(_, first)| Weak::ptr_eq(first, &Arc::downgrade(family)))
}

/// Is it a family of this process, in whichever registry?
pub(crate) fn has(key: &FamilyKey) -> bool {
    lock(&MEMBERS).iter().any(|(known, member)| known.is(key) && member.strong_count() != 0)
}

/// Tells a family its key, and what it is to count in; reports it if another one has the key.
pub(crate) fn settle(
    family: &Arc<dyn LocalFamily>,
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
pub(crate) fn all() -> Vec<(Arc<FamilyKey>, Arc<dyn LocalFamily>)> {
    let members = lock(&MEMBERS);
    members.iter().filter_map(|(key, member)| Some((Arc::clone(key), member.upgrade()?))).collect()
}

/// All families that are in a registry.
pub(crate) fn counted() -> Vec<Arc<dyn LocalFamily>> {
    all().into_iter().map(|(_, member)| member).collect()
}
