//! A connection to a server: a socket, and the answers that come from it.
//!
//! Linux restarts no read or write that has a timeout when a signal has interrupted it, not even where the handler was set
//! with `SA_RESTART`, see signal(7); profilers send a thousand signals a second. So an interrupted call is repeated here,
//! for as long as it may take in all. The `redis` crate gives such a connection up, and takes the next answer on it for one
//! that nobody waits for; its commands, its parser of answers and its values are used all the same.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use redis::{ConnectionAddr, Parser, RedisError, Value};

use crate::backends::redis::client::protocol::left;
use crate::backends::redis::client::resolve;
use crate::backends::redis::config::Settings;

/// A connection as nobody yet.
pub(crate) struct Connection {
    socket: Socket,
    parser: Parser,
    /// Whether all was written, and all that was read made sense.
    is_whole: bool,
}

enum Socket {
    Tcp(Patient<TcpStream>),
    #[cfg(feature = "redis-tls")]
    Tls(Box<crate::backends::redis::client::tls::Stream>),
    #[cfg(unix)]
    Unix(Patient<UnixStream>),
}

impl Connection {
    /// Connects by a deadline.
    #[cfg_attr(not(feature = "redis-tls"), expect(unused_variables, reason = "there are no certificates"))]
    pub(crate) fn open(settings: &Settings, address: &ConnectionAddr, deadline: Instant) -> Result<Self, RedisError> {
        let socket = match address {
            ConnectionAddr::Tcp(host, port) => Socket::Tcp(tcp(host, *port, deadline)?),
            #[cfg(feature = "redis-tls")]
            ConnectionAddr::TcpTls { host, port, .. } => Socket::Tls(Box::new(
                crate::backends::redis::client::tls::open(settings, host, tcp(host, *port, deadline)?)?,
            )),
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                let socket = again(left(deadline)?, |_| UnixStream::connect(path))?;
                Socket::Unix(Patient::new(socket, left(deadline)?))
            }
            other => return Err(io::Error::new(ErrorKind::Unsupported, format!("no way leads to {other}")).into()),
        };
        Ok(Self { socket, parser: Parser::new(), is_whole: true })
    }

    /// Sets how long it may take from now on until anything is written or read.
    pub(crate) fn wait(&mut self, time: Duration) {
        match &mut self.socket {
            Socket::Tcp(socket) => socket.time = time,
            #[cfg(feature = "redis-tls")]
            Socket::Tls(stream) => stream.sock.time = time,
            #[cfg(unix)]
            Socket::Unix(socket) => socket.time = time,
        }
    }

    /// Sends what was packed.
    pub(crate) fn send(&mut self, packed: &[u8]) -> Result<(), RedisError> {
        let socket: &mut dyn Write = match &mut self.socket {
            Socket::Tcp(socket) => socket,
            #[cfg(feature = "redis-tls")]
            Socket::Tls(stream) => stream,
            #[cfg(unix)]
            Socket::Unix(socket) => socket,
        };
        let sent = socket.write_all(packed).and_then(|()| socket.flush());
        self.is_whole &= sent.is_ok();
        Ok(sent?)
    }

    /// Reads the next answer.
    pub(crate) fn receive(&mut self) -> Result<Value, RedisError> {
        let received = match &mut self.socket {
            Socket::Tcp(socket) => self.parser.parse_value(socket),
            #[cfg(feature = "redis-tls")]
            Socket::Tls(stream) => self.parser.parse_value(stream),
            #[cfg(unix)]
            Socket::Unix(socket) => self.parser.parse_value(socket),
        };
        self.is_whole &= received.is_ok();
        received
    }

    /// Returns whether it may be used again.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// Connects to the first address that can be reached; each has its part of the time.
fn tcp(host: &str, port: u16, deadline: Instant) -> Result<Patient<TcpStream>, RedisError> {
    let addresses = resolve::addresses(host, port, deadline)?;
    let mut outcome = Err(io::Error::new(ErrorKind::NotFound, format!("`{host}` has no address")));
    for (at, address) in addresses.iter().enumerate() {
        let time = left(deadline)? / u32::try_from(addresses.len() - at).unwrap_or(1);
        outcome = connect(address, time);
        if outcome.is_ok() {
            break;
        }
    }
    Ok(Patient::new(outcome?, left(deadline)?))
}

fn connect(address: &SocketAddr, time: Duration) -> io::Result<TcpStream> {
    again(time, |left| TcpStream::connect_timeout(address, left))
}

/// A socket that each call waits for so long, whatever interrupts it.
pub(crate) struct Patient<S> {
    socket: S,
    time: Duration,
}

impl<S> Patient<S> {
    fn new(socket: S, time: Duration) -> Self {
        Self { socket, time }
    }
}

impl<S: Timed> Read for Patient<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        again(self.time, |left| {
            self.socket.set_read_timeout(left)?;
            self.socket.read(into)
        })
    }
}

impl<S: Timed> Write for Patient<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        again(self.time, |left| {
            self.socket.set_write_timeout(left)?;
            self.socket.write(from)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Does something that may take so long; again with the rest of the time when a signal has interrupted it.
pub(crate) fn again<T>(time: Duration, mut act: impl FnMut(Duration) -> io::Result<T>) -> io::Result<T> {
    let begun = Instant::now();
    let mut left = time;
    loop {
        match act(left) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                left = time.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            outcome => return outcome,
        }
    }
}

/// A socket that has timeouts.
trait Timed: Read + Write {
    fn set_read_timeout(&self, time: Duration) -> io::Result<()>;
    fn set_write_timeout(&self, time: Duration) -> io::Result<()>;
}

impl Timed for TcpStream {
    fn set_read_timeout(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))
    }

    fn set_write_timeout(&self, time: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(time))
    }
}

#[cfg(unix)]
impl Timed for UnixStream {
    fn set_read_timeout(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))
    }

    fn set_write_timeout(&self, time: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_interrupted_is_done_again_until_the_time_is_over_and_no_longer() {
        let mut times = 0;
        let done = again(Duration::from_secs(60), |left| {
            times += 1;
            assert!(left <= Duration::from_secs(60), "{left:?}");
            if times < 1_000 { Err(ErrorKind::Interrupted.into()) } else { Ok(times) }
        });
        assert_eq!(done.expect("it is done in the end"), 1_000);

        let begun = Instant::now();
        let interrupted = |_| Err::<(), _>(ErrorKind::Interrupted.into());
        let error = again(Duration::from_millis(50), interrupted).expect_err("it is interrupted for ever");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(50));
        let error = again(Duration::from_secs(1), |_| Err::<(), _>(ErrorKind::BrokenPipe.into()));
        assert_eq!(error.expect_err("nothing else is done again").kind(), ErrorKind::BrokenPipe);
    }
}
