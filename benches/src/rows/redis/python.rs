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

/// Each with the module and the class of its backend.
const PEERS: [(&str, &str, &str); 2] =
    [(PYTHON, "pytheus.backends.redis", "MultiProcessRedisBackend"), (RUST, "pytheus_backend_rs", "RedisBackend")];

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

/// Python's processes, each with the server that is its.
pub(super) fn peers<'a>(mut server_of: impl FnMut() -> &'a Server) -> Vec<Side<Process>> {
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
    let there = PEERS.into_iter().filter(|(_, module, _)| has(module));
    there.map(|(name, module, class)| (name, Kind::Peer, peer(&python, [module, class], server_of()))).collect()
}

fn peer(python: &Path, backend: [&str; 2], server: &Server) -> Process {
    Process::start(Command::new(python).args(["-c", PROCESS]).args(backend).arg(server.port().to_string()))
}

/// A server and a process for each.
fn contestants(servers: &[Server; 3]) -> Vec<Side<Process>> {
    let mut theirs = servers[1..].iter();
    let mut sides = vec![(OURS, Kind::Ours, Process::shipping(&servers[0].config()))];
    sides.extend(peers(|| theirs.next().expect("one for each")));
    sides
}

/// On the thread of the caller. What threads have to do yet, is done before the next one's turn.
fn race(run: &Run, mut group: Group, row: &str) -> Group {
    let servers = [(); 3].map(|()| Server::start());
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
    let servers = [(); 3].map(|()| Server::start());
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
