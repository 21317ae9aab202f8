//! A pool of connections, each made at its first use, and returned after a request without a fault.
//!
//! A connection with a fault is closed: a late reply would be taken for the reply to its next request.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use redis::{Cmd, ConnectionAddr, ErrorKind, RedisError, Script, Value};

use crate::backends::redis::client::error::{FaultKind, RedisFault};
use crate::backends::redis::client::health::RedisHealth;
use crate::backends::redis::client::protocol;
use crate::backends::redis::client::socket::Connection;
use crate::backends::redis::client::topology::Topology;
use crate::backends::redis::config::redis_config::RedisConfig;
use crate::sync::lock;

/// Idle connections kept per server: one for writes, one for scrapes.
const MAX_IDLE: usize = 2;

/// Redirects to follow in one request, between nodes of a cluster.
const MAX_REDIRECTS: usize = 4;

pub(crate) struct Pool {
    config: Arc<RedisConfig>,
    health: Arc<RedisHealth>,
    pub(crate) topology: Topology,
    idle: Mutex<Vec<(ConnectionAddr, Connection)>>,
}

impl Pool {
    pub(crate) fn new(config: Arc<RedisConfig>, health: Arc<RedisHealth>) -> Self {
        let topology = Topology::new(Arc::clone(&config));
        Self { config, health, topology, idle: Mutex::default() }
    }

    /// Runs requests on a connection to the server of these partitions, by a deadline. They may run twice: a server closes
    /// idle connections, and the first request meets that.
    pub(crate) fn with_connection<T>(
        &self,
        partitions: &[usize],
        deadline: Instant,
        mut run: impl FnMut(&mut Session<'_>) -> Result<T, SessionError>,
    ) -> Result<T, RedisFault> {
        let partition = partitions.first().copied().unwrap_or_default();
        let mut redirects = 0;
        let error = loop {
            let error = match self.topology.locate(partition, deadline) {
                Ok(address) => match self.run_at(&address, deadline, &mut run) {
                    Ok(done) => return Ok(done),
                    Err(SessionError::Fault(fault)) => return Err(fault),
                    Err(SessionError::Redis(error)) => {
                        redirects += 1;
                        let is_followed = redirects <= MAX_REDIRECTS
                            && self.topology.redirect(partition, &address, &error)
                            && partitions.len() == 1;
                        if is_followed {
                            continue;
                        }
                        error
                    }
                },
                Err(error) => error,
            };
            break error;
        };
        // After a failover, another server has them.
        self.topology.invalidate(partitions);
        let fault = RedisFault::of(&self.config.display_addr, &error);
        self.health.count_error(fault.kind());
        Err(fault)
    }

    /// Makes a fault that did not come from a connection.
    pub(crate) fn fault(&self, kind: FaultKind, what: impl Into<String>) -> RedisFault {
        self.health.count_error(kind);
        RedisFault::new(&self.config.display_addr, kind, what)
    }

    /// Closes all idle connections. In a child process, those of the parent stay open there.
    pub(crate) fn clear(&self) {
        drop(std::mem::take(&mut *lock(&self.idle)));
    }

    fn run_at<T>(
        &self,
        address: &ConnectionAddr,
        deadline: Instant,
        run: &mut impl FnMut(&mut Session<'_>) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        let idle = {
            let mut idle = lock(&self.idle);
            idle.iter().position(|(known, _)| known == address).map(|index| idle.swap_remove(index).1)
        };
        if let Some(connection) = idle {
            match self.run_on(address, connection, deadline, run) {
                Err(SessionError::Redis(error)) if error.is_io_error() || error.is_connection_dropped() => {
                    // The other idle connections are as old.
                    self.clear();
                    if error.is_timeout() {
                        return Err(error.into());
                    }
                }
                outcome => return outcome,
            }
        }
        let connect_by = deadline.min(Instant::now() + self.config.connect_timeout);
        let connection = protocol::connect(&self.config, address, &self.config.credentials, connect_by)?;
        self.run_on(address, connection, deadline, run)
    }

    fn run_on<T>(
        &self,
        address: &ConnectionAddr,
        mut connection: Connection,
        deadline: Instant,
        run: &mut impl FnMut(&mut Session<'_>) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        let done = run(&mut Session { connection: &mut connection, deadline, health: &self.health })?;
        let mut idle = lock(&self.idle);
        let kept = idle.iter().filter(|(known, _)| known == address).count();
        if connection.is_reusable() && kept < MAX_IDLE {
            idle.push((address.clone(), connection));
        }
        Ok(done)
    }
}

/// A failed request, or a reply with a fault in it.
pub(crate) enum SessionError {
    Redis(RedisError),
    Fault(RedisFault),
}

impl<E: Into<RedisError>> From<E> for SessionError {
    fn from(error: E) -> Self {
        Self::Redis(error.into())
    }
}

impl From<RedisFault> for SessionError {
    fn from(fault: RedisFault) -> Self {
        Self::Fault(fault)
    }
}

/// A Lua script and its hash: `EVALSHA` names a script that the server has cached.
pub(crate) struct ServerScript(Script, &'static str);

impl ServerScript {
    pub(crate) fn new(text: &'static str) -> Self {
        Self(Script::new(text), text)
    }
}

/// A connection in use, with the deadline of its requests.
pub(crate) struct Session<'a> {
    connection: &'a mut Connection,
    deadline: Instant,
    health: &'a RedisHealth,
}

impl Session<'_> {
    /// Sends commands in one round trip, and returns all replies or the first error.
    pub(crate) fn pipeline(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, SessionError> {
        Ok(self.pipeline_results(commands)?.into_iter().map(Value::extract_error).collect::<Result<_, _>>()?)
    }

    /// Sends commands in one round trip, and returns the reply to each, errors included.
    pub(crate) fn pipeline_results(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, SessionError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let begun = Instant::now();
        let replies = protocol::request(self.connection, commands, self.deadline)?;
        self.health.update(|counters| {
            counters.round_trips += 1;
            counters.last_round_trip = begun.elapsed();
        });
        Ok(replies)
    }

    /// Sends one command.
    pub(crate) fn request(&mut self, command: Cmd) -> Result<Value, SessionError> {
        Ok(self.pipeline(&[command])?.pop().unwrap_or_default())
    }

    /// Runs a script, and sends its text to a server that does not have it yet.
    pub(crate) fn run_script(
        &mut self,
        ServerScript(script, text): &ServerScript,
        arguments: &[String],
        key_count: usize,
    ) -> Result<Value, SessionError> {
        let command = |name: &str, script: &str| redis::cmd(name).arg(script).arg(key_count).arg(arguments).to_owned();
        match self.request(command("EVALSHA", script.get_hash())) {
            Err(SessionError::Redis(error)) if error.kind() == ErrorKind::Server(redis::ServerErrorKind::NoScript) => {
                self.request(command("EVAL", text))
            }
            outcome => outcome,
        }
    }
}
