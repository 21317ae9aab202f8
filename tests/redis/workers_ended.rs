//! A process that is killed loses no more than what it has counted since the last flush, and one that is asked to end loses
//! nothing; neither counts anything twice. Each ends with a batch in flight.
//!
//! A long run: `PYTHEUS_REDIS_LONG=1`.
#![cfg(unix)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use pytheus::backends::flush;
use pytheus::metric;
use servers::counting::{serve, start};
use servers::proxy::{Proxy, Way};
use servers::server::{Server, config, signal};
use support::multi::Random;
use support::wait_for;

const MILLION: u64 = 1_000_000;

metric! {
    /// Of a process that is killed.
    static KILLED: Counter = "killed_total" { labels: { worker } };
    /// Of processes that are asked to end.
    static ENDED: Counter = "ended_total";
    /// As many, in two halves.
    static HALVES: Histogram = "halves" { buckets: [0.5, 5.0] };
}

static ASKED_TO_END: AtomicBool = AtomicBool::new(false);

extern "C" fn end(_: libc::c_int) {
    ASKED_TO_END.store(true, Relaxed);
}

/// A file that says how much was begun, and how much was flushed: who is killed can say nothing.
struct Notes(std::fs::File);

impl Notes {
    fn write(&self, at: u64, number: u64) {
        std::os::unix::fs::FileExt::write_all_at(&self.0, &number.to_ne_bytes(), at).expect("it can be written to");
    }
}

#[test]
#[allow(unsafe_code)]
fn worker() {
    serve(|words| match words {
        // Until it is killed.
        ["count", name, notes] => {
            let notes = Notes(std::fs::File::create(notes).expect("a file"));
            let series = KILLED.worker(*name);
            for number in 1.. {
                notes.write(0, number);
                series.inc();
                if number % 50 == 0 && flush().is_ok() {
                    notes.write(8, number);
                }
            }
            unreachable!("it is killed")
        }
        // Until it is asked to end, as a service is, or there are no more to count.
        ["million"] => {
            // SAFETY: the handler does nothing but set a flag.
            unsafe { libc::signal(libc::SIGTERM, end as *const () as libc::sighandler_t) };
            let counted = AtomicU64::new(0);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        for number in 0..MILLION / 2 {
                            if ASKED_TO_END.load(Relaxed) {
                                break;
                            }
                            ENDED.inc();
                            HALVES.observe(if number % 2 == 0 { 0.0 } else { 1.0 });
                            counted.fetch_add(1, Relaxed);
                            if number % 500 == 0 {
                                thread::sleep(Duration::from_millis(1));
                            }
                        }
                    });
                }
            });
            match pytheus::backends::shutdown(Duration::from_secs(20)) {
                Ok(()) => counted.into_inner().to_string(),
                Err(error) => format!("error: {error}"),
            }
        }
        other => panic!("{other:?}"),
    });
}

/// A network in which a batch is under way for a while.
fn slow(server: &Server, watched: &str) -> Proxy {
    let proxy = Proxy::to(server.port());
    proxy.watch(watched);
    proxy.delay(Way::ToClient, Duration::from_millis(3));
    proxy
}

#[test]
fn a_kill_loses_what_was_counted_since_the_last_flush_and_nothing_counts_twice() {
    let server = Server::start();
    let (mut random, mut workers, mut in_flight) = (Random(1), Vec::new(), 0);
    let folder = tempfile::tempdir().expect("a folder");
    while in_flight < servers::rounds(10, 50) {
        let name = format!("w{}", workers.len());
        let notes = folder.path().join(&name);
        let proxy = slow(&server, "killed_total");
        let mut worker = start(&config(proxy.port()));
        worker.tell(&format!("count {name} {}", notes.display()));
        wait_for("batch", || if proxy.counts().answered > 2 { Ok(()) } else { Err(format!("{:?}", proxy.counts())) });
        thread::sleep(Duration::from_micros(random.below(20_000)));
        while proxy.counts().under_way == 0 {
            std::hint::spin_loop();
        }
        let before = proxy.counts();
        worker.kill();
        wait_for("end of the connection", || match proxy.counts() {
            counts if counts.under_way == 0 => Ok(()),
            counts => Err(format!("{counts:?}")),
        });
        // A kill after the answer is none.
        in_flight += u64::from(proxy.counts().unanswered > before.unanswered);
        let bytes = std::fs::read(&notes).expect("it was written");
        let number = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        workers.push((name, number(8), number(0)));
    }
    let shown = start(&config(server.port())).scrape();
    for (name, flushed, begun) in workers {
        let found = shown[&format!("killed_total{{worker=\"{name}\"}}")];
        let range = flushed as f64..=begun as f64;
        assert!(flushed > 0 && range.contains(&found), "{name} flushed {flushed} of {begun}, and {found} are shown");
    }
}

#[test]
fn a_process_that_is_asked_to_end_amid_a_million_increments_loses_none() {
    let server = Server::start();
    let (mut random, mut counted, mut in_flight) = (Random(2), 0, 0);
    while in_flight < servers::rounds(4, 20) {
        let proxy = slow(&server, "ended_total");
        let mut worker = start(&config(proxy.port()));
        let id = worker.id();
        let said = thread::scope(|scope| {
            let said = scope.spawn(|| worker.ask("million"));
            wait_for(
                "batch",
                || if proxy.counts().answered > 2 { Ok(()) } else { Err(format!("{:?}", proxy.counts())) },
            );
            thread::sleep(Duration::from_micros(random.below(200_000)));
            while proxy.counts().under_way == 0 {
                std::hint::spin_loop();
            }
            signal(id, libc::SIGTERM);
            in_flight += u64::from(proxy.counts().under_way > 0);
            said.join().expect("it answers")
        });
        let number: u64 = said.parse().unwrap_or_else(|_| panic!("{said}"));
        assert!(0 < number && number < MILLION, "{number}: that is not amid a million");
        counted += number;
        worker.end();
    }
    let shown = start(&config(server.port())).scrape();
    for name in ["ended_total", "halves_count"] {
        assert_eq!(shown.get(name), Some(&(counted as f64)), "{name}");
    }
}
