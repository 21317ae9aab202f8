//! Scrapes of what other processes have counted.

use super::server::Server;
use super::{AS_PYTHON, OURS, Side, python};
use crate::race::{Kind, Round, in_turn};
use crate::rows::backend::process::{Process, milliseconds};
use crate::rows::backend::{LIMIT, group};
use crate::rows::{Axis, Group, Run};

const SERIES: usize = 10_000;
const COUNTS: [usize; 2] = [1, 4];

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let own = ("redis_scrape", "in a Redis: scrape of 10,000 counters, 2 labels");
    let python = ("redis_scrape_python", "in a Redis with Python's layout: scrape of 10,000 counters, 2 labels");
    for ((key, title), layout) in [(own, "pytheus"), (python, "pytheus-python")] {
        if run.wants(key) {
            done(scrapes(run, group(key, title, "ms", Axis::Processes), layout));
        }
    }
}

/// Processes that have counted in all series, and those that scrape and have counted nothing.
struct Held<'a> {
    server: &'a Server,
    layout: &'a str,
    counting: Vec<Process>,
    scraping: Vec<Side<Process>>,
    counted: usize,
}

impl Held<'_> {
    fn process(&self) -> Process {
        let mut config = self.server.config();
        config["layout"] = self.layout.into();
        Process::shipping(&config)
    }

    /// Each counts once more in all series, and ships that.
    fn count(&mut self) {
        for process in &mut self.counting {
            process.count("counters", SERIES);
            process.timed("redis flush");
            self.counted += SERIES;
        }
    }

    fn scrape(&mut self, side: usize) -> Round {
        milliseconds(self.scraping[side].2.scrape(self.counted))
    }
}

fn scrapes(run: &Run, mut group: Group, layout: &str) -> Group {
    let server = Server::start();
    let mut held = Held { server: &server, layout, counting: Vec::new(), scraping: Vec::new(), counted: 0 };
    let is_own = layout == "pytheus";
    let name = if is_own { OURS } else { AS_PYTHON };
    held.scraping.push((name, Kind::Ours, held.process()));
    if !is_own {
        held.scraping.extend(python::scraping(&server));
    }
    let (mut alone, mut counted) = (Process::alone(), 0);
    // Python takes long.
    let rounds = if is_own { run.pace.rounds } else { run.few() * 2 };
    for processes in COUNTS {
        while held.counting.len() < processes {
            held.counting.push(held.process());
        }
        let sides = held.scraping.len();
        let figures = in_turn(rounds, sides + usize::from(is_own), |side| {
            if side == sides {
                counted += SERIES;
                alone.count("counters", SERIES);
                return milliseconds(alone.scrape(counted));
            }
            if side == 0 {
                held.count();
            }
            held.scrape(side)
        });
        let limit = is_own.then_some((LIMIT, Kind::Limit));
        let sides = held.scraping.iter().map(|(name, kind, _)| (*name, *kind)).chain(limit);
        for (side, figure) in sides.zip(figures) {
            group.put(side, processes, figure);
        }
    }
    group
}
