//! fastmetrics.

use std::hash::Hash;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use fastmetrics::derive::LabelSet;
use fastmetrics::format::text::{self, TextProfile};
use fastmetrics::metrics::counter::Counter;
use fastmetrics::metrics::family::Family as Vec;
use fastmetrics::metrics::gauge::Gauge;
use fastmetrics::metrics::histogram::Histogram;
use fastmetrics::registry::Registry;

use crate::peer::{Family, Peer, Series, Values, Work, work, work_on};
use crate::values::{BUCKETS, OBSERVATIONS};

#[derive(Debug)]
pub(super) struct Fastmetrics;

keys! {
    #[derive(Clone, PartialEq, Eq, Hash, LabelSet)]
}

impl Peer for Fastmetrics {
    fn name(&self) -> &'static str {
        "fastmetrics"
    }

    fn inc(&self) -> Option<Work> {
        let counter = Counter::<u64>::default();
        Some(work(move || black_box(&counter).inc()))
    }

    fn inc_half(&self) -> Option<Work> {
        let counter = Counter::<f64>::default();
        Some(work(move || black_box(&counter).inc_by(black_box(0.5))))
    }

    fn observe(&self) -> Option<Work> {
        let histogram = Histogram::new(BUCKETS);
        Some(work_on(&OBSERVATIONS, move |value| black_box(&histogram).observe(value)))
    }

    fn in_flight(&self) -> Option<Work> {
        let gauge = Gauge::<i64>::default();
        Some(work(move || {
            black_box(&gauge).inc();
            black_box(&gauge).dec();
        }))
    }

    fn time_nothing(&self) -> Option<Work> {
        let histogram = Histogram::new(BUCKETS);
        Some(work(move || {
            let start = Instant::now();
            black_box(&histogram).observe(start.elapsed().as_secs_f64());
        }))
    }

    fn pairs(&self, _: usize) -> Option<Family<2>> {
        let vec = Vec::<Pair, Counter>::default();
        let mut registry = Registry::builder().build().ok()?;
        registry.register("requests", "Counters.", vec.clone()).ok()?;
        Some(Arc::new(Counters { registry, vec }))
    }

    fn static_pairs(&self, _: usize) -> Option<Family<2>> {
        let vec = Vec::<StaticPair, Counter>::default();
        Some(Arc::new(Counters { registry: Registry::builder().build().ok()?, vec }))
    }

    fn triples(&self, _: usize) -> Option<Family<3>> {
        let vec = Vec::<Triple, Counter>::default();
        Some(Arc::new(Counters { registry: Registry::builder().build().ok()?, vec }))
    }

    fn histograms(&self, _: usize) -> Option<Family<2>> {
        let vec = Vec::<Pair, Histogram>::new(|| Histogram::new(BUCKETS));
        let mut registry = Registry::builder().build().ok()?;
        registry.register("request_size", "Histograms.", vec.clone()).ok()?;
        Some(Arc::new(Histograms { registry, vec }))
    }
}

fn write(registry: &Registry, out: &mut String) {
    out.clear();
    text::encode(out, registry, TextProfile::default()).expect("a string takes all");
}

struct Counters<L> {
    registry: Registry,
    vec: Vec<L, Counter>,
}

impl<L, const N: usize> Series<N> for Counters<L>
where
    L: From<Values<N>> + Clone + Eq + Hash + Send + Sync,
{
    fn update(&self, sets: &[Values<N>]) {
        for set in sets {
            self.vec.with_or_new(&L::from(*set), Counter::inc);
        }
    }

    fn scrape(&self, out: &mut String) {
        write(&self.registry, out);
    }
}

struct Histograms {
    registry: Registry,
    vec: Vec<Pair, Histogram>,
}

impl Series<2> for Histograms {
    fn update(&self, sets: &[Values<2>]) {
        for (set, value) in sets.iter().zip(OBSERVATIONS.iter().cycle()) {
            self.vec.with_or_new(&Pair::from(*set), |histogram| histogram.observe(*value));
        }
    }

    fn scrape(&self, out: &mut String) {
        write(&self.registry, out);
    }
}
