//! The same calls as Python's `pytheus` makes them, with both of its backends.

use std::path::Path;
use std::process::{Command, Stdio};

use super::server::Server;
use super::{OURS, PYTHON, RUST, Side};
use crate::race::{Kind, in_turn};
use crate::rows::backend::group;
use crate::rows::backend::process::Process;
use crate::rows::backend::python::python;
use crate::rows::{Axis, Group, Run};

const PROCESS: &str = include_str!("../../../python/redis_process.py");

/// The module and the class of its backend.
type Class = (&'static str, Kind, [&'static str; 2]);

/// Those that count in a Redis.
const PEERS: [Class; 2] = [
    (PYTHON, Kind::Peer, ["pytheus.backends.redis", "MultiProcessRedisBackend"]),
    (RUST, Kind::Peer, ["pytheus_backend_rs", "RedisBackend"]),
];

/// What Python costs by itself.
const ALONE: Class = ("Python's pytheus, no Redis", Kind::Aside, ["pytheus.backends.base", "SingleProcessBackend"]);

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    for (key, title, row) in [
        ("redis_python_inc", "beside Python: counter inc", "inc"),
        ("redis_python_observe", "beside Python: labelled observe, 2 labels, 20 series", "lookup_observe"),
    ] {
        if run.wants(key) {
            done(race(run, group(key, title, "ns", Axis::Threads), row));
        }
    }
    let (key, title) = ("redis_python_delivered", "beside Python: labelled observe, until the server has it");
    if run.wants(key) {
        done(deliveries(run, group(key, title, "ns", Axis::Threads)));
    }
}

/// Python's processes that scrape what is in this server.
pub(super) fn scraping(server: &Server) -> Vec<Side<Process>> {
    processes(PEERS.into_iter().zip([server; PEERS.len()]))
}

/// Python's processes, each with its server.
fn processes<'a>(all: impl Iterator<Item = (Class, &'a Server)>) -> Vec<Side<Process>> {
    let Some(python) = python() else { return Vec::new() };
    let has = |module: &str| {
        let mut command = Command::new(&python);
        command.args(["-c", &format!("import {module}")]).stderr(Stdio::null());
        let has = command.status().is_ok_and(|status| status.success());
        if !has {
            println!("{module} is left out: this Python has none\n");
        }
        has
    };
    let there = all.filter(|((.., [module, _]), _)| has(module));
    there.map(|((name, kind, backend), server)| (name, kind, process(&python, backend, server))).collect()
}

fn process(python: &Path, backend: [&str; 2], server: &Server) -> Process {
    Process::start(Command::new(python).args(["-c", PROCESS]).args(backend).arg(server.port().to_string()))
}

/// A server and a process for each.
fn contestants(servers: &[Server; 4]) -> Vec<Side<Process>> {
    let [ours, theirs @ ..] = servers;
    let mut sides = vec![(OURS, Kind::Ours, Process::shipping(&ours.config()))];
    sides.extend(processes(PEERS.into_iter().chain([ALONE]).zip(theirs)));
    sides
}

/// On the thread of the caller. What threads have to do yet, is done before the next one's turn.
fn race(run: &Run, mut group: Group, row: &str) -> Group {
    let servers = [(); 4].map(|()| Server::start());
    let mut sides = contestants(&servers);
    let round = run.pace.round.as_nanos();
    let times: Vec<_> = sides.iter_mut().map(|(.., process)| process.ask(&format!("times {row} 1 {round}"))).collect();
    let figures =
        in_turn(run.pace.rounds, sides.len(), |side| sides[side].2.timed(&format!("run {row} 1 {}", times[side][0])).0);
    for ((name, kind, _), figure) in sides.iter().zip(figures) {
        group.put((name, *kind), 1, figure);
    }
    group
}

/// As many calls as fill some time, and then what it takes until the server has them all.
fn deliveries(run: &Run, mut group: Group) -> Group {
    let servers = [(); 4].map(|()| Server::start());
    let mut sides = contestants(&servers);
    let turn = run.pace.round.as_nanos() * 50;
    let row = "lookup_observe";
    let times: Vec<_> = sides.iter_mut().map(|(.., process)| process.ask(&format!("times {row} 1 {turn}"))).collect();
    let figures = in_turn(run.few(), sides.len(), |side| {
        sides[side].2.timed(&format!("redis deliver {row} {}", times[side][0])).0
    });
    for ((name, kind, _), figure) in sides.iter().zip(figures) {
        group.put((name, *kind), 1, figure);
    }
    group
}
