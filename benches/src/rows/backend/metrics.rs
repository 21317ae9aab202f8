//! What the processes count in.

use std::hint::black_box;

use pytheus::metric;

use crate::peer::{self, Values, Work, work_on};
use crate::rows::in_order;
use crate::values::{OBSERVATIONS, Random, pairs};

metric! {
    /// A counter.
    pub(super) static COUNTER: Counter = "backend_counted_total";
    /// A counter of halves.
    static HALVES: Counter = "backend_halves_total";
    /// A histogram.
    static HISTOGRAM: Histogram = "backend_size";
    /// A gauge.
    static GAUGE: Gauge = "backend_gauge";
    /// A gauge of what is in flight.
    static IN_FLIGHT: Gauge = "backend_in_flight";
    /// Few counters with two labels.
    static FEW: Counter = "backend_few_total" { labels: { route, status } };
    /// Few histograms with two labels.
    static FEW_SECONDS: Histogram = "backend_few_seconds" { labels: { route, status } };
    /// Counters with two labels.
    static REQUESTS: Counter = "backend_requests_total" { labels: { route, status } };
    /// Histograms with two labels.
    static SECONDS: Histogram = "backend_request_seconds" { labels: { route, status } };
}

const FEW_SERIES: usize = 20;

/// The work of a row, by its name.
pub(in crate::rows) fn work(row: &str) -> Option<Work> {
    Some(match row {
        "inc" => peer::work(|| black_box(&COUNTER).inc()),
        "inc_by" => peer::work(|| black_box(&HALVES).inc_by(black_box(0.5))),
        "observe" => work_on(&OBSERVATIONS, |value| black_box(&HISTOGRAM).observe(value)),
        "guard" => peer::work(|| drop(black_box(black_box(&IN_FLIGHT).track_inprogress()))),
        "gauge_inc" => peer::work(|| black_box(&GAUGE).inc()),
        "gauge_set" => work_on(&OBSERVATIONS, |value| black_box(&GAUGE).set(value)),
        "lookup" => in_order(few(), |sets| {
            for [route, status] in sets {
                FEW.route(*route).status(*status).inc();
            }
        }),
        "lookup_observe" => in_order(few(), |sets| {
            for ([route, status], value) in sets.iter().zip(&*OBSERVATIONS) {
                FEW_SECONDS.route(*route).status(*status).observe(*value);
            }
        }),
        "nothing" => peer::work(|| black_box(())),
        _ => return None,
    })
}

/// Few label sets, in an order that no branch predictor could learn.
fn few() -> Vec<Values<2>> {
    let sets = pairs(FEW_SERIES);
    let mut random = Random(7);
    OBSERVATIONS.iter().map(|_| sets[random.below(FEW_SERIES as u64) as usize]).collect()
}

/// Counts once in each of so many series; `counters`, else histograms.
pub(in crate::rows) fn count(what: &str, series: usize) {
    let sets = pairs(series);
    if what == "counters" {
        count_once(&sets);
    } else {
        for ([route, status], value) in sets.into_iter().zip(OBSERVATIONS.iter().cycle()) {
            SECONDS.route(route).status(status).observe(*value);
        }
    }
}

/// Counts once in the counter of each of these.
pub(in crate::rows) fn count_once(sets: &[Values<2>]) {
    for [route, status] in sets {
        REQUESTS.route(*route).status(*status).inc();
    }
}

/// Removes so many series.
pub(super) fn remove(series: usize) {
    for [route, status] in pairs(series) {
        REQUESTS.route(route).status(status).remove();
    }
}

/// How much was counted in all series that have two labels, as a scrape has it.
pub(super) fn total(text: &str) -> f64 {
    let names = ["backend_requests_total{", "backend_request_seconds_count{"];
    let lines = text.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
