//! Every increment is in the total exactly once, through a network with losses.
//!
//! A single network: `PYTHEUS_REDIS_SEED=7`.
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
/// The seeds of the networks.
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
                // The rest of the increments, divided among the rest of the flushes.
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
        ["count", times] => {
            HITS.inc_by(times.parse::<u64>().expect("a number"));
            "ok".to_owned()
        }
        ["fractions", amount] => {
            BY_DIGIT.digit("0").inc_by(amount.parse::<f64>().expect("a number"));
            "ok".to_owned()
        }
        ["observe", size] => {
            SIZES.observe(size.parse::<f64>().expect("a number"));
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
    // A lost command or reply on a hanging connection takes this long.
    through["timeout"] = 0.05.into();
    through["key_prefix"] = format!("seed-{seed}").into();
    let workers: Vec<_> = (0..PROCESSES).map(|_| start(&through)).collect();
    let flushes: Vec<f64> = thread::scope(|scope| {
        let count = |mut worker: support::worker::Worker| {
            assert_eq!(worker.ask("count"), "ok");
            let scraped = servers::retry_until(servers::TIMEOUT, || servers::counting::try_scrape(&mut worker));
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
    expected
        .extend(["sizes_bucket{le=\"5.0\"}", "sizes_count", "sizes_sum"].map(|name| (name.to_owned(), all / 100.0)));
    for (name, value) in expected {
        let found = shown.get(&name).copied();
        assert_eq!(found, Some(value), "{name} with PYTHEUS_REDIS_SEED={seed}; {counts:?}");
    }
}

#[test]
fn the_total_is_exact_with_a_tenth_of_all_messages_lost() {
    let server = Server::start();
    if let Ok(seed) = env::var("PYTHEUS_REDIS_SEED") {
        return through_a_network_that_loses(&server, seed.parse().expect("a number"));
    }
    // Several at once: each mostly waits for lost replies.
    thread::scope(|scope| {
        for lane in 0..LANES {
            let server = &server;
            let seeds = (1..=SEEDS).skip(lane).step_by(LANES);
            scope.spawn(move || seeds.for_each(|seed| through_a_network_that_loses(server, seed)));
        }
    });
}

/// Returns the line of a sample.
fn shown(worker: &mut support::worker::Worker, sample: &str) -> String {
    let text = worker.ask("scrape");
    let line = text.lines().find(|line| line.strip_prefix(sample).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("no {sample} in {text}")).rsplit(' ').next().expect("a value").to_owned()
}

#[test]
fn counts_are_exact_up_to_2_64_in_every_process() {
    let server = Server::start();
    let [mut one, mut other] = [(); 2].map(|()| start(&config(server.port())));
    let mut count = |first: bool, amount: u64, expected: &str| {
        let worker = if first { &mut one } else { &mut other };
        assert_eq!(worker.ask(&format!("count {amount}")), "ok");
        assert_eq!(worker.ask("flushed"), "ok");
        for worker in [&mut one, &mut other] {
            assert_eq!(shown(worker, "hits_total"), expected, "after {amount}");
        }
    };
    count(true, (1 << 63) - 1, "9223372036854775807");
    count(true, 1, "9223372036854775808");
    count(false, 1, "9223372036854775809");
    count(false, (1 << 63) - 3, "18446744073709551614");
    count(true, 1, "18446744073709551615");
    // Resent, they add up to the same.
    server.ask(&["FLUSHALL"]);
    for worker in [&mut one, &mut other] {
        let resent = servers::retry_until(servers::TIMEOUT, || {
            assert_eq!(worker.ask("flushed"), "ok");
            match &*shown(worker, "hits_total") {
                "18446744073709551615" => Ok(()),
                other => Err(other.to_owned()),
            }
        });
        resent.expect("all counts are resent");
    }
}

#[test]
fn fractions_and_sums_are_rounded_as_in_one_process() {
    let server = Server::start();
    let [mut one, mut other] = [(); 2].map(|()| start(&config(server.port())));
    let mut act = |what: &str| {
        for worker in [&mut one, &mut other] {
            assert_eq!(worker.ask(what), "ok");
            assert_eq!(worker.ask("flushed"), "ok");
        }
        let sample = if what.starts_with("fractions") { "by_digit_total{digit=\"0\"}" } else { "sizes_sum" };
        let values = [&mut one, &mut other].map(|worker| shown(worker, sample));
        assert_eq!(values[0], values[1], "{what}");
        values[0].clone()
    };
    assert_eq!(act("fractions 0.25"), "0.5");
    // 2^51, with halves as last digits; then above 2^53, where there are no odd numbers.
    assert_eq!(act("fractions 1125899906842624"), "2251799813685248.5");
    assert_eq!(act("fractions 0.25"), "2251799813685249");
    assert_eq!(act("fractions 4503599627370496"), "1.125899906842624e+16");
    assert_eq!(act("observe 1.7e308"), "+Inf");
}

#[test]
fn totals_are_exact_with_valkey() {
    through_a_network_that_loses(&Server::valkey(&[]), 1);
}
