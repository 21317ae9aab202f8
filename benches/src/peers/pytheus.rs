//! pytheus.

use std::hint::black_box;
use std::sync::Arc;

use pytheus::exposition::{Exposition, append_metrics_from};
use pytheus::registry::CollectorRegistry;
use pytheus::{Counter, LabelValue, counter, histogram, metric};

use crate::peer::{Family, Format, Peer, Series, Values, Work, poll_once, work, work_on};
use crate::values::{OBSERVATIONS, single_names};

#[derive(Debug)]
pub(super) struct Pytheus;

static PAIRS_REGISTRY: CollectorRegistry = CollectorRegistry::new();
static HISTOGRAMS_REGISTRY: CollectorRegistry = CollectorRegistry::new();

#[derive(Clone, Copy, LabelValue)]
enum Method {
    Get,
    Put,
    Post,
    Delete,
}

#[derive(Clone, Copy, LabelValue)]
enum Class {
    Informational,
    Success,
    Redirection,
    ClientError,
    ServerError,
}

metric! {
    /// A counter.
    static COUNTER: Counter = "bench_total";
    /// A counter of halves.
    static HALVES: Counter = "bench_halves_total";
    /// A histogram.
    static HISTOGRAM: Histogram = "bench_size";
    /// A histogram of times.
    static SECONDS: Histogram = "bench_seconds";
    /// A gauge.
    static IN_FLIGHT: Gauge = "bench_in_flight";
    /// Counters with closed labels.
    static CLOSED: Counter = "bench_closed_total" { labels: { method: Method, class: Class } };
    /// Counters with two labels.
    static PAIRS: Counter = "requests_total" { labels: { route, status }, registry: PAIRS_REGISTRY };
    /// Counters with three labels.
    static TRIPLES: Counter = "bench_triples_total" { labels: { route, status, tenant }, registry: none };
    /// Histograms with two labels.
    static HISTOGRAMS: Histogram = "request_seconds" { labels: { route, status }, registry: HISTOGRAMS_REGISTRY };
}

#[histogram(name = "bench_empty_seconds", help = "An empty function.")]
fn empty() {}

#[histogram(name = "bench_empty_async_seconds", help = "An empty async function.")]
async fn empty_async() {}

#[counter(name = "bench_stacked_total", help = "Calls.")]
#[histogram(name = "bench_stacked_seconds", help = "Times.")]
fn empty_stacked() {}

#[counter(name = "bench_stacked_async_total", help = "Calls.")]
#[histogram(name = "bench_stacked_async_seconds", help = "Times.")]
async fn empty_stacked_async() {}

pub(super) fn stacked() -> Work {
    work(empty_stacked)
}

pub(super) fn stacked_async() -> Work {
    work(|| black_box(poll_once(empty_stacked_async())))
}

pub(super) fn closed_labels() -> Work {
    const METHODS: [Method; 4] = [Method::Get, Method::Put, Method::Post, Method::Delete];
    const CLASSES: [Class; 5] =
        [Class::Informational, Class::Success, Class::Redirection, Class::ClientError, Class::ServerError];
    Box::new(|times| {
        for i in 0..times as usize {
            CLOSED.method(black_box(METHODS[i % METHODS.len()])).class(black_box(CLASSES[i % CLASSES.len()])).inc();
        }
    })
}

impl Peer for Pytheus {
    fn name(&self) -> &'static str {
        "pytheus"
    }

    fn inc(&self) -> Option<Work> {
        Some(work(|| black_box(&COUNTER).inc()))
    }

    fn inc_half(&self) -> Option<Work> {
        Some(work(|| black_box(&HALVES).inc_by(black_box(0.5))))
    }

    fn observe(&self) -> Option<Work> {
        Some(work_on(&OBSERVATIONS, |value| black_box(&HISTOGRAM).observe(value)))
    }

    fn in_flight(&self) -> Option<Work> {
        Some(work(|| {
            let guard = black_box(&IN_FLIGHT).track_inprogress();
            drop(black_box(guard));
        }))
    }

    fn time_nothing(&self) -> Option<Work> {
        Some(work(|| drop(black_box(&SECONDS).time())))
    }

    fn attribute(&self) -> Option<Work> {
        Some(work(empty))
    }

    fn async_attribute(&self) -> Option<Work> {
        Some(work(|| black_box(poll_once(empty_async()))))
    }

    fn pairs(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(Pairs))
    }

    fn triples(&self, _: usize) -> Option<Family<3>> {
        Some(Arc::new(Triples))
    }

    fn histograms(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(Histograms))
    }

    fn singles(&self, count: usize) -> Option<Family<0>> {
        let registry = CollectorRegistry::new();
        let counters = single_names(count).map(|name| Counter::builder(name, "A family.").registry(&registry).build());
        let counters = counters.collect::<Result<_, _>>().expect("valid names");
        Some(Arc::new(Singles { registry, counters }))
    }
}

struct Pairs;

impl Series<2> for Pairs {
    fn update(&self, sets: &[Values<2>]) {
        for [route, status] in sets {
            PAIRS.route(*route).status(*status).inc();
        }
    }

    fn scrape(&self, out: &mut String) {
        out.clear();
        append_metrics_from(&PAIRS_REGISTRY, out).expect("the totals are in this process");
    }

    fn expose(&self, format: Format, out: &mut Vec<u8>) -> bool {
        expose(&PAIRS_REGISTRY, format, out)
    }
}

impl Drop for Pairs {
    fn drop(&mut self) {
        PAIRS.clear();
    }
}

fn expose(registry: &CollectorRegistry, format: Format, out: &mut Vec<u8>) -> bool {
    let format = match format {
        Format::OpenMetrics => pytheus::exposition::Format::OpenMetrics,
        Format::Protobuf => pytheus::exposition::Format::Protobuf,
    };
    out.clear();
    Exposition::of(registry).format(format).append_to(out).expect("the totals are in this process");
    true
}

struct Singles {
    registry: CollectorRegistry,
    counters: Vec<Counter>,
}

impl Series<0> for Singles {
    fn update(&self, _: &[Values<0>]) {
        self.counters.iter().for_each(Counter::inc);
    }

    fn scrape(&self, out: &mut String) {
        out.clear();
        append_metrics_from(&self.registry, out).expect("the totals are in this process");
    }

    fn expose(&self, format: Format, out: &mut Vec<u8>) -> bool {
        expose(&self.registry, format, out)
    }
}

struct Triples;

impl Series<3> for Triples {
    fn update(&self, sets: &[Values<3>]) {
        for [route, status, tenant] in sets {
            TRIPLES.route(*route).status(*status).tenant(*tenant).inc();
        }
    }

    fn scrape(&self, _: &mut String) {}
}

impl Drop for Triples {
    fn drop(&mut self) {
        TRIPLES.clear();
    }
}

struct Histograms;

impl Series<2> for Histograms {
    fn update(&self, sets: &[Values<2>]) {
        for ([route, status], value) in sets.iter().zip(OBSERVATIONS.iter().cycle()) {
            HISTOGRAMS.route(*route).status(*status).observe(*value);
        }
    }

    fn scrape(&self, out: &mut String) {
        out.clear();
        append_metrics_from(&HISTOGRAMS_REGISTRY, out).expect("the totals are in this process");
    }

    fn expose(&self, format: Format, out: &mut Vec<u8>) -> bool {
        expose(&HISTOGRAMS_REGISTRY, format, out)
    }
}

impl Drop for Histograms {
    fn drop(&mut self) {
        HISTOGRAMS.clear();
    }
}
