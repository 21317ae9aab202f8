//! Many processes: what it costs that they count in files which each of them can scrape. The limit is this library in
//! one process; the peer is Python's `prometheus_client`, whose multiprocess mode does the same.
//!
//! A process loads one backend, for life. So all that is measured is measured in processes of this program, and told.

pub(super) mod counting;
mod life;
pub(super) mod metrics;
pub(super) mod process;
pub(super) mod python;
mod scrape;
pub(super) mod serve;

pub use serve::serve;

use super::{Axis, Cell, Group, Run};
use crate::race::{Figure, Kind};

/// The first argument of such a process.
pub const ARGUMENT: &str = "--answer";

const OURS: &str = "pytheus";
pub(super) const LIMIT: &str = "limit: one process";
const PYTHON: &str = "Python's client";

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    for rows in [counting::rows, scrape::rows, life::rows] {
        rows(run, done);
    }
}

impl Run {
    /// How often to measure what takes new processes each time.
    pub(super) fn few(&self) -> usize {
        (self.pace.rounds / 8).max(2)
    }
}

pub(super) fn group(key: &'static str, title: &'static str, unit: &'static str, axis: Axis) -> Group {
    Group { unit, ..Group::new(key, title, axis) }
}

impl Group {
    pub(super) fn put(&mut self, (name, kind): (&'static str, Kind), at: usize, figure: Figure) {
        self.cells.push(Cell { name, kind, at, figure });
    }
}
