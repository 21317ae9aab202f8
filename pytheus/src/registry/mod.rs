//! Which families a scrape shows.
//!
//! Declared metrics show in [`REGISTRY`] by themselves. It is a proxy: [`RegistryProxy::set_registry`] swaps what
//! stands behind it at any time, and declared metrics follow. Further [`CollectorRegistry`]s stand side by side with it,
//! and a metric may be in more than one.
//!
//! Declared metrics of a plug-in, or of a static library in a program of another language, may be missing there: the
//! [guide](crate::guide::libraries#plug-ins-and-static-libraries) says when, and what helps. A plug-in with metrics must never be closed.

mod catalogue;
mod collector_registry;
mod custom;
mod dress;
mod entries;
mod family_view;
mod proxy;

use std::borrow::Cow;
use std::sync::Arc;

#[doc(hidden)]
pub use catalogue::{Declaration, Registration, Scope};
pub(crate) use catalogue::{resolve_default, resolve_elsewhere};
pub use collector_registry::CollectorRegistry;
pub(crate) use entries::duplicate;
pub(crate) use family_view::Content;
pub use family_view::FamilyView;
pub use proxy::{REGISTRY, RegistryProxy};

use crate::collector::Collector;
use crate::model::descriptor::Kind;
use crate::model::error::{RegisterError, ScrapeError};
use crate::model::snapshot::FamilySnapshot;

/// Holds collectors and collects them.
pub trait Registry: Send + Sync {
    /// Adds a collector. Registering it again changes nothing.
    ///
    /// # Errors
    ///
    /// When another one has one of the names; the error names both places.
    fn register(&self, collector: Arc<dyn Collector>) -> Result<(), RegisterError>;

    /// Adds a collector that nobody counts in yet, and returns the one that is now in charge of its names.
    ///
    /// That is another one when the registry has the same metric already, by name and description: builders and macros
    /// then share it. A registry that does not share gives an error.
    ///
    /// # Errors
    ///
    /// When a different metric has one of the names; the error names both places.
    fn register_or_share(&self, collector: Arc<dyn Collector>) -> Result<Arc<dyn Collector>, RegisterError> {
        self.register(Arc::clone(&collector))?;
        Ok(collector)
    }

    /// Takes out the collector that gives the family of this name, with all its families; `None` when there is none.
    ///
    /// The name is that of the declaration, without the registry's prefix. The metrics go on counting and can be
    /// registered again.
    fn unregister(&self, name: &str) -> Option<Arc<dyn Collector>>;

    /// All families, sorted by name.
    ///
    /// # Errors
    ///
    /// When the totals can't be had: never a part of them. And when a closure or a collector asks that a scrape of the
    /// same registry runs.
    fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError>;

    /// Shows all families to `each`, sorted by name: what [`exposition`](crate::exposition) writes.
    ///
    /// By itself, it shows what [`collect`](Self::collect) gives. A registry that passes on what another one shows
    /// spares it the samples:
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
    /// When the totals can't be had. Nothing is shown then: an encoder may have sent what it was shown.
    fn scrape(&self, each: &mut dyn FnMut(FamilyView<'_>)) -> Result<(), ScrapeError> {
        self.collect()?.into_iter().map(FamilyView::from).for_each(each);
        Ok(())
    }

    /// What stands before each name, joined by `_`.
    fn prefix(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// The value of a sample, by its name in the output (`shop_latency_seconds_count`) and its labels in any order.
    ///
    /// Meant for tests: it collects everything. Closures that gauges are read with, and collectors, may ask as well: of
    /// them it collects the family of this name alone. The value of the closure or collector that asks can't be known
    /// while it runs; the answer is `None`, and the scrape leaves it out, counted and reported.
    ///
    /// A registry that passes on what another one shows passes on this, too: by itself it scrapes the whole registry,
    /// which is refused to code that such a scrape runs.
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

/// The value of the sample of this name and these labels.
fn find_sample(families: &[FamilySnapshot], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut samples = families.iter().flat_map(|family| {
        family
            .samples()
            .iter()
            .filter(|sample| name.strip_prefix(family.name()).is_some_and(|suffix| suffix == sample.suffix()))
    });
    samples.find(|sample| sample.has_labels(labels)).map(|sample| sample.value().as_f64())
}

/// Is this what samples of some kind have behind the name of their family?
fn is_suffix(text: &str) -> bool {
    text.is_empty() || Kind::Histogram.suffixes().contains(&text)
}

macro_rules! pointers {
    ($($pointer:ty)*) => {$(
        impl<R: Registry + ?Sized> Registry for $pointer {
            fn register(&self, collector: Arc<dyn Collector>) -> Result<(), RegisterError> {
                (**self).register(collector)
            }

            fn register_or_share(&self, collector: Arc<dyn Collector>) -> Result<Arc<dyn Collector>, RegisterError> {
                (**self).register_or_share(collector)
            }

            fn unregister(&self, name: &str) -> Option<Arc<dyn Collector>> {
                (**self).unregister(name)
            }

            fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
                (**self).collect()
            }

            fn scrape(&self, each: &mut dyn FnMut(FamilyView<'_>)) -> Result<(), ScrapeError> {
                (**self).scrape(each)
            }

            fn prefix(&self) -> Option<Cow<'_, str>> {
                (**self).prefix()
            }

            fn sample_value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
                (**self).sample_value(name, labels)
            }
        }
    )*};
}

pointers!(&R Arc<R> Box<R>);
