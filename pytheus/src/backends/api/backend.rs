//! The seam between this crate and whatever keeps totals.

use std::sync::Arc;
use std::time::Duration;

use crate::backends::api::aggregation_scope::AggregationScope;
use crate::backends::api::arena::Arena;
use crate::backends::api::batch::{Batch, Removal};
use crate::backends::api::error::BackendError;
use crate::backends::api::totals::Totals;
use crate::model::snapshot::FamilySnapshot;

/// Where totals live.
///
/// Everything has a default, which is what a single process needs: nothing. All methods are called from ordinary code,
/// never from where a metric is counted in.
///
/// One that keeps what it is sent, here in memory:
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
    /// Where the cells of this process lie; on the heap unless a backend offers a place.
    fn arena(&self) -> Option<Arc<dyn Arena>> {
        None
    }

    /// How often [`apply`](Self::apply) is called, when there is something to send; never by default.
    fn interval(&self) -> Option<Duration> {
        None
    }

    /// How long a scrape may wait for what this process has counted to be [taken](Self::apply), and for the totals, before
    /// it fails; for ever by default.
    fn scrape_timeout(&self) -> Option<Duration> {
        None
    }

    /// Whose numbers it adds up: of more than one process, unless it does nothing.
    fn aggregation_scope(&self) -> AggregationScope {
        AggregationScope::Process
    }

    /// Takes what this process has counted since the batch before.
    ///
    /// Calls come one after the other. Until one succeeds it is repeated with the same batch, under the same number: an
    /// error may mean that the batch was applied and nobody heard of it. To count each batch once, keep the number of
    /// the last one of each writer together with the totals; or, as [`Change::totals`](crate::backends::custom::Change::totals) says it all, keep those.
    ///
    /// # Errors
    ///
    /// When it is not known that the batch was applied.
    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        let _ = batch;
        Ok(())
    }

    /// Puts in the totals of all processes, in place of what this process has counted.
    ///
    /// What was sent with [`apply`](Self::apply), and counted in the [`Arena`], before this is called, is included.
    /// A family that is not [put](Totals::provide) shows what this process has counted. A scrape that the backend asks for
    /// meanwhile fails, as it would ask the backend again.
    ///
    /// # Errors
    ///
    /// When the totals can't be had: never a part of them.
    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        let _ = totals;
        Ok(())
    }

    /// Removes series, whichever process has counted in them.
    ///
    /// Repeated as [`apply`](Self::apply) is, in the same order and numbered with the batches.
    ///
    /// # Errors
    ///
    /// When it is not known that they were removed.
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

    /// Has all that was applied last, whatever that means here.
    ///
    /// # Errors
    ///
    /// When it may not last.
    fn flush(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Ends the life of this process as far as the backend is concerned. What is counted later may be lost.
    ///
    /// # Errors
    ///
    /// When something may be lost that was counted before.
    fn close(&self) -> Result<(), BackendError> {
        self.flush()
    }

    /// In a child process, before anything else: makes this a backend of the child's own, with nothing of the parent's.
    ///
    /// The first use of a metric in the child calls it, which may be in a request: it should not wait for other processes.
    /// A failure is tried again by a background thread, and by each scrape.
    ///
    /// # Errors
    ///
    /// When it can't be; scrapes of the child then fail.
    fn after_fork(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// What the backend has to say about itself, in each scrape of [`REGISTRY`](crate::registry::REGISTRY).
    fn health(&self) -> Vec<FamilySnapshot> {
        Vec::new()
    }
}
