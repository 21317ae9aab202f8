//! Sockets with a deadline.
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

use redis::RedisError;

/// Returns the time until a deadline; a timeout error once it is over.
pub(crate) fn time_left(deadline: Instant) -> Result<Duration, RedisError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()) } else { Ok(left) }
}

/// A socket whose calls take no longer than a timeout, however often they are interrupted.
pub(crate) struct TimedSocket<S> {
    pub(crate) socket: S,
    pub(crate) timeout: Duration,
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
pub(crate) trait SetTimeouts: Read + Write + Send {
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
