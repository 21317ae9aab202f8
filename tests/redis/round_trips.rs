//! A scrape takes two round trips for any number of series, and never lists the keys of a server.
#![cfg(unix)]
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use pytheus::backends::Value;
use pytheus::metric;
use pytheus::metrics::Counter;
use servers::cluster::Cluster;
use servers::counting::{serve, start};
use servers::proxy::Proxy;
use servers::server::{Server, config};
use support::scrapes::Samples;

const SERIES: u32 = 10_000;
const FAMILIES: u32 = 100;

metric! {
    /// Ten thousand series.
    static MANY: Counter = "many_total" { labels: { number } };
    /// A family with another hash.
    static SIZES: Histogram = "sizes" { buckets: [0.5, 5.0] };
    /// A live gauge.
    static LEVELS: Gauge = "levels" { mode: live_sum };
}

#[test]
fn worker() {
    let mut kept = Vec::new();
    serve(|words| match words {
        ["count"] => {
            (0..SERIES).for_each(|number| MANY.number(number.to_string()).inc());
            SIZES.observe(1.0);
            LEVELS.set(2.0);
            "ok".to_owned()
        }
        // In all partitions.
        ["spread"] => {
            for number in 0..FAMILIES {
                let family = Counter::builder(format!("spread_{number}_total"), "C.").build().expect("a new name");
                family.inc();
                kept.push(family);
            }
            "ok".to_owned()
        }
        other => panic!("{other:?}"),
    });
}

/// Asserts that a scrape takes two round trips to each server, besides heartbeats.
#[track_caller]
fn assert_asks_twice(config: &Value, proxies: &[Proxy], is_right: impl Fn(&Samples)) {
    let mut worker = start(config);
    worker.scrape();
    let mut least = vec![usize::MAX; proxies.len()];
    let outcome = servers::retry_until(servers::TIMEOUT, || {
        for proxy in proxies {
            proxy.take_trips();
        }
        is_right(&worker.scrape());
        for (proxy, least) in proxies.iter().zip(&mut least) {
            let trips = proxy.take_trips();
            let reading = trips.iter().filter(|trip| trip.iter().any(|name| name == "HGETALL")).count();
            assert_eq!(reading, 2, "{trips:?}");
            *least = trips.len().min(*least);
        }
        if least.iter().all(|least| *least == 2) { Ok(()) } else { Err(format!("{least:?} requests")) }
    });
    outcome.unwrap_or_else(|last| panic!("{last}"));
}

fn assert_never_asked_for_all_keys(server: &Server) {
    let commands = server.ask(&["INFO", "commandstats"]).text();
    assert!(commands.contains("cmdstat_hgetall:"), "{commands}");
    for never in ["cmdstat_keys:", "cmdstat_scan:"] {
        assert!(!commands.contains(never), "{commands}");
    }
}

#[test]
fn a_scrape_of_ten_thousand_series_takes_two_round_trips() {
    let server = Server::start();
    let mut counting = start(&config(server.port()));
    assert_eq!(counting.ask("count"), "ok");
    assert_eq!(counting.ask("flushed"), "ok");
    let proxies = [Proxy::to(server.port())];
    assert_asks_twice(&config(proxies[0].port()), &proxies, |shown| {
        assert!(shown.len() > SERIES as usize);
        assert_eq!((shown["many_total{number=\"7\"}"], shown["sizes_count"], shown["levels"]), (1.0, 1.0, 2.0));
    });
    assert_never_asked_for_all_keys(&server);
}

#[test]
fn in_a_cluster_a_scrape_takes_two_round_trips_to_each_server() {
    let cluster = Cluster::start();
    let mut counting = start(&cluster.config());
    assert_eq!(counting.ask("spread"), "ok");
    assert_eq!(counting.ask("flushed"), "ok");
    let (proxies, config) = cluster.behind_proxies();
    assert_asks_twice(&config, &proxies, |shown| {
        assert!((0..FAMILIES).all(|number| shown[&format!("spread_{number}_total")] == 1.0));
    });
    cluster.nodes().iter().for_each(assert_never_asked_for_all_keys);
}
