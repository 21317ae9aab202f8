//! The request of a scraper, by its headers.

use std::time::Duration;

use super::compression::wants_gzip;
use crate::exposition::{Format, Negotiated};

/// The time for a scrape if the scraper gives no timeout.
const USUAL_TIMEOUT: Duration = Duration::from_secs(60);

/// The maximum part of a scraper's timeout left for the way back.
const MAX_MARGIN: Duration = Duration::from_millis(500);

/// A request for metrics: the headers of a scraper, without the types of a web server.
///
/// Each part may be left out; [`Ask::new`] asks for all metrics as Prometheus text.
///
/// ```
/// use pytheus::exposition::{Ask, respond};
///
/// let ask = Ask::new()
///     .method("GET")
///     .accept("application/openmetrics-text;version=1.0.0,*/*;q=0.1")
///     .accept_encoding("gzip")
///     .query("name[]=requests_total&name[]=jobs_total")
///     .timeout_header("10");
/// let answer = respond(&ask);
/// assert_eq!(answer.status(), 200);
/// ```
#[derive(Debug, Clone)]
pub struct Ask {
    pub(super) method: Method,
    pub(super) negotiated: Negotiated,
    pub(super) wants_gzip: bool,
    pub(super) names: Vec<String>,
    pub(super) timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    Other,
}

impl Ask {
    /// Asks for all metrics as Prometheus text.
    pub fn new() -> Self {
        Self {
            method: Method::Get,
            negotiated: Negotiated::default(),
            wants_gzip: false,
            names: Vec::new(),
            timeout: USUAL_TIMEOUT,
        }
    }

    /// Asks by a request of a web server; `values` looks up all values of a header.
    #[cfg(any(feature = "http", feature = "actix"))]
    pub(crate) fn by_request<'a, V>(method: &str, query: &str, values: impl Fn(&'static str) -> V) -> Self
    where
        V: Iterator<Item = &'a [u8]>,
    {
        // A list may be spread over several lines.
        let header = |name| values(name).map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
        Self::new()
            .method(method)
            .query(query)
            .accept(&header("accept"))
            .accept_encoding(&header("accept-encoding"))
            .timeout_header(&header("x-prometheus-scrape-timeout-seconds"))
    }

    /// Sets the method: `GET`, or `HEAD` for an answer without its body. The answer to any other has the status 405.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => Method::Other,
        };
        self
    }

    /// Sets the header `Accept`, by which the [format is negotiated](Format::negotiate).
    #[must_use]
    pub fn accept(mut self, accept: &str) -> Self {
        self.negotiated = Format::negotiate(accept);
        self
    }

    /// Sets the header `Accept-Encoding`. With the feature `gzip`, a body of 1 kB and more is compressed if the header
    /// names `gzip`, without a `q` of 0 or below that of `identity`.
    #[must_use]
    pub fn accept_encoding(mut self, accept_encoding: &str) -> Self {
        self.wants_gzip = wants_gzip(accept_encoding);
        self
    }

    /// Sets the query of the address: each `name[]` asks for the family with samples of that name, and none for all. Others are not read.
    ///
    /// Other parameters are ignored.
    #[must_use]
    pub fn query(mut self, query: &str) -> Self {
        let parameters = form_urlencoded::parse(query.as_bytes());
        self.names = parameters.filter(|(key, _)| key == "name[]").map(|(_, name)| name.into_owned()).collect();
        // The same names in any order are one scrape.
        self.names.sort_unstable();
        self.names.dedup();
        self
    }

    /// Sets the time after which the scraper gives up, 60 seconds by default. The answer comes a tenth of it earlier, at
    /// most half a second.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the header `X-Prometheus-Scrape-Timeout-Seconds`, the time after which the scraper gives up. Anything
    /// but a positive number is ignored.
    #[must_use]
    pub fn timeout_header(self, seconds: &str) -> Self {
        let seconds = seconds.trim().parse().ok().filter(|seconds| *seconds > 0.0);
        match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            Some(timeout) => self.timeout(timeout),
            None => self,
        }
    }

    /// Returns the time in which the answer has to be there.
    pub(super) fn time_to_answer(&self) -> Duration {
        self.timeout.saturating_sub((self.timeout / 10).min(MAX_MARGIN))
    }
}

impl Default for Ask {
    fn default() -> Self {
        Self::new()
    }
}
