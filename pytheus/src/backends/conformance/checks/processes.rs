//! Several processes, and what each of them shows.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Named;
use crate::backends::conformance::Fault;
use crate::backends::conformance::samples::{Samples, ensure};
use crate::backends::conformance::wire::{Bench, Process};
use crate::backends::custom::AggregationScope;

pub(super) const CHECKS: &[Named] = &[
    ("the totals of several processes add up", totals),
    ("a process sees at once what it has counted itself", own_writes),
    ("of two kinds of one name the newest shows and the other is reported", clash),
    ("versions that declare a metric differently add up", versions),
    ("no total goes down and no observation is torn while processes count", monotone),
    ("processes may scrape at the same time", at_once),
];

fn totals(bench: &Bench) -> Result<(), Fault> {
    let mut processes = [bench.process()?, bench.process()?, bench.process()?];
    for (process, amount) in processes.iter_mut().zip([1.0, 20.0, 300.0]) {
        process.count("jobs_total", "x", amount)?;
        process.count("jobs_total", "y", amount * 2.0)?;
        process.flush()?;
    }
    for (process, own) in processes.iter_mut().zip([1.0, 20.0, 300.0]) {
        let samples = process.scrape()?;
        let total = bench.total(own, 321.0 - own)?;
        samples.is("jobs_total{l=\"x\"}", total)?;
        samples.is("jobs_total{l=\"y\"}", total * 2.0)?;
    }
    Ok(())
}

fn own_writes(bench: &Bench) -> Result<(), Fault> {
    let mut process = bench.process()?;
    for total in 1..50 {
        process.count("jobs_total", "x", 1.0)?;
        process.scrape()?.is("jobs_total{l=\"x\"}", total)?;
    }
    Ok(())
}

/// What a process shows after another was killed is right. On one machine that is known at once; elsewhere who has not been
/// heard of for some time is dead, and until then it may be wrong.
pub(super) fn once_the_dead_are_known(
    bench: &Bench,
    process: &mut Process<'_>,
    is_right: impl Fn(&Samples) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let outcome = is_right(&process.scrape()?);
        if outcome.is_ok() || bench.about()?.reach != AggregationScope::Everywhere || Instant::now() > deadline {
            return outcome;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn clash(bench: &Bench) -> Result<(), Fault> {
    let (mut one, mut other) = (bench.process()?, bench.process()?);
    one.count("clash", "x", 3.0)?;
    one.flush()?;
    other.ask(json!(["clash", "x"]))?;
    other.flush()?;
    other.scrape()?.is("clash{l=\"x\"}", 7)?;
    if !bench.is_shared()? {
        return one.scrape()?.is("clash{l=\"x\"}", 3);
    }
    one.scrape()?.is("clash{l=\"x\"}", 7)?;
    // What else it counts goes on.
    other.count("jobs_total", "x", 1.0)?;
    other.flush()?;
    one.scrape()?.is("jobs_total{l=\"x\"}", 1)?;
    one.scrape()?.is("clash{l=\"x\"}", 7)?;
    one.exit()?;
    other.exit()?;
    ensure(bench.said().contains("clash"), || format!("no report names the metric: {}", bench.said()))
}

fn versions(bench: &Bench) -> Result<(), Fault> {
    // An upgrade, a rollback, and the upgrade again; the processes of the first upgrade go on.
    let mut processes = Vec::new();
    for version in [1, 2, 1, 2] {
        let mut process = bench.process()?;
        process.ask(json!(["version", version]))?;
        process.flush()?;
        let samples = process.scrape()?;
        processes.push(process);
        if !bench.is_shared()? {
            continue;
        }
        let times = processes.len();
        let label = if times > 1 { ",m=\"d\"" } else { "" };
        samples.is(&format!("versioned_total{{l=\"x\"{label}}}"), times)?;
        samples.is("versioned_seconds_bucket{le=\"1\"}", times)?;
        samples.is("versioned_seconds_bucket{le=\"4\"}", times * 2)?;
        samples.is("versioned_seconds_count", times * 3)?;
        samples.is("versioned_seconds_sum", times * 12)?;
    }
    if bench.is_shared()? {
        for process in processes {
            process.exit()?;
        }
        let samples = bench.process()?.scrape()?;
        samples.is("versioned_total{l=\"x\",m=\"d\"}", 4)?;
        samples.is("versioned_seconds_count", 12)?;
    }
    ensure(!bench.said().contains("versioned"), || format!("nothing is left out: {}", bench.said()))
}

fn monotone(bench: &Bench) -> Result<(), Fault> {
    let mut watcher = bench.process()?;
    let mut busy = [bench.process()?, bench.process()?];
    for process in &mut busy {
        process.ask(json!(["threads", 2]))?;
    }
    let mut before = [0.0; 3];
    let (deadline, mut rounds) = (Instant::now() + Duration::from_secs(2), 0);
    while Instant::now() < deadline || rounds < 20 {
        rounds += 1;
        let process = if rounds % 3 == 0 { &mut busy[0] } else { &mut watcher };
        let samples = process.scrape()?;
        let (count, sum) = (samples.number("busy_seconds_count{l=\"x\"}"), samples.number("busy_seconds_sum{l=\"x\"}"));
        let bucket = samples.number("busy_seconds_bucket{l=\"x\",le=\"2\"}");
        #[allow(clippy::float_cmp, reason = "each observation was of 2")]
        ensure(sum == count * 2.0 && bucket == count, || format!("{count} observations of 2: {sum}, {bucket} in one"))?;
        if rounds % 3 == 0 && !bench.is_shared()? {
            continue;
        }
        let now = [samples.number("busy_total{l=\"x\"}"), count, sum];
        let falls = now.iter().zip(before).any(|(now, before)| *now < before);
        ensure(!falls, || format!("{before:?} became {now:?}"))?;
        before = now;
    }
    let (mut expected, mut own) = (0.0, 0.0);
    for (place, process) in busy.iter_mut().enumerate() {
        let counted = process.ask(json!(["stop"]))?.as_f64().unwrap_or_default();
        process.flush()?;
        expected += counted;
        if place == 0 {
            own = counted;
        }
    }
    let total = bench.total(own, expected - own)?;
    let samples = busy[0].scrape()?;
    samples.is("busy_total{l=\"x\"}", total)?;
    samples.is("busy_seconds_count{l=\"x\"}", total)
}

fn at_once(bench: &Bench) -> Result<(), Fault> {
    let mut processes = [bench.process()?, bench.process()?, bench.process()?, bench.process()?];
    for process in &mut processes {
        process.count("jobs_total", "x", 1.0)?;
        process.flush()?;
    }
    let (scrape, total) = (json!(["scrape"]), bench.total(1.0, 3.0)?);
    for _ in 0..10 {
        for process in &mut processes {
            process.send(&scrape)?;
        }
        for process in &mut processes {
            let text = process.answer(&scrape)?;
            let line = format!("jobs_total{{l=\"x\"}} {total}\n");
            ensure(text.as_str().is_some_and(|text| text.contains(&line)), || format!("{text} lacks {line}"))?;
        }
    }
    Ok(())
}

/// Waits until a process has counted so much by itself.
pub(super) fn wait_for(process: &mut Process<'_>, least: u64) -> Result<(), Fault> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while process.ask(json!(["tally"]))?.as_u64().unwrap_or_default() < least {
        ensure(Instant::now() < deadline, || "the threads of a process do not count".to_owned())?;
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
