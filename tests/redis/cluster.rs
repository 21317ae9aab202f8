//! Totals in a cluster of three servers, each with some of the families.
#![cfg(unix)]

use pytheus::metric;
use servers::cluster::Cluster;
use servers::counting::{serve, start};

metric! {
    /// Some.
    static ONE: Counter = "one_total";
    /// Others.
    static TWO: Counter = "two_total" { labels: { name } };
    /// More.
    static SIZES: Histogram = "sizes" { buckets: [0.5, 5.0] };
    /// A live gauge.
    static LEVELS: Gauge = "levels" { mode: live_sum };
}

#[test]
fn worker() {
    serve(|words| match words {
        ["count"] => {
            for _ in 0..1_000 {
                ONE.inc();
                TWO.name("a").inc();
                SIZES.observe(1.0);
            }
            LEVELS.set(2.0);
            "ok".to_owned()
        }
        other => panic!("{other:?}"),
    });
}

#[test]
fn every_process_shows_the_totals_of_all() {
    let cluster = Cluster::start();
    let mut workers: Vec<_> = (0..3).map(|_| start(&cluster.config())).collect();
    for worker in &mut workers {
        assert_eq!(worker.ask("count"), "ok");
        assert_eq!(worker.ask("flushed"), "ok");
    }
    for worker in &mut workers {
        let shown = worker.scrape();
        for (name, value) in [
            ("one_total", 3e3),
            ("two_total{name=\"a\"}", 3e3),
            ("sizes_count", 3e3),
            ("sizes_sum", 3e3),
            ("levels", 6.0),
        ] {
            assert_eq!(shown.get(name), Some(&value), "{name}");
        }
    }
    let keys = |node: &servers::server::Server| node.ask(&["DBSIZE"]).text();
    assert!(cluster.nodes().iter().all(|node| keys(node) != "0"), "each has some");
}

/// Moves every key of a partition to another server while processes count.
#[test]
fn moving_slots_lose_no_counts() {
    let cluster = Cluster::start();
    let mut worker = start(&cluster.config());
    let mut counted = 0.0;
    let mut count = |worker: &mut support::worker::Worker| {
        assert_eq!(worker.ask("count"), "ok");
        counted += 1_000.0;
        counted
    };
    count(&mut worker);
    assert_eq!(worker.ask("flushed"), "ok");
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        for slot in cluster.used_slots(from) {
            cluster.begin_move(&slot, from, to);
            count(&mut worker);
            cluster.end_move(&slot, from, to);
        }
    }
    assert_eq!(worker.ask("flushed"), "ok");
    let shown = start(&cluster.config()).scrape();
    let counted = count(&mut worker) - 1_000.0;
    for name in ["one_total", "two_total{name=\"a\"}", "sizes_count"] {
        assert_eq!(shown.get(name), Some(&counted), "{name}");
    }
}
