//! measured.

use std::hint::black_box;
use std::sync::Arc;

use measured::metric::MetricFamilyEncoding;
use measured::metric::histogram::Thresholds;
use measured::metric::name::MetricName;
use measured::text::BufferedTextEncoder;
use measured::{Counter, CounterVec, Gauge, Histogram, HistogramVec, LabelGroup};
use paracord::ParaCord;

use crate::peer::{Family, Peer, Series, Values, Work, work, work_on};
use crate::values::{BUCKETS, OBSERVATIONS};

#[derive(Debug)]
pub(super) struct Measured;

const N: usize = BUCKETS.len();

// Values that are not known beforehand, interned as the benchmarks of the library do it.
#[derive(Clone, Copy, LabelGroup)]
#[label(set = PairSet)]
struct Pair<'a> {
    #[label(dynamic_with = ParaCord, default)]
    route: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    status: &'a str,
}

#[derive(Clone, Copy, LabelGroup)]
#[label(set = TripleSet)]
struct Triple<'a> {
    #[label(dynamic_with = ParaCord, default)]
    route: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    status: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    tenant: &'a str,
}

fn thresholds() -> Thresholds<N> {
    Thresholds::with_buckets(BUCKETS)
}

impl Peer for Measured {
    fn name(&self) -> &'static str {
        "measured"
    }

    fn inc(&self) -> Option<Work> {
        let counter = Counter::new();
        Some(work(move || black_box(&counter).inc()))
    }

    fn observe(&self) -> Option<Work> {
        let histogram = Histogram::with_metadata(thresholds());
        Some(work_on(&OBSERVATIONS, move |value| black_box(&histogram).observe(value)))
    }

    fn in_flight(&self) -> Option<Work> {
        let gauge = Gauge::new();
        Some(work(move || {
            black_box(&gauge).inc();
            black_box(&gauge).dec();
        }))
    }

    fn time_nothing(&self) -> Option<Work> {
        let histogram = Histogram::with_metadata(thresholds());
        Some(work(move || drop(black_box(&histogram).start_timer())))
    }

    fn pairs(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(Pairs(CounterVec::with_label_set(PairSet::new()))))
    }

    fn triples(&self, _: usize) -> Option<Family<3>> {
        Some(Arc::new(Triples(CounterVec::with_label_set(TripleSet::new()))))
    }

    fn histograms(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(Histograms(HistogramVec::with_label_set_and_metadata(PairSet::new(), thresholds()))))
    }
}

fn write(family: &impl MetricFamilyEncoding<BufferedTextEncoder>, out: &mut String) {
    let mut encoder = BufferedTextEncoder::new();
    let Ok(()) = family.collect_family_into(MetricName::from_str("requests_total"), &mut encoder);
    out.clear();
    out.push_str(std::str::from_utf8(&encoder.finish()).expect("text"));
}

struct Pairs(CounterVec<PairSet>);

impl Series<2> for Pairs {
    fn update(&self, sets: &[Values<2>]) {
        for &[route, status] in sets {
            self.0.inc(Pair { route, status });
        }
    }

    fn scrape(&self, out: &mut String) {
        write(&self.0, out);
    }
}

struct Triples(CounterVec<TripleSet>);

impl Series<3> for Triples {
    fn update(&self, sets: &[Values<3>]) {
        for &[route, status, tenant] in sets {
            self.0.inc(Triple { route, status, tenant });
        }
    }

    fn scrape(&self, out: &mut String) {
        write(&self.0, out);
    }
}

struct Histograms(HistogramVec<PairSet, N>);

impl Series<2> for Histograms {
    fn update(&self, sets: &[Values<2>]) {
        for (&[route, status], value) in sets.iter().zip(OBSERVATIONS.iter().cycle()) {
            self.0.observe(Pair { route, status }, *value);
        }
    }

    fn scrape(&self, out: &mut String) {
        write(&self.0, out);
    }
}
