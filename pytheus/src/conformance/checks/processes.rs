//! Scrapes of several processes.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::backends::custom::AggregationScope;
use crate::conformance::samples::{Fault, Samples, ensure};
use crate::conformance::wire::{Check, Harness, Process};

pub(super) const CHECKS: &[Check] = &[
    ("the totals of several processes add up", totals),
    ("a process sees at once what it has counted itself", own_writes),
    ("of two kinds of one name the newest shows and the other is reported", clash),
    ("versions that declare a metric differently add up", versions),
    ("no total goes down and no observation is torn while processes count", monotone),
    ("processes may scrape at the same time", at_once),
];

fn totals(harness: &Harness) -> Result<(), Fault> {
    let mut processes = [harness.process()?, harness.process()?, harness.process()?];
    for (process, amount) in processes.iter_mut().zip([1.0, 20.0, 300.0]) {
        process.count("jobs_total", "x", amount)?;
        process.count("jobs_total", "y", amount * 2.0)?;
        process.flush()?;
    }
    for (process, own) in processes.iter_mut().zip([1.0, 20.0, 300.0]) {
        let samples = process.scrape()?;
        let total = harness.total(own, 321.0 - own)?;
        samples.is("jobs_total{l=\"x\"}", total)?;
        samples.is("jobs_total{l=\"y\"}", total * 2.0)?;
    }
    Ok(())
}

fn own_writes(harness: &Harness) -> Result<(), Fault> {
    let mut process = harness.process()?;
    for total in 1..50 {
        process.count("jobs_total", "x", 1.0)?;
        process.scrape()?.is("jobs_total{l=\"x\"}", total)?;
    }
    Ok(())
}

/// Waits until a scrape is right after another process was killed. On one machine the end of a process is known at
/// once;
/// elsewhere its lease has to expire first, and until then the scrape may be wrong.
pub(super) fn until_end_is_known(
    harness: &Harness,
    process: &mut Process<'_>,
    is_right: impl Fn(&Samples) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let outcome = is_right(&process.scrape()?);
        if outcome.is_ok() || harness.about()?.reach != AggregationScope::Everywhere || Instant::now() > deadline {
            return outcome;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn clash(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    one.count("clash", "x", 3.0)?;
    one.flush()?;
    other.ask(json!(["clash", "x"]))?;
    other.flush()?;
    other.scrape()?.is("clash{l=\"x\"}", 7)?;
    if !harness.is_shared()? {
        return one.scrape()?.is("clash{l=\"x\"}", 3);
    }
    one.scrape()?.is("clash{l=\"x\"}", 7)?;
    // The rest of its counts goes on.
    other.count("jobs_total", "x", 1.0)?;
    other.flush()?;
    one.scrape()?.is("jobs_total{l=\"x\"}", 1)?;
    one.scrape()?.is("clash{l=\"x\"}", 7)?;
    one.exit()?;
    other.exit()?;
    ensure(harness.said().contains("clash"), || format!("no report names the metric: {}", harness.said()))
}

fn versions(harness: &Harness) -> Result<(), Fault> {
    // An upgrade, a rollback, and the upgrade again; processes of the first upgrade stay alive.
    let mut processes = Vec::new();
    for version in [1, 2, 1, 2] {
        let mut process = harness.process()?;
        process.ask(json!(["version", version]))?;
        process.flush()?;
        let samples = process.scrape()?;
        processes.push(process);
        if !harness.is_shared()? {
            continue;
        }
        let times = processes.len();
        let label = if times > 1 { ",m=\"d\"" } else { "" };
        samples.is(&format!("versioned_total{{l=\"x\"{label}}}"), times)?;
        samples.is("versioned_seconds_bucket{le=\"1.0\"}", times)?;
        samples.is("versioned_seconds_bucket{le=\"4.0\"}", times * 2)?;
        samples.is("versioned_seconds_count", times * 3)?;
        samples.is("versioned_seconds_sum", times * 12)?;
    }
    if harness.is_shared()? {
        for process in processes {
            process.exit()?;
        }
        let samples = harness.process()?.scrape()?;
        samples.is("versioned_total{l=\"x\",m=\"d\"}", 4)?;
        samples.is("versioned_seconds_count", 12)?;
    }
    ensure(!harness.said().contains("versioned"), || format!("nothing is left out: {}", harness.said()))
}

fn monotone(harness: &Harness) -> Result<(), Fault> {
    let mut watcher = harness.process()?;
    let mut busy = [harness.process()?, harness.process()?];
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
        let bucket = samples.number("busy_seconds_bucket{l=\"x\",le=\"2.0\"}");
        #[allow(clippy::float_cmp, reason = "each observation was of 2")]
        ensure(sum == count * 2.0 && bucket == count, || format!("{count} observations of 2: {sum}, {bucket} in one"))?;
        if rounds % 3 == 0 && !harness.is_shared()? {
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
    let total = harness.total(own, expected - own)?;
    let samples = busy[0].scrape()?;
    samples.is("busy_total{l=\"x\"}", total)?;
    samples.is("busy_seconds_count{l=\"x\"}", total)
}

fn at_once(harness: &Harness) -> Result<(), Fault> {
    let mut processes = [harness.process()?, harness.process()?, harness.process()?, harness.process()?];
    for process in &mut processes {
        process.count("jobs_total", "x", 1.0)?;
        process.flush()?;
    }
    let (scrape, total) = (json!(["scrape"]), harness.total(1.0, 3.0)?);
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

/// Waits until a process by itself has counted this much.
pub(super) fn wait_for(process: &mut Process<'_>, least: u64) -> Result<(), Fault> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while process.ask(json!(["tally"]))?.as_u64().unwrap_or_default() < least {
        ensure(Instant::now() < deadline, || "the threads of a process do not count".to_owned())?;
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
