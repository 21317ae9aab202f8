//! The state that the shipping thread shares with threads that wait for it.

use std::thread::Thread;
use std::time::Instant;

use super::cycle::Cycle;

pub(super) struct State {
    /// Taken while a cycle runs.
    pub(super) cycle: Option<Box<Cycle>>,
    /// How many cycles have begun, and the last one that has ended.
    pub(super) begun: u64,
    pub(super) ended: u64,
    /// The outcome of the last one.
    pub(super) outcome: Result<(), String>,
    /// Threads that wait for a cycle to end, or for the shipping thread to.
    pub(super) waiting: Vec<Thread>,
    /// Whether the shipping thread is to begin a cycle now.
    pub(super) is_requested: bool,
    pub(super) has_thread: bool,
    pub(super) thread: Option<Thread>,
    pub(super) life: Life,
    pub(super) stats: Stats,
    pub(super) reported: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    /// One cycle more, if it succeeds by then.
    Closing(Instant),
    Closed,
}

#[derive(Debug, Default, Clone, Copy)]
#[allow(dead_code, reason = "tests read it, and platforms without a backend that ships leave it out")]
pub(super) struct Stats {
    /// How many batches and removals the backend has taken.
    pub(super) sent: u64,
    /// How often it has failed.
    pub(super) errors: u64,
}

impl State {
    pub(super) fn new(cycle: Cycle, has_thread: bool) -> Self {
        Self {
            cycle: Some(Box::new(cycle)),
            begun: 0,
            ended: 0,
            outcome: Ok(()),
            waiting: Vec::new(),
            is_requested: false,
            has_thread,
            thread: None,
            life: Life::Open,
            stats: Stats::default(),
            reported: None,
        }
    }

    /// Returns why the backend has not taken everything yet.
    pub(super) fn delay_reason(&self) -> String {
        self.outcome.clone().err().unwrap_or_else(|| "the backend does not answer".into())
    }

    pub(super) fn wake_waiting(&mut self) {
        self.waiting.drain(..).for_each(|thread| thread.unpark());
    }
}
