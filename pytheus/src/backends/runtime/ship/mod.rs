//! The thread that sends what was counted to a backend, and what others have to do with it.
//!
//! The cells are the queue: what is sent is the difference between what they hold and what was sent before. However long
//! a backend can't be reached, no more is kept than one batch, which is repeated unchanged, and what was told of each
//! series. One pass goes on at a time, whoever runs it: the thread once in an interval, or a scrape, which is to see
//! what its own process has counted.
//!
//! Floats: the deltas of a part, added up without rounding, are what the cells held, rounded to an `f64`. Who adds them
//! up as `f64` rounds with each; [`Change::totals`](crate::backends::custom::Change::totals) are never rounded twice.
//!
//! No code of a backend's runs under a lock, and nobody waits within the gate: a fork would have to wait, too.

mod known;
mod pass;
mod removals;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::backends::api::{Backend, BackendError, FamilyKey, LocalFamily, SeriesKey};
use crate::backends::runtime::families;
use crate::clock;
use crate::reentry::Code;
use crate::report::{self, Level, SelfMetric};
use crate::sync::lock;
use pass::Pass;
use removals::Removals;

/// The longest time between two tries while a backend fails.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How often a backend that fails is reported.
const REPORTED_EVERY: Duration = Duration::from_secs(60);

/// Gives the families that there are.
type Members = Box<dyn Fn() -> Vec<Arc<dyn LocalFamily>> + Send + Sync>;

/// Sends what was counted to a backend.
pub(super) struct Shipper(Arc<Shared>);

struct Shared {
    backend: Arc<dyn Backend>,
    interval: Duration,
    members: Members,
    removals: Removals,
    state: Mutex<State>,
    /// The code that runs during a pass.
    code: Code,
}

struct State {
    /// Not there while a pass is under way.
    pass: Option<Box<Pass>>,
    /// How many passes were begun, and the last one that has ended.
    begun: u64,
    ended: u64,
    /// How the last one has ended.
    outcome: Result<(), String>,
    /// Who waits for a pass to end, or for the thread to.
    waiting: Vec<Thread>,
    /// Is the thread to begin one now?
    asked: bool,
    thread: Option<Thread>,
    life: Life,
    health: Health,
    reported: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Open,
    /// One pass more, if it succeeds by then.
    Closing(Instant),
    Closed,
}

/// How the sending goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Health {
    /// How many batches and removals the backend has taken.
    pub(super) sent: u64,
    /// How often it has failed.
    pub(super) errors: u64,
}

impl State {
    fn new(pass: Pass) -> Self {
        Self {
            pass: Some(Box::new(pass)),
            begun: 0,
            ended: 0,
            outcome: Ok(()),
            waiting: Vec::new(),
            asked: false,
            thread: None,
            life: Life::Open,
            health: Health { sent: 0, errors: 0 },
            reported: None,
        }
    }
}

impl Shipper {
    /// Starts to send. What was counted before goes with the first batches.
    ///
    /// # Errors
    ///
    /// When there can be no thread.
    pub(super) fn start(backend: Arc<dyn Backend>, interval: Duration) -> Result<Self, BackendError> {
        Self::start_with(backend, interval, Box::new(families::counted))
    }

    fn start_with(backend: Arc<dyn Backend>, interval: Duration, members: Members) -> Result<Self, BackendError> {
        if !clock::EXISTS {
            return Err("there is neither a thread nor a clock to send what is counted".into());
        }
        let state = Mutex::new(State::new(Pass::new()));
        let shipper = Self(Arc::new(Shared {
            backend,
            interval,
            members,
            removals: Removals::default(),
            state,
            code: Code::unbounded(),
        }));
        shipper.spawn()?;
        Ok(shipper)
    }

    fn spawn(&self) -> Result<(), BackendError> {
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("pytheus-ship".into()).spawn(move || shared.work());
        let thread = thread.map_err(|error| format!("there is no thread to send what is counted: {error}"))?;
        lock(&self.0.state).thread = Some(thread.thread().clone());
        Ok(())
    }

    /// Sends all that was counted until now. Who comes meanwhile shares the next pass. Where there is a deadline, the thread
    /// does it, which may be at something that takes longer.
    ///
    /// # Errors
    ///
    /// When it is not known that all of it was applied.
    pub(super) fn ship_by(&self, deadline: Option<Instant>) -> Result<(), BackendError> {
        self.0.ship_by(deadline)
    }

    #[cfg(test)]
    fn ship_now(&self) -> Result<(), BackendError> {
        self.ship_by(None)
    }

    /// Has a series removed at the backend. To be called once the series is gone here.
    pub(super) fn removed(&self, family: Arc<FamilyKey>, series: SeriesKey) {
        if lock(&self.0.state).life != Life::Closed && !self.0.removals.add(family, series) {
            self.0.failed("too many series were removed while it can't be reached: it keeps some of them");
        }
    }

    /// Sends all that was counted until now, trying again until that succeeds or so much time has passed, and ends.
    /// What is counted later is not sent.
    ///
    /// # Errors
    ///
    /// When it is not known that all of it was applied.
    pub(super) fn close(&self, timeout: Duration) -> Result<(), BackendError> {
        let deadline = Instant::now() + timeout;
        loop {
            {
                let mut state = lock(&self.0.state);
                match state.life {
                    Life::Closed => return state.outcome.clone().map_err(Into::into),
                    Life::Open => state.life = Life::Closing(deadline),
                    Life::Closing(_) => {}
                }
                if Instant::now() >= deadline {
                    let why = state.outcome.clone().err().unwrap_or_else(|| "the backend does not answer".into());
                    return Err(format!("not all was sent within {timeout:?}: {why}").into());
                }
                state.waiting.push(thread::current());
                if let Some(thread) = &state.thread {
                    thread.unpark();
                }
            }
            thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// In a child process, where all numbers have begun at zero: another writer, that has nothing to send yet, with a thread
    /// of its own. Without one, as the system may have no more, what is counted is sent by scrapes alone.
    pub(super) fn after_fork(&self) {
        let pass = Pass::inherited(&(self.0.members)());
        // Those of the parent, which removes them itself.
        self.0.removals.clear();
        let former = {
            let mut state = lock(&self.0.state);
            let life = state.life;
            let former = std::mem::replace(&mut *state, State::new(pass));
            if life != Life::Open {
                state.life = Life::Closed;
                return;
            }
            former
        };
        drop(former);
        if let Err(error) = self.spawn() {
            self.0.failed(&error.to_string());
        }
    }

    /// How it goes.
    #[allow(dead_code, reason = "for tests")]
    pub(super) fn health(&self) -> Health {
        lock(&self.0.state).health
    }
}

impl Drop for Shipper {
    /// What was not sent is lost: see [`close`](Self::close).
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.life = Life::Closed;
        if let Some(thread) = state.thread.take() {
            thread.unpark();
        }
    }
}

impl Shared {
    fn ship_by(&self, deadline: Option<Instant>) -> Result<(), BackendError> {
        if self.code.is_running_here() {
            return Err(
                "the backend asks for totals while it is sent what was counted, and would wait for itself".into()
            );
        }
        // One that begins from now on: that which is under way may have looked at some families before.
        let wanted = lock(&self.state).begun + 1;
        loop {
            let turn = {
                let mut state = lock(&self.state);
                if state.ended >= wanted {
                    return state.outcome.clone().map_err(Into::into);
                }
                if state.life == Life::Closed {
                    return Ok(());
                }
                let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                if left.is_some_and(|left| left.is_zero()) {
                    let why = state.outcome.clone().err().unwrap_or_else(|| "the backend does not answer".into());
                    return Err(format!("what this process has counted was not sent in time: {why}").into());
                }
                let left = left.unwrap_or(LONGEST_WAIT);
                let thread = state.thread.clone().filter(|_| deadline.is_some());
                let pass = if thread.is_none() { state.pass.take() } else { None };
                if let Some(pass) = pass {
                    state.begun += 1;
                    Ok(Turn { shared: self, pass: Some(pass), outcome: Some(Err("a pass was broken off".into())) })
                } else {
                    state.waiting.push(thread::current());
                    if let Some(thread) = thread {
                        state.asked |= state.begun < wanted;
                        thread.unpark();
                    }
                    Err(left)
                }
            };
            match turn {
                Ok(turn) => return turn.run(),
                Err(left) => thread::park_timeout(left),
            }
        }
    }

    /// What the thread does.
    fn work(&self) {
        let mut failures = 0;
        let (mut pass_due, mut heartbeat_due) = (Instant::now() + self.interval, Some(Instant::now()));
        loop {
            let due = heartbeat_due.map_or(pass_due, |due| due.min(pass_due));
            while Instant::now() < due && self.has_time() {
                thread::park_timeout(due.saturating_duration_since(Instant::now()));
            }
            // Before the pass: one that had begun by then may have looked at families before they were counted in last.
            let (life, is_asked) = {
                let mut state = lock(&self.state);
                (state.life, std::mem::take(&mut state.asked))
            };
            if life == Life::Closed {
                return;
            }
            if is_asked || life != Life::Open || Instant::now() >= pass_due {
                failures = if self.ship_by(None).is_ok() { 0 } else { failures + 1 };
                pass_due = Instant::now() + self.wait(failures);
            }
            if life == Life::Open && heartbeat_due.is_some_and(|due| Instant::now() >= due) {
                heartbeat_due = self.heartbeat();
            }
            let Life::Closing(deadline) = life else { continue };
            if failures == 0 || Instant::now() >= deadline {
                break;
            }
            // Not parked: who closes may wake this thread once more.
            thread::sleep(self.wait(failures).min(deadline.saturating_duration_since(Instant::now())));
        }
        let mut state = lock(&self.state);
        state.life = Life::Closed;
        state.waiting.drain(..).for_each(|thread| thread.unpark());
    }

    /// Does nobody want a pass yet?
    fn has_time(&self) -> bool {
        let state = lock(&self.state);
        state.life == Life::Open && !state.asked
    }

    /// Has the backend do its maintenance, and returns when that is due again.
    fn heartbeat(&self) -> Option<Instant> {
        let pass = lock(&self.state).pass.take();
        let next = pass.map_or(Ok(Some(Duration::from_millis(20))), |pass| {
            // Keeps passes of other threads out meanwhile.
            let _turn = Turn { shared: self, pass: Some(pass), outcome: None };
            self.code.run(|| self.backend.heartbeat())
        });
        let next = next.unwrap_or_else(|failure| {
            self.failed(&format!("its heartbeat has failed: {failure}"));
            Some(LONGEST_WAIT)
        });
        next.map(|next| Instant::now() + next)
    }

    /// How long to wait after so many failures: ever longer, and not all processes equally long.
    fn wait(&self, failures: u32) -> Duration {
        if failures == 0 {
            return self.interval;
        }
        let longest = LONGEST_WAIT.max(self.interval);
        let wait = self.interval.max(Duration::from_millis(10)).saturating_mul(1 << failures.min(16)).min(longest);
        // From a half of it on, in steps that nobody shares.
        let share = RandomState::new().hash_one(failures) % 1_000;
        wait / 2 + wait.mul_f64(share as f64 / 2_000.0)
    }

    /// Counts a failure, and says so once in a while.
    fn failed(&self, why: &str) {
        report::count(SelfMetric::BackendErrors, &["ship"]);
        let mut state = lock(&self.state);
        state.health.errors += 1;
        if state.reported.is_some_and(|reported| reported.elapsed() < REPORTED_EVERY) {
            return;
        }
        state.reported = Some(Instant::now());
        drop(state);
        report::emit(Level::Error, &format!("the backend did not take what was counted, and is tried again: {why}"));
    }
}

/// The right to use the backend, until it is dropped.
struct Turn<'a> {
    shared: &'a Shared,
    pass: Option<Box<Pass>>,
    /// How the pass has ended; nothing after a heartbeat.
    outcome: Option<Result<(), String>>,
}

impl Turn<'_> {
    fn run(mut self) -> Result<(), BackendError> {
        let Some(pass) = &mut self.pass else { return Ok(()) };
        let Shared { backend, removals, members, code, .. } = self.shared;
        // Whatever happens, the thread goes on.
        let outcome = code.run(|| pass.run(&**backend, removals, members));
        let outcome =
            outcome.unwrap_or_else(|failure| Err(format!("what was counted can't be looked at: {failure}").into()));
        self.outcome = Some(outcome.as_ref().map_err(ToString::to_string).copied());
        let shared = self.shared;
        drop(self);
        if let Err(error) = &outcome {
            shared.failed(&error.to_string());
        }
        outcome
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        if let Some(pass) = &self.pass {
            state.health.sent = pass.sent;
        }
        state.pass = self.pass.take();
        if let Some(outcome) = self.outcome.take() {
            state.ended = state.begun;
            state.outcome = outcome;
        }
        state.waiting.drain(..).for_each(|thread| thread.unpark());
    }
}
