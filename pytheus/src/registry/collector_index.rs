//! The collectors of a registry, by the names of their samples.

use std::sync::Arc;

use crate::backends::api::LocalFamily;
use crate::collector::{Collector, local_family};
use crate::model::descriptor::Descriptor;
use crate::model::error::{Duplicate, RegisterError};
use crate::reentry::Code;

/// The collectors of a registry, and their sample names.
pub(super) struct CollectorIndex {
    /// By the name of the first family, so that a scrape has little to sort.
    ///
    /// Shared with scrapes: a change while one runs makes a copy.
    collectors: Option<Arc<Vec<Entry>>>,
    /// Every sample name, sorted, with its collector.
    pub(super) names: Vec<(String, Entry)>,
}

/// A registered collector.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) collector: Arc<dyn Collector>,
    /// The same, if it is a family of this crate.
    pub(super) local_family: Option<Arc<dyn LocalFamily>>,
    pub(super) descriptors: Arc<[Descriptor]>,
    /// The code of the collector during a scrape.
    pub(super) code: Arc<Code>,
}

impl Entry {
    /// Returns the name of the first family.
    fn name(&self) -> &str {
        self.descriptors.first().map_or("", Descriptor::name)
    }

    /// Returns whether this is the same registration.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.descriptors, &other.descriptors)
    }
}

impl CollectorIndex {
    pub(super) const fn new() -> Self {
        Self { collectors: None, names: Vec::new() }
    }

    /// Returns all collectors.
    pub(super) fn collectors(&self) -> Arc<Vec<Entry>> {
        self.collectors.clone().unwrap_or_default()
    }

    /// Removes a collector.
    pub(super) fn remove(&mut self, entry: &Entry) {
        self.names.retain(|(_, owner)| !owner.is(entry));
        Arc::make_mut(self.collectors.get_or_insert_default()).retain(|other| !other.is(entry));
    }

    /// Returns the index of a sample name, or its position in the order.
    fn index(&self, name: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// Returns the entry with samples of this name.
    pub(super) fn owner(&self, name: &str) -> Option<&Entry> {
        self.index(name).ok().map(|index| &self.names[index].1)
    }

    /// Returns the entry that owns these names: none, or one to share.
    pub(super) fn find(
        &self,
        collector: &Arc<dyn Collector>,
        descriptors: &[Descriptor],
    ) -> Result<Option<Arc<dyn Collector>>, RegisterError> {
        let mut own_names = Vec::new();
        for descriptor in descriptors {
            if let Some(entry) = self.owner(descriptor.name()) {
                if Arc::ptr_eq(&entry.collector, collector) {
                    return Ok(Some(Arc::clone(&entry.collector)));
                }
                if let (Some(existing), Some(_)) = (&entry.local_family, local_family(collector)) {
                    let existing = existing.descriptor();
                    return match existing.difference(descriptor) {
                        None => Ok(Some(Arc::clone(&entry.collector))),
                        Some("name") => Err(taken(descriptor, existing)),
                        Some(what) => Err(differing(descriptor, existing, format!("their {what} differ"))),
                    };
                }
            }
            for name in descriptor.sample_names() {
                if let Some(entry) = self.owner(&name) {
                    let existing = entry.descriptors.iter().find(|d| d.sample_names().any(|own| own == name));
                    return Err(taken(descriptor, existing.unwrap_or(descriptor)));
                }
                if own_names.contains(&name) {
                    return Err(taken(descriptor, descriptor));
                }
                own_names.push(name);
            }
        }
        Ok(None)
    }

    pub(super) fn insert(&mut self, collector: Arc<dyn Collector>, descriptors: Vec<Descriptor>) {
        let local_family = local_family(&collector);
        let (descriptors, code) = (descriptors.into(), Arc::new(Code::new()));
        let entry = Entry { collector, local_family, descriptors, code };
        for name in entry.descriptors.iter().flat_map(Descriptor::sample_names) {
            if let Err(index) = self.index(&name) {
                self.names.insert(index, (name, entry.clone()));
            }
        }
        let collectors = Arc::make_mut(self.collectors.get_or_insert_default());
        let index = collectors.partition_point(|known| known.name() <= entry.name());
        collectors.insert(index, entry);
    }
}

fn taken(new: &Descriptor, existing: &Descriptor) -> RegisterError {
    let difference = if new.name() == existing.name() {
        "both give samples of this name".to_owned()
    } else {
        format!("a {} and a {} of these names would give samples of one name", existing.kind(), new.kind())
    };
    differing(new, existing, difference)
}

/// Returns the error for a metric whose name is taken by another collector.
pub(crate) fn duplicate(new: &Descriptor, existing: &dyn Collector, difference: &str) -> RegisterError {
    let existing = existing.descriptors().into_iter().find(|existing| existing.name() == new.name());
    differing(new, existing.as_ref().unwrap_or(new), difference.to_owned())
}

fn differing(new: &Descriptor, existing: &Descriptor, difference: String) -> RegisterError {
    RegisterError::Duplicate(Box::new(Duplicate {
        name: new.name().to_owned(),
        location: new.location(),
        existing: existing.name().to_owned(),
        existing_location: existing.location(),
        difference,
    }))
}
