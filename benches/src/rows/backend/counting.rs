//! Counting: where the cells lie must make no difference.

use super::process::{Directory, Process, each};
use super::{LIMIT, OURS, PYTHON, group};
use crate::race::{Kind, in_turn};
use crate::rows::{Axis, Group, Run};

const SERIES: usize = 10_000;

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let [sweep, two] = [&[1, 2, 4, 8][..], &[1, 2]];
    for (key, title, row, threads) in [
        ("backend_inc", "in files: counter inc", "inc", sweep),
        ("backend_inc_by", "in files: counter inc_by(0.5)", "inc_by", two),
        ("backend_observe", "in files: histogram observe, 11 buckets", "observe", sweep),
        ("backend_guard", "in files: in-flight guard", "guard", two),
        ("backend_gauge_inc", "in files: gauge inc, shared by all processes", "gauge_inc", two),
        ("backend_gauge_set", "in files: gauge set, shared by all processes", "gauge_set", two),
        ("backend_lookup", "in files: look-up of 2 &str labels + inc, 20 series", "lookup", two),
    ] {
        if run.wants(key) {
            done(race(run, group(key, title, "ns", Axis::Threads), row, threads));
        }
    }
    if run.wants("backend_begin") {
        done(begin(run));
    }
}

fn race(run: &Run, mut group: Group, row: &str, threads: &[usize]) -> Group {
    let directories = [Directory::new(), Directory::new()];
    let mut sides = vec![(OURS, Kind::Ours, Process::within(&directories[0])), (LIMIT, Kind::Limit, Process::alone())];
    let python = if row == "inc" { super::python::python() } else { None };
    if let Some(python) = python {
        sides.push((PYTHON, Kind::Aside, Process::python(&python, &directories[1])));
    }
    for &threads in threads {
        // There, only one thread runs at a time.
        sides.retain(|(name, ..)| *name != PYTHON || threads == 1);
        side_by_side(run, &mut group, row, threads, &mut sides);
    }
    group
}

/// What a row costs in each process, one after the other in each round.
pub(in crate::rows) fn side_by_side(
    run: &Run,
    group: &mut Group,
    row: &str,
    threads: usize,
    sides: &mut [(&'static str, Kind, Process)],
) {
    let round = run.pace.round.as_nanos();
    let times: Vec<_> =
        sides.iter_mut().map(|(.., process)| process.ask(&format!("times {row} {threads} {round}"))).collect();
    let figures = in_turn(run.pace.rounds, sides.len(), |side| {
        sides[side].2.timed(&format!("run {row} {threads} {}", times[side][0])).0
    });
    for ((name, kind, _), figure) in sides.iter().zip(figures) {
        group.put((name, *kind), threads, figure);
    }
}

/// The first count in a series, which takes note of it in the file.
fn begin(run: &Run) -> Group {
    let mut group = group("backend_begin", "in files: first count in a counter with 2 labels", "ns", Axis::Series);
    let figures = in_turn(run.few(), 2, |side| {
        let directory = Directory::new();
        let mut process = if side == 0 { Process::within(&directory) } else { Process::alone() };
        each(process.count("counters", SERIES), SERIES)
    });
    for (side, figure) in [(OURS, Kind::Ours), (LIMIT, Kind::Limit)].into_iter().zip(figures) {
        group.put(side, SERIES, figure);
    }
    group
}
