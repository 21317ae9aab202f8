//! A minute of everything at once: memory stays level, and nothing is lost.
//!
//! Threads are born and die, series come and go, and scrapes never stop. `PYTHEUS_SOAK_SECONDS` makes it longer or
//! shorter.

use std::collections::VecDeque;
use std::fs;
use std::io::{Write as _, stderr};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pytheus::metrics::Counter;
use pytheus::registry::CollectorRegistry;
use support::scrapes::{Raise, Samples, ScrapeOracle, difference, samples};

const SECONDS: u64 = 60;
/// How often memory is looked at.
const LOOKS: u32 = 60;
/// By how much it may grow over the last third.
const GROWTH: f64 = 1.05;

/// Threads at a time, besides that which scrapes.
const WORKERS: u64 = 3;
/// What each does before it dies, in rounds; every fourth makes a series of its own.
const ROUNDS: u32 = 1_200;
/// Handles that are held for a while after their series was taken out.
const HELD: usize = 100;

const BOUNDS: [f64; 3] = [0.5, 2.0, 16.0];
/// One for each bucket, so that the buckets tell the sum.
const VALUES: [f64; 4] = [0.25, 2.0, 3.5, 1024.0];

static REGISTRY: CollectorRegistry = CollectorRegistry::new();

pytheus::metric! {
    /// Stays.
    static HOT: Counter = "hot" { registry: REGISTRY };
    /// Stays.
    static BY_N: Counter = "by_n" { labels: { n }, registry: REGISTRY };
    /// Stays.
    static TIMES: Histogram = "times" { buckets: BOUNDS, registry: REGISTRY };
    /// Stays.
    static TIMES_BY_N: Histogram = "times_by_n" { labels: { n }, buckets: BOUNDS, registry: REGISTRY };
    /// Stays.
    static SIZES: Summary = "sizes" { registry: REGISTRY };
    /// Stays.
    static BUSY: Gauge = "busy" { registry: REGISTRY };
    /// Its series are taken out one by one, or by `retain` when their label begins with `left`.
    static VISITS: Counter = "visits" { labels: { kind = "page", id }, registry: REGISTRY };
    /// Its series are taken out by `clear`.
    static SESSIONS: Histogram = "sessions" { labels: { id }, buckets: BOUNDS, registry: REGISTRY };
    /// Its series are taken out while work is in progress.
    static BUSY_BY_ID: Gauge = "busy_by_id" { labels: { id }, registry: REGISTRY };
}

/// Handles whose series were taken out, the oldest first.
static HANDLES: Mutex<VecDeque<Counter>> = Mutex::new(VecDeque::new());

/// The life of a thread.
fn live(number: u64) {
    for round in 0..ROUNDS {
        let _busy = BUSY.track_inprogress();
        HOT.inc();
        HOT.inc_by(0.5);
        BY_N.n(round % 10).inc();
        BY_N.n("literal").inc_by(2);
        TIMES.observe(value(round));
        TIMES_BY_N.n(round % 3).observe(value(round));
        SIZES.observe(VALUES[1]);
        if round.is_multiple_of(4) {
            make_and_take_out(number, round);
        }
    }
    // Others count and make series meanwhile.
    match number % 3 {
        0 => VISITS.retain(|labels| !labels.get("id").is_some_and(|id| id.starts_with("left"))),
        1 => SESSIONS.clear(),
        _ => BUSY_BY_ID.clear(),
    }
}

fn value(round: u32) -> f64 {
    VALUES[round as usize % VALUES.len()]
}

/// A series that nobody had before, which goes in one of many ways.
fn make_and_take_out(number: u64, round: u32) {
    let id = format!("{number}-{round}");
    match round / 4 % 6 {
        0 => {
            let series = VISITS.id(&id).to_series();
            series.inc();
            assert!(series.remove());
        }
        1 => {
            VISITS.id(&id).inc();
            assert!(VISITS.id(&id).remove());
        }
        // Its handle goes on counting, some time later and on another thread.
        2 => {
            let series = VISITS.id(&id).to_series();
            series.inc_by(5);
            assert!(series.remove());
            series.inc();
            assert_eq!(VISITS.id(&id).get().to_bits(), 1_f64.to_bits(), "{id} begins again at zero");
            assert!(series.remove());
            let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
            handles.push_back(series);
            let oldest = if handles.len() > HELD { handles.pop_front() } else { None };
            drop(handles);
            if let Some(oldest) = oldest {
                oldest.inc();
                assert!(oldest.remove());
            }
        }
        3 => VISITS.id(format!("left-{id}")).inc(),
        4 => {
            let series = SESSIONS.id(&id).to_series();
            series.observe(value(round));
            SESSIONS.id(&id).observe(value(round));
        }
        _ => {
            let guard = BUSY_BY_ID.id(&id).track_inprogress();
            if round.is_multiple_of(8) {
                BUSY_BY_ID.id(&id).remove();
            }
            drop(guard);
        }
    }
}

/// What is shown after so many lives, but for what was taken out.
fn expected(lives: u64) -> Samples {
    let mut samples = Samples::new();
    let mut add = |sample: String, amount: f64| *samples.entry(sample).or_default() += amount * lives as f64;
    for round in 0..ROUNDS {
        add("hot".to_owned(), 1.5);
        add(format!("by_n{{n=\"{}\"}}", round % 10), 1.0);
        add("by_n{n=\"literal\"}".to_owned(), 2.0);
        add("busy".to_owned(), 0.0);
        add("sizes_sum".to_owned(), VALUES[1]);
        add("sizes_count".to_owned(), 1.0);
        let n = format!("n=\"{}\"", round % 3);
        for (family, labels, le) in [("times", "", String::new()), ("times_by_n", &*format!("{{{n}}}"), n + ",")] {
            for (bound, text) in BOUNDS.into_iter().chain([f64::INFINITY]).zip(["0.5", "2.0", "16.0", "+Inf"]) {
                let within = if value(round) <= bound { 1.0 } else { 0.0 };
                add(format!("{family}_bucket{{{le}le=\"{text}\"}}"), within);
            }
            add(format!("{family}_sum{labels}"), value(round));
            add(format!("{family}_count{labels}"), 1.0);
        }
    }
    samples
}

/// Resident memory in KiB, where the system tells it the way Linux does.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// How memory grew over the last third: its end against its beginning, each as a mean.
fn growth(looks: &[u64]) -> f64 {
    let third = &looks[looks.len() - looks.len() / 3..];
    let some = third.len().div_ceil(4);
    let sum = |looks: &[u64]| looks.iter().sum::<u64>() as f64;
    sum(&third[third.len() - some..]) / sum(&third[..some])
}

/// Lets threads live and die until the time is over; gives how many there were, and the looks at memory.
fn soak(time: Duration, stop: &AtomicBool) -> (u64, Vec<u64>) {
    let (start, mut lives, mut looks) = (Instant::now(), 0, Vec::new());
    for look in 1..=LOOKS {
        while start.elapsed() < time * look / LOOKS && !stop.load(Relaxed) {
            let workers: Vec<_> = (lives..lives + WORKERS).map(|number| thread::spawn(move || live(number))).collect();
            lives += WORKERS;
            for worker in workers {
                worker.join().expect("no worker panics");
            }
        }
        looks.extend(resident());
    }
    (lives, looks)
}

#[test]
fn memory_stays_level_and_nothing_is_lost() {
    let seconds = std::env::var("PYTHEUS_SOAK_SECONDS");
    let seconds = seconds.map_or(SECONDS, |seconds| seconds.parse().expect("a number of seconds"));
    let (done, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut oracle = ScrapeOracle::new(&REGISTRY)
        .whole("times", &VALUES)
        .whole("times_by_n", &VALUES)
        .whole("sizes", &[VALUES[1]])
        .whole("sessions", &VALUES)
        .volatile("visits")
        .volatile("sessions");
    let (lives, looks, scrapes) = thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            // What is wrong ends it all.
            let _stop = Raise(&stop);
            while !done.load(Relaxed) {
                oracle.scrape()?;
                // A scrape is one thing among many; alone it would keep one of two cores busy.
                thread::sleep(Duration::from_millis(1));
            }
            oracle.scrape().map(|()| oracle.scrapes())
        });
        let end = Raise(&done);
        let (lives, looks) = soak(Duration::from_secs(seconds), &stop);
        drop(end);
        (lives, looks, scraper.join().expect("the scraper does not panic"))
    });

    // Past the test harness, which keeps what a test prints to itself.
    let rounds = lives * u64::from(ROUNDS);
    let report = format!(
        "soak of {seconds} s: {lives} threads, {rounds} rounds, {} series made, scrapes: {scrapes:?}\n\
         resident memory in KiB: {looks:?}\n",
        rounds / 4
    );
    let _ = stderr().write_all(report.as_bytes());

    if let Err(wrong) = scrapes {
        panic!("{wrong}");
    }
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner).clear();
    VISITS.clear();
    SESSIONS.clear();
    BUSY_BY_ID.clear();
    let wrong = difference(&expected(lives), &samples(&REGISTRY));
    assert!(wrong.is_empty(), "{wrong}");
    if looks.is_empty() {
        let _ = stderr().write_all(b"this system does not tell resident memory: only the totals were checked\n");
    } else {
        let growth = growth(&looks);
        assert!(growth < GROWTH, "memory grew {growth} times over the last third: {looks:?}");
    }
}
