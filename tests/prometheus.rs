//! A real Prometheus scrapes the quickstart, and its answers are what the traffic implies.

use std::thread;

use support::example::Serving;
use support::prometheus::Server;

/// Visits to `/`, which takes no time.
const HOME: u32 = 8;
/// Visits to `/slow`, which takes 3 s: they fall in the bucket from 2.5 to 5.
const SLOW: u32 = 4;

/// The quantile as Prometheus works it out, were each visit to `/` faster than 2.5 s, and to `/slow` than 5 s: it goes
/// into the bucket as far as its rank goes into the bucket's count.
fn implied_quantile(quantile: f64) -> f64 {
    let rank = quantile * f64::from(HOME + SLOW) - f64::from(HOME);
    assert!(rank > 0.0, "the quantile is one of /slow");
    2.5 + (5.0 - 2.5) * rank / f64::from(SLOW)
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
    // Prometheus may be late, or miss a scrape: what counts is what it settles on.
    let settles_on = |promql: &str, expected: f64| {
        support::wait_for(promql, || {
            let answer: f64 = value(promql)?.1.parse().map_err(|error| format!("{error}"))?;
            if (answer - expected).abs() < 1e-9 { Ok(()) } else { Err(format!("{answer}, not {expected}")) }
        });
    };
    for (le, count) in [("2.5", HOME), ("5", HOME + SLOW), ("+Inf", HOME + SLOW)] {
        settles_on(&format!("http_request_duration_seconds_bucket{{le='{le}'}}"), count.into());
    }
    for quantile in [0.95, 0.75] {
        let promql = format!("histogram_quantile({quantile}, http_request_duration_seconds_bucket)");
        settles_on(&promql, implied_quantile(quantile));
    }
    settles_on("up{job='test'}", 1.0);
}
