//! The state of loading: which backend is loaded, and which thread loads it.
//!
//! Two callers load: [`load_backend`](crate::backends::load_backend), in its own thread, and the [background thread](background),
//! which loads what the environment says. At most one of them holds the right to load at a time.

mod background;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::backends::config::{
    BackendSpec, EnvConfig, LoadError, LoadPlan, LoadedBy, env_config, names_single_process,
};
use crate::backends::runtime::{installed, wait};
use crate::model::process;
use crate::report::{self, Level, SelfMetric};
use crate::storage;
use crate::sync::lock;
use background::Worker;

pub(crate) use background::{retry, settle};

/// Runs before a backend is loaded, to put declared metrics into their registries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BeforeLoad(pub(crate) fn());

inventory::collect!(BeforeLoad);

static STATE: Mutex<State> = Mutex::new(State::new());

struct State {
    stage: Stage,
    /// Whether a scrape has found that the environment names no backend.
    is_silent: bool,
    /// Why what the environment says is not loaded.
    error: Option<Arc<LoadError>>,
    /// The plan whose configuration the backend has refused: it is not made again from the same one.
    refused: Option<(Arc<LoadPlan>, Arc<LoadError>)>,
    /// How many tries to load what the environment says have failed, and when the last one did.
    failures: u64,
    failed_at: Option<Instant>,
    worker: Option<Worker>,
    /// Whether the background thread is to try at once.
    is_asked: bool,
}

impl State {
    const fn new() -> Self {
        Self {
            stage: Stage::Unloaded,
            is_silent: false,
            error: None,
            refused: None,
            failures: 0,
            failed_at: None,
            worker: None,
            is_asked: false,
        }
    }
}

enum Stage {
    Unloaded,
    /// A thread of this process loads. In a child that came of it meanwhile nobody does.
    Loading(u32),
    Loaded(Arc<LoadPlan>, LoadedBy),
}

std::thread_local! {
    /// Whether this thread loads. Without a destructor, so that it is there in those of others.
    static LOADS: Cell<bool> = const { Cell::new(false) };
}

/// Whether there is nothing more to be done at a first use.
static IS_SETTLED: AtomicBool = AtomicBool::new(false);

/// Whether a first use has found that the environment names a backend with several processes, which is to be loaded.
static IS_AWAITED: AtomicBool = AtomicBool::new(false);

/// How things stand, for who wants to load.
enum LoadState {
    /// It is for this thread to load.
    Free(LoadPermit),
    Loaded(Arc<LoadPlan>, LoadedBy),
    /// This thread does already.
    Reentrant,
    /// Another thread does.
    Busy,
}

/// The right to load; it ends when dropped, whatever happens.
struct LoadPermit;

impl LoadPermit {
    fn take(state: &mut State) -> Self {
        state.stage = Stage::Loading(process::id());
        LOADS.with(|loads| loads.set(true));
        Self
    }
}

impl Drop for LoadPermit {
    fn drop(&mut self) {
        LOADS.with(|loads| loads.set(false));
        let mut state = lock(&STATE);
        if let Stage::Loading(_) = state.stage {
            state.stage = Stage::Unloaded;
            if is_awaited() {
                storage::reset_in_children(true);
            }
        }
    }
}

/// Makes the backend and takes it into use.
fn load_now(_right: &LoadPermit, plan: &Arc<LoadPlan>, by: LoadedBy) -> Result<(), LoadError> {
    let backend = plan.make()?;
    inventory::iter::<BeforeLoad>.into_iter().for_each(|before| before.0());
    plan.run(|| installed::install(backend, is_awaited))?;
    let mut state = lock(&STATE);
    state.stage = Stage::Loaded(Arc::clone(plan), by);
    let before = (state.error.take(), state.refused.take());
    drop(state);
    // Without the lock: they may be the backend's own.
    drop(before);
    IS_SETTLED.store(true, Relaxed);
    Ok(())
}

fn load_state(state: &mut State) -> LoadState {
    match &state.stage {
        Stage::Loaded(plan, by) => LoadState::Loaded(Arc::clone(plan), *by),
        Stage::Loading(_) if LOADS.with(Cell::get) => LoadState::Reentrant,
        Stage::Loading(process) if *process == process::id() => LoadState::Busy,
        Stage::Unloaded | Stage::Loading(_) => LoadState::Free(LoadPermit::take(state)),
    }
}

/// Loads the backend that this process counts in, for the rest of its life. Best called at the start of `main`.
///
/// - The first call loads. What was counted before is carried over.
/// - A call that asks for the same class with the same configuration again changes nothing, and is fine.
/// - One that asks for something else is [`LoadError::Loaded`]: what is loaded stays.
/// - Of calls at the same time one loads; the others wait, and are then held to these rules.
/// - A call that fails leaves everything as it was, and may be repeated.
/// - A backend that loads another one while it is made gets [`LoadError::Reentrant`].
///
/// Where it is never called, the first use of a metric or the first scrape has a background thread load what
/// `PYTHEUS_BACKEND_CLASS` and `PYTHEUS_BACKEND_CONFIG` say:
///
/// - The first use waits for that thread for about a quarter of a second at most, once in the life of the process, then counts
///   on in memory; a load takes milliseconds unless another process holds a lock, a disk hangs or a server is away. In a
///   queue of processes that begin at the same time it waits for 2 seconds at most, while the queue moves.
/// - A load that fails is [reported](crate::diagnostics) and repeated with exponential back-off, from 1 to 30 seconds. A
///   configuration that is wrong is read again at the same pace, and takes effect once it was corrected.
/// - Until the backend is loaded each scrape fails with the reason: at once where the last try has just failed, after
///   2 seconds where one is under way ([`LoadError::Pending`]).
/// - [`flush`](crate::backends::flush) waits for a load for 10 seconds, [`shutdown`](crate::backends::shutdown) for as long as it may take. A
///   process that ends by itself waits for 5 seconds. A process that is killed before its backend is loaded loses what it
///   has counted: call this function at the start of `main` where that matters.
/// - A child that is forked meanwhile begins at zero and loads by itself. A child of a process that has a backend counts
///   in memory in the same way while another process holds what the backend needs.
///
/// ```
/// use pytheus::backends::{BackendSpec, load_backend};
///
/// load_backend(BackendSpec::from_env())?;
/// # Ok::<(), pytheus::backends::LoadError>(())
/// ```
///
/// # Errors
///
/// When there is no such class, the configuration is wrong, the backend can't start, or another one is loaded.
pub fn load_backend(spec: BackendSpec) -> Result<(), LoadError> {
    let by = spec.loaded_by();
    load(LoadPlan::resolve(spec)?, by)
}

/// Loads, unless something is.
pub(crate) fn load(plan: LoadPlan, by: LoadedBy) -> Result<(), LoadError> {
    loop {
        // The lock is given back before anything is done about it.
        let load_state = load_state(&mut lock(&STATE));
        match load_state {
            LoadState::Free(permit) => return load_now(&permit, &Arc::new(plan), by),
            LoadState::Reentrant => return Err(LoadError::Reentrant),
            LoadState::Busy => wait::pause(),
            LoadState::Loaded(loaded, _) if plan.is(&loaded) => return Ok(()),
            LoadState::Loaded(loaded, by) => return Err(plan.conflict(&loaded, by)),
        }
    }
}

/// How long it waits at most where many processes begin at the same time, and queue for the lock of a directory: a process
/// that is killed in that queue would else lose what it has counted.
const IN_QUEUE: Duration = Duration::from_secs(2);

/// How long a scrape waits for a load that is under way.
pub(crate) const SCRAPE: Duration = Duration::from_secs(2);

/// Has what the environment says loaded, at the first use of a metric, by the background thread.
///
/// A first use waits for that thread, but for no longer than [`REQUEST`](wait::REQUEST) unless it is [in a queue](IN_QUEUE): what is counted before the load is on the
/// heap, and would be lost if the process were killed. Must not be called under a lock: the thread runs the backend's
/// code, which may need it.
#[inline]
pub(crate) fn ensure_loaded() {
    if !IS_SETTLED.load(Relaxed) {
        first_use();
    }
}

#[cold]
fn first_use() {
    // A backend may count while it is made.
    if LOADS.with(Cell::get) {
        return;
    }
    // A configuration without a class is for what the program has yet to load, as long as nobody scrapes.
    if env_config() == EnvConfig::Class {
        let awaits = !names_single_process();
        {
            let state = lock(&STATE);
            match state.stage {
                Stage::Loaded(..) => return IS_SETTLED.store(true, Relaxed),
                // The thread that loads sees to children.
                Stage::Loading(process) if process == process::id() => IS_AWAITED.store(awaits, Relaxed),
                Stage::Unloaded | Stage::Loading(_) => {
                    IS_AWAITED.store(awaits, Relaxed);
                    // Before anything is counted: the parent's own load carries over what it has counted, so a child
                    // must not bring it along.
                    storage::reset_in_children(awaits);
                }
            }
        }
        let mut is_loaded = false;
        let has_thread = background::start();
        wait::wait_in_queue(wait::REQUEST, IN_QUEUE, || {
            let state = lock(&STATE);
            is_loaded = matches!(state.stage, Stage::Loaded(..));
            is_loaded || !has_thread || state.failures > 0 || IS_SETTLED.load(Relaxed)
        });
        if !is_loaded {
            background::load_at_exit();
        }
    }
    IS_SETTLED.store(true, Relaxed);
}

/// Whether this thread loads a backend: what it waits for holds up no request.
#[cfg_attr(not(all(unix, feature = "file")), allow(dead_code, reason = "for the backend of files"))]
pub(crate) fn is_loading_here() -> bool {
    LOADS.with(Cell::get)
}

/// Whether what the environment says is yet to be loaded.
pub(crate) fn is_waited_for() -> bool {
    !matches!(lock(&STATE).stage, Stage::Loaded(..)) && env_config() != EnvConfig::Unset
}

/// Whether a first use waits for a backend of several processes: children then begin at zero.
pub(crate) fn is_awaited() -> bool {
    IS_AWAITED.load(Relaxed)
}

/// Takes note that this is a child, in which no thread loads: its next use of a metric is a first one.
pub(crate) fn after_fork() {
    let mut state = lock(&STATE);
    if is_awaited() && !matches!(state.stage, Stage::Loaded(..)) {
        (state.failures, state.failed_at) = (0, None);
        IS_SETTLED.store(false, Relaxed);
    }
}

/// Loads what the environment says, unless its configuration is one that the backend has refused before.
fn from_environment(permit: LoadPermit) -> Result<(), Arc<LoadError>> {
    let tried = LoadPlan::resolve(BackendSpec::from_env()).map_err(Arc::new).and_then(|plan| {
        let plan = Arc::new(plan);
        if let Some((refused, error)) = &lock(&STATE).refused
            && refused.is(&plan)
        {
            return Err(Arc::clone(error));
        }
        load_now(&permit, &plan, LoadedBy::FirstUse).map_err(|error| {
            let error = Arc::new(error);
            if error.is_mistake() {
                lock(&STATE).refused = Some((plan, Arc::clone(&error)));
            }
            error
        })
    });
    let Err(error) = &tried else { return Ok(()) };
    let previous = {
        let mut state = lock(&STATE);
        state.failures += 1;
        state.failed_at = Some(Instant::now());
        state.error.replace(Arc::clone(error))
    };
    // A thread that waits finds the error there.
    drop(permit);
    if previous.is_none_or(|previous| previous.to_string() != error.to_string()) {
        report::count(SelfMetric::BackendErrors, &["load"]);
        let until = if error.is_mistake() {
            "each scrape fails until load_backend() succeeds, or what is wrong is put right"
        } else {
            "loading is tried again, and each scrape fails until it or load_backend() succeeds"
        };
        report::emit(Level::Error, &format!("{error}; {until}"));
    }
    tried
}
