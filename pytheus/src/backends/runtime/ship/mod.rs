//! Ships counts: a thread sends changed totals to a backend, in numbered batches. (*Push* is the word for a Pushgateway.)
//!
//! The cells are the queue: a batch holds the differences between the cells and what was sent before, the *baseline*. While
//! a backend is out of reach, no more is kept than one batch, repeated unchanged under its sequence number, and the
//! baseline of each series. A *cycle* looks at all families once; one cycle runs at a time, in the shipping thread once in
//! an interval, or in a scrape, which has to see the counts of its own process. A backend with an arena has no cycles of
//! counts: it is sent removals alone, by a thread that ends once there are none.
//!
//! Floats: the deltas of a part, added up without rounding, are what the cells held, rounded to an `f64`. A backend that
//! adds them up as `f64` rounds with each; [`Change::totals`](crate::backends::custom::Change::totals) are never rounded
//! twice.
//!
//! Code of a backend runs under no lock of this crate, and no thread waits within the fork gate: a fork would have to wait,
//! too.

mod baseline;
mod cycle;
mod state;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::backends::api::{Backend, BackendError, FamilyKey, LocalFamily, SeriesKey};
use crate::backends::runtime::families;
use crate::backends::runtime::removals::Removals;
use crate::clock;
use crate::reentry::Code;
use crate::report::{self, Level, SelfMetric};
use crate::sync::lock;
use cycle::Cycle;
use state::{Life, State};

/// The longest time between two tries while a backend fails.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How long removals wait for more of them, where nothing else is sent: series are often removed one after the other.
const REMOVAL_DELAY: Duration = Duration::from_millis(20);

/// How often a failing backend is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Returns the families to ship.
type Families = Box<dyn Fn() -> Vec<Arc<dyn LocalFamily>> + Send + Sync>;

/// Sends counts and removals to a backend.
pub(super) struct Shipper(Arc<Shared>);

struct Shared {
    backend: Arc<dyn Backend>,
    /// `None` for a backend with an arena, which is sent removals alone.
    interval: Option<Duration>,
    families: Families,
    removals: Removals,
    state: Mutex<State>,
    /// The backend's code, run in a cycle.
    code: Code,
}

impl Shipper {
    /// Starts to ship; counts from before go with the first batches.
    ///
    /// # Errors
    ///
    /// When the backend receives batches and there is no thread to send them.
    pub(super) fn start(backend: Arc<dyn Backend>) -> Result<Self, BackendError> {
        let interval = backend.interval();
        let families = if interval.is_some() { families::all } else { Vec::new };
        Self::start_with(backend, interval, Box::new(families))
    }

    fn start_with(
        backend: Arc<dyn Backend>,
        interval: Option<Duration>,
        families: Families,
    ) -> Result<Self, BackendError> {
        let has_thread = interval.is_some();
        if has_thread && !clock::EXISTS {
            return Err("there is neither a thread nor a clock to send what is counted".into());
        }
        let removals = Removals::new(has_thread);
        let state = Mutex::new(State::new(Cycle::new(), has_thread));
        let shipper = Self(Arc::new(Shared { backend, interval, families, removals, state, code: Code::unbounded() }));
        if has_thread {
            shipper.spawn()?;
        }
        Ok(shipper)
    }

    fn spawn(&self) -> Result<(), BackendError> {
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("pytheus-ship".into()).spawn(move || shared.work());
        let mut state = lock(&self.0.state);
        state.has_thread = thread.is_ok();
        state.thread = thread.as_ref().ok().map(|thread| thread.thread().clone());
        drop(state);
        thread
            .map_or_else(|error| Err(format!("there is no thread to send what is counted: {error}").into()), |_| Ok(()))
    }

    /// Ships everything counted and removed until now.
    ///
    /// # Errors
    ///
    /// When it may not have been applied.
    pub(super) fn ship(&self) -> Result<(), BackendError> {
        let is_idle = || {
            let state = lock(&self.0.state);
            self.0.removals.is_empty() && state.cycle.as_ref().is_some_and(|cycle| !cycle.has_pending())
        };
        if self.0.interval.is_none() && is_idle() { Ok(()) } else { self.0.ship_by(None) }
    }

    /// Ships for a scrape, which fails if counts of its own process are missing. A removal that has failed is no reason to:
    /// the thread tries it again.
    ///
    /// # Errors
    ///
    /// When counts may not have been applied by the deadline.
    pub(super) fn ship_for_scrape(&self, deadline: Option<Instant>) -> Result<(), BackendError> {
        if self.0.interval.is_some() {
            return self.0.ship_by(deadline);
        }
        let is_failing = || {
            let state = lock(&self.0.state);
            state.has_thread && state.outcome.is_err()
        };
        if !is_failing() {
            // Reported by the cycle.
            let _ = self.ship();
        }
        Ok(())
    }

    /// Queues the removal of a series, once it is gone in this process.
    pub(super) fn queue_removal(&self, family: Arc<FamilyKey>, series: SeriesKey) {
        if lock(&self.0.state).life == Life::Closed {
            return;
        }
        if !self.0.removals.add(family, series) {
            self.0.report_failure("too many series were removed while it can't be reached: it keeps some of them");
        }
        if self.0.interval.is_none() && !std::mem::replace(&mut lock(&self.0.state).has_thread, true) {
            // Without a thread, the next scrape removes them.
            let _ = self.spawn();
        }
    }

    /// Ships everything until now, with retries up to the timeout, and ends. Later counts are not sent.
    ///
    /// # Errors
    ///
    /// When it may not have been applied.
    pub(super) fn close(&self, timeout: Duration) -> Result<(), BackendError> {
        if self.0.interval.is_none() {
            return self.ship();
        }
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
                    return Err(format!("not all was sent within {timeout:?}: {}", state.delay_reason()).into());
                }
                state.waiting.push(thread::current());
                if let Some(thread) = &state.thread {
                    thread.unpark();
                }
            }
            thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// Starts anew in a child process, whose cells have begun at zero: as another writer, with a thread of its own. Where
    /// the system has no thread left, scrapes alone ship.
    pub(super) fn after_fork(&self) {
        let cycle = Cycle::inherited(&(self.0.families)());
        // The parent removes them itself.
        self.0.removals.clear();
        let is_shipping = self.0.interval.is_some();
        let former = {
            let mut state = lock(&self.0.state);
            let life = state.life;
            let former = std::mem::replace(&mut *state, State::new(cycle, is_shipping));
            if life != Life::Open {
                state.life = Life::Closed;
            }
            former
        };
        if is_shipping
            && former.life == Life::Open
            && let Err(error) = self.spawn()
        {
            self.0.report_failure(&error.to_string());
        }
    }
}

impl Drop for Shipper {
    /// Loses what was not sent: see [`close`](Self::close).
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.life = Life::Closed;
        if let Some(thread) = state.thread.take() {
            thread.unpark();
        }
    }
}

impl Shared {
    /// Waits for a cycle that begins from now on: one that runs may have looked at some families before. Threads that wait
    /// at the same time share it. With a deadline the shipping thread runs it, as a cycle may take longer.
    fn ship_by(&self, deadline: Option<Instant>) -> Result<(), BackendError> {
        if self.code.is_running_here() {
            return Err(
                "the backend asks for totals while it is sent what was counted, and would wait for itself".into()
            );
        }
        let wanted = lock(&self.state).begun + 1;
        loop {
            let guard = {
                let mut state = lock(&self.state);
                if state.ended >= wanted {
                    return state.outcome.clone().map_err(Into::into);
                }
                if state.life == Life::Closed {
                    return Ok(());
                }
                let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                if left.is_some_and(|left| left.is_zero()) {
                    let why = state.delay_reason();
                    return Err(format!("what this process has counted was not sent in time: {why}").into());
                }
                let thread = state.thread.clone().filter(|_| deadline.is_some());
                let cycle = if thread.is_none() { state.cycle.take() } else { None };
                if let Some(cycle) = cycle {
                    state.begun += 1;
                    let outcome = Some(Err("a pass was broken off".into()));
                    Ok(CycleGuard { shared: self, cycle: Some(cycle), outcome })
                } else {
                    state.waiting.push(thread::current());
                    if let Some(thread) = thread {
                        state.is_requested |= state.begun < wanted;
                        thread.unpark();
                    }
                    Err(left.unwrap_or(MAX_WAIT))
                }
            };
            match guard {
                Ok(guard) => return guard.run(),
                Err(left) => thread::park_timeout(left),
            }
        }
    }

    /// Runs the shipping thread.
    fn work(&self) {
        let mut failures = 0;
        let (mut cycle_due, mut heartbeat_due) = (Instant::now() + self.wait(0), self.interval.map(|_| Instant::now()));
        loop {
            let due = heartbeat_due.map_or(cycle_due, |due| due.min(cycle_due));
            while Instant::now() < due && self.is_idle() {
                thread::park_timeout(due.saturating_duration_since(Instant::now()));
            }
            // Before the cycle: one that has begun by then may have looked at families before their last counts.
            let (life, is_requested) = {
                let mut state = lock(&self.state);
                (state.life, std::mem::take(&mut state.is_requested))
            };
            if life == Life::Closed {
                return;
            }
            if is_requested || life != Life::Open || Instant::now() >= cycle_due {
                families::read_sources(&(self.families)());
                failures = if self.ship_by(None).is_ok() { 0 } else { failures + 1 };
                cycle_due = Instant::now() + self.wait(failures);
            }
            if self.interval.is_none() && failures == 0 {
                let mut state = lock(&self.state);
                if self.removals.is_empty() {
                    (state.has_thread, state.thread) = (false, None);
                    return;
                }
            }
            if life == Life::Open && heartbeat_due.is_some_and(|due| Instant::now() >= due) {
                heartbeat_due = self.heartbeat();
            }
            let Life::Closing(deadline) = life else { continue };
            if failures == 0 || Instant::now() >= deadline {
                break;
            }
            // Not parked: `close` may wake this thread once more.
            thread::sleep(self.wait(failures).min(deadline.saturating_duration_since(Instant::now())));
        }
        let mut state = lock(&self.state);
        state.life = Life::Closed;
        state.wake_waiting();
    }

    /// Whether no cycle is requested.
    fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        state.life == Life::Open && !state.is_requested
    }

    /// Has the backend do its maintenance, and returns when that is due again.
    fn heartbeat(&self) -> Option<Instant> {
        let cycle = lock(&self.state).cycle.take();
        let next = cycle.map_or(Ok(Some(Duration::from_millis(20))), |cycle| {
            // Keeps cycles of other threads out meanwhile.
            let _guard = CycleGuard { shared: self, cycle: Some(cycle), outcome: None };
            self.code.run(|| self.backend.heartbeat())
        });
        let next = next.unwrap_or_else(|failure| {
            self.report_failure(&format!("its heartbeat has failed: {failure}"));
            Some(MAX_WAIT)
        });
        next.map(|next| Instant::now() + next)
    }

    /// Returns how long to wait after so many failures: exponential back-off with jitter.
    fn wait(&self, failures: u32) -> Duration {
        let interval = self.interval.unwrap_or(REMOVAL_DELAY);
        if failures == 0 {
            return interval;
        }
        let longest = MAX_WAIT.max(interval);
        let wait = interval.max(Duration::from_millis(10)).saturating_mul(1 << failures.min(16)).min(longest);
        // From a half of it on.
        let jitter = RandomState::new().hash_one(failures) % 1_000;
        wait / 2 + wait.mul_f64(jitter as f64 / 2_000.0)
    }

    /// Counts a failure, and reports it once in a while.
    fn report_failure(&self, why: &str) {
        if self.interval.is_none() {
            report::report(("removal", ""), &format!("removed series still show in other processes: {why}"));
            return;
        }
        report::count(SelfMetric::BackendErrors, &["ship"]);
        let mut state = lock(&self.state);
        state.stats.errors += 1;
        if state.reported.is_some_and(|reported| reported.elapsed() < REPORT_INTERVAL) {
            return;
        }
        state.reported = Some(Instant::now());
        drop(state);
        report::emit(Level::Error, &format!("the backend did not take what was counted, and is tried again: {why}"));
    }
}

/// The right to call the backend, until it is dropped.
struct CycleGuard<'a> {
    shared: &'a Shared,
    cycle: Option<Box<Cycle>>,
    /// The outcome of the cycle; `None` after a heartbeat.
    outcome: Option<Result<(), String>>,
}

impl CycleGuard<'_> {
    fn run(mut self) -> Result<(), BackendError> {
        let Some(cycle) = &mut self.cycle else { return Ok(()) };
        let Shared { backend, removals, families, code, .. } = self.shared;
        // The thread goes on after a panic.
        let outcome = code.run(|| cycle.run(&**backend, removals, families));
        let outcome =
            outcome.unwrap_or_else(|failure| Err(format!("what was counted can't be looked at: {failure}").into()));
        self.outcome = Some(outcome.as_ref().map_err(ToString::to_string).copied());
        let shared = self.shared;
        drop(self);
        if let Err(error) = &outcome {
            shared.report_failure(&error.to_string());
        }
        outcome
    }
}

impl Drop for CycleGuard<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        if let Some(cycle) = &self.cycle {
            state.stats.sent = cycle.sent;
        }
        state.cycle = self.cycle.take();
        if let Some(outcome) = self.outcome.take() {
            state.ended = state.begun;
            state.outcome = outcome;
        }
        state.wake_waiting();
    }
}
