//! Prometheus protobuf, decoded: the messages as prost generates them from `metrics.proto`.

use prost::Message;

/// A family.
#[derive(Clone, PartialEq, Message)]
pub struct MetricFamily {
    /// The name, as in text 0.0.4.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The help text.
    #[prost(string, tag = "2")]
    pub help: String,
    /// The number of its type.
    #[prost(int32, tag = "3")]
    pub kind: i32,
    /// The series.
    #[prost(message, repeated, tag = "4")]
    pub metric: Vec<Metric>,
    /// The unit.
    #[prost(string, tag = "5")]
    pub unit: String,
}

/// A series.
#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// The labels.
    #[prost(message, repeated, tag = "1")]
    pub label: Vec<LabelPair>,
    /// The value of a gauge.
    #[prost(message, optional, tag = "2")]
    pub gauge: Option<Single>,
    /// The value of a counter.
    #[prost(message, optional, tag = "3")]
    pub counter: Option<Single>,
    /// The value of a summary.
    #[prost(message, optional, tag = "4")]
    pub summary: Option<Summary>,
    /// The value of a histogram.
    #[prost(message, optional, tag = "7")]
    pub histogram: Option<Histogram>,
}

/// A label.
#[derive(Clone, PartialEq, Message)]
pub struct LabelPair {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A number.
#[derive(Clone, PartialEq, Message)]
pub struct Single {
    /// The number.
    #[prost(double, tag = "1")]
    pub value: f64,
}

/// A summary.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// The number of values.
    #[prost(uint64, tag = "1")]
    pub sample_count: u64,
    /// Their sum.
    #[prost(double, tag = "2")]
    pub sample_sum: f64,
    /// Quantiles.
    #[prost(message, repeated, tag = "3")]
    pub quantile: Vec<Quantile>,
}

/// A quantile.
#[derive(Clone, PartialEq, Message)]
pub struct Quantile {
    /// From 0 to 1.
    #[prost(double, tag = "1")]
    pub quantile: f64,
    /// Its value.
    #[prost(double, tag = "2")]
    pub value: f64,
}

/// A histogram.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    /// The number of values.
    #[prost(uint64, tag = "1")]
    pub sample_count: u64,
    /// Their sum.
    #[prost(double, tag = "2")]
    pub sample_sum: f64,
    /// The buckets with a bound.
    #[prost(message, repeated, tag = "3")]
    pub bucket: Vec<Bucket>,
}

/// A bucket.
#[derive(Clone, PartialEq, Message)]
pub struct Bucket {
    /// The number of values up to the bound.
    #[prost(uint64, tag = "1")]
    pub cumulative_count: u64,
    /// The bound.
    #[prost(double, tag = "2")]
    pub upper_bound: f64,
}

/// Decodes a body.
///
/// # Panics
///
/// When it is no sequence of families.
pub fn decode(mut body: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !body.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut body).expect("a family behind its length"));
    }
    families
}
