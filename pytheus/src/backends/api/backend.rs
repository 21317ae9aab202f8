//! The seam between this crate and whatever keeps totals.

use std::sync::Arc;
use std::time::Duration;

use crate::backends::api::aggregation_scope::AggregationScope;
use crate::backends::api::arena::Arena;
use crate::backends::api::batch::{Batch, Removal};
use crate::backends::api::error::BackendError;
use crate::backends::api::totals::Totals;
use crate::model::snapshot::FamilySnapshot;

/// The place where totals live.
///
/// Every method has a default, enough for a single process. The library calls them from scrapes and background threads,
/// never from an update of a metric; [`arena`](Self::arena) and [`after_fork`](Self::after_fork) say where they differ.
///
/// A backend that keeps its batches in memory:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
///
/// use pytheus::backends::custom::{Backend, Batch, FamilyKey, SeriesKey, Totals};
/// use pytheus::backends::{BackendError, BackendSpec, load_backend};
/// use pytheus::snapshot::Number;
///
/// #[derive(Default)]
/// struct Memory(Mutex<HashMap<String, (Arc<FamilyKey>, HashMap<SeriesKey, Vec<Number>>)>>);
///
/// impl Backend for Memory {
///     fn interval(&self) -> Option<Duration> {
///         Some(Duration::from_millis(100))
///     }
///
///     fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
///         let mut kept = self.0.lock().map_err(|_| "a thread panicked with it")?;
///         for change in &batch.changes {
///             let family = kept.entry(change.family.to_string());
///             let (_, series) = family.or_insert_with(|| (Arc::clone(&change.family), HashMap::new()));
///             // Of one writer these are the totals of all.
///             series.insert(change.series.clone(), change.totals.clone());
///         }
///         Ok(())
///     }
///
///     fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
///         let kept = self.0.lock().map_err(|_| "a thread panicked with it")?;
///         for (family, series) in kept.values() {
///             let (keys, parts): (Vec<_>, Vec<_>) = series.iter().map(|(key, parts)| (key.clone(), parts.clone())).unzip();
///             totals.provide(Arc::clone(family), keys, parts.concat());
///         }
///         Ok(())
///     }
/// }
///
/// pytheus::metric! {
///     /// Jobs that are done.
///     static DONE: Counter = "jobs_done_total";
/// }
///
/// load_backend(BackendSpec::instance(Arc::new(Memory::default())))?;
/// DONE.inc();
/// assert!(pytheus::generate_metrics()?.contains("jobs_done_total 1\n"));
/// # Ok::<(), BackendError>(())
/// ```
pub trait Backend: Send + Sync + 'static {
    /// Returns the memory for the cells of this process; `None`, the default, is the heap. The [`Arena`] is called at the
    /// first update of a series.
    fn arena(&self) -> Option<Arc<dyn Arena>> {
        None
    }

    /// Returns the pause between two calls of [`apply`](Self::apply); `None`, the default, sends nothing.
    fn interval(&self) -> Option<Duration> {
        None
    }

    /// Returns how long a scrape may wait for the last batch to be [applied](Self::apply) and for the totals, before it
    /// fails; `None`, the default, sets no limit.
    fn scrape_timeout(&self) -> Option<Duration> {
        None
    }

    /// Returns which processes the totals add up: this one alone by default.
    fn aggregation_scope(&self) -> AggregationScope {
        AggregationScope::Process
    }

    /// Applies the changes of this process since the last batch.
    ///
    /// Calls are sequential. After an error the same batch comes again with the same sequence number, as its outcome is
    /// unknown: the backend may have applied it before its reply was lost. For
    /// [idempotency](https://en.wikipedia.org/wiki/Idempotence), store each writer's last sequence number together with the
    /// totals, or store [`Change::totals`](crate::backends::custom::Change::totals) in place of adding up.
    ///
    /// # Errors
    ///
    /// When the batch was not applied, or its outcome is unknown.
    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        let _ = batch;
        Ok(())
    }

    /// [Provides](Totals::provide) the totals of all processes for a scrape.
    ///
    /// They include every batch [applied](Self::apply), and every count in the [`Arena`], before this call. A family left
    /// out shows the numbers of this process. A scrape started inside this call fails, as it would call the backend again.
    ///
    /// # Errors
    ///
    /// When the totals are out of reach. The scrape then fails as a whole: a part of the totals is never shown.
    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        let _ = totals;
        Ok(())
    }

    /// Removes series from the totals of all processes.
    ///
    /// Sequence numbers, order and retries are those of [`apply`](Self::apply), shared with the batches.
    ///
    /// # Errors
    ///
    /// When the series were not removed, or the outcome is unknown.
    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        let _ = removal;
        Ok(())
    }

    /// Does periodic maintenance at the backend, such as renewing a lease, and returns how long until the next call; `None`,
    /// the default, ends the calls.
    ///
    /// Called by the thread that sends batches, between two of them, also while they fail: a call should take no longer
    /// than 50 ms, and return [`Duration::ZERO`] when it has more to do. Only for a backend with an
    /// [interval](Self::interval); the first call comes when it is loaded, or in a child process that was forked.
    fn heartbeat(&self) -> Option<Duration> {
        None
    }

    /// Makes all applied batches durable, to the backend's own standard.
    ///
    /// # Errors
    ///
    /// When an applied batch may still be lost.
    fn flush(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Deregisters this process. Later counts may be lost.
    ///
    /// # Errors
    ///
    /// When earlier counts may be lost.
    fn close(&self) -> Result<(), BackendError> {
        self.flush()
    }

    /// Reinitialises the backend in a forked child: it belongs to the child from then on, without any of the parent's counts.
    ///
    /// The first use of a metric in the child calls it, which may be in a request: it should not wait for other processes.
    /// A failure is tried again by a background thread, and by each scrape.
    ///
    /// # Errors
    ///
    /// When the child can't use the backend; its scrapes then fail.
    fn after_fork(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Returns the backend's metrics about itself, for each scrape of [`REGISTRY`](crate::registry::REGISTRY).
    fn health(&self) -> Vec<FamilySnapshot> {
        Vec::new()
    }
}
