//! Registries: the families of a scrape.
//!
//! Declared metrics show in [`REGISTRY`], a proxy: [`RegistryProxy::set_registry`] swaps the registry behind it at any
//! time, and declared metrics follow. Further [`CollectorRegistry`]s may stand beside it, and a metric may be in
//! several.
//!
//! Declared metrics of a plug-in, or of a static library in a program of another language, may be missing: the
//! [guide](crate::guide::libraries#plug-ins-and-static-libraries) lists the cases and the cures. Never close a plug-in
//! with metrics.

mod catalogue;
mod collector_index;
mod collector_registry;
mod custom;
mod decoration;
mod family_view;
mod proxy;
mod scrape;

use std::borrow::Cow;
use std::sync::Arc;

#[doc(hidden)]
pub use catalogue::{Declaration, Registration, Scope};
pub(crate) use catalogue::{default_families, resolve_default, resolve_elsewhere};
pub(crate) use collector_index::duplicate;
pub use collector_registry::CollectorRegistry;
pub(crate) use family_view::Content;
pub use family_view::FamilyView;
pub use proxy::{REGISTRY, RegistryProxy};

use crate::collector::Collector;
use crate::model::descriptor::Kind;
use crate::model::error::{RegisterError, ScrapeError};
use crate::model::snapshot::FamilySnapshot;

/// A set of collectors, collected in a scrape.
pub trait Registry: Send + Sync {
    /// Adds a collector. A repeated registration changes nothing.
    ///
    /// # Errors
    ///
    /// If another collector has one of the names; the error has both places.
    fn register(&self, collector: Arc<dyn Collector>) -> Result<(), RegisterError>;

    /// Adds a new, unused collector, and returns the one that owns its names.
    ///
    /// That is another collector if the registry already has the same metric, by name and description: builders and
    /// macros then share it. A registry without sharing returns an error.
    ///
    /// # Errors
    ///
    /// If a different metric has one of the names; the error has both places.
    fn register_or_share(&self, collector: Arc<dyn Collector>) -> Result<Arc<dyn Collector>, RegisterError> {
        self.register(Arc::clone(&collector))?;
        Ok(collector)
    }

    /// Removes the collector with the family of this name, with all its families, and returns it.
    ///
    /// The name is that of the declaration, without the registry's prefix. The metrics go on counting, and can be
    /// registered again.
    fn unregister(&self, name: &str) -> Option<Arc<dyn Collector>>;

    /// Returns all families, sorted by name.
    ///
    /// # Errors
    ///
    /// If the totals are out of reach: a part of them is never returned. Also for a closure or collector inside a
    /// scrape of the same registry.
    fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError>;

    /// Shows all families to `each`, sorted by name: the contents of [`exposition`](crate::exposition).
    ///
    /// The default shows the families of [`collect`](Self::collect). A registry around another one passes its views on,
    /// without making samples:
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use pytheus::collector::Collector;
    /// # use pytheus::error::{RegisterError, ScrapeError};
    /// # use pytheus::registry::{CollectorRegistry, FamilyView, Registry};
    /// # use pytheus::snapshot::FamilySnapshot;
    /// struct Public(CollectorRegistry);
    ///
    /// impl Registry for Public {
    ///     fn scrape(&self, each: &mut dyn FnMut(FamilyView<'_>)) -> Result<(), ScrapeError> {
    ///         self.0.scrape(&mut |family| {
    ///             if !family.name().starts_with("internal_") {
    ///                 each(family);
    ///             }
    ///         })
    ///     }
    ///
    ///     fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
    ///         let mut families = Vec::new();
    ///         self.scrape(&mut |family| families.push(family.to_snapshot()))?;
    ///         Ok(families)
    ///     }
    ///
    ///     fn sample_value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    ///         self.0.sample_value(name, labels).filter(|_| !name.starts_with("internal_"))
    ///     }
    /// #   fn register(&self, collector: Arc<dyn Collector>) -> Result<(), RegisterError> {
    /// #       self.0.register(collector)
    /// #   }
    /// #   fn unregister(&self, name: &str) -> Option<Arc<dyn Collector>> {
    /// #       self.0.unregister(name)
    /// #   }
    ///     // register and unregister as ever
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If the totals are out of reach. No family is shown then: an encoder may already have sent it.
    fn scrape(&self, each: &mut dyn FnMut(FamilyView<'_>)) -> Result<(), ScrapeError> {
        self.collect()?.into_iter().map(FamilyView::from).for_each(each);
        Ok(())
    }

    /// Shows the families with a sample of one of these names to `each`, as [`scrape`](Self::scrape) does; all, without
    /// names. Families that nobody asked for are not read: their closures and collectors don't run.
    ///
    /// The default scrapes all of them. A registry around another one passes this call on, too.
    ///
    /// # Errors
    ///
    /// If the totals are out of reach.
    fn scrape_named(&self, names: &[String], each: &mut dyn FnMut(FamilyView<'_>)) -> Result<(), ScrapeError> {
        self.scrape(&mut |family| {
            if is_asked_for(family.name(), family.kind(), names) {
                each(family);
            }
        })
    }

    /// Returns the prefix of each name, joined by `_`.
    fn prefix(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Returns the value of a sample, by its full name (`shop_latency_seconds_count`) and its labels in any order.
    ///
    /// For tests: it collects everything. Closures of gauges and collectors may call it as well; then it collects the
    /// family of this name alone. Their own value is not known while they run: the answer is `None`, and the scrape
    /// leaves them out, counted and reported.
    ///
    /// A registry around another one passes this call on, too: the default scrapes the whole registry, and is refused
    /// to code inside such a scrape.
    ///
    /// ```
    /// use pytheus::registry::{REGISTRY, Registry};
    ///
    /// pytheus::metric! {
    ///     /// Jobs that are done.
    ///     static JOBS: Counter = "jobs_total" { labels: { queue } };
    /// }
    ///
    /// JOBS.queue("mail").inc();
    /// assert_eq!(REGISTRY.sample_value("jobs_total", &[("queue", "mail")]), Some(1.0));
    /// assert_eq!(REGISTRY.sample_value("jobs_total", &[("queue", "fax")]), None);
    /// ```
    fn sample_value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        find_sample(&self.collect().ok()?, name, labels)
    }
}

/// Returns the value of the sample with this name and these labels.
fn find_sample(families: &[FamilySnapshot], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut samples = families.iter().filter_map(|family| Some((name.strip_prefix(family.name())?, family)));
    samples.find_map(|(suffix, family)| {
        let mut samples = if is_suffix(family.kind(), suffix) { family.samples() } else { Vec::new() }.into_iter();
        samples
            .find(|sample| sample.suffix() == suffix && sample.has_labels(labels))
            .map(|found| found.value().as_f64())
    })
}

/// Returns whether the family has this name, or one of its samples, or no names are given.
fn is_asked_for<N: AsRef<str>>(family: &str, kind: Kind, names: &[N]) -> bool {
    let is_of_family = |name: &N| name.as_ref().strip_prefix(family).is_some_and(|text| is_suffix(kind, text));
    names.is_empty() || names.iter().any(is_of_family)
}

/// Returns whether a sample name of this kind ends like this behind the name of its family.
fn is_suffix(kind: Kind, text: &str) -> bool {
    text.is_empty() || kind.suffixes().contains(&text)
}

/// Forwards to another registry: `head => |this| registry`.
macro_rules! forward {
    ($([$($head:tt)*] => |$this:ident| $registry:expr;)*) => {$(
        $($head)* {
            fn register(&self, collector: Arc<dyn Collector>) -> Result<(), RegisterError> {
                let $this = self;
                $registry.register(collector)
            }

            fn register_or_share(&self, collector: Arc<dyn Collector>) -> Result<Arc<dyn Collector>, RegisterError> {
                let $this = self;
                $registry.register_or_share(collector)
            }

            fn unregister(&self, name: &str) -> Option<Arc<dyn Collector>> {
                let $this = self;
                $registry.unregister(name)
            }

            fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
                let $this = self;
                $registry.collect()
            }

            fn scrape(&self, each: &mut dyn FnMut(FamilyView<'_>)) -> Result<(), ScrapeError> {
                let $this = self;
                $registry.scrape(each)
            }

            fn scrape_named(
                &self,
                names: &[String],
                each: &mut dyn FnMut(FamilyView<'_>),
            ) -> Result<(), ScrapeError> {
                let $this = self;
                $registry.scrape_named(names, each)
            }

            fn prefix(&self) -> Option<Cow<'_, str>> {
                let $this = self;
                $registry.prefix().map(|prefix| Cow::Owned(prefix.into_owned()))
            }

            fn sample_value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
                let $this = self;
                $registry.sample_value(name, labels)
            }
        }
    )*};
}

use forward;

forward! {
    [impl<R: Registry + ?Sized> Registry for &R] => |this| (**this);
    [impl<R: Registry + ?Sized> Registry for Arc<R>] => |this| (**this);
    [impl<R: Registry + ?Sized> Registry for Box<R>] => |this| (**this);
}
