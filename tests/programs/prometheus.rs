//! A real Prometheus scrapes the quickstart, and its answers are what the traffic implies.

use std::thread;

use support::example::Serving;
use support::prometheus::Server;

/// Visits to `/`, which takes no time.
const HOME: u32 = 8;
/// Visits to `/slow`, which takes 3 s.
const SLOW: u32 = 4;

/// Each bound, and how many visits took no longer, as the quickstart itself says: where the machine has other things to
/// do, a visit may take any time.
fn buckets(quickstart: &Serving) -> Vec<(f64, u32)> {
    let page = quickstart.get("/metrics").body;
    let lines = page.lines().filter_map(|line| line.strip_prefix("http_request_duration_seconds_bucket{le=\""));
    let buckets = lines.map(|line| line.split_once("\"} ").expect("a bound and a count"));
    buckets.map(|(bound, upto)| (bound.parse().expect("a bound"), upto.parse().expect("a count"))).collect()
}

/// The quantile as Prometheus works it out: it goes into the bucket as far as its rank goes into the bucket's count.
fn implied_quantile(quantile: f64, buckets: &[(f64, u32)]) -> f64 {
    let rank = quantile * f64::from(HOME + SLOW);
    let place = buckets.iter().position(|(_, upto)| f64::from(*upto) >= rank).expect("the last has all");
    let (below, before) = place.checked_sub(1).map_or((0.0, 0), |before| buckets[before]);
    let (bound, upto) = buckets[place];
    if bound.is_infinite() {
        // Of what took longer than the last bound, no more is known.
        return below;
    }
    below + (bound - below) * (rank - f64::from(before)) / f64::from(upto - before)
}

#[test]
fn prometheus_answers_with_the_numbers_that_the_traffic_implies() {
    let quickstart = Serving::start("quickstart");
    let prometheus = Server::scraping(quickstart.port());
    // Nobody was here yet, and the histogram is there.
    let value = |promql: &str| match prometheus.query(promql)?.as_slice() {
        [point] => Ok(point.clone()),
        other => Err(format!("{other:?}")),
    };
    let count_is = |expected: u32| {
        support::wait_for("scrape with that count", || {
            let (labels, count) = value("http_request_duration_seconds_count")?;
            if count == expected.to_string() { Ok(labels) } else { Err(format!("the count is {count}")) }
        })
    };
    let labels = count_is(0);
    assert_eq!(labels["job"], "test");

    thread::scope(|scope| {
        for _ in 0..SLOW {
            scope.spawn(|| assert_eq!(quickstart.get("/slow").status, 200));
        }
        for _ in 0..HOME {
            assert_eq!(quickstart.get("/").status, 200);
        }
    });

    count_is(HOME + SLOW);
    let buckets = buckets(&quickstart);
    let upto = |le: f64| buckets.iter().find(|(bound, _)| *bound >= le).expect("the last is infinite").1;
    assert!(upto(2.5) <= HOME, "a visit to /slow takes 3 s: {buckets:?}");
    assert_eq!(upto(f64::INFINITY), HOME + SLOW);
    // Prometheus may be late, or miss a scrape: what counts is what it settles on.
    let settles_on = |promql: &str, expected: f64| {
        support::wait_for(promql, || {
            let answer: f64 = value(promql)?.1.parse().map_err(|error| format!("{error}"))?;
            if (answer - expected).abs() < 1e-9 { Ok(()) } else { Err(format!("{answer}, not {expected}")) }
        });
    };
    for (le, bound) in [("2.5", 2.5), ("5.0", 5.0), ("+Inf", f64::INFINITY)] {
        settles_on(&format!("http_request_duration_seconds_bucket{{le='{le}'}}"), upto(bound).into());
    }
    for quantile in [0.95, 0.75] {
        let promql = format!("histogram_quantile({quantile}, http_request_duration_seconds_bucket)");
        settles_on(&promql, implied_quantile(quantile, &buckets));
    }
    settles_on("up{job='test'}", 1.0);
}
