//! A connection reset at any byte, in either direction, loses and duplicates no counts.
#![cfg(unix)]

use pytheus::backends::{BackendSpec, MultiProcessRedisBackend, flush, load_backend};
use pytheus::metric;
use servers::counting::{serve, start, until_flushed};
use servers::proxy::{Proxy, Way};
use servers::server::{Server, config};

/// The bytes, in each direction.
const POSITIONS: u64 = 500;

metric! {
    /// An increment between any two flushes.
    static HITS: Counter = "hits_total";
    /// Increments by each of three labels.
    static OF_EACH: Counter = "of_each_total" { labels: { name } };
    /// As many.
    static SIZES: Histogram = "sizes" { buckets: [0.5, 5.0] };
}

#[test]
fn worker() {
    serve(|other| panic!("{other:?}"));
}

#[test]
fn the_total_is_exact_after_resets_at_any_byte() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    proxy.watch("hits_total");
    let mut through = config(proxy.port());
    // Only the flushes below send batches.
    through["flush_interval"] = 3_600.into();
    load_backend(BackendSpec::of::<MultiProcessRedisBackend>().with_config(through)).expect("it need not be reached");
    let (mut counted, mut failed) = (0_u32, 0);
    for way in [Way::ToServer, Way::ToClient] {
        for bytes in 0..POSITIONS {
            let resets = proxy.counts().resets;
            proxy.reset_after(way, bytes);
            // A reply may be shorter.
            while proxy.counts().resets == resets {
                HITS.inc();
                for name in ["a", "b", "c"] {
                    OF_EACH.name(name).inc();
                }
                SIZES.observe(1.0);
                counted += 1;
                failed += u32::from(flush().is_err());
            }
        }
    }
    until_flushed();
    assert!(proxy.counts().answered >= 2 * POSITIONS - u64::from(failed), "{:?}", proxy.counts());
    assert_eq!(proxy.counts().resets, 2 * POSITIONS);

    let shown = start(&config(server.port())).scrape();
    let count = f64::from(counted);
    for name in ["hits_total", "of_each_total{name=\"a\"}", "of_each_total{name=\"c\"}", "sizes_count", "sizes_sum"] {
        assert_eq!(shown.get(name).copied(), Some(count), "{name}, where {failed} flushes failed");
    }
}
