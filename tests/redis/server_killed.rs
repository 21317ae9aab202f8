//! A Redis with `appendfsync always` is killed at any moment: no counts are lost or duplicated.
#![cfg(unix)]

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use pytheus::metric;
use servers::counting::{serve, start, until_flushed};
use servers::proxy::{Proxy, Way};
use servers::server::{Server, config};
use support::multi::Random;
use support::wait_for;

const WORKERS: usize = 2;
/// The increments, in a few seconds.
const KILLS: u64 = 10;

metric! {
    /// Each increment.
    static HITS: Counter = "hits_total";
    /// By the last digit.
    static BY_DIGIT: Counter = "by_digit_total" { labels: { digit } };
}

static IS_OVER: AtomicBool = AtomicBool::new(false);

#[test]
fn worker() {
    let mut counting = None;
    serve(|words| match words {
        ["begin"] => {
            counting = Some(thread::spawn(count));
            "ok".to_owned()
        }
        // Replies with its count, after a flush.
        ["end"] => {
            IS_OVER.store(true, Relaxed);
            let counted = counting.take().expect("it has begun").join().expect("it counts");
            until_flushed();
            counted.to_string()
        }
        other => panic!("{other:?}"),
    });
}

/// Counts to the end, with flushes in between.
fn count() -> u64 {
    let mut counted = 0;
    while !IS_OVER.load(Relaxed) {
        HITS.inc();
        BY_DIGIT.digit((counted % 10).to_string()).inc();
        counted += 1;
        if counted % 10 == 0 {
            // The server may be down.
            let _ = pytheus::backends::flush();
        }
        thread::sleep(Duration::from_micros(100));
    }
    counted
}

/// Kills the server some time after a batch arrived: before, while or after it is applied. Returns false if its reply was
/// faster.
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
fn the_total_is_exact_after_kills_of_the_server_with_batches_in_flight() {
    let mut server = Server::with(&["appendonly yes", "appendfsync always"]);
    let proxy = Proxy::to(server.port());
    proxy.watch("hits_total");
    let mut workers: Vec<_> = (0..WORKERS).map(|_| start(&config(proxy.port()))).collect();
    for worker in &mut workers {
        assert_eq!(worker.ask("begin"), "ok");
    }
    let (mut random, mut kills) = (Random(1), 0);
    while kills < KILLS {
        kills += u64::from(kill(&mut server, &proxy, Duration::from_micros(random.below(3_000))));
        server.restart();
    }
    let counted: Vec<u64> = workers.iter_mut().map(|worker| worker.ask("end").parse().expect("a number")).collect();
    let shown = start(&config(server.port())).scrape();
    let total: u64 = counted.iter().sum();
    assert_eq!(shown.get("hits_total"), Some(&(total as f64)), "{:?}", proxy.counts());
    for digit in 0..10 {
        let name = format!("by_digit_total{{digit=\"{digit}\"}}");
        let of_digit: u64 = counted.iter().map(|counted| (counted + 9 - digit) / 10).sum();
        assert_eq!(shown.get(&name), Some(&(of_digit as f64)), "{name}");
    }
    assert_eq!(server.info("aof_enabled"), 1);
}
