//! One file per library.

#[macro_use]
mod keys;

mod autometrics;
mod fastmetrics;
mod foundations;
mod measured;
mod metrics;
mod opentelemetry;
mod prometheus;
mod prometheus_client;
mod pytheus;

use crate::peer::{Peer, Work};
use crate::race::Kind;

/// This library first, then its peers.
pub const ALL: [&dyn Peer; 9] = [
    &pytheus::Pytheus,
    &prometheus::Prometheus,
    &prometheus_client::PrometheusClient,
    &metrics::Metrics,
    &measured::Measured,
    &fastmetrics::Fastmetrics,
    &foundations::Foundations,
    &opentelemetry::OpenTelemetry,
    &autometrics::Autometrics,
];

/// This library.
pub const OURS: &dyn Peer = &pytheus::Pytheus;

/// Each with what it stands for.
pub fn with_kinds() -> impl Iterator<Item = (&'static dyn Peer, Kind)> {
    ALL.into_iter().zip(std::iter::once(Kind::Ours).chain(std::iter::repeat(Kind::Peer)))
}

/// What `#[autometrics]` counts, too: calls apart from times, hence two attributes of pytheus.
pub const STACKED: [fn() -> Work; 2] = [pytheus::stacked, pytheus::stacked_async];

/// A counter whose labels are an enum each.
pub const CLOSED_LABELS: fn() -> Work = pytheus::closed_labels;
