//! The metrics that the binary declares, known before `main`.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Registry as _;
use super::collector_registry::CollectorRegistry;
use crate::collector::Collector;
use crate::descriptor::Descriptor;
use crate::diagnostics;
use crate::error::RegisterError;

/// Where a declared metric is exposed.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    /// In [`REGISTRY`](super::REGISTRY), whatever stands behind it.
    Default,
    /// In this registry.
    In(fn() -> &'static CollectorRegistry),
    /// Nowhere, until it is registered by hand.
    Nowhere,
}

/// A declared metric, as the catalogue sees it.
pub trait Declaration: Sync {
    /// What the metric is.
    fn descriptor(&self) -> &'static Descriptor;

    /// Where it is exposed.
    fn scope(&self) -> Scope;

    /// A family of this description, not yet in use.
    fn build(&self) -> Arc<dyn Collector>;

    /// Makes the declaration count in this family, unless it has one.
    fn attach(&'static self, family: Arc<dyn Collector>);

    /// Makes sure that the declaration has a family.
    fn resolve(&'static self);
}

/// What `inventory` holds: one per declared metric.
#[derive(Clone, Copy)]
pub struct Registration(&'static dyn Declaration);

impl Registration {
    /// Of this declaration.
    pub const fn new(declaration: &'static dyn Declaration) -> Self {
        Self(declaration)
    }

    fn address(self) -> usize {
        std::ptr::from_ref(self.0).addr()
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registration").field(&self.0.descriptor().name()).finish()
    }
}

inventory::collect!(Registration);

/// The declared metrics of the default scope.
struct Catalogue {
    /// Refuses differing duplicates among them, whatever registry they are shown in later.
    names: CollectorRegistry,
    /// One per name.
    families: Vec<Arc<dyn Collector>>,
    /// By address: who has been given a family.
    known: HashSet<usize>,
    /// To be reported once the lock is released: a reporter may count in a declared metric.
    conflicts: Vec<(&'static str, RegisterError)>,
}

static CATALOGUE: Mutex<Option<Catalogue>> = Mutex::new(None);

impl Catalogue {
    fn adopt(&mut self, registration: Registration) {
        if !self.known.insert(registration.address()) {
            return;
        }
        let declaration = registration.0;
        let family = declaration.build();
        match self.names.register(Arc::clone(&family)) {
            Ok(shared) => {
                if Arc::ptr_eq(&shared, &family) {
                    self.families.push(family);
                }
                declaration.attach(shared);
            }
            Err(error) => {
                self.conflicts.push((declaration.descriptor().name(), error));
                declaration.attach(family);
            }
        }
    }

    /// Adopts what is new: everything at first use; later, what a library loaded at run time has brought.
    fn refresh(&mut self) {
        let in_default = |registration: &&Registration| matches!(registration.0.scope(), Scope::Default);
        let all = || inventory::iter::<Registration>.into_iter().filter(in_default);
        if all().all(|registration| self.known.contains(&registration.address())) {
            return;
        }
        let mut fresh: Vec<Registration> = all().copied().collect();
        // The first by crate, file and line gives help and wins over those that differ, in every run.
        fresh.sort_by_key(|registration| registration.0.descriptor().location());
        for registration in fresh {
            self.adopt(registration);
        }
    }
}

fn with_catalogue<T>(act: impl FnOnce(&mut Catalogue) -> T) -> T {
    let mut slot = CATALOGUE.lock().unwrap_or_else(PoisonError::into_inner);
    let catalogue = slot.get_or_insert_with(|| Catalogue {
        names: CollectorRegistry::new(),
        families: Vec::new(),
        known: HashSet::new(),
        conflicts: Vec::new(),
    });
    let result = act(catalogue);
    let conflicts = std::mem::take(&mut catalogue.conflicts);
    drop(slot);
    for (metric, error) in conflicts {
        diagnostics::conflict(metric, &error);
    }
    result
}

/// Gives a declaration of the default scope its family, and all others theirs on the way.
pub(crate) fn resolve_default(declaration: &'static dyn Declaration) {
    with_catalogue(|catalogue| {
        catalogue.refresh();
        // Not in the inventory: counted before `main`, while registrations still come in.
        catalogue.adopt(Registration::new(declaration));
    });
}

/// The families of the default scope from the `from`th on.
pub(super) fn default_families(from: usize) -> Vec<Arc<dyn Collector>> {
    with_catalogue(|catalogue| {
        catalogue.refresh();
        catalogue.families.get(from..).unwrap_or_default().to_vec()
    })
}

/// Brings the metrics that name a registry of their own into it.
pub(super) fn resolve_elsewhere() {
    let elsewhere = |registration: &&Registration| matches!(registration.0.scope(), Scope::In(_));
    let mut registrations: Vec<_> = inventory::iter::<Registration>.into_iter().filter(elsewhere).collect();
    registrations.sort_by_key(|registration| registration.0.descriptor().location());
    for registration in registrations {
        registration.0.resolve();
    }
}
