//! Scrapes that show the totals of several processes.

use std::path::Path;

use super::process::{Directory, Process, milliseconds};
use super::{LIMIT, OURS, PYTHON, group};
use crate::race::{Figure, Kind, Round, in_turn};
use crate::rows::{Axis, Group, Run};

const COUNTERS: usize = 10_000;
const HISTOGRAMS: usize = 1_000;
pub(super) const PROCESSES: usize = 8;

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let counters = ("backend_scrape", "in files: scrape of 10,000 counters, 2 labels");
    let histograms = ("backend_scrape_histograms", "in files: scrape of 1,000 histograms");
    let first = ("backend_first_scrape", "in files: first scrape of a process, 10,000 counters");
    for ((key, title), kind, series, counts) in [
        (counters, "counters", COUNTERS, &[1, 2, 4, PROCESSES][..]),
        (histograms, "histograms", HISTOGRAMS, &[PROCESSES]),
    ] {
        if run.wants(key) {
            done(scrapes(run, group(key, title, "ms", Axis::Processes), (kind, series), counts));
        }
    }
    if run.wants(first.0) {
        done(first_scrapes(run, group(first.0, first.1, "ms", Axis::Processes)));
    }
}

fn scrapes(run: &Run, mut group: Group, (what, series): (&str, usize), counts: &[usize]) -> Group {
    let directory = Directory::new();
    // Has counted nothing itself.
    let further = Process::within(&directory);
    let mut ours = Counting::new(further, what, series, || Process::within(&directory));
    let alone = Process::alone();
    let mut limit = Counting::new(alone, what, series, || unreachable!("it is alone"));
    for &processes in counts {
        ours.grow_to(processes);
        let figures = in_turn(run.pace.rounds, 3, |side| match side {
            0 => ours.scrape(),
            1 => ours.scrape_by_the_first(),
            _ => limit.scrape_alone(),
        });
        for (side, figure) in
            [(OURS, Kind::Ours), ("pytheus, one of them", Kind::Aside), (LIMIT, Kind::Limit)].into_iter().zip(figures)
        {
            group.put(side, processes, figure);
        }
    }
    if let Some(python) = super::python::python() {
        for (processes, figure) in of_python(&python, (what, series), counts) {
            group.put((PYTHON, Kind::Peer), processes, figure);
        }
    }
    group
}

/// By itself: a scrape takes seconds, so that few have to do.
fn of_python(python: &Path, (what, series): (&str, usize), counts: &[usize]) -> Vec<(usize, Figure)> {
    let directory = Directory::new();
    let further = Process::python(python, &directory);
    let mut all = Counting::new(further, what, series, || Process::python(python, &directory));
    let figures = counts.iter().map(|&processes| {
        all.grow_to(processes);
        (processes, in_turn(3, 1, |_| all.scrape())[0])
    });
    figures.collect()
}

/// Processes that count in all series, and one more that scrapes.
struct Counting<'a, F> {
    further: Process,
    all: Vec<Process>,
    begin: F,
    what: &'a str,
    series: usize,
    counted: usize,
}

impl<'a, F: Fn() -> Process> Counting<'a, F> {
    fn new(further: Process, what: &'a str, series: usize, begin: F) -> Self {
        Self { further, all: Vec::new(), begin, what, series, counted: 0 }
    }

    /// The first scrape after it is not measured.
    fn grow_to(&mut self, processes: usize) {
        self.all.resize_with(processes, &self.begin);
        self.scrape();
        self.scrape_by_the_first();
    }

    /// Each counts once more in all series.
    fn count(&mut self) {
        for process in &mut self.all {
            process.count(self.what, self.series);
            self.counted += self.series;
        }
    }

    fn scrape(&mut self) -> Round {
        self.count();
        milliseconds(self.further.scrape(self.counted))
    }

    fn scrape_by_the_first(&mut self) -> Round {
        self.count();
        milliseconds(self.all[0].scrape(self.counted))
    }

    fn scrape_alone(&mut self) -> Round {
        self.further.count(self.what, self.series);
        self.counted += self.series;
        milliseconds(self.further.scrape(self.counted))
    }
}

fn first_scrapes(run: &Run, mut group: Group) -> Group {
    let directory = Directory::new();
    let mut all: Vec<_> = (0..PROCESSES).map(|_| Process::within(&directory)).collect();
    for process in &mut all {
        process.count("counters", COUNTERS);
    }
    let figures = in_turn(run.few(), 1, |_| {
        // Whatever the one before has left.
        all[0].scrape(PROCESSES * COUNTERS);
        milliseconds(Process::within(&directory).scrape(PROCESSES * COUNTERS))
    });
    group.put((OURS, Kind::Ours), PROCESSES, figures[0]);
    group
}
