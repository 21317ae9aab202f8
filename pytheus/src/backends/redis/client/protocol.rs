//! Questions and answers, by a deadline.
//!
//! Each answer of a pipeline is waited for until the deadline, not for as long as the one before; and when a server says why
//! it hangs up, that is told.

use std::time::{Duration, Instant};

use redis::{Cmd, ConnectionAddr, RedisConnectionInfo, RedisError, Value};

use crate::backends::redis::client::socket::Connection;
use crate::backends::redis::config::Settings;

/// The time that is left.
pub(crate) fn left(deadline: Instant) -> Result<Duration, RedisError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()) } else { Ok(left) }
}

/// Connects to a server as somebody.
pub(crate) fn connect(
    settings: &Settings,
    address: &ConnectionAddr,
    who: &RedisConnectionInfo,
    deadline: Instant,
) -> Result<Connection, RedisError> {
    let mut connection = Connection::open(settings, address, deadline)?;
    match greet(&mut connection, who, who.username(), deadline) {
        // Before there were users.
        Err(error) if error.to_string().contains("wrong number of arguments for 'auth'") => {
            greet(&mut connection, who, None, deadline)?;
        }
        greeted => greeted?,
    }
    Ok(connection)
}

/// Says who we are.
fn greet(
    connection: &mut Connection,
    who: &RedisConnectionInfo,
    username: Option<&str>,
    deadline: Instant,
) -> Result<(), RedisError> {
    let mut greeting = Vec::new();
    if let Some(password) = who.password() {
        let mut auth = redis::cmd("AUTH");
        auth.arg(username).arg(password);
        greeting.push(auth);
    }
    if who.db() != 0 {
        let mut select = redis::cmd("SELECT");
        select.arg(who.db());
        greeting.push(select);
    }
    let needed = greeting.len();
    let mut named = redis::cmd("CLIENT");
    named.arg("SETINFO").arg("LIB-NAME").arg(env!("CARGO_PKG_NAME"));
    greeting.push(named);
    for (place, answer) in ask(connection, &greeting, deadline)?.into_iter().enumerate() {
        if let Err(error) = answer.extract_error()
            // Whether it takes note of our name is all the same, unless it has no room for us.
            && (place < needed || error.to_string().contains("max number of clients"))
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Sends commands at once, and gives the answer of each, which may be an error.
pub(crate) fn ask(connection: &mut Connection, commands: &[Cmd], deadline: Instant) -> Result<Vec<Value>, RedisError> {
    let packed: Vec<u8> = commands.iter().flat_map(Cmd::get_packed_command).collect();
    connection.wait(left(deadline)?);
    let sent = connection.send(&packed);
    let mut answers = Vec::with_capacity(commands.len());
    while answers.len() < commands.len() {
        connection.wait(left(deadline)?);
        match connection.receive() {
            Ok(Value::Push { .. }) => {}
            Ok(answer) => answers.push(answer),
            // It may have said why, and hung up.
            Err(error) => {
                let said = answers.into_iter().find_map(|answer| answer.extract_error().err());
                return Err(said.or(sent.err()).unwrap_or(error));
            }
        }
    }
    Ok(answers)
}
