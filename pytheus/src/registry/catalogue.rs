//! The metrics declared in the binary, known before `main`.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::collector_index::duplicate;
use super::collector_registry::CollectorRegistry;
use crate::collector::Collector;
use crate::diagnostics;
use crate::model::descriptor::Descriptor;
use crate::model::error::RegisterError;
use crate::sync::catch_panic;
use crate::sync::lock;

/// The registry of a declared metric.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    /// [`REGISTRY`](super::REGISTRY), whatever registry is behind it.
    Default,
    /// This registry.
    In(fn() -> &'static CollectorRegistry),
    /// None, until it is registered by hand.
    Nowhere,
}

/// A declared metric, from the view of the catalogue.
pub trait Declaration: Sync {
    /// Returns the description of the metric.
    fn descriptor(&self) -> &'static Descriptor;

    /// Returns the registry of the metric.
    fn scope(&self) -> Scope;

    /// Makes a family of this description, not yet in use.
    fn build(&self) -> Arc<dyn Collector>;

    /// Makes the declaration count in this family, unless it has one.
    ///
    /// Returns false if the family has another type; the declaration then counts by itself.
    fn attach(&'static self, family: Arc<dyn Collector>) -> bool;

    /// Returns whether it has a family.
    fn is_attached(&self) -> bool;
}

/// Makes a declaration count in this registry: in a family of its own, which is returned, or in a shared one. If the
/// registry has a different metric of its name, the declaration counts by itself.
fn join(
    declaration: &'static dyn Declaration,
    registry: &CollectorRegistry,
) -> Result<Option<Arc<dyn Collector>>, RegisterError> {
    let own = declaration.build();
    let in_charge = match registry.share(Arc::clone(&own)) {
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

/// A declared metric in `inventory`.
#[derive(Clone, Copy)]
pub struct Registration(&'static dyn Declaration);

impl Registration {
    /// Registers this declaration.
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
    /// Refuses different declarations of one name, whatever registry shows them later.
    names: CollectorRegistry,
    /// One family per name.
    families: Vec<Arc<dyn Collector>>,
    /// The sorted addresses of declarations with a family.
    known: Vec<usize>,
    /// Reported after the lock is released: a reporter may count in a declared metric.
    conflicts: Vec<(&'static str, RegisterError)>,
}

static CATALOGUE: Mutex<Option<Catalogue>> = Mutex::new(None);

impl Catalogue {
    fn adopt(&mut self, registration: Registration) {
        let address = registration.address();
        match self.known.binary_search(&address) {
            Ok(_) => return,
            Err(index) => self.known.insert(index, address),
        }
        let declaration = registration.0;
        match join(declaration, &self.names) {
            Ok(family) => self.families.extend(family),
            Err(error) => self.conflicts.push((declaration.descriptor().name(), error)),
        }
    }

    /// Resolves new declarations: all of them at the first use, then those of libraries loaded at run time.
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

/// Sorts by crate, file and line: in every run, the first declaration gives the help and wins over different ones.
fn in_order(mut declarations: Vec<&'static dyn Declaration>) -> Vec<&'static dyn Declaration> {
    declarations.sort_by_key(|declaration| declaration.descriptor().location());
    declarations
}

fn with_catalogue<T>(act: impl FnOnce(&mut Catalogue) -> T) -> T {
    let mut slot = lock(&CATALOGUE);
    let catalogue = slot.get_or_insert_with(|| Catalogue {
        names: CollectorRegistry::detached(),
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

/// Gives a declaration of the default scope its family, and all others on the way.
pub(crate) fn resolve_default(declaration: &'static dyn Declaration) {
    with_catalogue(|catalogue| {
        catalogue.refresh();
        // Absent from the inventory: an update before `main`, while registrations still come in.
        catalogue.adopt(Registration::new(declaration));
    });
}

/// Returns the families of the default scope from index `from` on.
pub(crate) fn default_families(from: usize) -> Vec<Arc<dyn Collector>> {
    with_catalogue(|catalogue| {
        catalogue.refresh();
        catalogue.families.get(from..).unwrap_or_default().to_vec()
    })
}

/// Registers the metrics with a registry of their own.
pub(super) fn resolve_all_elsewhere() {
    let all = inventory::iter::<Registration>.into_iter().map(|registration| registration.0);
    join_elsewhere(all.filter(|declaration| !declaration.is_attached()).collect());
}

/// Gives a declaration with a registry of its own its family, and all others on the way.
pub(crate) fn resolve_elsewhere(declaration: &'static dyn Declaration) {
    resolve_all_elsewhere();
    // Absent from the inventory: an update before `main`, while registrations still come in.
    join_elsewhere(vec![declaration]);
}

fn join_elsewhere(declarations: Vec<&'static dyn Declaration>) {
    // Joined in turn, in the order of the source, whichever thread comes first.
    static JOINING: Mutex<()> = Mutex::new(());
    // Evaluates the registries outside the lock: a lazy one runs the user's code.
    let mut open = Vec::new();
    for declaration in in_order(declarations) {
        if let Scope::In(registry) = declaration.scope()
            // A panicking registry keeps the others: its metrics are retried at the next scrape.
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
