//! The active backend: what metrics, registries and programs ask of it.
//!
//! The other files of this folder know nothing of each other but downwards: this one loads a backend where the environment
//! names one, has a child process recover it, and passes calls on.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::backends::api::{BackendError, FamilyKey, LocalFamily, SeriesKey, Totals};
use crate::backends::runtime::installed::{self, FORK, Installed, installed};
use crate::backends::runtime::{families, loader, wait};
use crate::model::error::ScrapeError;
use crate::model::snapshot::FamilySnapshot;

/// Loads the backend that the environment names, and recovers that of the parent process: to be called before the first
/// update of a thread or series.
#[inline]
pub(crate) fn ensure_loaded() {
    after_fork();
    loader::ensure_loaded();
}

/// Recovers the backend of the parent process: to be called before a series is made or removed.
#[inline]
pub(crate) fn after_fork() {
    // A request does not wait for other processes: what fails here is tried again in the background.
    if FORK.is_pending() && !installed::recover(wait::REQUEST, loader::after_fork) {
        loader::retry();
    }
}

/// Makes a family known to all processes, by the scope of its registry.
pub(crate) fn join(scope: &str, family: &Arc<dyn LocalFamily>) {
    if let Some(key) = families::register(scope, family) {
        after_fork();
        installed::attach(family, key);
    }
}

/// Returns the totals of all processes, for a registry of this scope with these families.
///
/// # Errors
///
/// When the totals can't be had, or the backend of the environment can't be loaded.
pub(crate) fn load<'a>(
    scope: impl Into<Cow<'a, str>>,
    families: impl IntoIterator<Item = &'a dyn LocalFamily>,
) -> Result<Totals<'a>, ScrapeError> {
    ensure_loaded();
    let families: Vec<_> = families.into_iter().collect();
    for family in &families {
        family.read_sources();
    }
    if let Some(error) = loader::settle(loader::SCRAPE, false) {
        return Err(ScrapeError::new(error));
    }
    let totals = Totals::new(scope.into(), families);
    let Some(installed) = installed() else { return Ok(totals) };
    let mut totals = totals.for_backend(installed.deadline(), families::is_local);
    if let Some(error) = installed::recover_within(loader::SCRAPE) {
        return Err(ScrapeError::new(error));
    }
    installed.load(&mut totals)?;
    Ok(totals)
}

/// Returns the metrics of the backend about itself.
pub(crate) fn health() -> Vec<FamilySnapshot> {
    installed().map_or_else(Vec::new, |installed| installed.health())
}

/// Queues a series that was removed in this process, to be removed in all.
pub(crate) fn queue_removal(family: Arc<FamilyKey>, series: SeriesKey) {
    if let Some(installed) = installed() {
        installed.queue_removal(family, series);
    }
}

/// Returns the backend in use, if there is one; in a child process, its own.
pub(super) fn recovered(timeout: Duration) -> Result<Option<Arc<Installed>>, BackendError> {
    installed::recover_within(timeout).map_or_else(|| Ok(installed()), |error| Err(error.into()))
}
