//! Series are removed and begin again without end: files stay short, whoever scrapes remembers little, and the totals are
//! right all the time.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Acquire;
use std::thread;

use pytheus::metric;
use support::scrapes::{Raise, Samples, samples_of_text};
use support::worker::{Worker, serve};

metric! {
    /// Of series that begin again.
    static AGAIN: Counter = "again" { labels: { user } };
    /// Of series that never come again.
    static ONCE: Histogram = "once" { labels: { user }, buckets: [1.0] };
    /// What stays.
    static STAYS: Counter = "stays" { labels: { user } };
}

/// How many there are at a time.
const LIVE: u32 = 100;
const ALL: u32 = 100_000;

fn churn(from: u32, to: u32) {
    for number in from..to {
        let (again, once) = (|| AGAIN.user((number % LIVE).to_string()), |number: u32| ONCE.user(number.to_string()));
        again().remove();
        again().inc();
        if let Some(before) = number.checked_sub(LIVE) {
            once(before).remove();
        }
        once(number).observe(0.5);
        STAYS.user("a").inc();
    }
}

/// The same, while another thread scrapes.
fn churn_and_scrape(from: u32, to: u32) -> String {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            let mut last = 0.0;
            while !is_over.load(Acquire) {
                let text = pytheus::exposition::generate_metrics().map_err(|error| error.to_string())?;
                last = check(&samples_of_text(&text), last)?;
            }
            Ok::<_, String>("ok".to_owned())
        });
        let raise = Raise(&is_over);
        churn(from, to);
        drop(raise);
        scraper.join().map_or_else(|_| "it panics".to_owned(), |found| found.unwrap_or_else(|wrong| wrong))
    })
}

/// Is that what can be, after the last scrape? Gives what is there for ever.
fn check(samples: &Samples, last: f64) -> Result<f64, String> {
    let (mut again, mut once) = (0, 0);
    for (name, value) in samples {
        let count = match name {
            name if name.starts_with("again{") => &mut again,
            name if name.starts_with("once_count{") => &mut once,
            _ => continue,
        };
        *count += 1;
        if *value > 1.0 {
            return Err(format!("{name} is {value}"));
        }
    }
    // One has gone, and another has come, in the middle of a scrape.
    if again > LIVE + 1 || once > LIVE + 1 {
        return Err(format!("{again} and {once} series"));
    }
    let stays = samples.get(r#"stays{user="a"}"#).copied().unwrap_or_default();
    if stays < last { Err(format!("{stays} after {last}")) } else { Ok(stays) }
}

fn act(words: &[&str]) -> String {
    match *words {
        ["churn", from, to] => churn_and_scrape(from.parse().unwrap_or(0), to.parse().unwrap_or(0)),
        ["count"] => {
            STAYS.user("a").inc();
            STAYS.user("b").inc();
            "ok".to_owned()
        }
        ["remove"] => STAYS.user("b").remove().to_string(),
        _ => format!("what is {words:?}?"),
    }
}

#[test]
fn worker() {
    serve(act);
}

/// The bytes of all files.
fn bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).expect("it is there");
    entries.map(|entry| entry.and_then(|entry| entry.metadata()).expect("it is there").len()).sum()
}

/// What a process has in memory.
#[cfg(target_os = "linux")]
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it says that");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

#[cfg(not(target_os = "linux"))]
fn memory(_process: u32) -> u64 {
    0
}

#[test]
fn files_and_memory_stay_bounded_under_churn() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    let (mut last, mut before) = (0.0, None);
    for round in 0..10 {
        let (from, to) = (round * ALL / 10, (round + 1) * ALL / 10);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let scraper = scope.spawn(|| {
                while !is_over.load(Acquire) {
                    last = check(&other.scrape(), last).unwrap_or_else(|wrong| panic!("{wrong}"));
                }
            });
            let raise = Raise(&is_over);
            assert_eq!(one.ask(&format!("churn {from} {to}")), "ok");
            drop(raise);
            scraper.join().expect("it is right all the time");
        });
        assert!(bytes(directory.path()) < 4 * 1024 * 1024, "{} bytes in files", bytes(directory.path()));
        let now = [memory(one.id()), memory(other.id())];
        let before = *before.get_or_insert(now);
        let is_bounded = now.iter().zip(before).all(|(now, before)| *now < before + 16 * 1024 * 1024);
        assert!(is_bounded, "{before:?} bytes of memory, then {now:?}");
    }
    let samples = other.scrape();
    check(&samples, f64::from(ALL)).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(samples.iter().filter(|(name, _)| name.starts_with("again{")).count(), LIVE as usize);
    assert_eq!(samples.iter().filter(|(name, _)| name.starts_with("once_count{")).count(), LIVE as usize);
    assert_eq!(samples[r#"stays{user="a"}"#].to_bits(), f64::from(ALL).to_bits());
}

#[test]
fn a_removal_by_another_process_holds() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    let value = |samples: &Samples| samples.get(r#"stays{user="b"}"#).copied();
    assert_eq!((one.ask("count"), other.ask("count"), one.ask("count")), ("ok".into(), "ok".into(), "ok".into()));
    assert_eq!(value(&other.scrape()), Some(3.0));
    assert_eq!(other.ask("remove"), "true");
    // Whoever has removed it sees to it when it scrapes, at the latest.
    assert_eq!(value(&other.scrape()), None);
    assert_eq!(one.ask("churn 0 5000"), "ok");
    assert_eq!((value(&one.scrape()), value(&other.scrape())), (None, None));
    assert_eq!(one.ask("count"), "ok");
    assert_eq!(one.ask("churn 5000 10000"), "ok");
    assert_eq!((value(&one.scrape()), value(&other.scrape())), (Some(1.0), Some(1.0)));
    one.kill();
    for _ in 0..2 {
        let samples = other.scrape();
        assert_eq!((value(&samples), samples[r#"stays{user="a"}"#].to_bits()), (Some(1.0), 10_004_f64.to_bits()));
    }
}
