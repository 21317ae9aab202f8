//! Whatever can give snapshots: the families of this crate, and a user's own.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::backends::api::LocalFamily;
use crate::model::descriptor::Descriptor;
use crate::model::error::CollectError;
use crate::model::snapshot::FamilySnapshot;
use crate::reentry::Code;

/// Gives families at each scrape.
///
/// The names are known up front, so that a duplicate is an error when the collector is registered, not at a scrape.
/// A collector that returns an error, panics, gives a family it did not describe or a value that its kind does not
/// [allow](FamilySnapshot::push) costs its own families only: they are left out, and `pytheus_collector_errors_total`
/// counts it.
///
/// A collector may count, build and register metrics, and ask for values:
///
/// - `get` of a metric gives what this process has counted, at the least cost.
/// - [`Registry::sample_value`](crate::registry::Registry::sample_value) gives what a scrape shows of one family, and
///   reads that family alone. Where a [backend](crate::backends) keeps the totals, each call asks the backend.
/// - A scrape of another registry gives all that is there.
///
/// Its own value, and a scrape of the registry whose scrape it is a part of, can't be known while it collects: the call
/// gives `None` or an error, and the collector fails, whatever it makes of that. A scrape on another thread that it
/// waits for is such a scrape, too, and ends as soon as 32 threads are in the collector; from then on, two may be.
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
    /// The families that [`collect`](Self::collect) may give.
    fn descriptors(&self) -> Vec<Descriptor>;

    /// The families as they are now.
    ///
    /// # Errors
    ///
    /// Whatever keeps the collector from knowing; its families are then left out of the scrape.
    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError>;

    /// This collector as a family whose numbers a backend may hold.
    #[doc(hidden)]
    fn as_counted(&self) -> Option<&dyn LocalFamily> {
        None
    }

    /// The same, to be kept.
    #[doc(hidden)]
    fn into_counted(self: Arc<Self>) -> Option<Arc<dyn LocalFamily>> {
        None
    }
}

/// A collector made of a closure. What the closure may do is said at [`Collector`].
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
    /// A registry of the user's own may call it, too, and knows nothing of what this thread runs.
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
