//! The thread that loads what the environment says, and the callers that wait for it.
//!
//! A try that fails is repeated with exponential back-off, for as long as the process has no backend: a lock that is
//! held, a full disk or a server that is away are troubles that pass. A configuration that is wrong is read again at
//! the same pace, and the backend is made once it says something else.
//!
//! A thread is not there in a child: the first caller that needs it starts one there.

use crate::model::process;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::{LOADS, LoadState, STATE, Stage, State, from_environment, load_state};
use crate::backends::config::{EnvConfig, LoadError, env_config};
use crate::backends::runtime::{installed, wait};
use crate::report::{self, Level};
use crate::sync::{at_exit, catch_panic, lock};

/// The first pause after a try that has failed; each later one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// For how long a try that has failed answers scrapes: a backend that is slow to fail would hold up each of them.
const FRESH: Duration = Duration::from_secs(1);

/// How long the end of a process waits for a load.
const AT_EXIT: Duration = Duration::from_secs(5);

/// The process in which something may have been counted that no backend has yet.
static USED_IN: AtomicU32 = AtomicU32::new(0);

/// The background thread.
pub(crate) struct Worker {
    /// The process that it belongs to.
    process: u32,
    /// Known once it runs.
    thread: Option<Thread>,
}

/// The next step of a caller that waits for the load.
enum Next {
    Answer(Option<Arc<LoadError>>),
    /// A thread loads.
    LookAgain,
    /// Wait until so many tries have failed, or one has succeeded.
    Wait(u64),
}

/// Starts the background thread unless there is one; false when the system gives none.
pub(crate) fn start() -> bool {
    {
        let mut state = lock(&STATE);
        if state.worker.as_ref().is_some_and(|worker| worker.process == process::id()) {
            return true;
        }
        state.worker = Some(Worker { process: process::id(), thread: None });
    }
    // Should it unwind, the thread goes on all the same.
    let work = || {
        while catch_panic(work).is_err() {
            thread::sleep(FIRST_PAUSE);
        }
    };
    let is_started = thread::Builder::new().name("pytheus-load".to_owned()).spawn(work).is_ok();
    if !is_started {
        lock(&STATE).worker = None;
    }
    is_started
}

fn work() {
    let mut pause = FIRST_PAUSE;
    wait::record_queue_move();
    loop {
        {
            let mut state = lock(&STATE);
            state.is_asked = false;
            if let Some(worker) = &mut state.worker {
                worker.thread = Some(thread::current());
            }
        }
        // In a child of a process that has a backend, the same of that.
        if try_once() && installed::recover_within(Duration::MAX).is_none() {
            break;
        }
        let due = Instant::now() + pause;
        pause = (pause * 2).min(LONGEST_PAUSE);
        while has_time(due) {
            thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
    }
    lock(&STATE).worker = None;
}

/// Whether the thread is to wait on.
fn has_time(due: Instant) -> bool {
    !lock(&STATE).is_asked && Instant::now() < due
}

/// Has the background thread try again what has failed in a child, and the end of the process wait for it.
pub(crate) fn retry() {
    start();
    load_at_exit();
}

/// Tries once to load what the environment says; true when nothing more is to be done.
fn try_once() -> bool {
    loop {
        // The lock is given back before anything is done about it.
        let load_state = load_state(&mut lock(&STATE));
        match load_state {
            LoadState::Free(permit) => return from_environment(permit).is_ok(),
            LoadState::Busy => wait::pause(),
            LoadState::Loaded(..) | LoadState::Reentrant => return true,
        }
    }
}

/// Has what the environment says loaded, and waits for it for about `most`; says why it is not loaded.
///
/// With `now`, a try that has failed is repeated at once, however little time has passed.
pub(crate) fn settle(most: Duration, now: bool) -> Option<Arc<LoadError>> {
    let (mut wanted, mut answer, mut looks) = (None, None, 0);
    let is_over = wait::wait_until(most, || {
        answer = match wanted {
            Some(wanted) => {
                looks += 1;
                if looks == LOOKS && !is_running() {
                    try_once();
                }
                over(&lock(&STATE), wanted)
            }
            None => match ask(now) {
                Next::Answer(answer) => Some(answer),
                Next::LookAgain => None,
                Next::Wait(failures) => {
                    wanted = Some(failures);
                    if !start() {
                        // Without a thread, this one does it.
                        try_once();
                    }
                    None
                }
            },
        };
        answer.is_some()
    });
    if is_over {
        return answer.flatten();
    }
    let last = lock(&STATE).error.clone();
    Some(Arc::new(LoadError::Pending { waited: most, last }))
}

/// How often a thread that was started is looked for: for about 0.1 s. In a child that came of a process while a thread of
/// that began or ended, new threads of std wait for ever for a lock of std.
const LOOKS: u32 = 60;

/// Whether the background thread has begun.
fn is_running() -> bool {
    lock(&STATE).worker.as_ref().is_some_and(|worker| worker.thread.is_some())
}

/// The outcome: `None` while a try is to come or under way, else the error, or none once it is loaded.
#[expect(clippy::option_option, reason = "the outer one says whether it is over")]
fn over(state: &State, wanted: u64) -> Option<Option<Arc<LoadError>>> {
    match state.stage {
        Stage::Loaded(..) => Some(None),
        Stage::Unloaded if state.failures >= wanted => Some(state.error.clone()),
        Stage::Unloaded | Stage::Loading(_) => None,
    }
}

fn ask(now: bool) -> Next {
    if LOADS.with(Cell::get) {
        return Next::Answer(Some(Arc::new(LoadError::Reentrant)));
    }
    let mut state = lock(&STATE);
    match state.stage {
        Stage::Loaded(..) => return Next::Answer(None),
        Stage::Loading(process) if process == process::id() => return Next::LookAgain,
        Stage::Unloaded | Stage::Loading(_) if state.is_silent => return Next::Answer(None),
        Stage::Unloaded | Stage::Loading(_) => {}
    }
    if env_config() == EnvConfig::Unset {
        state.is_silent = true;
        return Next::Answer(None);
    }
    if let Some(error) = &state.error
        && !now
        && !error.is_mistake()
        && state.failed_at.is_some_and(|failed| failed.elapsed() < FRESH)
    {
        return Next::Answer(Some(Arc::clone(error)));
    }
    state.is_asked = true;
    if let Some(thread) = state.worker.as_ref().and_then(|worker| worker.thread.as_ref()) {
        thread.unpark();
    }
    Next::Wait(state.failures + 1)
}

/// Has the end of this process wait for a load that did not come in time for the first use of a metric.
pub(crate) fn load_at_exit() {
    USED_IN.store(process::id(), Relaxed);
    at_exit(before_exit);
}

/// Loads, for a little while, so that what was counted is not lost; says so if it is.
fn before_exit() {
    // A child that has counted nothing has nothing to lose; a backend may end the process while it is made.
    if USED_IN.load(Relaxed) != process::id() || LOADS.with(Cell::get) {
        return;
    }
    // A mistake was told, and does not pass within seconds.
    if lock(&STATE).error.as_ref().is_some_and(|error| error.is_mistake()) {
        return;
    }
    let error = settle(AT_EXIT, true).map(|error| error.to_string());
    if let Some(error) = error.or_else(|| installed::recover_within(AT_EXIT)) {
        let message = format!("what this process has counted is lost, as it ends without a backend: {error}");
        report::emit(Level::Error, &message);
    }
}
