//! Shipping: what a flush takes.

use super::server::Server;
use super::{AS_PYTHON, OURS};
use crate::race::{Kind, in_turn};
use crate::rows::backend::group;
use crate::rows::backend::process::{Process, milliseconds};
use crate::rows::{Axis, Group, Run};

const CHANGED: usize = 1_000;

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let (key, title) = ("redis_flush", "flush() of 1,000 changed counters, 2 labels");
    if !run.wants(key) {
        return;
    }
    let mut group = group(key, title, "ms", Axis::Series);
    let servers = [(); 2].map(|()| Server::start());
    let mut sides: Vec<_> = [(OURS, Kind::Ours, "pytheus"), (AS_PYTHON, Kind::Aside, "pytheus-python")]
        .into_iter()
        .zip(&servers)
        .map(|((name, kind, layout), server)| {
            let mut config = server.config();
            // Nothing is shipped by itself.
            config["flush_interval"] = 3_600.into();
            config["layout"] = layout.into();
            let mut process = Process::shipping(&config);
            // The first one makes the series known.
            process.count("counters", CHANGED);
            process.timed("redis flush");
            (name, kind, process, CHANGED)
        })
        .collect();
    let figures = in_turn(run.pace.rounds, sides.len(), |side| {
        let (.., process, counted) = &mut sides[side];
        process.count("counters", CHANGED);
        *counted += CHANGED;
        milliseconds(process.timed("redis flush").0)
    });
    for ((name, kind, mut process, counted), figure) in sides.into_iter().zip(figures) {
        // It is all there.
        process.scrape(counted);
        group.put((name, kind), CHANGED, figure);
    }
    done(group);
}
