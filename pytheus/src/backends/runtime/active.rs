//! The backend in use: how it comes in, what it is asked, and what a fork does to it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::backends::api::{
    Arena, Backend, BackendError, FamilyKey, LocalFamily, Offered, Removal, SeriesKey, Totals, WriterId,
};
use crate::backends::runtime::fork::{self, begin, forked, revive_within};
use crate::backends::runtime::ship::Shipper;
use crate::backends::runtime::{calls, families, loader};
use crate::clock;
use crate::model::error::ScrapeError;
use crate::model::snapshot::FamilySnapshot;
use crate::report;
use crate::storage::{self, Page};
use crate::sync::{lock, read, write};

pub(super) static CURRENT: RwLock<Option<Arc<Loaded>>> = RwLock::new(None);
/// Where series are to be begun: known before the backend is in use.
pub(super) static ARENA: RwLock<Option<Offered>> = RwLock::new(None);

pub(super) struct Loaded {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) shipper: Option<Shipper>,
    pub(super) removals: Mutex<Removals>,
}

/// When removed series are seen to, and at the latest when that has failed.
const SOON: Duration = Duration::from_millis(20);
const LATER: Duration = Duration::from_secs(5);

/// Series that were removed here, and are to be removed everywhere.
pub(super) struct Removals {
    pub(super) writer: WriterId,
    sequence: u64,
    pub(super) waiting: Vec<(Arc<FamilyKey>, SeriesKey)>,
    /// What is under way, until it is known to be done.
    pub(super) sent: Option<Removal>,
    /// Is a thread there that sees to it?
    pub(super) seen_to: bool,
    /// Has that thread failed the last time? It tries again, and no scrape waits for it.
    pub(super) failing: bool,
}

/// What is to be done before a backend is loaded: whatever has families that are in no registry yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BeforeLoad(pub(crate) fn());

inventory::collect!(BeforeLoad);

/// Makes this the backend in use, with all that was counted so far.
///
/// # Errors
///
/// When its arena can't be had.
pub(crate) fn install(backend: Arc<dyn Backend>) -> Result<(), BackendError> {
    inventory::iter::<BeforeLoad>.into_iter().for_each(|before| before.0());
    // In a child that came of a process while that did the same: what that has begun is not the child's.
    let is_child = storage::clear_fork_pending();
    *write(&ARENA) = None;
    // First: a child may come at any moment from here on, and is not to count where its parent does.
    storage::reset_in_children(backend.arena().is_some() || backend.interval().is_some());
    let moved = move_in(&*backend).inspect_err(|_| storage::reset_in_children(loader::is_awaited()));
    if is_child {
        fork::restate();
    }
    moved?;
    let shipper = match backend.interval() {
        Some(interval) => Some(Shipper::start(Arc::clone(&backend), interval)?),
        None => None,
    };
    let removals = Removals {
        writer: WriterId::random(),
        sequence: 0,
        waiting: Vec::new(),
        sent: None,
        seen_to: false,
        failing: false,
    };
    *write(&CURRENT) = Some(Arc::new(Loaded { backend, shipper, removals: Mutex::new(removals) }));
    Ok(())
}

/// Has all families count where the backend wants them to.
pub(super) fn move_in(backend: &dyn Backend) -> Result<(), BackendError> {
    let arena = backend.arena();
    if let Some(arena) = &arena {
        let pages = Box::new(Pages(Arc::clone(arena)));
        storage::migrate(pages).map_err(|_| "there is no room for what was counted so far")?;
    }
    // From here on, who comes in begins there by itself.
    *write(&ARENA) = arena.as_ref().map(Offered::new);
    let settled = families::all().into_iter().try_for_each(|(key, family)| {
        let name = key.to_string();
        let settled = families::settle(&family, key, arena.as_ref());
        settled.map_err(|error| format!("what was counted in `{name}` so far finds no place there: {error}").into())
    });
    storage::sync_pending();
    let settled = settled.and_then(|()| arena.map_or(Ok(()), |arena| arena.ready()));
    if settled.is_err() {
        // All is counted on in the pages that there are, of which nobody else knows.
        *write(&ARENA) = None;
        storage::rollback();
    }
    settled
}

/// Pages of an arena, as the storage asks for them.
struct Pages(Arc<dyn Arena>);

impl storage::PageSource for Pages {
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page> {
        self.0.page(shard, page)
    }
}

pub(super) fn loaded() -> Option<Arc<Loaded>> {
    read(&CURRENT).clone()
}

/// A family has come into a registry.
pub(crate) fn joined(family: &Arc<dyn LocalFamily>, key: Arc<FamilyKey>) {
    forked();
    let arena = read(&ARENA).as_ref().and_then(|offered| offered.get().cloned());
    if arena.is_some() || read(&CURRENT).is_some() {
        let name = key.name().to_owned();
        if let Err(error) = families::settle(family, key, arena.as_ref()) {
            let message = format!("a series of `{name}` can't be shared with other processes: {error}");
            report::report(("series", &name), &message);
        }
    }
}

/// Takes note of a series that was removed in this process.
pub(crate) fn removed(family: Arc<FamilyKey>, series: SeriesKey) {
    let Some(loaded) = loaded() else { return };
    if let Some(shipper) = &loaded.shipper {
        shipper.removed(family, series);
        return;
    }
    let mut removals = lock(&loaded.removals);
    removals.waiting.push((family, series));
    if std::mem::replace(&mut removals.seen_to, true) {
        return;
    }
    drop(removals);
    // Once for many: who removes one series often removes others. Not where it was removed: it may take a while.
    let see_to_it = move || {
        let mut pause = SOON;
        loop {
            thread::sleep(pause);
            let removed = loaded.remove();
            let mut removals = lock(&loaded.removals);
            removals.failing = removed.is_err();
            match removed {
                Ok(()) if removals.waiting.is_empty() => return removals.seen_to = false,
                Ok(()) => pause = SOON,
                Err(error) => {
                    drop(removals);
                    still_shown(&error);
                    pause = (pause * 10).min(LATER);
                }
            }
        }
    };
    // Without a thread, the next scrape does it.
    let _ = thread::Builder::new().name("pytheus-remove".to_owned()).spawn(see_to_it);
}

fn still_shown(error: &BackendError) {
    report::report(("removal", ""), &format!("removed series still show in other processes: {error}"));
}

impl Loaded {
    /// Has the series that were removed here removed everywhere.
    fn remove(&self) -> Result<(), BackendError> {
        loop {
            let removal = {
                let mut removals = lock(&self.removals);
                if removals.sent.is_none() && !removals.waiting.is_empty() {
                    removals.sequence += 1;
                    let series = std::mem::take(&mut removals.waiting);
                    let Removals { writer, sequence, .. } = *removals;
                    removals.sent = Some(Removal { writer, sequence, series });
                }
                removals.sent.clone()
            };
            let Some(removal) = removal else { return Ok(()) };
            self.backend.remove(&removal)?;
            let mut removals = lock(&self.removals);
            if removals.sent.as_ref().is_some_and(|sent| sent.sequence == removal.sequence) {
                removals.sent = None;
            }
        }
    }

    /// As [`remove`](Self::remove), for a scrape: series that others still show are no reason to show none.
    fn remove_if_possible(&self) {
        if !lock(&self.removals).failing
            && let Err(error) = self.remove()
        {
            still_shown(&error);
        }
    }

    /// Hands over all that was counted and removed so far.
    fn hand_over(&self) -> Result<(), BackendError> {
        storage::sync_pending();
        match &self.shipper {
            Some(shipper) => shipper.ship_by(None),
            None => self.remove(),
        }
    }
}

/// The totals of all processes, for a registry of this scope that has these families.
///
/// # Errors
///
/// When they can't be had, or what the environment says of the backend is wrong.
pub(crate) fn load<'a>(
    scope: impl Into<Cow<'a, str>>,
    families: impl IntoIterator<Item = &'a dyn LocalFamily>,
) -> Result<Totals<'a>, ScrapeError> {
    begin();
    if let Some(error) = loader::environment_error() {
        return Err(ScrapeError::new(error));
    }
    let totals = Totals::new(scope.into(), families);
    let Some(loaded) = loaded() else { return Ok(totals) };
    let deadline = loaded.backend.scrape_timeout().filter(|_| clock::EXISTS).map(|timeout| Instant::now() + timeout);
    let mut totals = totals.from_backend(deadline, families::has);
    if let Some(error) = revive_within(loader::SCRAPE) {
        return Err(ScrapeError::new(error));
    }
    storage::sync_pending();
    match &loaded.shipper {
        Some(shipper) => shipper.ship_by(deadline).map_err(ScrapeError::new)?,
        None => loaded.remove_if_possible(),
    }
    calls::load(&*loaded.backend, &mut totals)?;
    Ok(totals)
}

/// How far the backend in use reaches, and whether it is sent what is counted.
#[cfg(all(unix, feature = "conformance"))]
pub(crate) fn about() -> (crate::backends::api::AggregationScope, bool) {
    loaded().map_or((crate::backends::api::AggregationScope::Process, false), |loaded| {
        (loaded.backend.aggregation_scope(), loaded.shipper.is_some())
    })
}

/// What the backend has to say about itself.
pub(crate) fn health() -> Vec<FamilySnapshot> {
    loaded().map_or_else(Vec::new, |loaded| calls::health(&*loaded.backend))
}

/// Is what a series has counted known to others, so that its removal is to be, too?
pub(crate) fn is_shared() -> bool {
    read(&CURRENT).is_some()
}

/// Hands all that was counted so far to the backend, which is to keep it. In a child that has no backend of its own yet,
/// that is waited for as long as this.
pub(crate) fn flush(most: Duration) -> Result<(), BackendError> {
    let Some(loaded) = own(most)? else { return Ok(()) };
    loaded.hand_over()?;
    loaded.backend.flush()
}

/// As [`flush`], within about this time, and ends the part of this process.
pub(crate) fn shutdown(most: Duration) -> Result<(), BackendError> {
    let Some(loaded) = own(most)? else { return Ok(()) };
    match &loaded.shipper {
        Some(shipper) => shipper.close(most)?,
        None => loaded.hand_over()?,
    }
    loaded.backend.close()
}

/// The backend in use, if there is one: in a child, its own.
fn own(most: Duration) -> Result<Option<Arc<Loaded>>, BackendError> {
    match revive_within(most) {
        Some(error) => Err(error.into()),
        None => Ok(loaded()),
    }
}
