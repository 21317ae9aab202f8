//! A process that is killed loses no more than what it has counted since the last flush, and counts nothing twice. Each is
//! killed with a batch in flight.
//!
//! A long run: `PYTHEUS_REDIS_LONG=1`.
#![cfg(unix)]

use std::thread;
use std::time::Duration;

use pytheus::backends::flush;
use pytheus::metric;
use servers::Random;
use servers::counting::{serve, start};
use servers::proxy::{Proxy, Way};
use servers::server::{Server, config};
use support::wait_for;

metric! {
    /// Of a process that is killed.
    static KILLED: Counter = "killed_total" { labels: { worker } };
}

/// A file that says how much was begun, and how much was flushed: who is killed can say nothing.
struct Notes(std::fs::File);

impl Notes {
    fn write(&self, at: u64, number: u64) {
        std::os::unix::fs::FileExt::write_all_at(&self.0, &number.to_ne_bytes(), at).expect("it can be written to");
    }
}

#[test]
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
