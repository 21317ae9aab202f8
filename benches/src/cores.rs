//! The cores: which thread runs where, and whether someone else took one.

use std::num::NonZero;
use std::thread;

/// How many threads can run at a time.
pub fn count() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Keeps this thread on one of the cores that the process may use; on any of them with `None`.
///
/// Left alone, two threads may take turns on one core for a while, and not contend.
#[cfg(target_os = "linux")]
pub fn keep_on(allowed: &Allowed, place: Option<usize>) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut cores = allowed.0;
    if let Some(place) = place {
        let all: Vec<_> = (0..CpuSet::MAX_CPU).filter(|core| allowed.0.is_set(*core)).collect();
        if !all.is_empty() {
            cores = CpuSet::new();
            cores.set(all[place % all.len()]);
        }
    }
    // Where it is not allowed, the threads go where they go.
    let _ = sched_setaffinity(None, &cores);
}

/// The cores that the process may use.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy)]
pub struct Allowed(rustix::thread::CpuSet);

#[cfg(target_os = "linux")]
impl Allowed {
    pub fn read() -> Self {
        Self(rustix::thread::sched_getaffinity(None).unwrap_or_default())
    }
}

#[cfg(not(target_os = "linux"))]
pub fn keep_on(_: &Allowed, _: Option<usize>) {}

#[cfg(not(target_os = "linux"))]
#[derive(Clone, Copy)]
pub struct Allowed;

#[cfg(not(target_os = "linux"))]
impl Allowed {
    pub fn read() -> Self {
        Self
    }
}

/// How often this thread had to leave its core to someone else; always 0 where the system does not say.
pub fn preemptions() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let count = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}
