//! What a scrape is answered with: text, as a whole or piece by piece.

mod text;
mod write;

pub use write::{WriteError, write_metrics, write_metrics_from};

use crate::model::error::ScrapeError;
use crate::registry::{REGISTRY, Registry};

/// The content type of [`generate_metrics`]: Prometheus text, version 0.0.4.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of [`REGISTRY`] as Prometheus text: families by name, series by label values.
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
/// When the totals can't be had. Answer with HTTP 503: Prometheus then knows that it has no value, where a smaller
/// number would look like a counter that was reset.
///
/// Called by a [collector](crate::collector::Collector) or a closure that a scrape of the same registry runs, always:
/// such a scrape would run the caller again. The caller is then left out of the scrape that runs it.
pub fn generate_metrics() -> Result<String, ScrapeError> {
    generate_metrics_from(&REGISTRY)
}

/// All metrics of a registry as Prometheus text.
///
/// # Errors
///
/// When the totals can't be had.
pub fn generate_metrics_from(registry: &dyn Registry) -> Result<String, ScrapeError> {
    let mut out = String::new();
    append_metrics_from(registry, &mut out)?;
    Ok(out)
}

/// Appends all metrics of [`REGISTRY`] to a text: one that is kept from scrape to scrape has room already.
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
/// When the totals can't be had; the text is then as it was.
pub fn append_metrics(text: &mut String) -> Result<(), ScrapeError> {
    append_metrics_from(&REGISTRY, text)
}

/// Appends all metrics of a registry to a text.
///
/// # Errors
///
/// When the totals can't be had; the text is then as it was.
pub fn append_metrics_from(registry: &dyn Registry, text: &mut String) -> Result<(), ScrapeError> {
    let before = text.len();
    let scraped = registry.scrape(&mut |family| {
        text.reserve(text::expected_len(&family));
        text::encode(&family, text, &mut |_| {});
    });
    if scraped.is_err() {
        // A registry of the user's may find out late.
        text.truncate(before);
    }
    scraped
}
