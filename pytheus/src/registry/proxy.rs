//! The global registry: a proxy whose registry can be swapped.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, RwLock};

use super::catalogue::{default_families, resolve_all_elsewhere};
use super::{CollectorRegistry, FamilyView, Registry};
use crate::backends::runtime::BeforeLoad;
use crate::collector::Collector;
use crate::diagnostics;
use crate::model::error::{RegisterError, ScrapeError};
use crate::model::snapshot::FamilySnapshot;
use crate::sync::{read, write};

/// The global registry, with all declared metrics.
///
/// ```
/// use pytheus::registry::{REGISTRY, Registry};
///
/// pytheus::metric! {
///     /// Requests, by any path.
///     static REQUESTS: Counter = "requests_total";
/// }
///
/// assert_eq!(REGISTRY.sample_value("requests_total", &[]), Some(0.0));
/// ```
pub static REGISTRY: RegistryProxy = RegistryProxy { current: RwLock::new(None) };

/// The type of [`REGISTRY`]: passes every call on to a registry that can be swapped.
pub struct RegistryProxy {
    current: RwLock<Option<Current>>,
}

#[derive(Clone)]
struct Current {
    registry: Arc<dyn Registry>,
    /// The number of declared families it has received.
    adopted: usize,
}

impl Current {
    fn new(registry: Arc<dyn Registry>) -> Self {
        if let Err(error) = registry.register(diagnostics::collector()) {
            diagnostics::conflict("pytheus", &error);
        }
        let mut current = Self { registry, adopted: 0 };
        current.adopt();
        current
    }

    /// Gives the registry the declared families it lacks; returns whether there were any.
    fn adopt(&mut self) -> bool {
        let fresh = default_families(self.adopted);
        for family in &fresh {
            let Some(descriptor) = family.descriptors().into_iter().next() else { continue };
            if let Err(error) = self.registry.register(Arc::clone(family)) {
                diagnostics::conflict(descriptor.name(), &error);
            }
        }
        self.adopted += fresh.len();
        !fresh.is_empty()
    }
}

impl RegistryProxy {
    /// Swaps the registry, and returns the previous one.
    ///
    /// Declared metrics show in the new one from now on, also unregistered ones. Metrics built at run time stay in
    /// their registry. A declared metric is left out, counted and reported, if the new registry already has its name.
    ///
    /// ```
    /// use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};
    ///
    /// REGISTRY.set_registry(CollectorRegistry::new().with_prefix("shop")?);
    /// assert_eq!(REGISTRY.prefix().as_deref(), Some("shop"));
    /// # Ok::<(), pytheus::error::DescriptorError>(())
    /// ```
    pub fn set_registry(&self, registry: impl Registry + 'static) -> Arc<dyn Registry> {
        let previous = self.current();
        // Outside the lock: a registry of your own may run any code.
        let next = Current::new(Arc::new(registry));
        let mut slot = write(&self.current);
        let replaced = slot.replace(next);
        // Before a value of the user is dropped.
        drop(slot);
        replaced.map_or(previous, |current| current.registry)
    }

    fn current(&self) -> Arc<dyn Registry> {
        let known = read(&self.current).clone();
        // Without the lock: a reporter, or a registry of your own, may come back here.
        let mut current = known.unwrap_or_else(|| {
            let fresh = Current::new(Arc::new(CollectorRegistry::new()));
            let mut slot = write(&self.current);
            slot.get_or_insert(fresh).clone()
        });
        if current.adopt() {
            let mut slot = write(&self.current);
            if let Some(slot) = slot.as_mut().filter(|slot| Arc::ptr_eq(&slot.registry, &current.registry)) {
                slot.adopted = slot.adopted.max(current.adopted);
            }
        }
        current.registry
    }
}

inventory::submit!(BeforeLoad(|| {
    resolve_all_elsewhere();
    REGISTRY.current();
}));

super::forward! {
    [impl Registry for RegistryProxy] => |this| this.current();
}

impl fmt::Debug for RegistryProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryProxy").field("prefix", &self.prefix()).finish_non_exhaustive()
    }
}
