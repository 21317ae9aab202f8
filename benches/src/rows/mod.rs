//! The rows, by what they measure.

#[cfg(unix)]
pub mod backend;
pub mod compile;
mod counting;
mod growth;
mod lookup;
pub mod memory;
#[cfg(all(unix, feature = "redis"))]
mod redis;
mod scrape;

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::peer::{Values, Work};
use crate::race::{Contestant, Crew, Figure, Kind, Pace};

/// What a group of rows is measured over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    Threads,
    Series,
    Processes,
    /// Of calls by how long they took, in thousandths.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "calls are timed one by one there"))]
    Quantiles,
}

impl Axis {
    pub fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Series => "series",
            Self::Processes => "processes",
            Self::Quantiles => "quantile",
        }
    }

    /// A place on it, for people.
    pub fn label(self, at: usize) -> Cow<'static, str> {
        match (self, at) {
            (Self::Quantiles, 500) => "p50".into(),
            (Self::Quantiles, 990) => "p99".into(),
            (Self::Quantiles, 999) => "p99.9".into(),
            (Self::Quantiles, 1_000) => "slowest".into(),
            _ => at.to_string().into(),
        }
    }
}

/// Rows that belong together.
#[derive(Debug)]
pub struct Group {
    pub key: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    pub axis: Axis,
    pub cells: Vec<Cell>,
}

#[derive(Debug)]
pub struct Cell {
    pub name: &'static str,
    pub kind: Kind,
    /// Threads, series, processes, or thousandths.
    pub at: usize,
    pub figure: Figure,
}

impl Group {
    fn new(key: &'static str, title: &'static str, axis: Axis) -> Self {
        Self { key, title, unit: "ns", axis, cells: Vec::new() }
    }

    fn add(&mut self, contestant: &Contestant, at: usize, figure: Figure) {
        self.cells.push(Cell { name: contestant.name, kind: contestant.kind, at, figure });
    }

    /// The least of a kind.
    pub fn best(&self, kind: Kind, at: usize) -> Option<&Cell> {
        self.of(kind, at).min_by(|a, b| a.figure.median.total_cmp(&b.figure.median))
    }

    /// The most of a kind.
    pub fn worst(&self, kind: Kind, at: usize) -> Option<&Cell> {
        self.of(kind, at).max_by(|a, b| a.figure.median.total_cmp(&b.figure.median))
    }

    pub fn of(&self, kind: Kind, at: usize) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.kind == kind && cell.at == at)
    }
}

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// This library beside others.
    Libraries,
    /// Several processes, with files.
    Processes,
    /// Several processes, with a Redis.
    Redis,
    /// Builds.
    Compile,
}

/// How thorough a run is.
pub struct Run {
    pub crew: Crew,
    pub pace: Pace,
    /// The most series of the growth rows.
    pub most: usize,
    /// The groups to measure; all of them if empty.
    pub only: Vec<String>,
    /// What to measure, unless some groups are named.
    pub mode: Mode,
}

impl Run {
    /// What there is to measure.
    pub fn rows(&self) -> impl Iterator<Item = &'static Rows> {
        let all = [(ALL, Mode::Libraries), (PROCESSES, Mode::Processes), (REDIS, Mode::Redis)];
        all.into_iter().filter(|(_, mode)| *mode == self.mode || !self.only.is_empty()).flat_map(|(rows, _)| rows)
    }

    fn wants(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == key)
    }

    /// The numbers of series to grow over.
    fn sizes(&self) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(10), |size| Some(size * 10)).take_while(|size| *size <= self.most)
    }

    /// Races with so many threads each, if the group is wanted.
    fn race(
        &self,
        (key, title): (&'static str, &'static str),
        threads: &[usize],
        contestants: impl FnOnce() -> Vec<Contestant>,
        done: &mut dyn FnMut(Group),
    ) {
        if !self.wants(key) {
            return;
        }
        let mut group = Group::new(key, title, Axis::Threads);
        let contestants = contestants();
        for &threads in threads {
            let figures = self.crew.race(self.pace, threads, &contestants);
            for (contestant, figure) in contestants.iter().zip(figures) {
                group.add(contestant, threads, figure);
            }
        }
        done(group);
    }
}

pub type Rows = fn(&Run, &mut dyn FnMut(Group));

/// The keys of all groups.
pub const KEYS: &[&str] = &[
    "inc",
    "inc_by",
    "observe",
    "guard",
    "timing",
    "attribute",
    "attribute_async",
    "lookup_20",
    "lookup_20_static",
    "lookup_20000",
    "scrape_counters",
    "scrape_histograms",
    "scrape_singles",
    "openmetrics_counters",
    "openmetrics_histograms",
    "openmetrics_singles",
    "protobuf_counters",
    "protobuf_histograms",
    "protobuf_singles",
    "memory",
    "memory_thread",
    "memory_histogram",
    "growth_lookup",
    "growth_scrape",
    "backend_inc",
    "backend_inc_by",
    "backend_observe",
    "backend_guard",
    "backend_gauge_inc",
    "backend_gauge_set",
    "backend_lookup",
    "backend_begin",
    "backend_scrape",
    "backend_scrape_histograms",
    "backend_first_scrape",
    "backend_load",
    "backend_load_late",
    "backend_fork",
    "backend_remove",
    "backend_fold",
    "backend_heap",
    "backend_disk",
    "redis_inc",
    "redis_observe",
    "redis_lookup",
    "redis_gauge_set",
    "redis_calls_inc",
    "redis_calls_observe",
    "redis_calls_lookup",
    "redis_calls_gauge_set",
    "redis_python_inc",
    "redis_python_observe",
    "redis_python_delivered",
    "redis_flush",
    "redis_scrape",
    "redis_scrape_python",
];

/// All groups of one process, in the order they are measured.
const ALL: &[Rows] = &[counting::rows, lookup::rows, scrape::rows, memory::rows, growth::rows];

/// Those of several processes.
const PROCESSES: &[Rows] = &[
    #[cfg(unix)]
    backend::rows,
];

/// Those with a Redis.
const REDIS: &[Rows] = &[
    #[cfg(all(unix, feature = "redis"))]
    redis::rows,
];

/// Work that goes through label sets in a given order; each thread and each round starts elsewhere.
pub fn in_order<const N: usize>(order: Vec<Values<N>>, update: impl Fn(&[Values<N>]) + Send + Sync + 'static) -> Work {
    let next = AtomicUsize::new(0);
    Box::new(move |times| {
        let mut at = next.fetch_add(order.len() * 5 / 13 + 1, Ordering::Relaxed) % order.len();
        let mut left = times as usize;
        while left > 0 {
            let here = left.min(order.len() - at);
            update(&order[at..at + here]);
            left -= here;
            at = 0;
        }
    })
}
