//! The CPU's counter, read through `quanta`.
//!
//! Reasons for `quanta`: it does nothing until it is asked. `fastant` and `minstant` calibrate before `main`, for 20 ms
//! or more in every process, and can abort it there; without a counter, they read the time of day, which can be set
//! back. `quanta` calibrates in about a millisecond, at most 200, when its clock is made. No caller waits for that: a
//! thread makes the clock, once the process has taken many times.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use quanta::Clock;

use crate::sync::catch_panic;

/// Set by `calibrate` alone: a process forked meanwhile stays with the system's clock, and waits for no thread.
static CLOCK: OnceLock<Clock> = OnceLock::new();

/// A process with fewer readings starts no thread and calibrates nothing.
const MANY: u32 = 1000;

/// The number of readings, up to `MANY`.
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// Linux' name of the counter as its clock source: Linux has then checked that all CPUs count alike.
const TRUSTED: &str = if cfg!(target_arch = "x86_64") { "tsc" } else { "arch_sys_counter" };
const CLOCKSOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// A point in time. Moments of both clocks may coexist while one takes over from the other.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// A reading of the counter.
    Ticks(u64),
    /// A reading of the system's clock.
    System(Instant),
}

/// Returns the seconds since a moment, without a `Duration` in between.
#[inline]
#[allow(clippy::cast_possible_wrap, reason = "a signed number, below 292 years, converts in one instruction")]
pub(crate) fn seconds_since(start: Moment) -> f64 {
    match (start, CLOCK.get()) {
        (Moment::Ticks(start), Some(clock)) => clock.delta_as_nanos(start, clock.raw()) as i64 as f64 * 1e-9,
        (start, _) => start.elapsed().as_secs_f64(),
    }
}

impl Moment {
    #[inline]
    pub(crate) fn now() -> Self {
        match CLOCK.get() {
            Some(clock) => Self::Ticks(clock.raw()),
            None => Self::of_system(),
        }
    }

    /// Returns the time since this moment; zero if the clock went back.
    #[inline]
    pub(crate) fn elapsed(self) -> Duration {
        match self {
            Self::Ticks(start) => CLOCK.get().map_or(Duration::ZERO, |clock| clock.delta(start, clock.raw())),
            Self::System(start) => start.elapsed(),
        }
    }

    #[cold]
    fn of_system() -> Self {
        // Without a counter, the load keeps threads from contending for ever.
        if TAKEN.load(Relaxed) < MANY && TAKEN.fetch_add(1, Relaxed) == MANY - 1 {
            // Without a thread, the system's clock stays. Where threads are not supported, `spawn` may even panic.
            let _ = catch_panic(|| thread::Builder::new().name("pytheus-clock".to_owned()).spawn(calibrate));
        }
        Self::System(Instant::now())
    }
}

fn calibrate() {
    if !switched_off() && trusted() {
        let clock = Clock::new();
        if agrees(&clock) {
            let _ = CLOCK.set(clock);
        }
    }
}

/// Returns whether the environment turns it off: features add up over dependencies, so a program may be unable to.
fn switched_off() -> bool {
    env::var_os("PYTHEUS_CLOCK").is_some_and(|clock| clock == "system")
}

fn trusted() -> bool {
    fs::read_to_string(CLOCKSOURCE).is_ok_and(|source| source.trim() == TRUSTED)
}

/// Returns whether the calibration can be right: a disturbed one makes all times wrong.
fn agrees(clock: &Clock) -> bool {
    // A disturbed check fails, and a later one may pass; no check passes by chance.
    (0..5).any(|_| {
        let (instant, start) = (Instant::now(), clock.raw());
        thread::sleep(Duration::from_millis(20));
        let (passed, counted) = (instant.elapsed(), clock.delta(start, clock.raw()));
        counted.abs_diff(passed) < passed / 1000
    })
}
