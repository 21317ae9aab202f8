//! Scrapes as text, or in another [`Format`], whole or in pieces.

mod encoder;
mod format;
mod lines;
#[cfg(feature = "respond")]
mod negotiate;
mod openmetrics;
mod protobuf;
#[cfg(feature = "respond")]
mod respond;
mod text;
mod walk;
mod write;

pub use format::Format;
#[cfg(feature = "respond")]
pub use negotiate::{Escaping, Negotiated};
#[cfg(feature = "respond")]
pub use respond::{Answer, Ask, Respond, SharedRegistry, respond, respond_async, respond_async_from, respond_from};
pub use write::{Exposition, WriteError};

use lines::{Dialect, Lines};
use walk::walk;

use crate::model::error::ScrapeError;
use crate::registry::{REGISTRY, Registry};

/// The content type of [`generate_metrics`]: Prometheus text, version 0.0.4.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns all metrics of [`REGISTRY`] as Prometheus text: families by name, series by label values.
///
/// ```
/// pytheus::metric! {
///     /// Requests, by any path.
///     static REQUESTS: Counter = "requests_total";
/// }
///
/// REQUESTS.inc();
/// let text = pytheus::exposition::generate_metrics()?;
/// assert!(text.contains("# TYPE requests_total counter\nrequests_total 1\n"));
/// # Ok::<(), pytheus::error::ScrapeError>(())
/// ```
///
/// # Errors
///
/// If the totals are out of reach. Answer with HTTP 503: Prometheus then marks the target as down. A smaller number
/// would look like a counter reset.
///
/// A [collector](crate::collector::Collector) or closure inside a scrape of the same registry always gets an error: the
/// new scrape would run the caller again. The caller is then left out of the outer scrape.
pub fn generate_metrics() -> Result<String, ScrapeError> {
    generate_metrics_from(&REGISTRY)
}

/// Returns all metrics of a registry as Prometheus text.
///
/// # Errors
///
/// If the totals are out of reach.
pub fn generate_metrics_from(registry: &dyn Registry) -> Result<String, ScrapeError> {
    let mut out = String::new();
    append_metrics_from(registry, &mut out)?;
    Ok(out)
}

/// Appends all metrics of [`REGISTRY`] to a text, which keeps its capacity from scrape to scrape.
///
/// ```
/// let mut text = String::new();
/// for _scrape in 0..2 {
///     text.clear();
///     pytheus::exposition::append_metrics(&mut text)?;
/// }
/// # Ok::<(), pytheus::error::ScrapeError>(())
/// ```
///
/// # Errors
///
/// If the totals are out of reach; the text is unchanged.
pub fn append_metrics(text: &mut String) -> Result<(), ScrapeError> {
    append_metrics_from(&REGISTRY, text)
}

/// Appends all metrics of a registry to a text.
///
/// # Errors
///
/// If the totals are out of reach; the text is unchanged.
pub fn append_metrics_from(registry: &dyn Registry, text: &mut String) -> Result<(), ScrapeError> {
    let before = text.len();
    let mut lines = Lines::append_to(std::mem::take(text), Dialect::Prometheus);
    let scraped = registry.scrape(&mut |family| {
        lines.out.reserve(text::expected_len(&family));
        walk(&family, &mut lines);
    });
    *text = lines.out;
    if scraped.is_err() {
        // A registry of your own may fail late.
        text.truncate(before);
    }
    scraped
}
