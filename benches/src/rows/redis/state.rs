//! The states that a Redis can be in, with a process of ours in each.

use super::Side;
use super::server::Server;
use crate::race::Kind;
use crate::rows::backend::LIMIT;
use crate::rows::backend::process::Process;

/// One process with a server that is well, one with a server that takes requests and answers none, one whose server is gone; and
/// one by itself.
pub(super) struct States {
    /// They go with the value.
    _servers: Vec<Server>,
    pub(super) sides: Vec<Side<Process>>,
}

impl States {
    /// Each process has shipped something before its server goes.
    pub(super) fn begin() -> Self {
        type Change = fn(&mut Server);
        let states: [(&str, Change); 3] = [
            ("pytheus, Redis healthy", |_| {}),
            ("pytheus, Redis hung", |server| server.hang()),
            ("pytheus, Redis dead", Server::kill),
        ];
        let (mut servers, mut sides) = (Vec::new(), Vec::new());
        for (name, change) in states {
            let mut server = Server::start();
            let mut process = Process::shipping(&server.config());
            process.count("counters", 1);
            process.timed("redis flush");
            change(&mut server);
            servers.push(server);
            sides.push((name, Kind::Ours, process));
        }
        let mut alone = Process::alone();
        // Its cells are to lie as those of the others.
        alone.count("counters", 1);
        sides.push((LIMIT, Kind::Limit, alone));
        Self { _servers: servers, sides }
    }
}
