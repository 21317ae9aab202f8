//! The backend in use: how it is installed, what it is asked, and how a child process recovers it.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use crate::backends::api::{Arena, Backend, BackendError, FamilyKey, LocalFamily, ProcessArena, SeriesKey, Totals};
use crate::backends::runtime::fork::{self, ForkState};
use crate::backends::runtime::ship::Shipper;
use crate::backends::runtime::{calls, families, wait};
use crate::clock;
use crate::model::error::ScrapeError;
use crate::model::snapshot::FamilySnapshot;
use crate::report;
use crate::storage::{self, Page};
use crate::sync::{catch_panic, read, write};

static INSTALLED: RwLock<Option<Arc<Installed>>> = RwLock::new(None);
/// The arena for new series: set before the backend is in use.
static ARENA: RwLock<Option<ProcessArena>> = RwLock::new(None);
pub(crate) static FORK: ForkState = ForkState::new();

pub(crate) struct Installed {
    backend: Arc<dyn Backend>,
    shipper: Shipper,
}

pub(crate) fn installed() -> Option<Arc<Installed>> {
    read(&INSTALLED).clone()
}

/// Whether other processes know the series of this one, so that a removal has to reach them.
pub(crate) fn is_installed() -> bool {
    read(&INSTALLED).is_some()
}

/// Takes the backend into use, with everything counted so far.
///
/// Should that fail, children begin at zero if `is_awaited`, as another load is to come.
///
/// # Errors
///
/// When its arena can't be used, or there is no thread to ship with.
pub(crate) fn install(backend: Arc<dyn Backend>, is_awaited: fn() -> bool) -> Result<(), BackendError> {
    // A child may be forked while its parent installs a backend: it installs its own.
    let is_child = storage::clear_fork_pending();
    *write(&ARENA) = None;
    // First: a child may be forked at any moment from here on, and is not to count where its parent does.
    storage::reset_in_children(backend.arena().is_some() || backend.interval().is_some());
    let migrated = migrate(&*backend).inspect_err(|_| storage::reset_in_children(is_awaited()));
    if is_child {
        reassert();
    }
    migrated?;
    let shipper = Shipper::start(Arc::clone(&backend))?;
    *write(&INSTALLED) = Some(Arc::new(Installed { backend, shipper }));
    Ok(())
}

/// In a child process, whose cells have begun at zero, states again what holds for it, too.
fn reassert() {
    for family in &families::all() {
        family.reassert();
    }
}

/// Has all families count in the arena of the backend.
fn migrate(backend: &dyn Backend) -> Result<(), BackendError> {
    let arena = backend.arena();
    if let Some(arena) = &arena {
        let pages = Box::new(ArenaPages(Arc::clone(arena)));
        storage::migrate(pages).map_err(|_| "there is no room for what was counted so far")?;
    }
    // From here on, new series begin there.
    *write(&ARENA) = arena.as_ref().map(ProcessArena::new);
    let attached = families::with_keys().into_iter().try_for_each(|(key, family)| {
        let name = key.to_string();
        let attached = families::attach(&family, key, arena.as_ref());
        attached.map_err(|error| format!("what was counted in `{name}` so far finds no place there: {error}").into())
    });
    storage::sync_pending();
    let ready = attached.and_then(|()| arena.map_or(Ok(()), |arena| arena.publish()));
    if ready.is_err() {
        // The pages in use stay, unknown to any other process.
        *write(&ARENA) = None;
        storage::rollback();
    }
    ready
}

struct ArenaPages(Arc<dyn Arena>);

impl storage::PageSource for ArenaPages {
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page> {
        self.0.page(shard, page)
    }
}

/// Attaches a family that was registered just now.
pub(crate) fn attach(family: &Arc<dyn LocalFamily>, key: Arc<FamilyKey>) {
    let arena = read(&ARENA).as_ref().and_then(|offered| offered.get().cloned());
    if arena.is_some() || is_installed() {
        let name = key.name().to_owned();
        if let Err(error) = families::attach(family, key, arena.as_ref()) {
            let message = format!("a series of `{name}` can't be shared with other processes: {error}");
            report::report(("series", &name), &message);
        }
    }
}

/// Makes the backend of the parent one of this child process, with this limit on each wait for another process; false
/// when that fails. `without_backend` runs in a child whose parent had none.
#[cold]
pub(crate) fn recover(limit: Duration, without_backend: impl FnOnce()) -> bool {
    let Some(claim) = FORK.claim() else { return true };
    if !storage::clear_fork_pending() {
        return true;
    }
    let Some(installed) = installed() else {
        reassert();
        without_backend();
        return true;
    };
    *write(&ARENA) = None;
    let recover = || installed.backend.after_fork().and_then(|()| migrate(&*installed.backend));
    let recovered = catch_panic(|| wait::with_limit(limit, recover));
    let recovered = recovered.unwrap_or_else(|message| Err(format!("it panicked: {message}").into()));
    reassert();
    // A lock that is just busy is no fault: the background thread waits for it longer.
    if let Err(error) = &recovered
        && limit > wait::REQUEST
    {
        let message = format!("the backend can't be had in a child process, and is tried again: {error}");
        report::report_as(report::Level::Error, ("fork", ""), &message);
    }
    let is_recovered = recovered.is_ok();
    if FORK.record(recovered.err().map(|error| error.to_string())) {
        installed.shipper.after_fork();
    }
    drop(claim);
    is_recovered
}

/// Tries a failed recovery again, with this limit on each wait; returns the error of a backend that is not recovered.
pub(crate) fn recover_within(limit: Duration) -> Option<String> {
    if fork::is_recovering_here() {
        return None;
    }
    if !wait::wait_until(limit, || !FORK.is_recovering()) {
        return Some(format!("the backend of a child process is not ready yet: it was waited for {limit:?}"));
    }
    if FORK.error().is_some() {
        // The obstacle may be gone.
        storage::set_fork_pending();
        recover(limit, || ());
    }
    FORK.error()
}

impl Installed {
    /// Queues a series that was removed in this process.
    pub(crate) fn queue_removal(&self, family: Arc<FamilyKey>, series: SeriesKey) {
        self.shipper.queue_removal(family, series);
    }

    /// Returns when a scrape that begins now has to end.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.backend.scrape_timeout().filter(|_| clock::EXISTS).map(|timeout| Instant::now() + timeout)
    }

    /// Completes the totals of a scrape.
    ///
    /// # Errors
    ///
    /// When the totals can't be had.
    pub(crate) fn load(&self, totals: &mut Totals<'_>) -> Result<(), ScrapeError> {
        storage::sync_pending();
        self.shipper.ship_for_scrape(totals.deadline()).map_err(ScrapeError::new)?;
        calls::load(&*self.backend, totals)
    }

    /// Returns the metrics of the backend about itself.
    pub(crate) fn health(&self) -> Vec<FamilySnapshot> {
        calls::health(&*self.backend)
    }

    /// Hands over everything counted and removed so far, to be kept.
    pub(crate) fn flush(&self) -> Result<(), BackendError> {
        families::read_sources(&families::all());
        storage::sync_pending();
        self.shipper.ship()?;
        self.backend.flush()
    }

    /// Hands over everything, within this time, and ends the part of this process.
    pub(crate) fn close(&self, timeout: Duration) -> Result<(), BackendError> {
        families::read_sources(&families::all());
        storage::sync_pending();
        self.shipper.close(timeout)?;
        self.backend.close()
    }

    /// Returns whose numbers the backend adds up, and whether it receives batches.
    #[cfg(all(unix, feature = "conformance"))]
    pub(crate) fn about(&self) -> (crate::backends::api::AggregationScope, bool) {
        (self.backend.aggregation_scope(), self.backend.interval().is_some())
    }
}
