//! A Redis that keeps each command on its disk may be killed at any moment: nothing is lost, and nothing counts twice.
#![cfg(unix)]

use std::thread;
use std::time::Duration;

use pytheus::metric;
use servers::counting::{serve, start, until_flushed};
use servers::proxy::{Proxy, Way};
use servers::server::{Server, config};
use support::multi::Random;
use support::wait_for;

const WORKERS: usize = 2;
/// So many, in a few seconds.
const KILLS: u64 = 10;

metric! {
    /// Each increment.
    static HITS: Counter = "hits_total";
    /// By the last digit.
    static BY_DIGIT: Counter = "by_digit_total" { labels: { digit } };
}

#[test]
fn worker() {
    serve(|words| match words {
        // Flushes all the time.
        ["count", times] => {
            for number in 0..times.parse().expect("a number") {
                HITS.inc();
                BY_DIGIT.digit((number % 10).to_string()).inc();
                if number % 10 == 0 {
                    // The server may be gone.
                    let _ = pytheus::backends::flush();
                }
                thread::sleep(Duration::from_micros(100));
            }
            until_flushed();
            "ok".to_owned()
        }
        other => panic!("{other:?}"),
    });
}

/// Kills the server while a batch is on its way, and so long after it has come there: it is not yet seen, being applied, or
/// applied. False where its answer was faster.
fn kill(server: &mut Server, proxy: &Proxy, after: Duration) -> bool {
    proxy.delay(Way::ToClient, Duration::from_millis(20));
    wait_for("batch", || if proxy.counts().under_way > 0 { Ok(()) } else { Err("none is under way".to_owned()) });
    let before = proxy.counts();
    thread::sleep(after);
    server.kill();
    proxy.heal();
    wait_for("end of the connection", || match proxy.counts() {
        counts if counts.under_way == 0 => Ok(()),
        counts => Err(format!("{counts:?}")),
    });
    proxy.counts().unanswered > before.unanswered
}

#[test]
fn the_total_is_exact_after_kills_with_batches_in_flight() {
    let mut server = Server::with(&["appendonly yes", "appendfsync always"]);
    let proxy = Proxy::to(server.port());
    proxy.watch("hits_total");
    let mut workers: Vec<_> = (0..WORKERS).map(|_| start(&config(proxy.port()))).collect();
    let (mut counted, mut random, mut kills) = (0, Random(1), 0);
    while kills < KILLS {
        counted += 1_000 * WORKERS;
        thread::scope(|scope| {
            for worker in &mut workers {
                scope.spawn(|| assert_eq!(worker.ask("count 1000"), "ok"));
            }
            thread::sleep(Duration::from_millis(50));
            kills += u64::from(kill(&mut server, &proxy, Duration::from_micros(random.below(3_000))));
            server.restart();
        });
    }
    let shown = start(&config(server.port())).scrape();
    assert_eq!(shown.get("hits_total"), Some(&(counted as f64)), "{:?}", proxy.counts());
    for digit in 0..10 {
        let name = format!("by_digit_total{{digit=\"{digit}\"}}");
        assert_eq!(shown.get(&name), Some(&(counted as f64 / 10.0)), "{name}");
    }
    assert_eq!(server.info("aof_enabled"), 1);
}
