//! Connections: made when they are needed, given back when all went well, else closed.
//!
//! An answer that comes late would be taken for that of the next question. So a connection on which anything has failed is
//! never used again.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use redis::{Cmd, ConnectionAddr, ErrorKind, RedisError, Script, Value};

use crate::backends::redis::client::error::{RedisFault, Sort};
use crate::backends::redis::client::health::Stats;
use crate::backends::redis::client::protocol;
use crate::backends::redis::client::socket::Connection;
use crate::backends::redis::client::topology::Router;
use crate::backends::redis::config::Settings;
use crate::sync::lock;

/// How many connections are kept to each server for the next time: one that ships, one that scrapes.
const MOST_IDLE: usize = 2;

/// How often nodes of a cluster may point to each other.
const MOST_MOVES: usize = 4;

/// Where connections come from.
pub(crate) struct Pool {
    settings: Arc<Settings>,
    stats: Arc<Stats>,
    router: Router,
    idle: Mutex<Vec<(ConnectionAddr, Connection)>>,
}

impl Pool {
    pub(crate) fn new(settings: Arc<Settings>, stats: Arc<Stats>) -> Self {
        let router = Router::new(Arc::clone(&settings));
        Self { settings, stats, router, idle: Mutex::default() }
    }

    /// Does something with shards of one server, by a deadline. What it does may be done twice: a connection that has lain
    /// idle may have been closed by the server, which shows at its first use.
    pub(crate) fn with<T>(
        &self,
        shards: &[usize],
        deadline: Instant,
        mut act: impl FnMut(&mut Link<'_>) -> Result<T, RedisError>,
    ) -> Result<T, RedisFault> {
        let mut moves = 0;
        let error = loop {
            let shard = shards.first().copied().unwrap_or_default();
            let error = match self.router.find(shard, deadline) {
                Ok(address) => match self.at(&address, deadline, &mut act) {
                    Ok(done) => return Ok(done),
                    Err(error) => {
                        moves += 1;
                        if moves <= MOST_MOVES && self.router.moved(shard, &address, &error) && shards.len() == 1 {
                            continue;
                        }
                        error
                    }
                },
                Err(error) => error,
            };
            break error;
        };
        // Another server may have taken over.
        self.router.forget(shards);
        let fault = RedisFault::of(&self.settings.place, &error);
        self.stats.failed(fault.sort());
        Err(fault)
    }

    /// Shards that may be asked after at once.
    pub(crate) fn groups(&self) -> Vec<Vec<usize>> {
        self.router.groups(usize::try_from(self.settings.shards).unwrap_or(1))
    }

    /// Are shards on several servers?
    pub(crate) fn has_many(&self) -> bool {
        self.router.is_cluster()
    }

    /// A fault that no command has met.
    pub(crate) fn fault(&self, sort: Sort, what: impl Into<String>) -> RedisFault {
        self.stats.failed(sort);
        RedisFault::new(&self.settings.place, sort, what)
    }

    /// Closes what is kept; in a child, those of the parent, for whom they stay open.
    pub(crate) fn clear(&self) {
        drop(std::mem::take(&mut *lock(&self.idle)));
    }

    fn at<T>(
        &self,
        address: &ConnectionAddr,
        deadline: Instant,
        act: &mut impl FnMut(&mut Link<'_>) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let idle = {
            let mut idle = lock(&self.idle);
            idle.iter().position(|(known, _)| known == address).map(|place| idle.swap_remove(place).1)
        };
        if let Some(connection) = idle {
            match self.run(address, connection, deadline, act) {
                Err(error) if error.is_io_error() || error.is_connection_dropped() => {
                    // The others are as old.
                    self.clear();
                    if error.is_timeout() {
                        return Err(error);
                    }
                }
                outcome => return outcome,
            }
        }
        let connection = self.connect(address, deadline)?;
        self.run(address, connection, deadline, act)
    }

    fn connect(&self, address: &ConnectionAddr, deadline: Instant) -> Result<Connection, RedisError> {
        let deadline = deadline.min(Instant::now() + self.settings.connect_timeout);
        protocol::connect(&self.settings, address, &self.settings.who, deadline)
    }

    fn run<T>(
        &self,
        address: &ConnectionAddr,
        mut connection: Connection,
        deadline: Instant,
        act: &mut impl FnMut(&mut Link<'_>) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let done = act(&mut Link { connection: &mut connection, deadline, stats: &self.stats })?;
        let mut idle = lock(&self.idle);
        let kept = idle.iter().filter(|(known, _)| known == address).count();
        if connection.is_whole() && kept < MOST_IDLE {
            idle.push((address.clone(), connection));
        }
        Ok(done)
    }
}

/// A connection in use.
pub(crate) struct Link<'a> {
    connection: &'a mut Connection,
    deadline: Instant,
    stats: &'a Stats,
}

impl Link<'_> {
    /// Sends several commands, and gives the answer of each: one round trip.
    pub(crate) fn pipeline(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, RedisError> {
        self.each(commands)?.into_iter().map(Value::extract_error).collect()
    }

    /// The same; an answer may be an error.
    pub(crate) fn each(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, RedisError> {
        if commands.is_empty() { Ok(Vec::new()) } else { self.ask(commands) }
    }

    /// Runs a script, which the server may not know yet.
    pub(crate) fn script(
        &mut self,
        script: &Script,
        code: &str,
        rest: &[Vec<u8>],
        keys: usize,
    ) -> Result<Value, RedisError> {
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command.arg(script).arg(keys);
            for argument in rest {
                command.arg(argument.as_slice());
            }
            command
        };
        let mut ask = |command| self.ask(&[command])?.pop().unwrap_or_default().extract_error();
        match ask(command("EVALSHA", script.get_hash())) {
            Err(error) if error.kind() == ErrorKind::Server(redis::ServerErrorKind::NoScript) => {
                ask(command("EVAL", code))
            }
            outcome => outcome,
        }
    }

    fn ask(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, RedisError> {
        let begun = Instant::now();
        let answers = protocol::ask(self.connection, commands, self.deadline)?;
        self.stats.answered(begun.elapsed());
        Ok(answers)
    }
}
