//! Where totals live. Cells count in this process; a backend turns what they hold into what a scrape shows.
//!
//! A backend sees keys and numbers: a descriptor, label values, numbered parts. It never sees a metric type. There are
//! two ways for numbers to get from the cells to a backend, and it chooses one:
//!
//! - it offers an [`Arena`], in whose pages the threads of this process count, so that nothing needs to be sent;
//! - it is [sent](Backend::apply) what has changed, in numbered batches, by a thread that belongs to this crate.
//!
//! | backend | its name | totals of | how |
//! |---|---|---|---|
//! | [`SingleProcessBackend`] | `single` | this process | what the cells hold |
//! | [`MultiProcessFileBackend`] | `file` | the processes of a machine | an arena, in files that they map; no server |
//! | `redis::MultiProcessRedisBackend`, with the feature `redis` | `redis` | processes anywhere | sent, to a Redis or Valkey |
//!
//! [`load_backend`] takes one into use; the [guide](crate#many-processes) says what is different with several
//! processes.
//!
//! # Versions of a program
//!
//! A deploy adds a label, a bucket or a state, changes the mode of a gauge, is rolled back, and comes again; meanwhile
//! processes of both versions live. Each counts in its own declaration, and a scrape shows one family for all of them,
//! whichever process answers it:
//!
//! | what differs | the family shows |
//! |---|---|
//! | labels | the labels of all declarations. Series of a declaration without a label have its default, else no value. Where defaults differ, the oldest stands |
//! | buckets | the bounds of all declarations. A bucket is exact at the bounds that all of them have; at others, what was counted without the bound counts at the next higher one. `_count` and `_sum` are exact |
//! | states | the states of all declarations; of each series, those that the newest declaration with that series says |
//! | mode of a gauge | the newest mode, over the values that each declaration has by its own mode. Of declarations that no living process has, a gauge of another mode is over |
//! | help, unit | those of the newest |
//! | histogram and summary | a histogram, in which what the summary has observed is below no bound |
//! | any other two kinds | the newest kind. What is counted under the other one is kept but not shown, reported once, and counted in `pytheus_backend_conflicts_total{metric}` |
//!
//! The *newest* declaration is the one that a process has begun to use last, among those that living processes have. So a
//! counter never goes down and no series changes its labels while versions come and go. A label that a version has dropped
//! shows as long as there are totals with it; [`remove`](crate::metrics::Family::remove) takes a series out of every
//! declaration that has it.
//!
//! # One of your own
//!
//! Everything in [`Backend`] has a default. One that keeps totals elsewhere, and is sent what has changed, has five
//! methods:
//!
//! - [`interval`](Backend::interval) says how often;
//! - [`apply`](Backend::apply) adds a [`Batch`] to what is kept, each one once;
//! - [`load`](Backend::load) puts what is kept into [`Totals`], family by family;
//! - [`remove`](Backend::remove) drops series;
//! - [`reach`](Backend::reach) says whose numbers are added up there.
//!
//! Totals of declarations that [differ](FamilyKey::difference) are kept apart, and [put in](Totals::put) one by one.
//!
//! A [`FamilyKey`] says what a family is, also as JSON, and [how](Combine) the numbers of several processes become one;
//! [`Aggregate`] is the rule for gauges, the same in each backend. A [`SeriesKey`] has the labels of a series.
//! [`Configure`] and [`register_backend!`](crate::register_backend) give a backend a name and a configuration. The
//! example `own_backend` is the whole program, and the feature `conformance` has a suite of what each backend has to do,
//! which runs against yours, too.

mod aggregate;
mod arena;
mod batch;
mod calls;
mod class;
mod combine;
mod config;
mod config_error;
#[cfg(all(unix, feature = "conformance"))]
pub mod conformance;
mod current;
mod error;
mod family;
#[cfg(unix)]
mod file;
mod flush;
mod haste;
mod load;
mod loading;
mod members;
mod nearest;
mod process_label;
mod reach;
#[cfg(feature = "redis")]
pub mod redis;
mod series_key;
mod shape;
mod ship;
mod single;
mod totals;
mod versions;

pub use aggregate::Aggregate;
pub(crate) use arena::Offered;
pub use arena::{Arena, At, Begun, Page};
pub use batch::{Batch, Change, Removal, WriterId};
pub use class::{BackendClass, Configure};
pub use combine::Combine;
pub use config::{Config, Secret};
pub use config_error::ConfigError;
#[doc(hidden)]
pub use current::BeforeLoad;
pub(crate) use current::{begin, forked, health, is_shared, load, removed};
pub use error::{LoadError, LoadedBy};
pub use family::{FamilyKey, FamilyKeyError};
pub(crate) use family::{cells, width};
#[cfg(unix)]
#[doc(hidden)]
pub use file::read_any_file;
#[cfg(unix)]
pub use file::{FileError, FileFault, MultiProcessFileBackend};
pub use flush::{FlushError, flush, shutdown};
pub use load::{Load, load_backend};
#[doc(hidden)]
pub use members::Counted;
pub(crate) use members::join;
pub use process_label::process_label;
pub use reach::Reach;
#[cfg(feature = "redis")]
pub use redis::{MultiProcessRedisBackend, RedisFault};
pub use serde_json::{Value, json};
pub use series_key::SeriesKey;
pub use single::SingleProcessBackend;
#[doc(hidden)]
pub use totals::FamilyTotals;
pub use totals::Totals;

#[cfg(all(unix, not(any(target_os = "emscripten", miri))))]
pub use crate::storage::ChildClosed;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use crate::model::error::into_io_error;
use crate::model::snapshot::FamilySnapshot;

into_io_error!(ConfigError FamilyKeyError FlushError LoadError);

/// Why a backend could not do what it was asked to: any error. What a [`Backend`] gives; programs meet it as the source
/// of a [`LoadError`], a [`FlushError`] or a [`ScrapeError`](crate::model::error::ScrapeError), each of which goes with `?`
/// through a `main` that gives a `Box<dyn Error>`.
pub type BackendError = Box<dyn Error + Send + Sync>;

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
/// use pytheus::backends::{Backend, BackendError, Batch, FamilyKey, Load, SeriesKey, Totals, load_backend};
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
///             totals.put(Arc::clone(family), keys, parts.concat());
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
/// load_backend(Load::backend(Arc::new(Memory::default())))?;
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
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// Whose numbers it adds up: of more than one process, unless it does nothing.
    fn reach(&self) -> Reach {
        Reach::Process
    }

    /// Takes what this process has counted since the batch before.
    ///
    /// Calls come one after the other. Until one succeeds it is repeated with the same batch, under the same number: an
    /// error may mean that the batch was applied and nobody heard of it. To count each batch once, keep the number of
    /// the last one of each writer together with the totals; or, as [`Change::totals`] says it all, keep those.
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
    /// A family that is not [put](Totals::put) shows what this process has counted. A scrape that the backend asks for
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
    fn forked(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// What the backend has to say about itself, in each scrape of [`REGISTRY`](crate::registry::REGISTRY).
    fn health(&self) -> Vec<FamilySnapshot> {
        Vec::new()
    }
}
