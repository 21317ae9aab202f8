//! Every increment is in the total once and only once, whatever the network loses.
//!
//! One network alone: `PYTHEUS_REDIS_SEED=7`.
#![cfg(unix)]

use std::env;
use std::thread;

use pytheus::metric;
use servers::counting::{serve, start, until_flushed};
use servers::proxy::Proxy;
use servers::server::{Server, config};

const PROCESSES: usize = 4;
const INCREMENTS: u64 = 100_000;
const FLUSHES: u64 = 320;
/// Each is another network.
const SEEDS: u64 = 20;
const LANES: usize = 4;

metric! {
    /// Each increment.
    static HITS: Counter = "hits_total";
    /// By the last digit.
    static BY_DIGIT: Counter = "by_digit_total" { labels: { digit } };
    /// Each hundredth.
    static SIZES: Histogram = "sizes" { buckets: [0.5, 5.0] };
}

#[test]
fn worker() {
    serve(|words| match words {
        ["count"] => {
            for flush in 0..FLUSHES {
                // As many as are left, divided among the flushes that are.
                let share = |flush: u64| INCREMENTS * flush / FLUSHES;
                for number in share(flush)..share(flush + 1) {
                    HITS.inc();
                    BY_DIGIT.digit((number % 10).to_string()).inc();
                    if number % 100 == 0 {
                        SIZES.observe(1.0);
                    }
                }
                until_flushed();
            }
            "ok".to_owned()
        }
        other => panic!("{other:?}"),
    });
}

fn through_a_network_that_loses(server: &Server, seed: u64) {
    let proxy = Proxy::to(server.port());
    proxy.watch("hits_total");
    proxy.lose(seed, 100);
    let mut through = config(proxy.port());
    // A command or an answer that is lost, and hangs, takes this long.
    through["timeout"] = 0.05.into();
    through["key_prefix"] = format!("seed-{seed}").into();
    let workers: Vec<_> = (0..PROCESSES).map(|_| start(&through)).collect();
    let flushes: Vec<f64> = thread::scope(|scope| {
        let count = |mut worker: support::worker::Worker| {
            assert_eq!(worker.ask("count"), "ok");
            let scraped = servers::within(servers::PATIENCE, || servers::counting::try_scrape(&mut worker));
            scraped.expect("a scrape comes through")["pytheus_redis_batches_total"]
        };
        let counting: Vec<_> = workers.into_iter().map(|worker| scope.spawn(move || count(worker))).collect();
        counting.into_iter().map(|thread| thread.join().expect("it counts")).collect()
    });
    assert!(flushes.iter().all(|flushes| *flushes >= 300.0), "{flushes:?}");
    let counts = proxy.counts();
    println!("PYTHEUS_REDIS_SEED={seed}: {counts:?}");
    assert!(counts.lost_requests >= 50 && counts.lost_replies >= 50, "the network is too good: {counts:?}");

    let mut direct = config(server.port());
    direct["key_prefix"] = through["key_prefix"].clone();
    let shown = start(&direct).scrape();
    let all = PROCESSES as f64 * INCREMENTS as f64;
    let mut expected = vec![("hits_total".to_owned(), all)];
    expected.extend((0..10).map(|digit| (format!("by_digit_total{{digit=\"{digit}\"}}"), all / 10.0)));
    expected.push(("sizes_bucket{le=\"0.5\"}".to_owned(), 0.0));
    expected.extend(["sizes_bucket{le=\"5\"}", "sizes_count", "sizes_sum"].map(|name| (name.to_owned(), all / 100.0)));
    for (name, value) in expected {
        let found = shown.get(&name).copied();
        assert_eq!(found, Some(value), "{name} with PYTHEUS_REDIS_SEED={seed}; {counts:?}");
    }
}

#[test]
fn the_total_is_exact_through_a_network_that_loses_one_in_ten() {
    let server = Server::start();
    if let Ok(seed) = env::var("PYTHEUS_REDIS_SEED") {
        return through_a_network_that_loses(&server, seed.parse().expect("a number"));
    }
    // Some at once: most of the time, each waits for what never comes.
    thread::scope(|scope| {
        for lane in 0..LANES {
            let server = &server;
            let seeds = (1..=SEEDS).skip(lane).step_by(LANES);
            scope.spawn(move || seeds.for_each(|seed| through_a_network_that_loses(server, seed)));
        }
    });
}

#[test]
fn it_is_with_valkey_too() {
    through_a_network_that_loses(&Server::valkey(&[]), 1);
}
