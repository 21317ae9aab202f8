//! The metrics that the binary declares, known before `main`.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::Registry as _;
use super::collector_registry::CollectorRegistry;
use super::entries::duplicate;
use crate::collector::Collector;
use crate::diagnostics;
use crate::model::descriptor::Descriptor;
use crate::model::error::RegisterError;
use crate::sync::catch_panic;
use crate::sync::lock;

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
    ///
    /// False when it can't, since the family counts another type: the declaration then counts by itself.
    fn attach(&'static self, family: Arc<dyn Collector>) -> bool;

    /// Has it a family?
    fn is_attached(&self) -> bool;
}

/// Makes a declaration count in this registry: in a family of its own, which is returned, or in one that is shared.
/// When the registry has a different one of its name, it counts by itself.
fn join(
    declaration: &'static dyn Declaration,
    registry: &CollectorRegistry,
) -> Result<Option<Arc<dyn Collector>>, RegisterError> {
    let own = declaration.build();
    let in_charge = match registry.register_or_share(Arc::clone(&own)) {
        Ok(in_charge) => in_charge,
        Err(error) => {
            declaration.attach(own);
            return Err(error);
        }
    };
    if Arc::ptr_eq(&in_charge, &own) {
        declaration.attach(Arc::clone(&own));
        Ok(Some(own))
    } else if declaration.attach(Arc::clone(&in_charge)) {
        Ok(None)
    } else {
        Err(duplicate(declaration.descriptor(), &*in_charge, "their types differ"))
    }
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
    /// The sorted addresses of those that have been given a family.
    known: Vec<usize>,
    /// To be reported once the lock is released: a reporter may count in a declared metric.
    conflicts: Vec<(&'static str, RegisterError)>,
}

static CATALOGUE: Mutex<Option<Catalogue>> = Mutex::new(None);

impl Catalogue {
    fn adopt(&mut self, registration: Registration) {
        let address = registration.address();
        match self.known.binary_search(&address) {
            Ok(_) => return,
            Err(place) => self.known.insert(place, address),
        }
        let declaration = registration.0;
        match join(declaration, &self.names) {
            Ok(family) => self.families.extend(family),
            Err(error) => self.conflicts.push((declaration.descriptor().name(), error)),
        }
    }

    /// Adopts what is new: everything at first use; later, what a library loaded at run time has brought.
    fn refresh(&mut self) {
        let in_default = |registration: &&Registration| matches!(registration.0.scope(), Scope::Default);
        let all = || inventory::iter::<Registration>.into_iter().filter(in_default);
        if all().all(|registration| self.known.binary_search(&registration.address()).is_ok()) {
            return;
        }
        for declaration in in_order(all().map(|registration| registration.0).collect()) {
            self.adopt(Registration::new(declaration));
        }
    }
}

/// The first by crate, file and line gives help and wins over those that differ, in every run.
fn in_order(mut declarations: Vec<&'static dyn Declaration>) -> Vec<&'static dyn Declaration> {
    declarations.sort_by_key(|declaration| declaration.descriptor().location());
    declarations
}

fn with_catalogue<T>(act: impl FnOnce(&mut Catalogue) -> T) -> T {
    let mut slot = lock(&CATALOGUE);
    let catalogue = slot.get_or_insert_with(|| Catalogue {
        names: CollectorRegistry::apart(),
        families: Vec::new(),
        known: Vec::new(),
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
pub(super) fn resolve_all_elsewhere() {
    let all = inventory::iter::<Registration>.into_iter().map(|registration| registration.0);
    join_elsewhere(all.filter(|declaration| !declaration.is_attached()).collect());
}

/// Gives a declaration that names its registry a family, and all others of its kind theirs on the way.
pub(crate) fn resolve_elsewhere(declaration: &'static dyn Declaration) {
    resolve_all_elsewhere();
    // Not in the inventory: counted before `main`, while registrations still come in.
    join_elsewhere(vec![declaration]);
}

fn join_elsewhere(declarations: Vec<&'static dyn Declaration>) {
    // One at a time, so that the order is that of the places in the source, whichever thread comes first.
    static JOINING: Mutex<()> = Mutex::new(());
    // The registries are asked for without the lock: a lazy one runs code of the user's.
    let mut open = Vec::new();
    for declaration in in_order(declarations) {
        if let Scope::In(registry) = declaration.scope()
            // One that panics keeps the others: its metrics are tried again at the next scrape.
            && let Ok(registry) = catch_panic(registry)
        {
            open.push((declaration, registry));
        }
    }
    let mut conflicts = Vec::new();
    if !open.is_empty() {
        let _joining = lock(&JOINING);
        for (declaration, registry) in open {
            if !declaration.is_attached()
                && let Err(error) = join(declaration, registry)
            {
                conflicts.push((declaration.descriptor().name(), error));
            }
        }
    }
    for (metric, error) in conflicts {
        diagnostics::conflict(metric, &error);
    }
}
