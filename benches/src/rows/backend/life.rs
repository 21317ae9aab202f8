//! How processes begin and end, and what they take.

use super::process::{Directory, Process, each, microseconds, milliseconds};
use super::scrape::PROCESSES;
use super::{LIMIT, OURS, group};
use crate::race::{Figure, Kind, Round, in_turn};
use crate::rows::{Axis, Group, Run};

const SERIES: usize = 10_000;
const REMOVED: usize = 1_000;
const DEAD: usize = 100;

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    type Measure = fn(&Run, &mut Group);
    let all: [(&'static str, &'static str, &'static str, Axis, Measure); 7] = [
        ("backend_load", "loading the backend, with processes there", "us", Axis::Processes, load),
        ("backend_load_late", "loading the backend late, with series counted in", "us", Axis::Series, load_late),
        ("backend_fork", "first count of a forked child, with series of its parent", "us", Axis::Series, fork),
        ("backend_remove", "removing a counter with 2 labels, each", "ns", Axis::Series, remove),
        ("backend_fold", "scrape that finds so many dead, of 1,000 counters each", "ms", Axis::Processes, fold),
        ("backend_heap", "in files: bytes of heap per counter series, 2 labels", "bytes", Axis::Series, heap),
        ("backend_disk", "bytes in files per process and counter series, 2 labels", "bytes", Axis::Series, disk),
    ];
    for (key, title, unit, axis, measure) in all {
        if run.wants(key) {
            let mut group = group(key, title, unit, axis);
            measure(run, &mut group);
            done(group);
        }
    }
}

/// One thing, measured anew each time.
fn ours(run: &Run, group: &mut Group, at: usize, mut round: impl FnMut() -> Round) {
    let figures = in_turn(run.few(), 1, |_| round());
    group.put((OURS, Kind::Ours), at, figures[0]);
}

fn exactly(amount: f64) -> Figure {
    Figure { median: amount, min: amount, disturbed: false }
}

fn load(run: &Run, group: &mut Group) {
    for others in [0, 1, PROCESSES] {
        let directory = Directory::new();
        let _others: Vec<_> = (0..others).map(|_| Process::within(&directory)).collect();
        ours(run, group, others, || microseconds(Process::alone().load(&directory)));
    }
}

fn load_late(run: &Run, group: &mut Group) {
    for series in [1, SERIES] {
        ours(run, group, series, || {
            let directory = Directory::new();
            let mut process = Process::alone();
            process.count("counters", series);
            microseconds(process.load(&directory))
        });
    }
}

fn fork(run: &Run, group: &mut Group) {
    for series in [1, SERIES] {
        let figures = in_turn(run.few(), 2, |side| {
            let directory = Directory::new();
            let mut process = if side == 0 { Process::within(&directory) } else { Process::alone() };
            process.count("counters", series);
            microseconds(process.timed("fork").0)
        });
        for (side, figure) in [(OURS, Kind::Ours), (LIMIT, Kind::Limit)].into_iter().zip(figures) {
            group.put(side, series, figure);
        }
    }
}

/// At the call; and until others see it.
fn remove(run: &Run, group: &mut Group) {
    let figures = in_turn(run.few(), 3, |side| {
        let directory = Directory::new();
        let mut others: Vec<_> = (1..PROCESSES).map(|_| Process::within(&directory)).collect();
        let mut process = if side == 2 { Process::alone() } else { Process::within(&directory) };
        for process in others.iter_mut().chain([&mut process]) {
            process.count("counters", REMOVED);
        }
        let (removed, known) = process.timed(&format!("remove {REMOVED}"));
        each(if side == 1 { Round { cost: known[0], ..removed } } else { removed }, REMOVED)
    });
    let sides = [(OURS, Kind::Ours), ("pytheus, until all know", Kind::Aside), (LIMIT, Kind::Limit)];
    for (side, figure) in sides.into_iter().zip(figures) {
        group.put(side, REMOVED, figure);
    }
}

fn fold(run: &Run, group: &mut Group) {
    const EACH: usize = 1_000;
    ours(run, group, DEAD, || {
        let directory = Directory::new();
        let mut scraping = Process::within(&directory);
        let mut all: Vec<_> = (0..DEAD).map(|_| Process::within(&directory)).collect();
        for process in &mut all {
            process.count("counters", EACH);
        }
        // Ends them.
        drop(all);
        let round = scraping.scrape(DEAD * EACH);
        let left = directory.lengths("process-").len();
        assert_eq!(left, 1, "only the file of the one that lives is to be left");
        milliseconds(round)
    });
}

/// Of the process that counts, and of one that scrapes.
fn heap(_: &Run, group: &mut Group) {
    let directory = Directory::new();
    let mut processes: Vec<_> = (0..PROCESSES).map(|_| Process::within(&directory)).collect();
    let count = format!("heap count {SERIES}");
    let sides = [(OURS, Kind::Ours, &mut processes[0]), (LIMIT, Kind::Limit, &mut Process::alone())];
    for (name, kind, process) in sides {
        group.put((name, kind), SERIES, exactly(process.ask(&count)[0] / SERIES as f64));
    }
    for process in &mut processes[1..] {
        process.count("counters", SERIES);
    }
    let scraping = Process::within(&directory).ask("heap scrape")[0];
    group.put(("pytheus, who scrapes 8 processes", Kind::Aside), SERIES, exactly(scraping / SERIES as f64));
}

fn disk(_: &Run, group: &mut Group) {
    for series in [1, 100, SERIES] {
        let directory = Directory::new();
        let mut process = Process::within(&directory);
        process.count("counters", series);
        let bytes: u64 = directory.lengths("process-").iter().sum();
        group.put((OURS, Kind::Ours), series, exactly(bytes as f64 / series as f64));
    }
    if let Some(python) = super::python::python() {
        for series in [1, 100, SERIES] {
            let directory = Directory::new();
            Process::python(&python, &directory).count("counters", series);
            let bytes: u64 = directory.lengths("counter_").iter().sum();
            group.put((super::PYTHON, Kind::Peer), series, exactly(bytes as f64 / series as f64));
        }
    }
}
