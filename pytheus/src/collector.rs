//! Sources of snapshots: the families of this crate, and collectors of your own.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use once_cell::race::OnceRef;

use crate::backends::api::LocalFamily;
use crate::model::descriptor::Descriptor;
use crate::model::error::CollectError;
use crate::model::snapshot::FamilySnapshot;
use crate::reentry::Code;

/// Gives families at each scrape.
///
/// The names are known at registration, so a duplicate is an error there, not at a scrape. A failing collector loses
/// its own families only: they are left out, and `pytheus_collector_errors_total` counts it. Failures are errors,
/// panics, families without a description, and values that their kind does not [allow](FamilySnapshot::push).
///
/// A collector may update, build and register metrics, and read values:
///
/// - `get` of a metric returns the count of this process, at the least cost.
/// - [`Registry::sample_value`](crate::registry::Registry::sample_value) returns the value a scrape would show, and
///   reads that family alone. A [backend](crate::backends) is asked at each call.
/// - A scrape of another registry returns all its families.
///
/// Its own value, and a scrape of the registry being scraped, are not known while it collects: the call returns `None`
/// or an error, and the collector counts as failed. The same holds for a scrape on another thread, if the collector
/// waits for it; such scrapes end once 32 threads are in the collector, and from then on once two are.
///
/// ```
/// use pytheus::collector::Collector;
/// use pytheus::descriptor::{Descriptor, Kind};
/// use pytheus::error::CollectError;
/// use pytheus::registry::{REGISTRY, Registry};
/// use pytheus::snapshot::FamilySnapshot;
///
/// struct Disk {
///     free: Descriptor,
/// }
///
/// impl Collector for Disk {
///     fn descriptors(&self) -> Vec<Descriptor> {
///         vec![self.free.clone()]
///     }
///
///     fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
///         let mut free = FamilySnapshot::new(&self.free);
///         free.push(&[("disk", "sda")], 2.5e11);
///         Ok(vec![free])
///     }
/// }
///
/// let free = Descriptor::new(Kind::Gauge, "disk_free_bytes", "Free space.")?.with_labels(["disk"])?;
/// REGISTRY.register(std::sync::Arc::new(Disk { free }))?;
/// # Ok::<(), pytheus::error::RegisterError>(())
/// ```
pub trait Collector: Any + Send + Sync {
    /// Returns the descriptors of the families of [`collect`](Self::collect).
    fn descriptors(&self) -> Vec<Descriptor>;

    /// Returns the current families.
    ///
    /// # Errors
    ///
    /// Any error of the collector; its families are left out of the scrape.
    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError>;
}

/// Finds the family of this crate behind a collector.
pub(crate) type FindLocalFamily = fn(Arc<dyn Collector>) -> Option<Arc<dyn LocalFamily>>;

/// Set by the first family, whose type this room does not know: a method of [`Collector`] would be one of every user's
/// collector, too.
pub(crate) static FIND_LOCAL_FAMILY: OnceRef<'static, FindLocalFamily> = OnceRef::new();

/// Returns the family of this crate behind a collector, as a backend may hold its numbers.
pub(crate) fn local_family(collector: &Arc<dyn Collector>) -> Option<Arc<dyn LocalFamily>> {
    FIND_LOCAL_FAMILY.get().and_then(|find| find(Arc::clone(collector)))
}

/// Makes a collector from a closure, under the rules of [`Collector`].
///
/// ```
/// use pytheus::collector::collector_fn;
/// use pytheus::descriptor::{Descriptor, Kind};
/// use pytheus::registry::{REGISTRY, Registry};
/// use pytheus::snapshot::FamilySnapshot;
///
/// let threads = Descriptor::new(Kind::Gauge, "threads", "Threads of this process.")?;
/// REGISTRY.register(collector_fn([threads.clone()], move || {
///     let mut family = FamilySnapshot::new(&threads);
///     family.push(&[], std::fs::read_dir("/proc/self/task")?.count() as f64);
///     Ok(vec![family])
/// }))?;
/// # Ok::<(), pytheus::error::RegisterError>(())
/// ```
pub fn collector_fn(
    descriptors: impl IntoIterator<Item = Descriptor>,
    collect: impl Fn() -> Result<Vec<FamilySnapshot>, CollectError> + Send + Sync + 'static,
) -> Arc<dyn Collector> {
    Arc::new(FromFn { descriptors: descriptors.into_iter().collect(), collect, code: Code::new() })
}

struct FromFn<F> {
    descriptors: Vec<Descriptor>,
    collect: F,
    /// A registry of your own may call it, without knowing the code that this thread runs.
    code: Code,
}

impl<F> Collector for FromFn<F>
where
    F: Fn() -> Result<Vec<FamilySnapshot>, CollectError> + Send + Sync + 'static,
{
    fn descriptors(&self) -> Vec<Descriptor> {
        self.descriptors.clone()
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        self.code.run(|| (self.collect)()).map_err(|failure| failure.to_string())?
    }
}

impl fmt::Debug for dyn Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.descriptors().iter().map(|d| d.name().to_owned())).finish()
    }
}
