//! Which backend is loaded, and who loads it.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::load::{Load, Plan, Said, said};
use super::{LoadError, LoadedBy, current};
use crate::process;
use crate::report;
use crate::storage::lock;
use crate::unwind::guarded;

static STATE: Mutex<State> = Mutex::new(State { stage: Stage::Unloaded, scraped: false, error: None });

struct State {
    stage: Stage,
    /// Whether the environment was asked on behalf of a scrape, which wants to know the most.
    scraped: bool,
    /// Why what the environment says is not loaded.
    error: Option<Arc<LoadError>>,
}

enum Stage {
    Unloaded,
    /// A thread of this process loads. In a child that came of it meanwhile nobody does.
    Loading(u32),
    Loaded(Arc<Plan>, LoadedBy),
}

std::thread_local! {
    /// Whether this thread loads. Without a destructor, so that it is there in those of others.
    static LOADS: Cell<bool> = const { Cell::new(false) };
}

/// Whether there is nothing more to be done at a first use.
static BEGUN: AtomicBool = AtomicBool::new(false);

/// How things stand, for who wants to load.
enum Turn {
    /// It is for this thread to load.
    Mine(Mine),
    Loaded(Arc<Plan>, LoadedBy),
    /// This thread does already.
    Within,
    /// Another thread does.
    Others,
}

/// The right to load; it ends when dropped, whatever happens.
struct Mine;

impl Mine {
    fn take(state: &mut State) -> Self {
        state.stage = Stage::Loading(process::id());
        LOADS.with(|loads| loads.set(true));
        Self
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        LOADS.with(|loads| loads.set(false));
        let mut state = lock(&STATE);
        if let Stage::Loading(_) = state.stage {
            state.stage = Stage::Unloaded;
        }
    }
}

/// Makes the backend and takes it into use.
fn load_now(_right: &Mine, plan: Plan, by: LoadedBy) -> Result<(), LoadError> {
    let backend = plan.make()?;
    // It calls the backend.
    guarded(|| current::install(backend))
        .unwrap_or_else(|message| Err(format!("it panicked: {message}").into()))
        .map_err(|error| plan.failed(error))?;
    let mut state = lock(&STATE);
    state.stage = Stage::Loaded(Arc::new(plan), by);
    let error = state.error.take();
    drop(state);
    // Without the lock: it may be the backend's own.
    drop(error);
    BEGUN.store(true, Relaxed);
    Ok(())
}

fn turn(state: &mut State) -> Turn {
    match &state.stage {
        Stage::Loaded(plan, by) => Turn::Loaded(Arc::clone(plan), *by),
        Stage::Loading(_) if LOADS.with(Cell::get) => Turn::Within,
        Stage::Loading(process) if *process == process::id() => Turn::Others,
        Stage::Unloaded | Stage::Loading(_) => Turn::Mine(Mine::take(state)),
    }
}

/// Waits for a thread that loads. Not under the lock, and without a condition variable, for a fork waits for neither.
pub(super) fn wait() {
    thread::sleep(Duration::from_millis(1));
}

/// Loads, unless something is.
pub(super) fn load(plan: Plan, by: LoadedBy) -> Result<(), LoadError> {
    loop {
        // The lock is given back before anything is done about it.
        let turn = turn(&mut lock(&STATE));
        match turn {
            Turn::Mine(mine) => return load_now(&mine, plan, by),
            Turn::Within => return Err(LoadError::Within),
            Turn::Others => wait(),
            Turn::Loaded(loaded, by) => return compare(&plan, &loaded, by),
        }
    }
}

fn compare(plan: &Plan, loaded: &Plan, by: LoadedBy) -> Result<(), LoadError> {
    if plan.is(loaded) {
        return Ok(());
    }
    let mut differing = Vec::new();
    if plan.is_of_the_class_of(loaded) {
        let keys = plan.config.keys().chain(loaded.config.keys());
        differing.extend(keys.filter(|&key| plan.config.get(key) != loaded.config.get(key)).cloned());
        differing.sort();
        differing.dedup();
    }
    Err(LoadError::Loaded { class: plan.class.clone(), loaded: loaded.class.clone(), by, differing })
}

/// Loads what the environment says, at the first use of a metric. Must not be called under a lock, for it runs the
/// backend's code.
///
/// Other threads wait for it: what they counted meanwhile would be lost if the process were killed before that was
/// carried over. They don't wait for ever, as the backend's code may wait for one of them.
#[cold]
pub(crate) fn begin() {
    if BEGUN.load(Relaxed) {
        return;
    }
    // A configuration without a class is for what the program has yet to load, as long as nobody scrapes.
    if said() != Said::Class {
        BEGUN.store(true, Relaxed);
        return;
    }
    for _ in 0..PATIENCE {
        // The lock is given back before anything is done about it.
        let turn = turn(&mut lock(&STATE));
        match turn {
            Turn::Mine(mine) if !BEGUN.load(Relaxed) => return drop(from_environment(mine)),
            Turn::Others => wait(),
            _ => return,
        }
    }
    BEGUN.store(true, Relaxed);
}

/// How often a thread [waits](wait) for another at a first use: for longer than a backend waits that finds what it needs
/// taken, by a process that is stopped for one. What is counted before is lost if the process is killed.
pub(super) const PATIENCE: u32 = 10_000;

/// Loads what the environment says, unless that was done; and says why it is not loaded. For each scrape, before
/// anything else, and not under a lock.
pub(crate) fn environment_error() -> Option<Arc<LoadError>> {
    loop {
        let mut state = lock(&STATE);
        // What failed at a first use is tried again, once: that may have been before the backends of the program were known,
        // which is when `main` begins.
        if state.scraped && matches!(state.stage, Stage::Unloaded) {
            return state.error.clone();
        }
        let turn = turn(&mut state);
        state.scraped |= matches!(turn, Turn::Mine(_));
        drop(state);
        match turn {
            Turn::Mine(mine) if said() != Said::Nothing => return from_environment(mine),
            Turn::Mine(_) | Turn::Loaded(..) => return None,
            Turn::Within => return Some(Arc::new(LoadError::Within)),
            Turn::Others => wait(),
        }
    }
}

fn from_environment(mine: Mine) -> Option<Arc<LoadError>> {
    let loaded = Plan::of(Load::new()).and_then(|plan| load_now(&mine, plan, LoadedBy::FirstUse));
    // Tried once, whatever comes of it.
    BEGUN.store(true, Relaxed);
    let failed = loaded.err()?;
    let error = Arc::new(failed);
    let previous = lock(&STATE).error.replace(Arc::clone(&error));
    let is_known = previous.is_some_and(|previous| previous.to_string() == error.to_string());
    // Who waits finds the error there.
    drop(mine);
    if !is_known {
        report::backend_failed("load", &format_args!("{error}; each scrape fails until load_backend() succeeds"));
    }
    Some(error)
}
