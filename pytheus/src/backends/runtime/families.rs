//! The families of this process that are in a registry.

use std::sync::{Arc, Mutex, Weak};

use crate::backends::api::{Arena, BackendError, FamilyKey, LocalFamily};
use crate::report;
use crate::sync::lock;

/// Every family that is in a registry, with its key. Of several families with one key, the first has it.
static FAMILIES: Mutex<Vec<Registered>> = Mutex::new(Vec::new());

type Registered = (Arc<FamilyKey>, Weak<dyn LocalFamily>);

/// Registers a family under the scope of its registry, and returns its key; `None` when the family is registered already.
pub(crate) fn register(scope: &str, family: &Arc<dyn LocalFamily>) -> Option<Arc<FamilyKey>> {
    let key = Arc::new(FamilyKey::new(scope, family.descriptor().clone()));
    let weak = Arc::downgrade(family);
    let mut families = lock(&FAMILIES);
    if families.iter().any(|(_, known)| Weak::ptr_eq(known, &weak)) {
        return None;
    }
    if families.len() == families.capacity() {
        families.retain(|(_, family)| family.strong_count() != 0);
    }
    families.push((Arc::clone(&key), weak));
    Some(key)
}

/// Returns the first family with this key, whichever registry it is in.
fn find(key: &FamilyKey) -> Option<Weak<dyn LocalFamily>> {
    let families = lock(&FAMILIES);
    let found = families.iter().find(|(known, family)| known.is_same_family(key) && family.strong_count() != 0);
    found.map(|(_, family)| Weak::clone(family))
}

/// Whether this process has the family, in whichever registry.
pub(crate) fn is_local(key: &FamilyKey) -> bool {
    find(key).is_some()
}

/// Assigns the key to a family, and attaches it to the arena; reports a key that another family has.
pub(crate) fn attach(
    family: &Arc<dyn LocalFamily>,
    key: Arc<FamilyKey>,
    arena: Option<&Arc<dyn Arena>>,
) -> Result<(), BackendError> {
    if !find(&key).is_some_and(|first| Weak::ptr_eq(&first, &Arc::downgrade(family))) {
        let message = format!(
            "two registries of one scope have a metric `{key}` each: the second, declared at {}, counts for this process \
             alone; give one of the registries a scope of its own, `CollectorRegistry::with_scope`",
            family.descriptor().location()
        );
        report::report(("scope", key.name()), &message);
        return Ok(());
    }
    family.assign_key(key);
    arena.map_or(Ok(()), |arena| family.attach_arena(arena))
}

/// Returns all families, each with its key.
pub(crate) fn with_keys() -> Vec<(Arc<FamilyKey>, Arc<dyn LocalFamily>)> {
    let families = lock(&FAMILIES);
    families.iter().filter_map(|(key, family)| Some((Arc::clone(key), family.upgrade()?))).collect()
}

/// Returns all families.
pub(crate) fn all() -> Vec<Arc<dyn LocalFamily>> {
    with_keys().into_iter().map(|(_, family)| family).collect()
}

/// Reads the sources of counters.
pub(crate) fn read_sources(families: &[Arc<dyn LocalFamily>]) {
    for family in families {
        family.read_sources();
    }
}
