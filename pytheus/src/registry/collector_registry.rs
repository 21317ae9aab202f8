//! The registry of this crate, with a prefix, constant labels and a scope.

use std::fmt;
use std::sync::{Arc, RwLock};

use super::collector_index::CollectorIndex;
use super::decoration::Decoration;
use crate::backends::runtime;
use crate::collector::{Collector, local_family};
use crate::diagnostics;
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::error::{DescriptorError, RegisterError};
use crate::model::name;
use crate::sync::{read, write};

/// A registry of collectors. It may add a prefix to their names and constant labels to their samples.
///
/// ```
/// use pytheus::metrics::Counter;
/// use pytheus::registry::{CollectorRegistry, Registry};
///
/// let registry = CollectorRegistry::new().with_prefix("shop")?.with_labels([("region", "eu")])?;
/// let orders = Counter::builder("orders_total", "Orders.").registry(&registry).build()?;
/// orders.inc();
/// assert_eq!(registry.sample_value("shop_orders_total", &[("region", "eu")]), Some(1.0));
/// # Ok::<(), pytheus::error::RegisterError>(())
/// ```
pub struct CollectorRegistry {
    pub(super) decoration: Decoration,
    scope: RegistryScope,
    pub(super) entries: RwLock<CollectorIndex>,
}

/// The name of a registry across processes.
#[derive(Debug)]
enum RegistryScope {
    /// The prefix and the constant labels.
    Derived,
    Named(String),
    /// None: other processes do not know the registry.
    None,
}

impl CollectorRegistry {
    /// Makes an empty registry, also in a `static`.
    pub const fn new() -> Self {
        Self::of(RegistryScope::Derived)
    }

    /// Makes a registry unknown to other processes.
    pub(super) const fn detached() -> Self {
        Self::of(RegistryScope::None)
    }

    const fn of(scope: RegistryScope) -> Self {
        Self { decoration: Decoration::NONE, scope, entries: RwLock::new(CollectorIndex::new()) }
    }

    /// Names the registry across processes, for totals of several processes.
    ///
    /// Metrics of one name are the same in two processes if their registries have the same scope. The default scope is
    /// the prefix and the constant labels, so that equal series are one. Two registries of a program with the same
    /// prefix and labels, and metrics of the same name, need a scope each. Families declared only by other programs
    /// appear in the registry with the same scope, or in [`REGISTRY`](super::REGISTRY) if their scope is empty.
    ///
    /// ```
    /// use pytheus::registry::CollectorRegistry;
    ///
    /// let internal = CollectorRegistry::new().with_scope("internal");
    /// assert_eq!(internal.scope(), "internal");
    /// ```
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = RegistryScope::Named(scope.into());
        self
    }

    /// Returns the name of the registry across processes.
    pub fn scope(&self) -> String {
        match &self.scope {
            RegistryScope::Named(scope) => scope.clone(),
            RegistryScope::Derived | RegistryScope::None => {
                let labels = self.decoration.exposed_labels();
                let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
                format!("{}{labels}", self.decoration.prefix.as_deref().unwrap_or_default())
            }
        }
    }

    /// Puts `prefix` and `_` before each name.
    ///
    /// # Errors
    ///
    /// If no metric name can start like this.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Result<Self, DescriptorError> {
        let prefix = prefix.into();
        name::metric_name(&prefix).map_err(|why| DescriptorError::prefix(&prefix, why))?;
        self.decoration.prefix = Some(prefix);
        Ok(self)
    }

    /// Adds these labels to each sample.
    ///
    /// # Errors
    ///
    /// If a name is no label name, or is given twice.
    pub fn with_labels<N: Into<String>, V: Into<String>>(
        mut self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, DescriptorError> {
        for (name, value) in labels {
            let name = name.into();
            let refuse = |why| DescriptorError::constant_label(&name, why);
            name::label_name(&name).map_err(refuse)?;
            match self.decoration.labels.binary_search_by(|(known, _)| known.cmp(&name)) {
                Ok(_) => return Err(refuse("the label is given twice")),
                Err(index) => self.decoration.labels.insert(index, (name, value.into())),
            }
        }
        Ok(self)
    }

    /// Adds a collector, or returns the one that has its names already.
    pub(super) fn share(&self, collector: Arc<dyn Collector>) -> Result<Arc<dyn Collector>, RegisterError> {
        let descriptors = collector.descriptors();
        if !diagnostics::is_own(&collector) {
            for descriptor in &descriptors {
                self.check_labels(descriptor)?;
            }
        }
        let mut entries = write(&self.entries);
        if let Some(existing) = entries.find(&collector, &descriptors)? {
            return Ok(existing);
        }
        entries.insert(Arc::clone(&collector), descriptors);
        drop(entries);
        if !matches!(self.scope, RegistryScope::None)
            && let Some(family) = local_family(&collector)
        {
            runtime::join(&self.scope(), &family);
        }
        Ok(collector)
    }

    fn check_labels(&self, descriptor: &Descriptor) -> Result<(), RegisterError> {
        let name = descriptor.name();
        let states = (descriptor.kind() == Kind::StateSet).then(|| self.decoration.full_name(name));
        if let Some(label) = &states {
            name::state_set_name(label).map_err(|why| DescriptorError::metric_name(label, why))?;
            if descriptor.label_names().any(|own| own == label) {
                let why = "the states stand under a label of this name, with the prefix of the registry";
                return Err(DescriptorError::label_name(name, label, why).into());
            }
        }
        let brought = descriptor.own_label().or(states.as_deref());
        let taken = |label: &str| descriptor.label_names().any(|own| own == label) || brought == Some(label);
        match self.decoration.labels.iter().find(|(label, _)| taken(label)) {
            Some((label, _)) => Err(RegisterError::ConstantLabel {
                name: name.to_owned(),
                location: descriptor.location(),
                label: label.clone(),
            }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for CollectorRegistry {
    /// Prints names alone: the code of a collector may come back here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = {
            let entries = read(&self.entries);
            entries.names.iter().map(|(name, _)| name.clone()).collect()
        };
        let Decoration { prefix, labels } = &self.decoration;
        f.debug_struct("CollectorRegistry")
            .field("prefix", prefix)
            .field("labels", labels)
            .field("scope", &self.scope)
            .field("names", &names)
            .finish()
    }
}

impl Default for CollectorRegistry {
    fn default() -> Self {
        Self::new()
    }
}
