//! foundations-metrics.

use std::hash::Hash;
use std::hint::black_box;
use std::sync::Arc;

use foundations_metrics::{
    Counter, EncodeMetric, Family as Vec, Gauge, GaugeGuard, Histogram, HistogramBuilder, NamedMetric,
    ThreadLocalCounter, TimeHistogram, encode_to_text,
};
use serde::Serialize;

use crate::peer::{Family, Peer, Series, Values, Work, work, work_on};
use crate::values::{BUCKETS, OBSERVATIONS};

#[derive(Debug)]
pub(super) struct Foundations;

keys! {
    #[derive(Clone, PartialEq, Eq, Hash, Serialize)]
}

fn counters<L>() -> Counters<L>
where
    L: 'static + Clone + Eq + Hash + Serialize + Send + Sync,
{
    let vec = Vec::<L, Counter>::default();
    Counters { named: Box::new(NamedMetric::new("requests_total", "Counters.", vec.clone())), vec }
}

impl Peer for Foundations {
    fn name(&self) -> &'static str {
        "foundations-metrics"
    }

    fn inc(&self) -> Option<Work> {
        let counter = ThreadLocalCounter::<u64>::default();
        Some(work(move || black_box(&counter).inc()))
    }

    fn inc_half(&self) -> Option<Work> {
        let counter = ThreadLocalCounter::<f64>::default();
        Some(work(move || black_box(&counter).inc_by(black_box(0.5))))
    }

    fn observe(&self) -> Option<Work> {
        let histogram = Histogram::new(BUCKETS);
        Some(work_on(&OBSERVATIONS, move |value| black_box(&histogram).observe(value)))
    }

    fn in_flight(&self) -> Option<Work> {
        let gauge: Gauge = Gauge::default();
        Some(work(move || drop(black_box(GaugeGuard::new(black_box(&gauge).clone())))))
    }

    fn time_nothing(&self) -> Option<Work> {
        let histogram = TimeHistogram::new(BUCKETS);
        Some(work(move || drop(black_box(&histogram).start_timer())))
    }

    fn pairs(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(counters::<Pair>()))
    }

    fn static_pairs(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(counters::<StaticPair>()))
    }

    fn triples(&self, _: usize) -> Option<Family<3>> {
        Some(Arc::new(counters::<Triple>()))
    }

    fn histograms(&self, _: usize) -> Option<Family<2>> {
        let vec = Vec::new_with_constructor(HistogramBuilder { buckets: &BUCKETS });
        Some(Arc::new(Histograms {
            named: Box::new(NamedMetric::new("request_size", "Histograms.", vec.clone())),
            vec,
        }))
    }
}

struct Counters<L> {
    named: Box<dyn EncodeMetric>,
    vec: Vec<L, Counter>,
}

impl<L, const N: usize> Series<N> for Counters<L>
where
    L: From<Values<N>> + Clone + Eq + Hash + Send + Sync,
{
    fn update(&self, sets: &[Values<N>]) {
        for set in sets {
            self.vec.get_or_create(&L::from(*set)).inc();
        }
    }

    fn scrape(&self, out: &mut String) {
        *out = encode_to_text(&self.named.encode());
    }
}

struct Histograms {
    named: Box<dyn EncodeMetric>,
    vec: Vec<Pair, Histogram, HistogramBuilder>,
}

impl Series<2> for Histograms {
    fn update(&self, sets: &[Values<2>]) {
        for (set, value) in sets.iter().zip(OBSERVATIONS.iter().cycle()) {
            self.vec.get_or_create(&Pair::from(*set)).observe(*value);
        }
    }

    fn scrape(&self, out: &mut String) {
        *out = encode_to_text(&self.named.encode());
    }
}
