//! A connection: a socket with timeouts, and a parser of replies.
//!
//! Linux never restarts a read or write with a timeout after a signal, not even with `SA_RESTART`
//! ([signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html)), and profilers send a thousand signals a second.
//! Interrupted calls are therefore repeated here, for the rest of their time. The `redis` crate gives up such a connection
//! halfway, and then takes the next reply for the wrong one; only its commands, its parser and its values are used.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use redis::{ConnectionAddr, Parser, RedisError, Value};

use crate::backends::redis::client::protocol::time_left;
use crate::backends::redis::client::resolve;
#[cfg(feature = "redis-tls")]
use crate::backends::redis::client::tls;
use crate::backends::redis::config::RedisConfig;

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

/// A socket whose calls take no longer than a timeout, however often they are interrupted.
pub(crate) struct TimedSocket<S> {
    socket: S,
    timeout: Duration,
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

impl<S: SetTimeouts> Read for TimedSocket<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        retry_interrupted(self.timeout, |left| {
            self.socket.set_timeouts(left)?;
            self.socket.read(into)
        })
    }
}

impl<S: SetTimeouts> Write for TimedSocket<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        retry_interrupted(self.timeout, |left| {
            self.socket.set_timeouts(left)?;
            self.socket.write(from)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Repeats a call after signals, with the rest of its time.
pub(crate) fn retry_interrupted<T>(
    timeout: Duration,
    mut call: impl FnMut(Duration) -> io::Result<T>,
) -> io::Result<T> {
    let begun = Instant::now();
    let mut left = timeout;
    loop {
        match call(left) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                left = timeout.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            outcome => return outcome,
        }
    }
}

/// A socket of the system's.
trait SetTimeouts: Read + Write + Send {
    /// Sets the timeouts of reads and of writes.
    fn set_timeouts(&self, timeout: Duration) -> io::Result<()>;
}

impl SetTimeouts for TcpStream {
    fn set_timeouts(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout)).and_then(|()| self.set_write_timeout(Some(timeout)))
    }
}

#[cfg(unix)]
impl SetTimeouts for UnixStream {
    fn set_timeouts(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout)).and_then(|()| self.set_write_timeout(Some(timeout)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_call_is_repeated_until_its_timeout() {
        let mut times = 0;
        let done = retry_interrupted(Duration::from_secs(60), |left| {
            times += 1;
            assert!(left <= Duration::from_secs(60), "{left:?}");
            if times < 1_000 { Err(ErrorKind::Interrupted.into()) } else { Ok(times) }
        });
        assert_eq!(done.expect("it succeeds"), 1_000);

        let begun = Instant::now();
        let interrupted = |_| Err::<(), _>(ErrorKind::Interrupted.into());
        let error = retry_interrupted(Duration::from_millis(50), interrupted).expect_err("it is interrupted each time");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(50));
        let error = retry_interrupted(Duration::from_secs(1), |_| Err::<(), _>(ErrorKind::BrokenPipe.into()));
        assert_eq!(error.expect_err("other errors are returned").kind(), ErrorKind::BrokenPipe);
    }
}
