//! Processes are killed while they count as fast as they can: nothing that was completed is lost, nothing is counted
//! twice, no scrape goes down, and nothing is left over.
//!
//! `PYTHEUS_KILL_SECONDS` makes it longer or shorter; `PYTHEUS_KILL_SEED` repeats the choices of an earlier run, as far
//! as the system lets it.
#![cfg(unix)]
#![allow(unsafe_code, reason = "`fork` and signals have no safe form")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _, stderr};
use std::os::fd::AsFd as _;
use std::process::ChildStderr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use std::{env, iter};

use pytheus::backends::{BackendSpec, load_backend};
use pytheus::exposition::generate_metrics;
use pytheus::registry::CollectorRegistry;
use support::fork::{beside_threads, on_threads};
use support::multi::{Random, Shared, case, of_all};
use support::scrapes::{Raise, Samples, ScrapeOracle, samples_of_text};
use support::worker::serve;

const SECONDS: u64 = 30;
/// Processes that count at a time, each with a series of its own besides those that all have.
const WORKERS: u64 = 8;
/// Threads of each.
const THREADS: usize = 2;
/// What is said to be started, and done, at once; a multiple of the number of values.
const ROUNDS: u32 = 40;

const BOUNDS: [f64; 3] = [0.125, 0.5, 2.0];
/// One for each bucket: their sums are exact.
const VALUES: [f64; 4] = [0.0625, 0.25, 1.0, 8.0];
/// No sum of it is exact.
const TENTH: f64 = 0.1;

pytheus::metric! {
    /// C.
    static PLAIN: Counter = "plain";
    /// C.
    static BY_KIND: Counter = "by_kind" { labels: { kind } };
    /// C.
    static BY_WORKER: Counter = "by_worker" { labels: { worker } };
    /// C.
    static HALVES: Counter = "halves";
    /// H.
    static TIMES: Histogram = "times" { buckets: BOUNDS };
    /// H.
    static TIMES_BY_WORKER: Histogram = "times_by_worker" { labels: { worker }, buckets: BOUNDS };
    /// H.
    static TENTHS: Histogram = "tenths" { buckets: [1.0] };
    /// C. Of series that are removed soon.
    static PASSING: Counter = "passing" { labels: { worker, round } };
    /// S.
    static SIZES: Summary = "sizes";
    /// G. Of all, and outlives them.
    static REACHED: Gauge = "reached";
    /// G. Of all, and outlives them.
    static LEVEL: Gauge = "level";
    /// G. Work in progress.
    static BUSY: Gauge = "busy" { mode: live_sum };
    /// G. Work in progress on what outlives it.
    static BUSY_OF_ALL: Gauge = "busy_of_all";
    /// G. Of the living.
    static HIGHEST: Gauge = "highest" { mode: live_max };
    /// G. Of each that lives.
    static OF_EACH: Gauge = "of_each" { mode: per_process };
}

/// Counts once in each.
fn round(number: u32, worker: &str) {
    let value = VALUES[number as usize % VALUES.len()];
    PLAIN.inc();
    BY_KIND.kind("literal").inc_by(2);
    BY_WORKER.worker(worker).inc();
    HALVES.inc_by(0.5);
    TIMES.observe(value);
    TIMES_BY_WORKER.worker(worker).observe(value);
    TENTHS.observe(TENTH);
    SIZES.observe(VALUES[1]);
    REACHED.inc();
}

/// The worker whose series pass.
const PASSES: &str = "0";

/// Has series come, of which there is much to say, and go: the log of the file becomes long, and short again. Nobody else
/// has any of these.
fn pass(worker: &str) {
    for number in 0..ROUNDS {
        let round = format!("{} {:?} {number:0>500}", std::process::id(), thread::current().id());
        PASSING.worker(worker).round(&round).inc();
        PASSING.worker(worker).round(&round).remove();
    }
}

/// The files that there are when all but one process are dead, and folded.
const ALONE: [&str; 5] = ["archive", "lock", "process", "roster", "shared"];

/// What is shown after these many rounds of each worker, but for what has no exact sum.
fn shown_after(rounds: &[f64]) -> Samples {
    let all: f64 = rounds.iter().sum();
    let mut samples = Samples::from([
        ("plain".to_owned(), all),
        ("by_kind{kind=\"literal\"}".to_owned(), 2.0 * all),
        ("halves".to_owned(), 0.5 * all),
        ("tenths_bucket{le=\"1.0\"}".to_owned(), all),
        ("tenths_bucket{le=\"+Inf\"}".to_owned(), all),
        ("tenths_count".to_owned(), all),
        ("sizes_sum".to_owned(), VALUES[1] * all),
        ("sizes_count".to_owned(), all),
        ("reached".to_owned(), all),
    ]);
    let mut times = |family: &str, worker: Option<usize>, rounds: f64| {
        let label = worker.map(|worker| format!("worker=\"{worker}\""));
        let braces = label.as_ref().map(|label| format!("{{{label}}}")).unwrap_or_default();
        let comma = label.map(|label| label + ",").unwrap_or_default();
        let of_each = rounds / VALUES.len() as f64;
        for (le, values) in ["0.125", "0.5", "2.0", "+Inf"].iter().zip(1_u32..) {
            samples.insert(format!("{family}_bucket{{{comma}le=\"{le}\"}}"), f64::from(values) * of_each);
        }
        samples.insert(format!("{family}_sum{braces}"), VALUES.iter().sum::<f64>() * of_each);
        samples.insert(format!("{family}_count{braces}"), rounds);
    };
    times("times", None, all);
    rounds.iter().enumerate().for_each(|(worker, rounds)| times("times_by_worker", Some(worker), *rounds));
    samples.extend(rounds.iter().enumerate().map(|(worker, n)| (format!("by_worker{{worker=\"{worker}\"}}"), *n)));
    samples
}

/// A process that scrapes on request.
#[test]
fn worker() {
    serve(|request| format!("unknown: {request:?}"));
}

/// A process that counts.
#[test]
fn child() {
    let Some(run) = case() else { return };
    let numbers: Vec<u64> = run.split(' ').map(|number| number.parse().expect("a number")).collect();
    let &[worker, batches, forks, seed] = &*numbers else { panic!("{run}: not a run") };
    count_on(&worker.to_string(), batches, forks > 0, Random(seed));
}

/// The life of a worker, with threads that are done after these many batches; never, if there are none.
fn count_on(worker: &str, batches: u64, forks: bool, mut random: Random) {
    // A first use of a metric does not wait for a process that keeps the directory locked, and counts in memory meanwhile.
    // A kill just then loses these counts, which is what this call is for.
    load_backend(BackendSpec::from_env()).expect("the directory is good");
    let pipe = Pipe(stderr().as_fd().try_clone_to_owned().expect("a pipe").into());
    thread::scope(|scope| {
        scope.spawn(|| count_on_threads(worker, if batches == 0 { u64::MAX } else { batches }, &pipe));
        if forks {
            // While it loads the backend, or later.
            let most = [20, 300][usize::from(random.below(2) == 0)];
            thread::sleep(Duration::from_millis(random.below(most)));
            fork(|| count_in_child(worker, &pipe, &mut random));
        }
    });
}

/// Counts on several threads at once, from the first one on; in a child, too.
fn count_on_threads(worker: &str, batches: u64, pipe: &Pipe) {
    on_threads(THREADS, |_| count(worker, batches, pipe));
}

/// Counts, and says so.
fn count(worker: &str, batches: u64, pipe: &Pipe) {
    for _ in 0..batches {
        pipe.say(STARTED);
        LEVEL.set(7.0);
        HIGHEST.set(7.0);
        OF_EACH.set(7.0);
        let busy = (BUSY.track_inprogress(), BUSY_OF_ALL.track_inprogress());
        (0..ROUNDS).for_each(|number| round(number, worker));
        if worker == PASSES {
            pass(worker);
        }
        drop(busy);
        pipe.say(DONE);
    }
}

/// The life of a child that was forked from a worker whose threads were counting: it may outlive the worker.
fn count_in_child(worker: &str, pipe: &Pipe, random: &mut Random) {
    if random.below(2) == 0 {
        let time = Duration::from_millis(random.below(500));
        let kill = || {
            thread::sleep(time);
            // SAFETY: asks for the end of this process, and nothing else.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        };
        beside_threads(THREADS, |_| count(worker, u64::MAX, pipe), kill);
    }
    for _ in 0..random.below(10) {
        count_on_threads(worker, 1 + random.below(10), pipe);
        generate_metrics().expect("the totals can be had");
    }
}

/// Runs `work` in a child, which ends with it, and waits for that.
fn fork(work: impl FnOnce()) {
    // SAFETY: a child of a process with threads may rely on async-signal-safe calls alone. It allocates and makes
    // threads nevertheless: the allocators and thread libraries that tests run with bear it. Of this test's own locks
    // none is taken across it.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        0 => {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // SAFETY: ends the process, and nothing else.
            unsafe { libc::_exit(i32::from(ended.is_err())) }
        }
        // SAFETY: the child is this process' own, and where its status goes may be nowhere.
        child => drop(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }),
    }
}

/// Where a worker says what it does; no lock is taken, which a fork might find taken.
struct Pipe(File);

const STARTED: &str = "started\n";
const DONE: &str = "done\n";

impl Pipe {
    /// All of it, or nothing if the process is killed.
    fn say(&self, what: &str) {
        if (&self.0).write_all(what.as_bytes()).is_err() {
            // Nobody listens any more.
            // SAFETY: ends the process, and nothing else.
            unsafe { libc::_exit(1) }
        }
    }
}

/// What was said by all lives of one worker.
#[derive(Default)]
struct Said {
    lives: u64,
    started: u64,
    done: u64,
    /// What should not have been.
    besides: String,
}

impl Said {
    /// Hears until the process, and all that came of it, are dead.
    fn hear(&mut self, pipe: ChildStderr) {
        for line in BufReader::new(pipe).lines() {
            match line.expect("a line") + "\n" {
                line if line == STARTED => self.started += 1,
                line if line == DONE => self.done += 1,
                line => self.besides += &line,
            }
        }
    }
}

/// Lets one worker live and die again and again.
fn lives_of(worker: u64, shared: &Shared, mut random: Random, end: &dyn Fn() -> bool) -> Said {
    let mut said = Said::default();
    while !end() {
        said.lives += 1;
        // One in four ends by itself, one in four has a child, one in four is stopped for a while.
        let batches = if random.below(4) == 0 { 1 + random.below(300) } else { 0 };
        let (forks, stops) = (random.below(4) / 3, random.below(4) == 0);
        let life = format!("{worker} {batches} {forks} {}", random.below(u64::MAX));
        let mut process = shared.command(&life).spawn().expect("a worker");
        let pipe = process.stderr.take().expect("a pipe");
        let heard = &mut said;
        let status = thread::scope(|scope| {
            scope.spawn(move || heard.hear(pipe));
            let mut sleep = |most| thread::sleep(Duration::from_millis(random.below(most)));
            if batches == 0 {
                sleep(1_000);
                if stops {
                    let id = process.id().cast_signed();
                    // SAFETY: the process was not waited for yet, so the number is its own.
                    unsafe { libc::kill(id, libc::SIGSTOP) };
                    sleep(100);
                    // SAFETY: as above.
                    unsafe { libc::kill(id, libc::SIGCONT) };
                    sleep(200);
                }
                process.kill().expect("it is ours");
            }
            process.wait().expect("it ends")
        });
        if batches > 0 && !status.success() {
            said.besides.extend([&*life, ": ", &status.to_string(), "\n"]);
        }
    }
    said
}

static NONE: CollectorRegistry = CollectorRegistry::new();

/// Holds each scrape to what every scrape promises.
fn oracle() -> ScrapeOracle<'static> {
    ScrapeOracle::new(&NONE).whole("times", &VALUES).whole("times_by_worker", &VALUES).whole("sizes", &[VALUES[1]])
}

/// Scrapes all the time, in a process that is killed now and then when `killed`; the totals go on.
fn scrape_on(
    shared: &Shared,
    killed: Option<Random>,
    done: &AtomicBool,
) -> Result<(ScrapeOracle<'static>, u64), String> {
    let (mut oracle, mut scraper, mut lives) = (oracle(), shared.worker(), 1);
    let next = |random: &mut Random| Instant::now() + Duration::from_millis(random.below(1_500));
    let mut kills = killed.map(|mut random| (next(&mut random), random));
    let mut is_first = true;
    while !done.load(Relaxed) {
        if let Some((when, random)) = &mut kills
            && Instant::now() >= *when
        {
            *when = next(random);
            scraper.tell("scrape");
            thread::sleep(Duration::from_micros(random.below(20_000)));
            scraper.send_kill();
        } else {
            scraper.tell("scrape");
        }
        let Some(text) = scraper.try_answer()? else {
            (scraper, lives, is_first) = (shared.worker(), lives + 1, true);
            continue;
        };
        // A new process on a busy machine: its first scrapes say after two seconds that the backend is not loaded yet.
        if is_first && text.starts_with("error: ") && text.contains("is not loaded yet") {
            continue;
        }
        is_first = false;
        let text = of_all(&text);
        let (passing, text): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("passing"));
        if let Some(wrong) = passing.iter().find(|line| !line.ends_with("} 1") && !line.ends_with("} 0")) {
            return Err(format!("nobody counts twice in {wrong}"));
        }
        let text = text.join("\n") + "\n";
        oracle.read(&text)?;
        let samples = samples_of_text(&text);
        for busy in ["busy", "busy_of_all"] {
            if samples[busy] < 0.0 {
                return Err(format!("{busy} is {}", samples[busy]));
            }
        }
    }
    Ok((oracle, lives))
}

/// The total is at least what is known to be done, and at most what was started.
fn assert_between(least: &Samples, shown: &Samples, most: &Samples) {
    let wrong = least
        .iter()
        .zip(most)
        .filter(|((key, least), (_, most))| !shown.get(*key).is_some_and(|shown| (*least..=*most).contains(&shown)));
    let wrong = wrong.map(|((key, least), (_, most))| format!("{key}: {:?}, not {least} to {most}\n", shown.get(key)));
    let wrong: String = wrong.collect();
    assert!(wrong.is_empty(), "{wrong}{shown:#?}");
}

#[test]
fn killed_processes_lose_no_completed_count() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seconds = number("PYTHEUS_KILL_SECONDS").unwrap_or(SECONDS);
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let seed = number("PYTHEUS_KILL_SEED").unwrap_or_else(now);
    // Past the test harness, which keeps what a test prints to itself.
    let tell = |line: String| drop(stderr().write_all(line.as_bytes()));
    tell(format!("killing processes for {seconds} s: PYTHEUS_KILL_SEED={seed}\n"));

    let shared = Shared::new();
    let (start, failed, done) = (Instant::now(), AtomicBool::new(false), AtomicBool::new(false));
    let end = || start.elapsed() >= Duration::from_secs(seconds) || failed.load(Relaxed);
    let mut seeds = Random(seed);
    let mut random = || Random(seeds.below(u64::MAX));
    let (said, scrapers) = thread::scope(|scope| {
        let scrapers: Vec<_> = [None, Some(random())]
            .into_iter()
            .map(|killed| {
                let (shared, done, failed) = (&shared, &done, &failed);
                scope.spawn(move || scrape_on(shared, killed, done).inspect_err(|_| failed.store(true, Relaxed)))
            })
            .collect();
        let done = Raise(&done);
        let workers = (0..WORKERS).zip(iter::repeat_with(&mut random));
        let workers: Vec<_> = workers
            .map(|(worker, random)| {
                let (shared, end) = (&shared, &end);
                scope.spawn(move || lives_of(worker, shared, random, end))
            })
            .collect();
        let said: Vec<_> = workers.into_iter().map(|worker| worker.join().expect("it does not panic")).collect();
        drop(done);
        let watched: Vec<_> = scrapers.into_iter().map(|scraper| scraper.join().expect("it does not panic")).collect();
        (said, watched)
    });
    let rounds = |batches: fn(&Said) -> u64| said.iter().map(move |said| (batches(said) * u64::from(ROUNDS)) as f64);
    let (least, most): (Vec<_>, Vec<_>) = (rounds(|said| said.done).collect(), rounds(|said| said.started).collect());
    let lives: u64 = said.iter().map(|said| said.lives).sum();
    tell(format!("{lives} lives, {} to {} rounds\n", least.iter().sum::<f64>(), most.iter().sum::<f64>()));
    let besides: String = said.iter().map(|said| &*said.besides).collect();
    assert!(besides.is_empty(), "{besides}");

    // All are dead but this one, which comes after them. Of a child that nobody waits for it is known that it says nothing
    // any more, a moment before its file is free.
    let (mut after_all, text) = support::wait_for("end of all others", || {
        let mut after_all = shared.worker();
        let text = after_all.text();
        let files = shared.files();
        if files == ALONE { Ok((after_all, text)) } else { Err(format!("{files:?}")) }
    });
    let shown = samples_of_text(&of_all(&text));
    for scraper in scrapers {
        let (mut oracle, lives) = scraper.unwrap_or_else(|wrong| panic!("{wrong}"));
        tell(format!("{} scrapes by {lives} processes\n", oracle.scrapes()));
        let text: String =
            of_all(&text).lines().filter(|line| !line.starts_with("passing")).flat_map(|line| [line, "\n"]).collect();
        oracle.read(&text).unwrap_or_else(|wrong| panic!("at last: {wrong}"));
    }
    assert_between(&shown_after(&least), &shown, &shown_after(&most));
    let (sum, count) = (shown["tenths_sum"], shown["tenths_count"]);
    assert!((sum - count * TENTH).abs() <= count * 1e-9, "{count} tenths are {sum}");
    for (gauge, value) in [("busy", 0.0), ("busy_of_all", 0.0), ("level", 7.0)] {
        assert_eq!(shown[gauge].to_bits(), f64::to_bits(value), "{gauge} is {}", shown[gauge]);
    }
    let of_the_dead = shown.iter().filter(|(key, value)| {
        (key.starts_with("of_each{") || key.starts_with("highest")) && value.to_bits() == 7_f64.to_bits()
    });
    assert_eq!(of_the_dead.count(), 0, "{shown:#?}");
    let faults = text.lines().filter(|line| line.starts_with("pytheus_") && !line.ends_with(" 0"));
    let faults: Vec<_> = faults.filter(|line| line.contains("_total")).collect();
    assert!(faults.is_empty(), "{faults:#?}");

    assert_eq!(of_all(&after_all.text()), of_all(&text), "nobody counts any more");
    assert_eq!(shared.files(), ALONE);
}
