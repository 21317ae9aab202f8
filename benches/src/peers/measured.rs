//! measured.

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use measured::metric::MetricFamilyEncoding;
use measured::metric::group::Encoding;
use measured::metric::histogram::Thresholds;
use measured::metric::name::MetricName;
use measured::text::BufferedTextEncoder;
use measured::{Counter, CounterVec, Gauge, Histogram, HistogramVec, LabelGroup};
use paracord::ParaCord;

use crate::peer::{Family, Peer, Series, Values, Work, work, work_on};
use crate::values::{BUCKETS, OBSERVATIONS, single_names};

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
        Some(Arc::new(Pairs(Encoded::new(CounterVec::with_label_set(PairSet::new())))))
    }

    fn triples(&self, _: usize) -> Option<Family<3>> {
        Some(Arc::new(Triples(Encoded::new(CounterVec::with_label_set(TripleSet::new())))))
    }

    fn histograms(&self, _: usize) -> Option<Family<2>> {
        let vec = HistogramVec::with_label_set_and_metadata(PairSet::new(), thresholds());
        Some(Arc::new(Histograms(Encoded::new(vec))))
    }

    fn singles(&self, count: usize) -> Option<Family<0>> {
        let counters = single_names(count).map(|name| (name, Counter::new())).collect();
        Some(Arc::new(Singles(counters, Mutex::new(BufferedTextEncoder::new()))))
    }
}

/// A family, and the encoder that is kept for it as its documentation recommends.
struct Encoded<F>(F, Mutex<BufferedTextEncoder>);

impl<F: MetricFamilyEncoding<BufferedTextEncoder>> Encoded<F> {
    fn new(family: F) -> Self {
        Self(family, Mutex::new(BufferedTextEncoder::new()))
    }

    fn show(&self, body: &mut dyn FnMut(&[u8])) {
        let mut encoder = self.1.lock().expect("nothing panics in it");
        let Ok(()) = self.0.collect_family_into(MetricName::from_str("requests_total"), &mut *encoder);
        body(&encoder.finish());
    }
}

/// The text as a string, where the body is looked at.
fn text(show: impl FnOnce(&mut dyn FnMut(&[u8])), out: &mut String) {
    out.clear();
    show(&mut |body| out.push_str(std::str::from_utf8(body).expect("text")));
}

struct Singles(Vec<(String, Counter)>, Mutex<BufferedTextEncoder>);

impl Series<0> for Singles {
    fn update(&self, _: &[Values<0>]) {
        for (_, counter) in &self.0 {
            counter.inc();
        }
    }

    fn scrape(&self, out: &mut String) {
        text(|body| self.show(&mut String::new(), body), out);
    }

    fn show(&self, _: &mut String, body: &mut dyn FnMut(&[u8])) {
        let mut encoder = self.1.lock().expect("nothing panics in it");
        for (name, counter) in &self.0 {
            let name = MetricName::try_from_str(name).expect("a valid name");
            let Ok(()) = encoder.write_help(name, "A family.");
            let Ok(()) = counter.collect_family_into(name, &mut *encoder);
        }
        body(&encoder.finish());
    }
}

struct Pairs(Encoded<CounterVec<PairSet>>);

impl Series<2> for Pairs {
    fn update(&self, sets: &[Values<2>]) {
        for &[route, status] in sets {
            self.0.0.inc(Pair { route, status });
        }
    }

    fn scrape(&self, out: &mut String) {
        text(|body| self.0.show(body), out);
    }

    fn show(&self, _: &mut String, body: &mut dyn FnMut(&[u8])) {
        self.0.show(body);
    }
}

struct Triples(Encoded<CounterVec<TripleSet>>);

impl Series<3> for Triples {
    fn update(&self, sets: &[Values<3>]) {
        for &[route, status, tenant] in sets {
            self.0.0.inc(Triple { route, status, tenant });
        }
    }

    fn scrape(&self, out: &mut String) {
        text(|body| self.0.show(body), out);
    }

    fn show(&self, _: &mut String, body: &mut dyn FnMut(&[u8])) {
        self.0.show(body);
    }
}

struct Histograms(Encoded<HistogramVec<PairSet, N>>);

impl Series<2> for Histograms {
    fn update(&self, sets: &[Values<2>]) {
        for (&[route, status], value) in sets.iter().zip(OBSERVATIONS.iter().cycle()) {
            self.0.0.observe(Pair { route, status }, *value);
        }
    }

    fn scrape(&self, out: &mut String) {
        text(|body| self.0.show(body), out);
    }

    fn show(&self, _: &mut String, body: &mut dyn FnMut(&[u8])) {
        self.0.show(body);
    }
}
