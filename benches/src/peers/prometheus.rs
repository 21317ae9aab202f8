//! prometheus (tikv/rust-prometheus).

use std::hint::black_box;
use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::{
    Counter, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use crate::peer::{Family, Peer, Series, Values, Work, work, work_on};
use crate::values::{BUCKETS, OBSERVATIONS, single_names};

#[derive(Debug)]
pub(super) struct Prometheus;

const LABELS: [&str; 3] = ["route", "status", "tenant"];

fn histogram_opts(name: &str) -> HistogramOpts {
    HistogramOpts::new(name, "A histogram.").buckets(BUCKETS.to_vec())
}

fn registry(collector: impl Collector + 'static) -> Registry {
    let registry = Registry::new();
    registry.register(Box::new(collector)).expect("the only one");
    registry
}

fn counters<const N: usize>() -> Counters<N> {
    let vec = IntCounterVec::new(Opts::new("requests_total", "Counters."), &LABELS[..N]).expect("valid");
    Counters { registry: registry(vec.clone()), vec }
}

impl Peer for Prometheus {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn inc(&self) -> Option<Work> {
        let counter = IntCounter::new("bench_total", "A counter.").ok()?;
        Some(work(move || black_box(&counter).inc()))
    }

    fn inc_half(&self) -> Option<Work> {
        let counter = Counter::new("bench_halves_total", "A counter.").ok()?;
        Some(work(move || black_box(&counter).inc_by(black_box(0.5))))
    }

    fn observe(&self) -> Option<Work> {
        let histogram = Histogram::with_opts(histogram_opts("bench_size")).ok()?;
        Some(work_on(&OBSERVATIONS, move |value| black_box(&histogram).observe(value)))
    }

    fn in_flight(&self) -> Option<Work> {
        let gauge = IntGauge::new("bench_in_flight", "A gauge.").ok()?;
        Some(work(move || {
            black_box(&gauge).inc();
            black_box(&gauge).dec();
        }))
    }

    fn time_nothing(&self) -> Option<Work> {
        let histogram = Histogram::with_opts(histogram_opts("bench_seconds")).ok()?;
        Some(work(move || drop(black_box(&histogram).start_timer())))
    }

    fn pairs(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(counters::<2>()))
    }

    fn triples(&self, _: usize) -> Option<Family<3>> {
        Some(Arc::new(counters::<3>()))
    }

    fn histograms(&self, _: usize) -> Option<Family<2>> {
        let vec = HistogramVec::new(histogram_opts("request_seconds"), &LABELS[..2]).ok()?;
        Some(Arc::new(Histograms { registry: registry(vec.clone()), vec }))
    }

    fn singles(&self, count: usize) -> Option<Family<0>> {
        let registry = Registry::new();
        let counters = single_names(count).map(|name| {
            let counter = IntCounter::new(name, "A family.").ok()?;
            registry.register(Box::new(counter.clone())).ok()?;
            Some(counter)
        });
        let counters = counters.collect::<Option<_>>()?;
        Some(Arc::new(Singles { registry, counters }))
    }
}

struct Singles {
    registry: Registry,
    counters: Vec<IntCounter>,
}

impl Series<0> for Singles {
    fn update(&self, _: &[Values<0>]) {
        self.counters.iter().for_each(IntCounter::inc);
    }

    fn scrape(&self, out: &mut String) {
        text(&self.registry, out);
    }
}

fn text(registry: &Registry, out: &mut String) {
    out.clear();
    TextEncoder::new().encode_utf8(&registry.gather(), out).expect("a string takes all");
}

struct Counters<const N: usize> {
    registry: Registry,
    vec: IntCounterVec,
}

impl<const N: usize> Series<N> for Counters<N> {
    fn update(&self, sets: &[Values<N>]) {
        for set in sets {
            self.vec.with_label_values(set).inc();
        }
    }

    fn scrape(&self, out: &mut String) {
        text(&self.registry, out);
    }
}

struct Histograms {
    registry: Registry,
    vec: HistogramVec,
}

impl Series<2> for Histograms {
    fn update(&self, sets: &[Values<2>]) {
        for (set, value) in sets.iter().zip(OBSERVATIONS.iter().cycle()) {
            self.vec.with_label_values(set).observe(*value);
        }
    }

    fn scrape(&self, out: &mut String) {
        text(&self.registry, out);
    }
}
