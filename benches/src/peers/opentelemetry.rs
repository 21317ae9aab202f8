//! opentelemetry, with `opentelemetry_sdk` and opentelemetry-prometheus.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider as _};
use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};

use crate::peer::{Family, Peer, Series, Values, Work, work, work_on};
use crate::values::{BUCKETS, OBSERVATIONS};

#[derive(Debug)]
pub(super) struct OpenTelemetry;

/// Keeps the provider, without which nothing is counted.
struct Setup {
    provider: SdkMeterProvider,
    registry: Registry,
    meter: Meter,
}

impl Setup {
    /// A meter for at most this many series; the limit by default is 2,000.
    fn new(most: usize) -> Option<Self> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().ok()?;
        let limit = move |_: &Instrument| Stream::builder().with_cardinality_limit(most.max(2000)).build().ok();
        let provider = SdkMeterProvider::builder().with_reader(exporter).with_view(limit).build();
        let meter = provider.meter("bench");
        Some(Self { provider, registry, meter })
    }

    fn histogram(&self, name: &'static str) -> Histogram<f64> {
        self.meter.f64_histogram(name).with_boundaries(BUCKETS.to_vec()).build()
    }

    fn scrape(&self, out: &mut String) {
        out.clear();
        TextEncoder::new().encode_utf8(&self.registry.gather(), out).expect("a string takes all");
    }

    /// For as long as the work is kept.
    fn alive(&self) -> usize {
        std::ptr::from_ref(&self.provider) as usize
    }
}

impl Peer for OpenTelemetry {
    fn name(&self) -> &'static str {
        "opentelemetry"
    }

    fn inc(&self) -> Option<Work> {
        let setup = Setup::new(1)?;
        let counter = setup.meter.u64_counter("bench").build();
        Some(keep(setup, work(move || black_box(&counter).add(1, &[]))))
    }

    fn inc_half(&self) -> Option<Work> {
        let setup = Setup::new(1)?;
        let counter = setup.meter.f64_counter("bench_halves").build();
        Some(keep(setup, work(move || black_box(&counter).add(black_box(0.5), &[]))))
    }

    fn observe(&self) -> Option<Work> {
        let setup = Setup::new(1)?;
        let histogram = setup.histogram("bench_size");
        Some(keep(setup, work_on(&OBSERVATIONS, move |value| black_box(&histogram).record(value, &[]))))
    }

    fn in_flight(&self) -> Option<Work> {
        let setup = Setup::new(1)?;
        let gauge = setup.meter.i64_up_down_counter("bench_in_flight").build();
        Some(keep(
            setup,
            work(move || {
                black_box(&gauge).add(1, &[]);
                black_box(&gauge).add(-1, &[]);
            }),
        ))
    }

    fn time_nothing(&self) -> Option<Work> {
        let setup = Setup::new(1)?;
        let histogram = setup.histogram("bench_seconds");
        Some(keep(
            setup,
            work(move || {
                let start = Instant::now();
                black_box(&histogram).record(start.elapsed().as_secs_f64(), &[]);
            }),
        ))
    }

    fn pairs(&self, most: usize) -> Option<Family<2>> {
        let setup = Setup::new(most)?;
        Some(Arc::new(Counters { counter: setup.meter.u64_counter("requests").build(), setup }))
    }

    fn static_pairs(&self, most: usize) -> Option<Family<2>> {
        let setup = Setup::new(most)?;
        Some(Arc::new(StaticCounters { counter: setup.meter.u64_counter("requests").build(), setup }))
    }

    fn triples(&self, most: usize) -> Option<Family<3>> {
        let setup = Setup::new(most)?;
        Some(Arc::new(Counters { counter: setup.meter.u64_counter("requests").build(), setup }))
    }

    fn histograms(&self, most: usize) -> Option<Family<2>> {
        let setup = Setup::new(most)?;
        Some(Arc::new(Histograms { histogram: setup.histogram("request_seconds"), setup }))
    }
}

fn keep(setup: Setup, work: Work) -> Work {
    Box::new(move |times| {
        black_box(setup.alive());
        work(times);
    })
}

const LABELS: [&str; 3] = ["route", "status", "tenant"];

fn attributes<const N: usize>(set: &Values<N>) -> [KeyValue; N] {
    std::array::from_fn(|i| KeyValue::new(LABELS[i], set[i].to_owned()))
}

struct Counters {
    setup: Setup,
    counter: Counter<u64>,
}

impl<const N: usize> Series<N> for Counters {
    fn update(&self, sets: &[Values<N>]) {
        for set in sets {
            self.counter.add(1, &attributes(set));
        }
    }

    fn scrape(&self, out: &mut String) {
        self.setup.scrape(out);
    }
}

struct StaticCounters {
    setup: Setup,
    counter: Counter<u64>,
}

impl Series<2> for StaticCounters {
    fn update(&self, sets: &[Values<2>]) {
        for &[route, status] in sets {
            self.counter.add(1, &[KeyValue::new("route", route), KeyValue::new("status", status)]);
        }
    }

    fn scrape(&self, out: &mut String) {
        self.setup.scrape(out);
    }
}

struct Histograms {
    setup: Setup,
    histogram: Histogram<f64>,
}

impl Series<2> for Histograms {
    fn update(&self, sets: &[Values<2>]) {
        for (set, value) in sets.iter().zip(OBSERVATIONS.iter().cycle()) {
            self.histogram.record(*value, &attributes(set));
        }
    }

    fn scrape(&self, out: &mut String) {
        self.setup.scrape(out);
    }
}
