//! prometheus-client (`prometheus/client_rust`).

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Vec;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use crate::peer::{Family, Format, Peer, Series, Values, Work, work, work_on};
use crate::values::{BUCKETS, OBSERVATIONS, single_names};

#[derive(Debug)]
pub(super) struct PrometheusClient;

keys! {
    #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
}

fn registry(metric: impl Metric) -> Registry {
    let mut registry = Registry::default();
    registry.register("requests", "A family.", metric);
    registry
}

impl Peer for PrometheusClient {
    fn name(&self) -> &'static str {
        "prometheus-client"
    }

    fn inc(&self) -> Option<Work> {
        let counter = Counter::<u64>::default();
        Some(work(move || black_box(&counter).inc()))
    }

    fn inc_half(&self) -> Option<Work> {
        let counter = Counter::<f64, AtomicU64>::default();
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
        Some(Arc::new(Counters { registry: registry(vec.clone()), vec }))
    }

    fn static_pairs(&self, _: usize) -> Option<Family<2>> {
        let vec = Vec::<StaticPair, Counter>::default();
        Some(Arc::new(Counters { registry: registry(vec.clone()), vec }))
    }

    fn triples(&self, _: usize) -> Option<Family<3>> {
        let vec = Vec::<Triple, Counter>::default();
        Some(Arc::new(Counters { registry: registry(vec.clone()), vec }))
    }

    fn histograms(&self, _: usize) -> Option<Family<2>> {
        let vec = Vec::<Pair, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        Some(Arc::new(Histograms { registry: registry(vec.clone()), vec }))
    }

    fn singles(&self, count: usize) -> Option<Family<0>> {
        let mut registry = Registry::default();
        let counters = single_names(count).map(|name| {
            let counter = Counter::default();
            // The library adds the suffix.
            registry.register(name.trim_end_matches("_total"), "A family.", counter.clone());
            counter
        });
        let counters = counters.collect();
        Some(Arc::new(Singles { registry, counters }))
    }
}

struct Singles {
    registry: Registry,
    counters: std::vec::Vec<Counter>,
}

impl Series<0> for Singles {
    fn update(&self, _: &[Values<0>]) {
        for counter in &self.counters {
            counter.inc();
        }
    }

    fn scrape(&self, out: &mut String) {
        write(&self.registry, out);
    }

    fn expose(&self, format: Format, out: &mut std::vec::Vec<u8>) -> bool {
        expose(&self.registry, format, out)
    }
}

fn write(registry: &Registry, out: &mut String) {
    out.clear();
    text::encode(out, registry).expect("a string takes all");
}

fn expose(registry: &Registry, format: Format, out: &mut std::vec::Vec<u8>) -> bool {
    match format {
        // The library writes to text; its bytes are those of the body.
        Format::OpenMetrics => {
            let mut text = String::from_utf8(std::mem::take(out)).expect("the text of the last time");
            write(registry, &mut text);
            *out = text.into_bytes();
            true
        }
        #[cfg(feature = "protobuf")]
        Format::Protobuf => {
            *out = prometheus_client::encoding::prometheus_protobuf::encode_to_vec(registry).expect("memory takes all");
            true
        }
        #[cfg(not(feature = "protobuf"))]
        Format::Protobuf => false,
    }
}

struct Counters<L> {
    registry: Registry,
    vec: Vec<L, Counter>,
}

impl<L, const N: usize> Series<N> for Counters<L>
where
    L: From<Values<N>> + Clone + Eq + std::hash::Hash + Send + Sync,
{
    fn update(&self, sets: &[Values<N>]) {
        for set in sets {
            self.vec.get_or_create(&L::from(*set)).inc();
        }
    }

    fn scrape(&self, out: &mut String) {
        write(&self.registry, out);
    }

    fn expose(&self, format: Format, out: &mut std::vec::Vec<u8>) -> bool {
        expose(&self.registry, format, out)
    }
}

struct Histograms {
    registry: Registry,
    vec: Vec<Pair, Histogram>,
}

impl Series<2> for Histograms {
    fn update(&self, sets: &[Values<2>]) {
        for (set, value) in sets.iter().zip(OBSERVATIONS.iter().cycle()) {
            self.vec.get_or_create(&Pair::from(*set)).observe(*value);
        }
    }

    fn scrape(&self, out: &mut String) {
        write(&self.registry, out);
    }

    fn expose(&self, format: Format, out: &mut std::vec::Vec<u8>) -> bool {
        expose(&self.registry, format, out)
    }
}
