//! The formats of a scrape.

/// A format of a scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// Prometheus text 1.0.0.
    Text1,
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
    /// Prometheus protobuf, delimited.
    Protobuf,
}

impl Format {
    /// Returns the content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => super::PROMETHEUS_CONTENT_TYPE,
            Self::Text1 => "text/plain; version=1.0.0; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}
