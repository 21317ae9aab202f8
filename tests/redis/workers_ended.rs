//! Processes end with a batch in flight. A kill loses only counts since the last flush, and none with a spool; SIGTERM loses
//! none. No count is duplicated.
#![cfg(unix)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use pytheus::backends::{Value, flush, json};
use pytheus::metric;
use servers::counting::{serve, start};
use servers::proxy::{Proxy, Way};
use servers::server::{Server, config, signal};
use servers::spool::wait_for_heirs;
use support::multi::Random;
use support::scrapes::Samples;
use support::wait_for;

const MILLION: u64 = 1_000_000;
/// The number of each, in a few seconds.
const KILLS: u64 = 50;
const ENDS: u64 = 20;

metric! {
    /// Increments of killed processes.
    static KILLED: Counter = "killed_total" { labels: { worker } };
    /// Increments of processes that get SIGTERM.
    static ENDED: Counter = "ended_total";
    /// The same number, in two halves.
    static HALVES: Histogram = "halves" { buckets: [0.5, 5.0] };
}

static ASKED_TO_END: AtomicBool = AtomicBool::new(false);

extern "C" fn end(_: libc::c_int) {
    ASKED_TO_END.store(true, Relaxed);
}

/// A file with the numbers of begun and of flushed increments: it survives a kill.
struct Progress(std::fs::File);

impl Progress {
    fn write(&self, at: u64, number: u64) {
        std::os::unix::fs::FileExt::write_all_at(&self.0, &number.to_ne_bytes(), at).expect("it can be written to");
    }
}

#[test]
#[allow(unsafe_code)]
fn worker() {
    serve(|words| match words {
        // Until it is killed.
        [how @ ("count" | "flush"), name, progress] => {
            let progress = Progress(std::fs::File::create(progress).expect("a file"));
            let series = KILLED.worker(*name);
            for number in 1.. {
                progress.write(0, number);
                series.inc();
                if *how == "count" || number % 50 == 0 && flush().is_ok() {
                    progress.write(8, number);
                }
            }
            unreachable!("it is killed")
        }
        // Until SIGTERM, or the last increment.
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
                            // Four seconds for all.
                            if number % 250 == 0 {
                                thread::sleep(Duration::from_millis(2));
                            }
                        }
                    });
                }
            });
            match pytheus::backends::shutdown(servers::TIMEOUT) {
                Ok(()) => counted.into_inner().to_string(),
                Err(error) => format!("error: {error}"),
            }
        }
        other => panic!("{other:?}"),
    });
}

/// Makes a network with a delay.
fn slow(server: &Server) -> Proxy {
    let proxy = Proxy::to(server.port());
    proxy.delay(Way::ToClient, Duration::from_millis(3));
    proxy
}

/// Waits for some batches, then for some microseconds, then for another batch; or until all have ended.
fn wait_for_batch(proxy: &Proxy, micros: u64, are_over: impl Fn() -> bool) {
    let before = proxy.counts().answered;
    wait_for("batch", || match proxy.counts() {
        counts if counts.answered > before + 2 || are_over() => Ok(()),
        counts => Err(format!("{counts:?}")),
    });
    thread::sleep(Duration::from_micros(micros));
    let deadline = Instant::now() + servers::TIMEOUT;
    while proxy.counts().under_way == 0 && !are_over() {
        assert!(Instant::now() < deadline, "no batch");
        std::hint::spin_loop();
    }
}

/// A killed process: its certain and its begun increments, by its own file.
struct Killed {
    name: String,
    surely: u64,
    begun: u64,
}

/// Kills processes one by one, until enough were killed with a batch in flight.
fn kill_with_batches_in_flight(proxy: &Proxy, config: &Value, verb: &str) -> Vec<Killed> {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut random, mut all, mut in_flight) = (Random(1), Vec::new(), 0);
    while in_flight < KILLS {
        let name = format!("w{:04}", all.len());
        // Only of this process: another one may send recovered counts.
        proxy.watch(&name);
        let progress = folder.path().join(&name);
        let mut worker = start(config);
        worker.tell(&format!("{verb} {name} {}", progress.display()));
        wait_for_batch(proxy, random.below(20_000), || false);
        let before = proxy.counts();
        worker.kill();
        wait_for("end of the connection", || match proxy.counts() {
            counts if counts.under_way == 0 => Ok(()),
            counts => Err(format!("{counts:?}")),
        });
        // A kill after the reply does not count.
        in_flight += u64::from(proxy.counts().unanswered > before.unanswered);
        let bytes = std::fs::read(&progress).expect("it was written");
        let number = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        all.push(Killed { name, surely: number(8), begun: number(0) });
    }
    all
}

/// Asserts that each total lies between the certain and the begun increments.
#[track_caller]
fn assert_shown(all: &[Killed], shown: &Samples) {
    for Killed { name, surely, begun } in all {
        let found = shown[&format!("killed_total{{worker=\"{name}\"}}")];
        let range = *surely as f64..=*begun as f64;
        assert!(*surely > 0 && range.contains(&found), "{name}: {surely} of {begun}, and {found} are shown");
    }
}

#[test]
fn a_kill_loses_only_counts_since_the_last_flush() {
    let server = Server::start();
    let proxy = slow(&server);
    let killed = kill_with_batches_in_flight(&proxy, &config(proxy.port()), "flush");
    assert_shown(&killed, &start(&config(server.port())).scrape());
}

#[test]
fn with_a_spool_a_kill_loses_and_duplicates_no_counts() {
    let server = Server::start();
    let (proxy, folder) = (slow(&server), tempfile::tempdir().expect("a folder"));
    let mut config = config(proxy.port());
    (config["spool_directory"], config["flush_interval"]) = (json!(folder.path()), json!(0.001));
    let killed = kill_with_batches_in_flight(&proxy, &config, "count");
    // At most the increment in progress at the kill.
    assert!(killed.iter().all(|killed| killed.begun - killed.surely <= 1));
    proxy.heal();
    let mut last = start(&config);
    wait_for_heirs(folder.path(), 1);
    assert_shown(&killed, &last.scrape());
}

#[test]
fn sigterm_amid_a_million_increments_loses_none() {
    let server = Server::start();
    let (mut random, mut counted, mut in_flight) = (Random(2), 0, 0);
    while in_flight < ENDS {
        let proxy = slow(&server);
        proxy.watch("ended_total");
        let mut worker = start(&config(proxy.port()));
        let (id, mut is_in_flight) = (worker.id(), false);
        let said = thread::scope(|scope| {
            let said = scope.spawn(|| worker.ask("million"));
            wait_for_batch(&proxy, random.below(200_000), || said.is_finished());
            signal(id, libc::SIGTERM);
            is_in_flight = proxy.counts().under_way > 0;
            said.join().expect("it answers")
        });
        let number: u64 = said.parse().unwrap_or_else(|_| panic!("{said}"));
        counted += number;
        // A process that had counted all by then got its signal too late.
        in_flight += u64::from(is_in_flight && 0 < number && number < MILLION);
        worker.end();
    }
    let shown = start(&config(server.port())).scrape();
    for name in ["ended_total", "halves_count"] {
        assert_eq!(shown.get(name), Some(&(counted as f64)), "{name}");
    }
}
