//! A registry that any thread can scrape.

use std::fmt;
use std::sync::Arc;

use crate::registry::Registry;

/// A registry for requests on any thread: a `static`, or in an `Arc`.
///
/// Requests share a scrape if they name the same one.
///
/// ```
/// use std::sync::Arc;
///
/// use pytheus::exposition::{Ask, respond_from};
/// use pytheus::registry::CollectorRegistry;
///
/// static OPERATORS: CollectorRegistry = CollectorRegistry::new();
/// assert_eq!(respond_from(&OPERATORS, &Ask::new()).status(), 200);
///
/// let tenants = Arc::new(CollectorRegistry::new());
/// assert_eq!(respond_from(tenants.clone(), &Ask::new()).status(), 200);
/// ```
#[derive(Clone)]
pub struct SharedRegistry(RegistryRef);

#[derive(Clone)]
enum RegistryRef {
    Static(&'static dyn Registry),
    Counted(Arc<dyn Registry>),
}

impl SharedRegistry {
    pub(super) fn registry(&self) -> &dyn Registry {
        match &self.0 {
            RegistryRef::Static(registry) => *registry,
            RegistryRef::Counted(registry) => &**registry,
        }
    }
}

impl<R: Registry> From<&'static R> for SharedRegistry {
    fn from(registry: &'static R) -> Self {
        Self(RegistryRef::Static(registry))
    }
}

impl<R: Registry + 'static> From<Arc<R>> for SharedRegistry {
    fn from(registry: Arc<R>) -> Self {
        Self(RegistryRef::Counted(registry))
    }
}

impl From<Arc<dyn Registry>> for SharedRegistry {
    fn from(registry: Arc<dyn Registry>) -> Self {
        Self(RegistryRef::Counted(registry))
    }
}

impl PartialEq for SharedRegistry {
    fn eq(&self, other: &Self) -> bool {
        let (own, other) = (self.registry(), other.registry());
        // Registries without fields may share an address.
        std::ptr::addr_eq(own, other) && size_of_val(own) > 0
    }
}

impl fmt::Debug for SharedRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRegistry").finish_non_exhaustive()
    }
}
