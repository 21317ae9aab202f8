//! Metrics in pieces, to wherever bytes can be written.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use super::text;
use crate::model::error::ScrapeError;
use crate::registry::{REGISTRY, Registry};

/// What is written at once: a piece ends with the first series beyond it.
const PIECE: usize = 64 * 1024;

/// Writes all metrics of [`REGISTRY`] as Prometheus text, in pieces of about 64 KiB, and flushes.
///
/// The text is that of [`generate_metrics`](super::generate_metrics), which is never in memory as a whole: for very many
/// series, or a buffer that is there already.
///
/// ```
/// pytheus::metric! {
///     /// Requests, by any path.
///     static REQUESTS: Counter = "requests_total";
/// }
///
/// REQUESTS.inc();
/// let mut body = Vec::new();
/// pytheus::exposition::write_metrics(&mut body)?;
/// assert!(body.ends_with(b"# TYPE requests_total counter\nrequests_total 1\n"));
/// # Ok::<(), pytheus::exposition::WriteError>(())
/// ```
///
/// # Errors
///
/// [`WriteError::Scrape`] when the totals can't be had: nothing is written then, so that there is still time to answer
/// with HTTP 503. [`WriteError::Write`] when they can't be written; a part of them may have been.
pub fn write_metrics(out: &mut impl Write) -> Result<(), WriteError> {
    write_metrics_from(&REGISTRY, out)
}

/// As [`write_metrics`], of another registry.
///
/// # Errors
///
/// As there.
pub fn write_metrics_from(registry: &dyn Registry, out: &mut impl Write) -> Result<(), WriteError> {
    let mut pieces = Pieces { out, written: Ok(()) };
    let mut text = String::new();
    registry.scrape(&mut |family| {
        if pieces.written.is_ok() {
            text::encode(&family, &mut text, &mut |text| pieces.pace(text));
        }
    })?;
    pieces.write(&mut text);
    pieces.written?;
    Ok(pieces.out.flush()?)
}

/// Text on its way out, until that fails.
struct Pieces<'a, W> {
    out: &'a mut W,
    written: io::Result<()>,
}

impl<W: Write> Pieces<'_, W> {
    /// Writes a piece once it is one.
    #[inline]
    fn pace(&mut self, text: &mut String) {
        if text.len() >= PIECE {
            self.write(text);
        }
    }

    fn write(&mut self, text: &mut String) {
        if self.written.is_ok() {
            self.written = self.out.write_all(text.as_bytes());
        }
        text.clear();
    }
}

/// Why metrics are not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The totals can't be had, and nothing was written: answer with HTTP 503.
    Scrape(ScrapeError),
    /// They can't be written, or not all of them.
    Write(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scrape(error) => error.fmt(f),
            Self::Write(error) => write!(f, "the metrics can't be written: {error}"),
        }
    }
}

impl Error for WriteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Scrape(error) => error.source(),
            Self::Write(error) => Some(error),
        }
    }
}

impl From<ScrapeError> for WriteError {
    fn from(error: ScrapeError) -> Self {
        Self::Scrape(error)
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<WriteError> for io::Error {
    /// For functions that give an `io::Result`.
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Scrape(error) => Self::other(error),
            WriteError::Write(error) => error,
        }
    }
}
