//! metrics, with metrics-exporter-prometheus.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use metrics::{counter, describe_counter, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

#[cfg(feature = "protobuf")]
use crate::peer::Format;
use crate::peer::{Family, Peer, Series, Values, Work, work};
use crate::values::{BUCKETS, OBSERVATIONS, single_names};

#[derive(Debug)]
pub(super) struct Metrics;

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new().set_buckets(&BUCKETS).expect("there are buckets").build_recorder()
}

/// A histogram keeps each observation until it is drained, which an exporter does every five seconds: it is part of
/// the cost, so it is done at the end of each round.
fn drained(handle: PrometheusHandle, observe: impl Fn(u64) + Send + Sync + 'static) -> Work {
    Box::new(move |times| {
        observe(times);
        handle.run_upkeep();
    })
}

impl Peer for Metrics {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn inc(&self) -> Option<Work> {
        let counter = with_local_recorder(&recorder(), || counter!("bench_total"));
        Some(work(move || black_box(&counter).increment(1)))
    }

    fn observe(&self) -> Option<Work> {
        let recorder = recorder();
        let histogram = with_local_recorder(&recorder, || histogram!("bench_size"));
        Some(drained(recorder.handle(), move |times| {
            for value in OBSERVATIONS.iter().cycle().take(times as usize) {
                black_box(&histogram).record(*value);
            }
        }))
    }

    fn in_flight(&self) -> Option<Work> {
        let gauge = with_local_recorder(&recorder(), || gauge!("bench_in_flight"));
        Some(work(move || {
            black_box(&gauge).increment(1);
            black_box(&gauge).decrement(1);
        }))
    }

    fn time_nothing(&self) -> Option<Work> {
        let recorder = recorder();
        let histogram = with_local_recorder(&recorder, || histogram!("bench_seconds"));
        Some(drained(recorder.handle(), move |times| {
            for _ in 0..times {
                let start = Instant::now();
                black_box(&histogram).record(start.elapsed());
            }
        }))
    }

    fn pairs(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(Counters(recorder())))
    }

    fn static_pairs(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(StaticCounters(recorder())))
    }

    fn triples(&self, _: usize) -> Option<Family<3>> {
        Some(Arc::new(Counters(recorder())))
    }

    fn histograms(&self, _: usize) -> Option<Family<2>> {
        Some(Arc::new(Histograms(recorder())))
    }

    fn singles(&self, count: usize) -> Option<Family<0>> {
        let recorder = recorder();
        let counters = with_local_recorder(&recorder, || {
            single_names(count)
                .map(|name| {
                    describe_counter!(name.clone(), "A family.");
                    counter!(name)
                })
                .collect()
        });
        Some(Arc::new(Singles(recorder, counters)))
    }
}

#[cfg(feature = "protobuf")]
fn expose(recorder: &PrometheusRecorder, format: Format, out: &mut Vec<u8>) -> bool {
    if format == Format::Protobuf {
        *out = recorder.handle().render_protobuf();
    }
    format == Format::Protobuf
}

struct Singles(PrometheusRecorder, Vec<metrics::Counter>);

impl Series<0> for Singles {
    fn update(&self, _: &[Values<0>]) {
        for counter in &self.1 {
            counter.increment(1);
        }
    }

    fn scrape(&self, out: &mut String) {
        *out = self.0.handle().render();
    }

    #[cfg(feature = "protobuf")]
    fn expose(&self, format: Format, out: &mut Vec<u8>) -> bool {
        expose(&self.0, format, out)
    }
}

struct Counters(PrometheusRecorder);

impl Series<2> for Counters {
    fn update(&self, sets: &[Values<2>]) {
        with_local_recorder(&self.0, || {
            for &[route, status] in sets {
                let [route, status] = [route, status].map(str::to_owned);
                counter!("requests_total", "route" => route, "status" => status).increment(1);
            }
        });
    }

    fn scrape(&self, out: &mut String) {
        *out = self.0.handle().render();
    }

    #[cfg(feature = "protobuf")]
    fn expose(&self, format: Format, out: &mut Vec<u8>) -> bool {
        expose(&self.0, format, out)
    }
}

struct StaticCounters(PrometheusRecorder);

impl Series<2> for StaticCounters {
    fn update(&self, sets: &[Values<2>]) {
        with_local_recorder(&self.0, || {
            for &[route, status] in sets {
                counter!("requests_total", "route" => route, "status" => status).increment(1);
            }
        });
    }

    fn scrape(&self, out: &mut String) {
        *out = self.0.handle().render();
    }

    #[cfg(feature = "protobuf")]
    fn expose(&self, format: Format, out: &mut Vec<u8>) -> bool {
        expose(&self.0, format, out)
    }
}

impl Series<3> for Counters {
    fn update(&self, sets: &[Values<3>]) {
        with_local_recorder(&self.0, || {
            for &[route, status, tenant] in sets {
                let [route, status, tenant] = [route, status, tenant].map(str::to_owned);
                counter!("requests_total", "route" => route, "status" => status, "tenant" => tenant).increment(1);
            }
        });
    }

    fn scrape(&self, out: &mut String) {
        *out = self.0.handle().render();
    }

    #[cfg(feature = "protobuf")]
    fn expose(&self, format: Format, out: &mut Vec<u8>) -> bool {
        expose(&self.0, format, out)
    }
}

struct Histograms(PrometheusRecorder);

impl Series<2> for Histograms {
    fn update(&self, sets: &[Values<2>]) {
        with_local_recorder(&self.0, || {
            for (&[route, status], value) in sets.iter().zip(OBSERVATIONS.iter().cycle()) {
                let [route, status] = [route, status].map(str::to_owned);
                histogram!("request_seconds", "route" => route, "status" => status).record(*value);
            }
        });
        self.0.handle().run_upkeep();
    }

    fn scrape(&self, out: &mut String) {
        *out = self.0.handle().render();
    }

    #[cfg(feature = "protobuf")]
    fn expose(&self, format: Format, out: &mut Vec<u8>) -> bool {
        expose(&self.0, format, out)
    }
}
