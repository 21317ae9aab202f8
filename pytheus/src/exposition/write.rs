//! Writes metrics in chunks to any writer of bytes.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use super::text;
use crate::model::error::ScrapeError;
use crate::registry::{REGISTRY, Registry};

/// The size of a write in bytes: a chunk ends with the first series beyond it.
const CHUNK: usize = 64 * 1024;

/// Writes all metrics of [`REGISTRY`] as Prometheus text, in chunks of about 64 KiB, and flushes.
///
/// The text is that of [`generate_metrics`](super::generate_metrics), but never in memory as a whole: for very many
/// series, or a buffer of yours.
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
/// assert!(String::from_utf8_lossy(&body).contains("# TYPE requests_total counter\nrequests_total 1\n"));
/// # Ok::<(), pytheus::exposition::WriteError>(())
/// ```
///
/// # Errors
///
/// [`WriteError::Scrape`] if the totals are out of reach: nothing is written, so you can still answer with HTTP 503.
/// [`WriteError::Write`] if writing fails; a part of the text may have been written.
pub fn write_metrics(out: &mut impl Write) -> Result<(), WriteError> {
    write_metrics_from(&REGISTRY, out)
}

/// Writes all metrics of a registry as [`write_metrics`] does.
///
/// # Errors
///
/// The errors of [`write_metrics`].
pub fn write_metrics_from(registry: &dyn Registry, out: &mut impl Write) -> Result<(), WriteError> {
    let mut chunks = ChunkWriter { out, written: Ok(()) };
    let mut text = String::new();
    registry.scrape(&mut |family| {
        if chunks.written.is_ok() {
            text::encode(&family, &mut text, &mut |text| chunks.on_series(text));
        }
    })?;
    chunks.write(&mut text);
    chunks.written?;
    Ok(chunks.out.flush()?)
}

/// Text on its way to a writer, until a write fails.
struct ChunkWriter<'a, W> {
    out: &'a mut W,
    written: io::Result<()>,
}

impl<W: Write> ChunkWriter<'_, W> {
    /// Writes the text once it is a whole chunk.
    #[inline]
    fn on_series(&mut self, text: &mut String) {
        if text.len() >= CHUNK {
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

/// An error of [`write_metrics`].
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The totals are out of reach, and nothing was written: answer with HTTP 503.
    Scrape(ScrapeError),
    /// Writing failed; a part of the text may have been written.
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
    /// Converts the error for functions with an `io::Result`.
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Scrape(error) => Self::other(error),
            WriteError::Write(error) => error,
        }
    }
}
