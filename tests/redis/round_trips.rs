//! A scrape asks twice, however many series there are, and never for all keys of a server.
#![cfg(unix)]

use pytheus::metric;
use servers::counting::{serve, start};
use servers::proxy::Proxy;
use servers::server::{Server, config};

const SERIES: u32 = 10_000;

metric! {
    /// Ten thousand series.
    static MANY: Counter = "many_total" { labels: { number } };
    /// A family with another hash.
    static SIZES: Histogram = "sizes" { buckets: [0.5, 5.0] };
    /// One that the living alone have.
    static LEVELS: Gauge = "levels" { mode: live_sum };
}

#[test]
fn worker() {
    serve(|words| match words {
        ["count"] => {
            (0..SERIES).for_each(|number| MANY.number(number.to_string()).inc());
            SIZES.observe(1.0);
            LEVELS.set(2.0);
            "ok".to_owned()
        }
        other => panic!("{other:?}"),
    });
}

#[test]
fn a_scrape_of_ten_thousand_series_takes_two_round_trips() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let mut counting = start(&config(server.port()));
    assert_eq!(counting.ask("count"), "ok");
    assert_eq!(counting.ask("flushed"), "ok");
    let mut worker = start(&config(proxy.port()));
    worker.scrape();
    let mut least = usize::MAX;
    for _ in 0..5 {
        proxy.take_trips();
        let shown = worker.scrape();
        assert!(shown.len() > SERIES as usize);
        assert_eq!((shown["many_total{number=\"7\"}"], shown["sizes_count"], shown["levels"]), (1.0, 1.0, 2.0));
        let trips = proxy.take_trips();
        let reading: Vec<_> = trips.iter().filter(|trip| trip.iter().any(|name| name == "HGETALL")).collect();
        assert_eq!(reading.len(), 2, "{trips:?}");
        // What says that this process lives may come in between.
        least = least.min(trips.len());
    }
    assert_eq!(least, 2);

    let commands = server.ask(&["INFO", "commandstats"]).text();
    assert!(commands.contains("cmdstat_hgetall:"), "{commands}");
    for never in ["cmdstat_keys:", "cmdstat_scan:"] {
        assert!(!commands.contains(never), "{commands}");
    }
}
