//! `flush` and `shutdown`: a program hands over its counts before it ends.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::backends::api::BackendError;
use crate::backends::config::LoadError;
use crate::backends::runtime::{active, loader};
use crate::sync::{Promise, Waiter, catch_panic};

/// Why it is not known that a backend has all that was counted.
///
/// The text says what may be lost, and what to do. It goes with `?` through a `main` that gives any error, and through
/// one that gives an `io::Result`.
#[derive(Debug)]
#[non_exhaustive]
pub enum FlushError {
    /// No backend is loaded, since the environment names none that can be.
    NotLoaded {
        /// Why.
        source: Arc<LoadError>,
    },
    /// [`flush`] has failed. Counting goes on, and it may be called again.
    Flush {
        /// The error of the backend.
        source: BackendError,
    },
    /// [`shutdown`] has failed, or has taken too long.
    Shutdown {
        /// The error of the backend.
        source: BackendError,
    },
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoaded { source } => write!(
                f,
                "no backend is loaded, so that what this process has counted is lost when it ends: {source}; load one \
                 with load_backend(), or correct PYTHEUS_BACKEND_CLASS and PYTHEUS_BACKEND_CONFIG"
            ),
            Self::Flush { source } => write!(
                f,
                "it is not known that the backend has all that was counted, and what it has not is lost if this process \
                 ends now: {source}; counting goes on, and flush() may be called again"
            ),
            Self::Shutdown { source } => write!(
                f,
                "it is not known that the backend has all that was counted, and what it has not is lost when this \
                 process ends: {source}; see to the backend, or give shutdown() more time"
            ),
        }
    }
}

impl Error for FlushError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotLoaded { source } => Some(&**source),
            Self::Flush { source } | Self::Shutdown { source } => Some(&**source),
        }
    }
}

/// Hands all counts to the backend, and has the backend keep them.
///
/// A backend that receives batches, such as that of Redis, needs it before a process ends: the counts of the last moments
/// are lost otherwise. With any other backend it does no harm.
///
/// ```
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     // ..
///     pytheus::backends::flush()?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// When counts may not have reached the backend.
pub fn flush() -> Result<(), FlushError> {
    wait_for_load(LOAD_TIMEOUT)?;
    let flushed = active::recovered(LOAD_TIMEOUT).and_then(|installed| installed.map_or(Ok(()), |own| own.flush()));
    flushed.map_err(|source| FlushError::Flush { source })
}

/// Hands over as [`flush`] does, and ends the part of this process: later counts may be lost. Takes about `timeout` at most.
///
/// To be called last, once the threads that count have ended.
///
/// ```
/// use std::time::Duration;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     // ..
///     pytheus::backends::shutdown(Duration::from_secs(5))?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// When counts may not have reached the backend, as when the time was too short.
pub fn shutdown(timeout: Duration) -> Result<(), FlushError> {
    let start = loader::is_waited_for().then(Instant::now);
    wait_for_load(timeout)?;
    let left = timeout.saturating_sub(start.map_or(Duration::ZERO, |start| start.elapsed()));
    let closed = active::recovered(left).and_then(|installed| installed.map_or(Ok(()), |own| own.close(left)));
    closed.map_err(|source| FlushError::Shutdown { source })
}

/// Hands over and ends as [`shutdown`] does, in any async runtime and without blocking its threads.
///
/// ```
/// use std::time::Duration;
///
/// async fn run() -> Result<(), Box<dyn std::error::Error>> {
///     // .. serve, until SIGTERM
///     pytheus::backends::shutdown_async(Duration::from_secs(5)).await?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// The errors of [`shutdown`].
pub async fn shutdown_async(timeout: Duration) -> Result<(), FlushError> {
    let ended = Arc::new(Promise::new());
    let on_thread = Arc::clone(&ended);
    let end = move || {
        let result = catch_panic(|| shutdown(timeout));
        on_thread.fulfil(Some(result.unwrap_or_else(|panic| Err(FlushError::Shutdown { source: panic.into() }))));
    };
    if thread::Builder::new().name("pytheus-shutdown".to_owned()).spawn(end).is_err() {
        return shutdown(timeout);
    }
    let mut waiter = Waiter::new(&ended);
    let result = poll_fn(|context| waiter.poll(context.waker(), Option::take)).await;
    // Taken once, by this future.
    result.unwrap_or(Ok(()))
}

/// How long [`flush`] waits for a load that is under way.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the load of the backend that the environment names.
fn wait_for_load(timeout: Duration) -> Result<(), FlushError> {
    active::ensure_loaded();
    loader::settle(timeout, true).map_or(Ok(()), |source| Err(FlushError::NotLoaded { source }))
}
