//! What a scrape is answered with: text, as a whole or piece by piece.

mod text;
mod write;

pub use write::{WriteError, write_metrics, write_metrics_from};

use crate::error::ScrapeError;
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
    registry.scrape(&mut |family| {
        out.reserve(text::expected_len(&family));
        text::encode(&family, &mut out, &mut |_| {});
    })?;
    Ok(out)
}
