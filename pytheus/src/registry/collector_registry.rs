//! The registry of this crate, with a prefix, constant labels and a scope.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, RwLock};

use super::collector_index::{CollectorIndex, Entry, duplicate};
use super::decoration::Decoration;
use super::{FamilyView, Registry, custom, find_sample, is_suffix};
use crate::backends::runtime;
use crate::collector::Collector;
use crate::diagnostics;
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::error::{DescriptorError, RegisterError, ScrapeError};
use crate::model::name;
use crate::model::snapshot::FamilySnapshot;
use crate::reentry::{self, ReentryFault};
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
    decoration: Decoration,
    scope: RegistryScope,
    entries: RwLock<CollectorIndex>,
}

/// Gives pending declarations of metrics to their registries. The catalogue submits it, since it knows registries.
pub(super) struct Resolver(pub(super) fn());

inventory::collect!(Resolver);

fn resolve_declarations() {
    inventory::iter::<Resolver>.into_iter().for_each(|resolver| (resolver.0)());
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
                Err(place) => self.decoration.labels.insert(place, (name, value.into())),
            }
        }
        Ok(self)
    }

    fn entries(&self) -> Vec<Entry> {
        let entries = read(&self.entries);
        entries.collectors.clone()
    }

    /// Returns whether the names of a new family are free.
    fn has_room_for(&self, descriptor: &Descriptor) -> bool {
        let entries = read(&self.entries);
        let taken = descriptor.sample_names().any(|name| entries.owner(&name).is_some());
        drop(entries);
        if taken {
            diagnostics::hidden(descriptor);
        }
        !taken
    }

    /// Shows the families sorted by name: all, or the ones that may have a sample of a name.
    fn gather(&self, sample: Option<&str>, show: impl FnOnce(Vec<FamilyView<'_>>)) -> Result<(), ScrapeError> {
        resolve_declarations();
        let is_wanted = |family: &str| sample.is_none_or(|sample| sample.strip_prefix(family).is_some_and(is_suffix));
        let is_described = |descriptor: &Descriptor| is_wanted(&self.decoration.full_name(descriptor.name()));
        let mut entries = self.entries();
        // The registry behind `REGISTRY` does the same.
        let has_own = entries.iter().any(|entry| diagnostics::is_own(&entry.collector));
        if sample.is_some() {
            entries.retain(|entry| entry.descriptors.iter().any(is_described));
        }
        let counted: Vec<_> = entries.iter().filter_map(|entry| entry.collector.as_counted()).collect();
        let (own, others) = runtime::load(self.scope(), counted)?.finish();
        let labels = self.decoration.exposed_labels();
        // Families of other programs, if the scope matches; local metrics win by name.
        let is_theirs = !self.scope().is_empty() || has_own;
        let others = others.iter().filter(|other| is_described(other.descriptor()));
        let others = others.filter(|other| is_theirs && self.has_room_for(other.descriptor()));
        let mut families: Vec<_> =
            own.iter().chain(others).map(|totals| FamilyView::totals(totals, &self.decoration, &labels)).collect();

        for mut family in entries.iter().flat_map(custom::families) {
            self.decoration.decorate(&mut family);
            families.push(family.into());
        }
        // Last, to include the failures of this scrape; without prefix and labels, the same names in every service.
        if has_own {
            let health = runtime::health().into_iter().filter(custom::is_healthy);
            let own = diagnostics::families().into_iter().chain(health);
            let is_free = |own: &FamilySnapshot| !families.iter().any(|family| family.name() == own.name);
            let mut free: Vec<_> =
                own.filter(|own| is_wanted(&own.name) && is_free(own)).map(FamilyView::from).collect();
            families.append(&mut free);
        }
        families.sort_by(|a, b| a.name().cmp(b.name()));
        show(families);
        Ok(())
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

impl Registry for CollectorRegistry {
    fn register(&self, collector: Arc<dyn Collector>) -> Result<(), RegisterError> {
        let in_charge = self.register_or_share(Arc::clone(&collector))?;
        if Arc::ptr_eq(&in_charge, &collector) {
            return Ok(());
        }
        match collector.descriptors().first() {
            Some(new) => Err(duplicate(new, &*in_charge, "each counts by itself")),
            None => Ok(()),
        }
    }

    fn register_or_share(&self, collector: Arc<dyn Collector>) -> Result<Arc<dyn Collector>, RegisterError> {
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
            && let Some(family) = Arc::clone(&collector).into_counted()
        {
            runtime::join(&self.scope(), &family);
        }
        Ok(collector)
    }

    fn unregister(&self, name: &str) -> Option<Arc<dyn Collector>> {
        resolve_declarations();
        let mut entries = write(&self.entries);
        let entry = entries.owner(name)?.clone();
        // Not by the name of a part, such as `x_sum`.
        entry.descriptors.iter().find(|descriptor| descriptor.name() == name)?;
        entries.names.retain(|(_, owner)| !owner.is(&entry));
        entries.collectors.retain(|other| !other.is(&entry));
        Some(entry.collector)
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
        let mut families = Vec::new();
        self.scrape(&mut |family| families.push(family.to_snapshot()))?;
        Ok(families)
    }

    fn scrape(&self, each: &mut dyn FnMut(FamilyView<'_>)) -> Result<(), ScrapeError> {
        let scrape =
            reentry::begin_scrape(std::ptr::from_ref(self).addr()).map_err(|fault| ScrapeError::within(&fault))?;
        self.gather(None, |families| {
            drop(scrape);
            families.into_iter().for_each(each);
        })
    }

    fn sample_value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        if !reentry::is_nested() {
            return find_sample(&self.collect().ok()?, name, labels);
        }
        // Code inside a scrape asks for one family, so that no other code runs.
        let mut wanted = Vec::new();
        let asked = self.gather(Some(name), |families| wanted.extend(families.iter().map(FamilyView::to_snapshot)));
        if let Err(error) = asked {
            reentry::unanswered(ReentryFault::Totals(error.to_string()));
        }
        find_sample(&wanted, name, labels)
    }

    fn prefix(&self) -> Option<Cow<'_, str>> {
        self.decoration.prefix.as_deref().map(Cow::Borrowed)
    }
}
