//! Requests and replies in [RESP](https://redis.io/docs/latest/develop/reference/protocol-spec/), by a deadline.
//!
//! The deadline holds for a pipeline as a whole, not for each reply. When a server hangs up, the error in its last reply says
//! why, and is returned.

use std::time::Instant;

use redis::{Cmd, ConnectionAddr, RedisConnectionInfo, RedisError, ToRedisArgs, Value};

use crate::backends::redis::client::socket::Connection;
use crate::backends::redis::client::timed_socket::time_left;
use crate::backends::redis::config::redis_config::RedisConfig;

/// Builds a command.
pub(crate) fn command<A: ToRedisArgs>(name: &str, arguments: &[A]) -> Cmd {
    redis::cmd(name).arg(arguments).to_owned()
}

/// Connects to a server, and authenticates.
pub(crate) fn connect(
    config: &RedisConfig,
    address: &ConnectionAddr,
    credentials: &RedisConnectionInfo,
    deadline: Instant,
) -> Result<Connection, RedisError> {
    let mut connection = Connection::open(config, address, deadline)?;
    match handshake(&mut connection, credentials, credentials.username(), deadline) {
        // Redis 5 has no users.
        Err(error) if error.to_string().contains("wrong number of arguments for 'auth'") => {
            handshake(&mut connection, credentials, None, deadline)?;
        }
        outcome => outcome?,
    }
    Ok(connection)
}

/// Authenticates, selects the database, and names this library.
fn handshake(
    connection: &mut Connection,
    credentials: &RedisConnectionInfo,
    username: Option<&str>,
    deadline: Instant,
) -> Result<(), RedisError> {
    let mut commands = Vec::new();
    if let Some(password) = credentials.password() {
        let credentials: Vec<_> = username.into_iter().chain([password]).collect();
        commands.push(command("AUTH", &credentials));
    }
    if credentials.db() != 0 {
        commands.push(command("SELECT", &[credentials.db()]));
    }
    let required = commands.len();
    commands.push(command("CLIENT", &["SETINFO", "LIB-NAME", env!("CARGO_PKG_NAME")]));
    for (index, reply) in request(connection, &commands, deadline)?.into_iter().enumerate() {
        if let Err(error) = reply.extract_error()
            // A refused name does no harm; a refused connection does.
            && (index < required || error.to_string().contains("max number of clients"))
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Sends commands in one write, and returns the reply to each, errors included.
pub(crate) fn request(
    connection: &mut Connection,
    commands: &[Cmd],
    deadline: Instant,
) -> Result<Vec<Value>, RedisError> {
    let packed: Vec<u8> = commands.iter().flat_map(Cmd::get_packed_command).collect();
    connection.set_timeout(time_left(deadline)?);
    let sent = connection.send(&packed);
    let mut replies = Vec::with_capacity(commands.len());
    while replies.len() < commands.len() {
        connection.set_timeout(time_left(deadline)?);
        match connection.receive() {
            Ok(Value::Push { .. }) => {}
            Ok(reply) => replies.push(reply),
            // A server may say why before it hangs up.
            Err(error) => {
                let reason = replies.into_iter().find_map(|reply| reply.extract_error().err());
                return Err(reason.or(sent.err()).unwrap_or(error));
            }
        }
    }
    Ok(replies)
}
