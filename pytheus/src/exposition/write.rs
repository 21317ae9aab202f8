//! A scrape in any format: as bytes, or in chunks to a writer.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use super::Format;
use super::encoder::Encoder;
use crate::model::error::ScrapeError;
use crate::registry::{REGISTRY, Registry};

/// A scrape to be encoded: of a registry, in a format, of all families or some.
///
/// ```
/// use pytheus::exposition::{Exposition, Format};
///
/// pytheus::metric! {
///     /// Requests, by any path.
///     static REQUESTS: Counter = "requests_total";
/// }
///
/// REQUESTS.inc();
/// let body = Exposition::new().format(Format::OpenMetrics).to_bytes()?;
/// assert!(String::from_utf8_lossy(&body).contains("# TYPE requests counter\n"));
/// assert!(body.ends_with(b"# EOF\n"));
/// # Ok::<(), pytheus::error::ScrapeError>(())
/// ```
#[derive(Clone)]
#[must_use = "a scrape begins when its bytes are asked for"]
pub struct Exposition<'a> {
    registry: &'a dyn Registry,
    format: Format,
    names: Vec<String>,
}

impl<'a> Exposition<'a> {
    /// Makes a scrape of [`REGISTRY`] as Prometheus text 0.0.4.
    #[allow(clippy::new_without_default, reason = "there is no default registry but this one, and it is named")]
    pub fn new() -> Self {
        Self::of(&REGISTRY)
    }

    /// Makes a scrape of a registry as Prometheus text 0.0.4.
    pub fn of(registry: &'a dyn Registry) -> Self {
        Self { registry, format: Format::Text, names: Vec::new() }
    }

    /// Sets the format. Send its [content type](Format::content_type) with the bytes.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Asks for the families with samples of these names alone. Others are not read: their closures and collectors don't
    /// run.
    pub fn names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Scrapes and encodes.
    ///
    /// # Errors
    ///
    /// If the totals are out of reach: answer with HTTP 503.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ScrapeError> {
        let mut out = Vec::new();
        self.append_to(&mut out)?;
        Ok(out)
    }

    /// Scrapes, and appends to a buffer, which keeps its capacity from scrape to scrape.
    ///
    /// # Errors
    ///
    /// If the totals are out of reach; the buffer is unchanged.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<(), ScrapeError> {
        let before = out.len();
        let mut encoder = Encoder::append_to(std::mem::take(out), self.format);
        let scraped = self.registry.scrape_named(&self.names, &mut |family| encoder.family(&family));
        *out = encoder.finish();
        if scraped.is_err() {
            // A registry of your own may fail late.
            out.truncate(before);
        }
        scraped
    }

    /// Scrapes, writes in chunks of about 64 KiB, and flushes: the bytes of [`to_bytes`](Self::to_bytes), but never in memory
    /// as a whole, for very many series. (A family of protobuf is, as its length stands before it.)
    ///
    /// ```
    /// use pytheus::exposition::Exposition;
    ///
    /// let mut body = Vec::new();
    /// Exposition::new().write_to(&mut body)?;
    /// # Ok::<(), pytheus::exposition::WriteError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WriteError::Scrape`] if the totals are out of reach: nothing is written, so you can still answer with HTTP 503. (A
    /// [`Registry`] of your own that fails after it has shown families may leave a part.)
    /// [`WriteError::Write`] if writing fails; a part may have been written.
    pub fn write_to(&self, out: &mut impl Write) -> Result<(), WriteError> {
        let mut encoder = Encoder::append_to(Vec::new(), self.format);
        let mut written = Ok(());
        let mut write = |chunk: &[u8]| {
            if written.is_ok() {
                written = out.write_all(chunk);
            }
        };
        self.registry.scrape_named(&self.names, &mut |family| encoder.family_in_chunks(&family, &mut write))?;
        write(&encoder.finish());
        written?;
        Ok(out.flush()?)
    }
}

impl fmt::Debug for Exposition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposition").field("format", &self.format).field("names", &self.names).finish_non_exhaustive()
    }
}

/// An error of [`Exposition::write_to`].
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
