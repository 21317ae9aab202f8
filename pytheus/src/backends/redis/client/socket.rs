//! A connection: a socket with timeouts, and a parser of replies.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use redis::{ConnectionAddr, Parser, RedisError, Value};

use crate::backends::redis::client::resolve;
use crate::backends::redis::client::timed_socket::{SetTimeouts, TimedSocket, retry_interrupted, time_left};
#[cfg(feature = "redis-tls")]
use crate::backends::redis::client::tls;
use crate::backends::redis::config::redis_config::RedisConfig;

/// A connection without a handshake.
pub(crate) struct Connection {
    socket: Box<dyn Stream>,
    parser: Parser,
    is_reusable: bool,
}

/// A stream whose reads and writes have a timeout.
pub(crate) trait Stream: Read + Write + Send {
    fn set_timeout(&mut self, timeout: Duration);
}

impl Connection {
    /// Opens a connection by a deadline.
    #[cfg_attr(not(feature = "redis-tls"), expect(unused_variables, reason = "the configuration of TLS"))]
    pub(crate) fn open(config: &RedisConfig, address: &ConnectionAddr, deadline: Instant) -> Result<Self, RedisError> {
        let socket: Box<dyn Stream> = match address {
            ConnectionAddr::Tcp(host, port) => Box::new(connect_tcp(host, *port, deadline)?),
            #[cfg(feature = "redis-tls")]
            ConnectionAddr::TcpTls { host, port, .. } => {
                Box::new(tls::open(config, host, connect_tcp(host, *port, deadline)?)?)
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                let socket = retry_interrupted(time_left(deadline)?, |_| UnixStream::connect(path))?;
                Box::new(TimedSocket { socket, timeout: time_left(deadline)? })
            }
            other => {
                let what = format!("`{other}` is no address that this program can connect to");
                return Err(io::Error::new(ErrorKind::Unsupported, what).into());
            }
        };
        Ok(Self { socket, parser: Parser::new(), is_reusable: true })
    }

    /// Sets the timeout of each read and write from now on.
    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.socket.set_timeout(timeout);
    }

    pub(crate) fn send(&mut self, packed: &[u8]) -> Result<(), RedisError> {
        let sent = self.socket.write_all(packed).and_then(|()| self.socket.flush());
        self.is_reusable &= sent.is_ok();
        Ok(sent?)
    }

    /// Reads the next reply.
    pub(crate) fn receive(&mut self) -> Result<Value, RedisError> {
        let received = self.parser.parse_value(&mut *self.socket);
        self.is_reusable &= received.is_ok();
        received
    }

    /// Returns whether every byte was sent, and every reply parsed.
    pub(crate) fn is_reusable(&self) -> bool {
        self.is_reusable
    }
}

/// Connects to the first reachable address; each has its share of the time.
fn connect_tcp(host: &str, port: u16, deadline: Instant) -> Result<TimedSocket<TcpStream>, RedisError> {
    let addresses = resolve::resolve(host, port, deadline)?;
    let mut outcome = Err(io::Error::new(ErrorKind::NotFound, format!("`{host}` has no address")));
    for (index, address) in addresses.iter().enumerate() {
        let time = time_left(deadline)? / u32::try_from(addresses.len() - index).unwrap_or(1);
        outcome = retry_interrupted(time, |left| TcpStream::connect_timeout(address, left));
        if outcome.is_ok() {
            break;
        }
    }
    Ok(TimedSocket { socket: outcome?, timeout: time_left(deadline)? })
}

impl<S: SetTimeouts> Stream for TimedSocket<S> {
    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }
}

#[cfg(feature = "redis-tls")]
impl Stream for tls::TlsStream {
    fn set_timeout(&mut self, timeout: Duration) {
        self.sock.timeout = timeout;
    }
}
