//! A scrape of a registry: the families that it shows.

use std::borrow::Cow;
use std::sync::Arc;

use super::collector_index::{Entry, duplicate};
use super::collector_registry::CollectorRegistry;
use super::{FamilyView, Registry, catalogue, custom, find_sample, is_asked_for};
use crate::backends::runtime;
use crate::collector::Collector;
use crate::diagnostics;
use crate::model::descriptor::Descriptor;
use crate::model::error::{RegisterError, ScrapeError};
use crate::model::snapshot::FamilySnapshot;
use crate::reentry::{self, ReentryFault};
use crate::sync::{read, write};

impl CollectorRegistry {
    fn entries(&self) -> Arc<Vec<Entry>> {
        let entries = read(&self.entries);
        entries.collectors()
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

    /// Shows the families sorted by name: all, or the ones that may have a sample of these names.
    fn gather<N: AsRef<str>>(&self, names: &[N], show: impl FnOnce(Vec<FamilyView<'_>>)) -> Result<(), ScrapeError> {
        catalogue::resolve_all_elsewhere();
        let is_described = |descriptor: &Descriptor| {
            is_asked_for(&self.decoration.full_name(descriptor.name()), descriptor.kind(), names)
        };
        let is_wanted = |family: &FamilySnapshot| is_asked_for(&family.name, family.kind, names);
        let entries = self.entries();
        // The registry behind `REGISTRY` does the same.
        let has_own = entries.iter().any(|entry| diagnostics::is_own(&entry.collector));
        let is_wanted_entry = |entry: &&Entry| names.is_empty() || entry.descriptors.iter().any(is_described);
        let wanted = || entries.iter().filter(is_wanted_entry);
        let local: Vec<_> = wanted().filter_map(|entry| entry.local_family.as_deref()).collect();
        let (own, others) = runtime::load(self.scope(), local)?.finish();
        let labels = self.decoration.exposed_labels();
        // Families of other programs, if the scope matches; local metrics win by name.
        let is_theirs = !self.scope().is_empty() || has_own;
        let others = others.iter().filter(|other| is_described(other.descriptor()));
        let others = others.filter(|other| is_theirs && self.has_room_for(other.descriptor()));
        let mut families: Vec<_> =
            own.iter().chain(others).map(|totals| FamilyView::totals(totals, &self.decoration, &labels)).collect();

        for mut family in wanted().flat_map(custom::families) {
            self.decoration.decorate(&mut family);
            // A collector may have others beside the one asked for.
            if is_wanted(&family) {
                families.push(family.into());
            }
        }
        // Last, to include the failures of this scrape; without prefix and labels, the same names in every service.
        if has_own {
            let health = runtime::health().into_iter().filter(custom::is_healthy);
            let own = diagnostics::families().into_iter().chain(health);
            let is_free = |own: &FamilySnapshot| !families.iter().any(|family| family.name() == own.name);
            let mut free: Vec<_> = own.filter(|own| is_wanted(own) && is_free(own)).map(FamilyView::from).collect();
            families.append(&mut free);
        }
        families.sort_by(|a, b| a.name().cmp(b.name()));
        show(families);
        Ok(())
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
        self.share(collector)
    }

    fn unregister(&self, name: &str) -> Option<Arc<dyn Collector>> {
        catalogue::resolve_all_elsewhere();
        let mut entries = write(&self.entries);
        let entry = entries.owner(name)?.clone();
        // Not by the name of a part, such as `x_sum`.
        entry.descriptors.iter().find(|descriptor| descriptor.name() == name)?;
        entries.remove(&entry);
        Some(entry.collector)
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
        let mut families = Vec::new();
        self.scrape(&mut |family| families.push(family.to_snapshot()))?;
        Ok(families)
    }

    fn scrape(&self, each: &mut dyn FnMut(FamilyView<'_>)) -> Result<(), ScrapeError> {
        self.scrape_named(&[], each)
    }

    fn scrape_named(&self, names: &[String], each: &mut dyn FnMut(FamilyView<'_>)) -> Result<(), ScrapeError> {
        let scrape =
            reentry::begin_scrape(std::ptr::from_ref(self).addr()).map_err(|fault| ScrapeError::within(&fault))?;
        self.gather(names, |families| {
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
        let asked = self.gather(&[name], |families| wanted.extend(families.iter().map(FamilyView::to_snapshot)));
        if let Err(error) = asked {
            reentry::unanswered(ReentryFault::Totals(error.to_string()));
        }
        find_sample(&wanted, name, labels)
    }

    fn prefix(&self) -> Option<Cow<'_, str>> {
        self.decoration.prefix.as_deref().map(Cow::Borrowed)
    }
}
