//! Processes that live for a moment, one after the other and some at once: what they leave is bounded, and exact.
#![cfg(unix)]
#![allow(unsafe_code, reason = "signals have no safe form")]

use std::fs;
use std::process::{Child, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::{process, thread};

use pytheus::registry::CollectorRegistry;
use support::multi::{Shared, case, of_all};
use support::scrapes::{Samples, ScrapeOracle, difference, samples_of_text};
use support::worker::serve;

/// With a scrape now and then, and as many without.
const LIVES: usize = 300;
/// At a time.
const ALIVE: usize = 4;
/// How many files there may be: a process that attaches tidies up when there are 32 of processes, unless another one is
/// about to; and whoever finds 64 waits for that other one.
const FILES: usize = 2 * 32 + 2 * ALIVE + 4;
/// How many there are when a scrape has just tidied up: those of the living, and of who died since.
const TIDY: usize = 4 + 2 * ALIVE;
/// How much they may take, as processes that do this little share what they have in common; more than enough.
const BYTES: u64 = FILES as u64 * 1024 * 1024;

const VALUES: [f64; 2] = [0.5, 2.0];
/// How a life ends.
const ENDS: [&str; 3] = ["returns", "exits", "is killed"];

pytheus::metric! {
    /// C.
    static LIVED: Counter = "lived" { labels: { end } };
    /// C.
    static HALVES: Counter = "halves";
    /// H.
    static TIMES: Histogram = "times" { buckets: [1.0] };
    /// G. Of all, and outlives them.
    static REACHED: Gauge = "reached";
    /// G. Of those that live.
    static ALIVE_NOW: Gauge = "alive_now" { mode: live_sum };
}

/// A process that scrapes on request.
#[test]
fn worker() {
    serve(|request| format!("unknown: {request:?}"));
}

/// A process that counts and ends in this way.
#[test]
fn child() {
    let Some(end) = case() else { return };
    let end = &*end;
    ALIVE_NOW.inc();
    LIVED.end(end).inc();
    HALVES.inc_by(0.5);
    // On a thread of its own, too.
    thread::scope(|scope| {
        for value in VALUES {
            scope.spawn(move || TIMES.observe(value));
        }
    });
    REACHED.inc();
    match end {
        "exits" => process::exit(0),
        // SAFETY: asks for the end of this process, and nothing else.
        "is killed" => drop(unsafe { libc::raise(libc::SIGKILL) }),
        _ => {}
    }
}

/// What is shown when these many lives have ended in each way.
fn shown_after(lives: usize) -> Samples {
    let all = lives as f64;
    let mut samples = Samples::from([
        ("halves".to_owned(), 0.5 * all),
        ("times_bucket{le=\"1.0\"}".to_owned(), all),
        ("times_bucket{le=\"+Inf\"}".to_owned(), 2.0 * all),
        ("times_sum".to_owned(), VALUES.iter().sum::<f64>() * all),
        ("times_count".to_owned(), 2.0 * all),
        ("reached".to_owned(), all),
        ("alive_now".to_owned(), 0.0),
    ]);
    samples.extend(ENDS.map(|end| (format!("lived{{end=\"{end}\"}}"), all / ENDS.len() as f64)));
    samples
}

fn end(mut child: Child) -> ExitStatus {
    let said = child.stderr.take().map(std::io::read_to_string).expect("a pipe").expect("it says what it says");
    assert!(said.is_empty(), "{said}");
    child.wait().expect("it ends")
}

/// Lets these many processes live, some at a time, and calls `after` after each, one at a time.
fn let_live(shared: &Shared, lives: usize, after: &mut (dyn FnMut(usize) + Send)) {
    let (next, after) = (AtomicUsize::new(0), Mutex::new(after));
    thread::scope(|scope| {
        for _ in 0..ALIVE {
            scope.spawn(|| {
                loop {
                    let life = next.fetch_add(1, Relaxed);
                    if life >= lives {
                        return;
                    }
                    let way = ENDS[life % ENDS.len()];
                    let status = end(shared.command(way).spawn().expect("a child"));
                    assert_eq!(status.success(), way != "is killed", "{life} {way}: {status}");
                    after.lock().expect("nobody panics")(life);
                }
            });
        }
    });
}

/// What is there is bounded, however many have lived.
fn assert_bounded(shared: &Shared, life: usize) {
    let files = shared.files();
    assert!(files.len() <= FILES, "{} files after {life} lives: {files:?}", files.len());
    let sizes = fs::read_dir(shared.directory()).expect("the directory").flatten().filter_map(|file| {
        // Another process may have tidied it up meanwhile.
        Some(file.metadata().ok()?.len())
    });
    let bytes: u64 = sizes.sum();
    assert!(bytes <= BYTES, "{bytes} bytes after {life} lives: {files:?}");
}

static NONE: CollectorRegistry = CollectorRegistry::new();

#[test]
fn short_lived_processes_leave_exact_totals_in_few_files() {
    let shared = Shared::new();
    // Nobody scrapes.
    let_live(&shared, LIVES, &mut |life| assert_bounded(&shared, life));

    let mut scraper = shared.worker();
    let wrong = difference(&shown_after(LIVES), &samples_of_text(&of_all(&scraper.text())));
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(shared.files(), ["archive", "lock", "process", "roster", "shared"]);

    // Someone does.
    let mut oracle = ScrapeOracle::new(&NONE).whole("times", &VALUES);
    let (mut looks, mut untidy) = (0, 0);
    let_live(&shared, LIVES, &mut |life| {
        assert_bounded(&shared, life);
        if life.is_multiple_of(3) {
            let text = of_all(&scraper.text());
            oracle.read(&text).unwrap_or_else(|wrong| panic!("after {life} lives: {wrong}"));
            looks += 1;
            // A scrape leaves it to the next one when somebody else has the directory locked just then.
            untidy += usize::from(shared.files().len() > TIDY);
        }
    });
    assert!(untidy * 2 < looks, "{untidy} of {looks} scrapes left more than {TIDY} files");
    let wrong = difference(&shown_after(2 * LIVES), &samples_of_text(&of_all(&scraper.text())));
    assert!(wrong.is_empty(), "{wrong}");
    drop(scraper);

    // Of one that comes after all.
    let mut last = shared.worker();
    let wrong = difference(&shown_after(2 * LIVES), &samples_of_text(&of_all(&last.text())));
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(shared.files(), ["archive", "lock", "process", "roster", "shared"]);
}
